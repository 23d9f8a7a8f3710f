// stream_bio.h — OpenSSL's reads and writes over bytes in memory, without a copy between.
//
// Private to crypto/: for tls.cc. Source: docs/data-plane.md (a TLS stream has no socket of its
// own). Thread-compatible. Lifetime: what is read from and written to outlives the BIO. Errors:
// none; an empty input is a retry. REQUIRES: memory, as everywhere in OpenSSL.
#ifndef DOMICILE_GATEWAY_CRYPTO_STREAM_BIO_H_
#define DOMICILE_GATEWAY_CRYPTO_STREAM_BIO_H_

#include <openssl/bio.h>

#include <string>

#include "absl/strings/string_view.h"

namespace domicile::crypto {

// Reads take from the front of `in`.
BIO* NewStreamBio(absl::string_view* in);
// Writes append to `out`.
BIO* NewStreamBio(std::string* out);

}  // namespace domicile::crypto

#endif  // DOMICILE_GATEWAY_CRYPTO_STREAM_BIO_H_
