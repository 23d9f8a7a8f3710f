// signature_key.h — what a SigningKey or VerifyKey holds.
//
// Private to crypto/: OpenSSL's key, behind the name that signature.h declares.
// Source: signature.h. Errors: none.
#ifndef DOMICILE_GATEWAY_CRYPTO_SIGNATURE_KEY_H_
#define DOMICILE_GATEWAY_CRYPTO_SIGNATURE_KEY_H_

#include <memory>

#include "gateway/crypto/openssl_ptr.h"
#include "gateway/crypto/signature.h"

namespace domicile::crypto {

struct internal::Key {
  PkeyPtr pkey;
};

inline std::shared_ptr<const internal::Key> OwnKey(EVP_PKEY* pkey) {
  auto key = std::make_shared<internal::Key>();
  key->pkey.reset(pkey);
  return key;
}

}  // namespace domicile::crypto

#endif  // DOMICILE_GATEWAY_CRYPTO_SIGNATURE_KEY_H_
