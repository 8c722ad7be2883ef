#include <libxml/parser.h>
#include <libxml/tree.h>

/// A document without network, entities and messages; NULL where it is not well-formed.
static inline xmlDocPtr xml_parse(const char *bytes, int count) {
  return xmlReadMemory(
      bytes, count, "definition.xml", NULL,
      XML_PARSE_NONET | XML_PARSE_NOERROR | XML_PARSE_NOWARNING);
}

/// Whether it declares entities, which no definition needs.
static inline int xml_has_dtd(xmlDocPtr document) {
  return document->intSubset != NULL || document->extSubset != NULL;
}

/// Frees what libxml2 gave.
static inline void xml_free(void *bytes) { xmlFree(bytes); }
