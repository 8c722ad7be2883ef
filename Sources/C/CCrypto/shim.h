#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/params.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/rsa.h>

/// libcrypto's parameter lists hold pointers to one another, which only C writes down well.

/// A context for HMAC-SHA-256 under `key`; NULL where there is no memory.
static inline EVP_MAC_CTX *crypto_hmac_sha256(const unsigned char *key, size_t count) {
  EVP_MAC *hmac = EVP_MAC_fetch(NULL, OSSL_MAC_NAME_HMAC, NULL);
  EVP_MAC_CTX *context = EVP_MAC_CTX_new(hmac);
  EVP_MAC_free(hmac);
  OSSL_PARAM parameters[] = {
      OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, "SHA256", 0),
      OSSL_PARAM_construct_end(),
  };
  if (context && EVP_MAC_init(context, key, count, parameters) == 1) return context;
  EVP_MAC_CTX_free(context);
  return NULL;
}

/// HKDF-SHA-256 (RFC 5869), both steps; 1 where `out` is filled.
static inline int crypto_hkdf_sha256(
    const unsigned char *key, size_t key_count, const unsigned char *salt, size_t salt_count,
    const unsigned char *info, size_t info_count, unsigned char *out, size_t count) {
  EVP_KDF *hkdf = EVP_KDF_fetch(NULL, OSSL_KDF_NAME_HKDF, NULL);
  EVP_KDF_CTX *context = EVP_KDF_CTX_new(hkdf);
  EVP_KDF_free(hkdf);
  OSSL_PARAM parameters[] = {
      OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, "SHA256", 0),
      OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, (void *)key, key_count),
      OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SALT, (void *)salt, salt_count),
      OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_INFO, (void *)info, info_count),
      OSSL_PARAM_construct_end(),
  };
  int status = context ? EVP_KDF_derive(context, out, count, parameters) : 0;
  EVP_KDF_CTX_free(context);
  return status;
}

/// Unwraps with AES key wrap (RFC 3394), or with padding (RFC 5649); 1 where it was wrapped so.
/// `out` has room for as much as goes in.
static inline int crypto_unwrap_aes(
    int padded, const unsigned char *key, size_t key_count, const unsigned char *in, int count,
    unsigned char *out, size_t *out_count) {
  const char *names[2][3] = {{"AES-128-WRAP", "AES-192-WRAP", "AES-256-WRAP"},
                             {"AES-128-WRAP-PAD", "AES-192-WRAP-PAD", "AES-256-WRAP-PAD"}};
  if (key_count != 16 && key_count != 24 && key_count != 32) return 0;
  EVP_CIPHER *cipher = EVP_CIPHER_fetch(NULL, names[padded != 0][key_count / 8 - 2], NULL);
  EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
  int body = 0, rest = 0, status = 0;
  if (cipher && context) {
    EVP_CIPHER_CTX_set_flags(context, EVP_CIPHER_CTX_FLAG_WRAP_ALLOW);
    status = EVP_DecryptInit_ex2(context, cipher, key, NULL, NULL) == 1 &&
             EVP_DecryptUpdate(context, out, &body, in, count) == 1 && body > 0 &&
             EVP_DecryptFinal_ex(context, out + body, &rest) == 1;
  }
  *out_count = (size_t)(body + rest);
  EVP_CIPHER_CTX_free(context);
  EVP_CIPHER_free(cipher);
  return status;
}

static inline int crypto_no_passphrase(char *to, int size, int writing, void *context) {
  (void)to, (void)size, (void)writing, (void)context;
  return -1;
}

/// Decrypts with RSA-OAEP (RFC 8017) under a private key in PEM; 1 where that succeeds. `out` has
/// room for as much as goes in.
static inline int crypto_decrypt_rsa_oaep(
    const char *digest, const unsigned char *pem, int pem_count, const unsigned char *in,
    size_t count, unsigned char *out, size_t *out_count) {
  BIO *text = BIO_new_mem_buf(pem, pem_count);
  // Nobody is asked for a passphrase, which libcrypto would do by itself.
  EVP_PKEY *key = text ? PEM_read_bio_PrivateKey(text, NULL, crypto_no_passphrase, NULL) : NULL;
  BIO_free(text);
  EVP_PKEY_CTX *context = key ? EVP_PKEY_CTX_new_from_pkey(NULL, key, NULL) : NULL;
  EVP_PKEY_free(key);
  *out_count = count;
  int status = context && EVP_PKEY_decrypt_init(context) == 1 &&
               EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_OAEP_PADDING) == 1 &&
               EVP_PKEY_CTX_set_rsa_oaep_md_name(context, digest, NULL) == 1 &&
               EVP_PKEY_CTX_set_rsa_mgf1_md_name(context, digest, NULL) == 1 &&
               EVP_PKEY_decrypt(context, out, out_count, in, count) == 1;
  EVP_PKEY_CTX_free(context);
  return status;
}

/// Decrypts sectors in place, each by itself as dm-crypt has it: the initial vector is the number
/// of its first 512 bytes, little-endian, encrypted where `vectors` is not NULL; 1 where it went
/// well.
static inline int crypto_decrypt_sectors(
    EVP_CIPHER_CTX *context, EVP_CIPHER_CTX *vectors, uint64_t number, int is_narrow,
    unsigned char *bytes, size_t count, int sector) {
  for (size_t place = 0; place < count; place += (size_t)sector) {
    unsigned char vector[16] = {0};
    uint64_t told = is_narrow ? (uint32_t)number : number;
    for (int byte = 0; byte < 8; byte++) vector[byte] = (unsigned char)(told >> 8 * byte);
    int made = 0;
    if (vectors && EVP_EncryptUpdate(vectors, vector, &made, vector, 16) != 1) return 0;
    if (EVP_DecryptInit_ex2(context, NULL, NULL, vector, NULL) != 1 ||
        EVP_DecryptUpdate(context, bytes + place, &made, bytes + place, sector) != 1 ||
        made != sector)
      return 0;
    number += (uint64_t)sector / 512;
  }
  return 1;
}
