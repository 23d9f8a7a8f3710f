// openssl_ptr.h — owning pointers to OpenSSL objects, and its error queue put away.
//
// Private to crypto/. OpenSSL's return value decides; the queue is only emptied, so
// that one call's leftovers are never read as another's (BoringSSL's rule).
#ifndef DOMICILE_GATEWAY_CRYPTO_OPENSSL_PTR_H_
#define DOMICILE_GATEWAY_CRYPTO_OPENSSL_PTR_H_

#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <memory>
#include <string>

#include "absl/strings/string_view.h"

namespace domicile::crypto {

template <auto kFree>
struct Free {
  template <class T>
  void operator()(T* pointer) const {
    kFree(pointer);
  }
};
template <class T, auto kFree>
using OsslPtr = std::unique_ptr<T, Free<kFree>>;

inline void FreeNames(GENERAL_NAMES* names) { GENERAL_NAMES_free(names); }
// The certificates in it belong to somebody else.
inline void FreeStackOnly(STACK_OF(X509) * stack) { sk_X509_free(stack); }
inline void FreeBuffer(unsigned char* buffer) { OPENSSL_free(buffer); }

using BioPtr = OsslPtr<BIO, BIO_free_all>;
using BnPtr = OsslPtr<BIGNUM, BN_clear_free>;
using PkeyPtr = OsslPtr<EVP_PKEY, EVP_PKEY_free>;
using PkeyCtxPtr = OsslPtr<EVP_PKEY_CTX, EVP_PKEY_CTX_free>;
using MdCtxPtr = OsslPtr<EVP_MD_CTX, EVP_MD_CTX_free>;
using ParamBldPtr = OsslPtr<OSSL_PARAM_BLD, OSSL_PARAM_BLD_free>;
using ParamsPtr = OsslPtr<OSSL_PARAM, OSSL_PARAM_free>;
using EcdsaSigPtr = OsslPtr<ECDSA_SIG, ECDSA_SIG_free>;
using X509Ptr = OsslPtr<X509, X509_free>;
using X509StorePtr = OsslPtr<X509_STORE, X509_STORE_free>;
using X509StoreCtxPtr = OsslPtr<X509_STORE_CTX, X509_STORE_CTX_free>;
using X509StackPtr = OsslPtr<STACK_OF(X509), FreeStackOnly>;
using GeneralNamesPtr = OsslPtr<GENERAL_NAMES, FreeNames>;
using ExtensionPtr = OsslPtr<X509_EXTENSION, X509_EXTENSION_free>;
using SslCtxPtr = OsslPtr<SSL_CTX, SSL_CTX_free>;
using SslPtr = OsslPtr<SSL, SSL_free>;
using BufferPtr = OsslPtr<unsigned char, FreeBuffer>;

// Empties the thread's queue on the way in and on the way out.
class ErrorScope {
 public:
  ErrorScope() { ERR_clear_error(); }
  ~ErrorScope() { ERR_clear_error(); }
  ErrorScope(const ErrorScope&) = delete;
  ErrorScope& operator=(const ErrorScope&) = delete;
};

inline const unsigned char* Bytes(absl::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}
inline absl::string_view Text(const unsigned char* bytes, size_t size) {
  return {reinterpret_cast<const char*>(bytes), size};
}

// Reads from `text` where it lies; `text` outlives it.
inline BioPtr ReadBio(absl::string_view text) {
  return BioPtr(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
}

// An IPv4 or IPv6 address, as opposed to a DNS name.
inline bool IsAddress(const std::string& name) {
  ASN1_OCTET_STRING* address = a2i_IPADDRESS(name.c_str());
  ASN1_OCTET_STRING_free(address);
  return address != nullptr;
}

// A password callback that has none, so that OpenSSL never asks on the terminal.
inline int NoPassword(char*, int, int, void*) { return -1; }

}  // namespace domicile::crypto

#endif  // DOMICILE_GATEWAY_CRYPTO_OPENSSL_PTR_H_
