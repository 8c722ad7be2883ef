internal import CXML

/// A document of libxml2, and the few things that are done with one.
final class XMLTree {
  private let document: xmlDocPtr
  let root: XMLElement

  /// - Throws: ``DefinitionError`` where it is not well-formed, or declares entities.
  init(_ bytes: [UInt8]) throws(DefinitionError) {
    let parsed = bytes.withUnsafeBytes {
      xml_parse($0.baseAddress?.assumingMemoryBound(to: CChar.self), Int32($0.count))
    }
    guard let parsed else { throw DefinitionError("it is not well-formed XML") }
    guard xml_has_dtd(parsed) == 0, let root = xmlDocGetRootElement(parsed) else {
      xmlFreeDoc(parsed)
      throw DefinitionError("a definition has no document type and is not empty")
    }
    document = parsed
    self.root = XMLElement(node: root)
  }

  deinit { xmlFreeDoc(document) }

  var bytes: [UInt8] {
    var text: UnsafeMutablePointer<xmlChar>?
    var count: Int32 = 0
    xmlDocDumpMemoryEnc(document, &text, &count, "UTF-8")
    defer { xml_free(text) }
    return Array(UnsafeBufferPointer(start: text, count: Int(count)))
  }
}

/// An element of an ``XMLTree``, which has to live as long.
struct XMLElement {
  fileprivate let node: xmlNodePtr

  var name: String { String(cString: node.pointee.name) }

  var children: [XMLElement] {
    var found: [XMLElement] = []
    var next = node.pointee.children
    while let child = next {
      if child.pointee.type == XML_ELEMENT_NODE { found.append(XMLElement(node: child)) }
      next = child.pointee.next
    }
    return found
  }

  func children(_ name: String) -> [XMLElement] { children.filter { $0.name == name } }

  /// The first child of that name, and so on down a path.
  func child(_ path: String...) -> XMLElement? {
    path.reduce(self as XMLElement?) { element, name in element?.children(name).first }
  }

  subscript(attribute name: String) -> String? {
    get {
      guard let value = xmlGetNoNsProp(node, name) else { return nil }
      defer { xml_free(value) }
      return String(cString: value)
    }
    nonmutating set {
      if let newValue { xmlSetProp(node, name, newValue) } else { xmlUnsetProp(node, name) }
    }
  }

  var text: String {
    guard let content = xmlNodeGetContent(node) else { return "" }
    defer { xml_free(content) }
    let text = String(cString: content)
    return String(text.drop { $0.isWhitespace }.reversed().drop { $0.isWhitespace }.reversed())
  }

  /// Replaces all that is in the element.
  func set(text: String) {
    guard let escaped = xmlEncodeEntitiesReentrant(node.pointee.doc, text) else { return }
    xmlNodeSetContent(node, escaped)
    xml_free(escaped)
  }

  /// A new element at the end of this one.
  func addChild(_ name: String) -> XMLElement {
    guard let child = xmlNewChild(node, nil, name, nil) else {
      preconditionFailure("libxml2 has no memory")
    }
    return XMLElement(node: child)
  }

  func remove() {
    xmlUnlinkNode(node)
    xmlFreeNode(node)
  }
}
