#include "gateway/crypto/signature.h"

#include <openssl/core_names.h>
#include <openssl/pem.h>

#include <utility>

#include "absl/strings/str_cat.h"
#include "gateway/base/limits.h"
#include "gateway/base/status_macros.h"
#include "gateway/crypto/openssl_ptr.h"
#include "gateway/crypto/signature_key.h"

namespace domicile::crypto {
namespace {

using KeyHandle = std::shared_ptr<const internal::Key>;

constexpr size_t kP256Bytes = 32;

absl::Status OpenSslFailed(absl::string_view what) {
  return absl::InternalError(absl::StrCat("OpenSSL: ", what, " failed"));
}

BnPtr Number(absl::string_view big_endian) {
  return BnPtr(BN_bin2bn(Bytes(big_endian), static_cast<int>(big_endian.size()), nullptr));
}

// A public key of `type` ("RSA", "EC") from what was pushed into the builder.
EVP_PKEY* PublicKeyFrom(const char* type, OSSL_PARAM_BLD* builder) {
  ParamsPtr params(OSSL_PARAM_BLD_to_param(builder));
  PkeyCtxPtr context(EVP_PKEY_CTX_new_from_name(nullptr, type, nullptr));
  EVP_PKEY* pkey = nullptr;
  if (!params || !context || EVP_PKEY_fromdata_init(context.get()) != 1 ||
      EVP_PKEY_fromdata(context.get(), &pkey, EVP_PKEY_PUBLIC_KEY, params.get()) != 1) {
    return nullptr;
  }
  return pkey;
}

// r and s as two 32-byte numbers -> the DER form that OpenSSL verifies. Empty: not possible.
std::string EcdsaToDer(absl::string_view raw) {
  if (raw.size() != 2 * kP256Bytes) return "";
  BnPtr r = Number(raw.substr(0, kP256Bytes));
  BnPtr s = Number(raw.substr(kP256Bytes));
  EcdsaSigPtr sig(ECDSA_SIG_new());
  if (!r || !s || !sig || ECDSA_SIG_set0(sig.get(), r.get(), s.get()) != 1) return "";
  // set0 took both.
  r.release();
  s.release();
  unsigned char* der = nullptr;
  int size = i2d_ECDSA_SIG(sig.get(), &der);
  if (size <= 0) return "";
  BufferPtr owner(der);
  return std::string(Text(der, static_cast<size_t>(size)));
}

absl::StatusOr<std::string> EcdsaFromDer(absl::string_view der) {
  const unsigned char* at = Bytes(der);
  EcdsaSigPtr sig(d2i_ECDSA_SIG(nullptr, &at, static_cast<long>(der.size())));
  std::string raw(2 * kP256Bytes, '\0');
  auto* out = reinterpret_cast<unsigned char*>(raw.data());
  if (!sig || BN_bn2binpad(ECDSA_SIG_get0_r(sig.get()), out, kP256Bytes) < 0 ||
      BN_bn2binpad(ECDSA_SIG_get0_s(sig.get()), out + kP256Bytes, kP256Bytes) < 0) {
    return OpenSslFailed("reading an ECDSA signature");
  }
  return raw;
}

bool VerifyWith(SignatureAlgorithm algorithm, EVP_PKEY* pkey, absl::string_view message,
                absl::string_view signature) {
  ErrorScope errors;
  std::string der;
  if (algorithm == SignatureAlgorithm::kEs256) {
    der = EcdsaToDer(signature);
    if (der.empty()) return false;
    signature = der;
  }
  const EVP_MD* digest = algorithm == SignatureAlgorithm::kEdDsa ? nullptr : EVP_sha256();
  MdCtxPtr context(EVP_MD_CTX_new());
  return context && EVP_DigestVerifyInit(context.get(), nullptr, digest, nullptr, pkey) == 1 &&
         EVP_DigestVerify(context.get(), Bytes(signature), signature.size(), Bytes(message),
                          message.size()) == 1;
}

absl::StatusOr<KeyHandle> RsaKey(absl::string_view modulus, absl::string_view exponent) {
  ErrorScope errors;
  if (modulus.empty() || modulus[0] == '\0' || exponent.empty() || exponent[0] == '\0') {
    return absl::InvalidArgumentError("RSA key: n or e is empty or begins with a zero byte");
  }
  // An exponent of more than 8 bytes makes each check as slow as the attacker likes.
  if (exponent.size() > 8 || (exponent.back() & 1) == 0 || exponent == "\x01") {
    return absl::InvalidArgumentError("RSA key: e is not odd, is 1, or is over 64 bits");
  }
  if (modulus.size() > base::limits::kRsaKeyBitsMax / 8) {
    return absl::InvalidArgumentError(
        absl::StrCat("RSA key: over ", base::limits::kRsaKeyBitsMax, " bits"));
  }
  BnPtr n = Number(modulus);
  BnPtr e = Number(exponent);
  if (n && BN_num_bits(n.get()) < base::limits::kRsaKeyBitsMin) {
    return absl::InvalidArgumentError(
        absl::StrCat("RSA key: under ", base::limits::kRsaKeyBitsMin, " bits"));
  }
  if (n && BN_is_odd(n.get()) == 0) return absl::InvalidArgumentError("RSA key: n is even");
  ParamBldPtr builder(OSSL_PARAM_BLD_new());
  if (!n || !e || !builder ||
      OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_N, n.get()) != 1 ||
      OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_E, e.get()) != 1) {
    return OpenSslFailed("building an RSA key");
  }
  EVP_PKEY* pkey = PublicKeyFrom("RSA", builder.get());
  if (pkey == nullptr) return absl::InvalidArgumentError("RSA key: n and e are no key");
  return OwnKey(pkey);
}

absl::StatusOr<KeyHandle> P256Key(absl::string_view x, absl::string_view y) {
  ErrorScope errors;
  if (x.size() != kP256Bytes || y.size() != kP256Bytes) {
    return absl::InvalidArgumentError("P-256 key: x and y must be 32 bytes each");
  }
  std::string point = absl::StrCat("\x04", x, y);
  ParamBldPtr builder(OSSL_PARAM_BLD_new());
  if (!builder ||
      OSSL_PARAM_BLD_push_utf8_string(builder.get(), OSSL_PKEY_PARAM_GROUP_NAME, "P-256", 0) != 1 ||
      OSSL_PARAM_BLD_push_octet_string(builder.get(), OSSL_PKEY_PARAM_PUB_KEY, point.data(),
                                       point.size()) != 1) {
    return OpenSslFailed("building a P-256 key");
  }
  // OpenSSL checks that the point lies on the curve.
  EVP_PKEY* pkey = PublicKeyFrom("EC", builder.get());
  if (pkey == nullptr) return absl::InvalidArgumentError("P-256 key: not a point of the curve");
  return OwnKey(pkey);
}

absl::StatusOr<KeyHandle> Ed25519Key(absl::string_view public_key) {
  ErrorScope errors;
  if (public_key.size() != kEd25519KeyBytes) {
    return absl::InvalidArgumentError("Ed25519 key: must be 32 bytes");
  }
  EVP_PKEY* pkey =
      EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, Bytes(public_key), public_key.size());
  if (pkey == nullptr) return OpenSslFailed("reading an Ed25519 key");
  return OwnKey(pkey);
}

absl::StatusOr<std::string> NumberParameter(EVP_PKEY* pkey, const char* name, int size) {
  BIGNUM* number = nullptr;
  if (EVP_PKEY_get_bn_param(pkey, name, &number) != 1) return OpenSslFailed(name);
  BnPtr owner(number);
  std::string bytes(static_cast<size_t>(size > 0 ? size : BN_num_bytes(number)), '\0');
  if (BN_bn2binpad(number, reinterpret_cast<unsigned char*>(bytes.data()),
                   static_cast<int>(bytes.size())) < 0) {
    return OpenSslFailed(name);
  }
  return bytes;
}

absl::StatusOr<SignatureAlgorithm> AlgorithmOf(EVP_PKEY* pkey) {
  switch (EVP_PKEY_get_base_id(pkey)) {
    case EVP_PKEY_ED25519:
      return SignatureAlgorithm::kEdDsa;
    case EVP_PKEY_EC: {
      char group[64] = {};
      size_t size = 0;
      if (EVP_PKEY_get_group_name(pkey, group, sizeof group, &size) == 1 &&
          absl::string_view(group, size) == "prime256v1") {
        return SignatureAlgorithm::kEs256;
      }
      return absl::InvalidArgumentError("private key: its curve is not P-256");
    }
    case EVP_PKEY_RSA:
      if (EVP_PKEY_get_bits(pkey) >= base::limits::kRsaKeyBitsMin &&
          EVP_PKEY_get_bits(pkey) <= base::limits::kRsaKeyBitsMax) {
        return SignatureAlgorithm::kRs256;
      }
      return absl::InvalidArgumentError(absl::StrCat("private key: RSA of less than ",
                                                     base::limits::kRsaKeyBitsMin, " or more than ",
                                                     base::limits::kRsaKeyBitsMax, " bits"));
    default:
      return absl::InvalidArgumentError("private key: neither Ed25519, P-256 nor RSA");
  }
}

}  // namespace

absl::StatusOr<VerifyKey> VerifyKey::FromRsa(absl::string_view modulus,
                                             absl::string_view exponent) {
  DOMICILE_ASSIGN_OR_RETURN(KeyHandle key, RsaKey(modulus, exponent));
  return VerifyKey(SignatureAlgorithm::kRs256, std::move(key));
}

absl::StatusOr<VerifyKey> VerifyKey::FromP256(absl::string_view x, absl::string_view y) {
  DOMICILE_ASSIGN_OR_RETURN(KeyHandle key, P256Key(x, y));
  return VerifyKey(SignatureAlgorithm::kEs256, std::move(key));
}

absl::StatusOr<VerifyKey> VerifyKey::FromEd25519(absl::string_view public_key) {
  DOMICILE_ASSIGN_OR_RETURN(KeyHandle key, Ed25519Key(public_key));
  return VerifyKey(SignatureAlgorithm::kEdDsa, std::move(key));
}

bool VerifyKey::Verify(absl::string_view message, absl::string_view signature) const {
  return VerifyWith(algorithm_, key_->pkey.get(), message, signature);
}

bool VerifyRs256(absl::string_view modulus, absl::string_view exponent, absl::string_view message,
                 absl::string_view signature) {
  absl::StatusOr<VerifyKey> key = VerifyKey::FromRsa(modulus, exponent);
  return key.ok() && key->Verify(message, signature);
}

bool VerifyEs256(absl::string_view x, absl::string_view y, absl::string_view message,
                 absl::string_view signature) {
  absl::StatusOr<VerifyKey> key = VerifyKey::FromP256(x, y);
  return key.ok() && key->Verify(message, signature);
}

bool VerifyEd25519(absl::string_view public_key, absl::string_view message,
                   absl::string_view signature) {
  absl::StatusOr<VerifyKey> key = VerifyKey::FromEd25519(public_key);
  return key.ok() && key->Verify(message, signature);
}

absl::StatusOr<SigningKey> SigningKey::FromKey(std::shared_ptr<const internal::Key> key) {
  EVP_PKEY* pkey = key->pkey.get();
  DOMICILE_ASSIGN_OR_RETURN(SignatureAlgorithm algorithm, AlgorithmOf(pkey));
  PublicParameters parameters;
  switch (algorithm) {
    case SignatureAlgorithm::kRs256: {
      DOMICILE_ASSIGN_OR_RETURN(parameters.n, NumberParameter(pkey, OSSL_PKEY_PARAM_RSA_N, 0));
      DOMICILE_ASSIGN_OR_RETURN(parameters.e, NumberParameter(pkey, OSSL_PKEY_PARAM_RSA_E, 0));
      break;
    }
    case SignatureAlgorithm::kEs256: {
      DOMICILE_ASSIGN_OR_RETURN(parameters.x,
                                NumberParameter(pkey, OSSL_PKEY_PARAM_EC_PUB_X, kP256Bytes));
      DOMICILE_ASSIGN_OR_RETURN(parameters.y,
                                NumberParameter(pkey, OSSL_PKEY_PARAM_EC_PUB_Y, kP256Bytes));
      break;
    }
    case SignatureAlgorithm::kEdDsa: {
      parameters.x.resize(kEd25519KeyBytes);
      size_t size = parameters.x.size();
      if (EVP_PKEY_get_raw_public_key(pkey, reinterpret_cast<unsigned char*>(parameters.x.data()),
                                      &size) != 1) {
        return OpenSslFailed("reading an Ed25519 public key");
      }
      break;
    }
  }
  return SigningKey(algorithm, std::move(key), std::move(parameters));
}

absl::StatusOr<SigningKey> SigningKey::Generate(SignatureAlgorithm algorithm) {
  ErrorScope errors;
  EVP_PKEY* pkey = nullptr;
  switch (algorithm) {
    case SignatureAlgorithm::kRs256:
      pkey = EVP_PKEY_Q_keygen(nullptr, nullptr, "RSA", size_t{2048});
      break;
    case SignatureAlgorithm::kEs256:
      pkey = EVP_PKEY_Q_keygen(nullptr, nullptr, "EC", "P-256");
      break;
    case SignatureAlgorithm::kEdDsa:
      pkey = EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519");
      break;
  }
  if (pkey == nullptr) return OpenSslFailed("making a key");
  return FromKey(OwnKey(pkey));
}

absl::StatusOr<SigningKey> SigningKey::FromEd25519Seed(absl::string_view seed) {
  ErrorScope errors;
  if (seed.size() != kEd25519KeyBytes) {
    return absl::InvalidArgumentError("Ed25519 seed: must be 32 bytes");
  }
  EVP_PKEY* pkey =
      EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, nullptr, Bytes(seed), seed.size());
  if (pkey == nullptr) return OpenSslFailed("reading an Ed25519 seed");
  return FromKey(OwnKey(pkey));
}

absl::StatusOr<SigningKey> SigningKey::FromPem(absl::string_view pem) {
  ErrorScope errors;
  if (pem.size() > base::limits::kSecretFileBytesMax) {
    return absl::InvalidArgumentError("private key: too large");
  }
  BioPtr bio = ReadBio(pem);
  EVP_PKEY* pkey = PEM_read_bio_PrivateKey(bio.get(), nullptr, NoPassword, nullptr);
  if (pkey == nullptr) {
    return absl::InvalidArgumentError("private key: not PEM, or with a password");
  }
  return FromKey(OwnKey(pkey));
}

absl::StatusOr<std::string> SigningKey::Sign(absl::string_view message) const {
  ErrorScope errors;
  const EVP_MD* digest = algorithm_ == SignatureAlgorithm::kEdDsa ? nullptr : EVP_sha256();
  MdCtxPtr context(EVP_MD_CTX_new());
  size_t size = 0;
  if (!context ||
      EVP_DigestSignInit(context.get(), nullptr, digest, nullptr, key_->pkey.get()) != 1 ||
      EVP_DigestSign(context.get(), nullptr, &size, Bytes(message), message.size()) != 1) {
    return OpenSslFailed("signing");
  }
  std::string signature(size, '\0');
  if (EVP_DigestSign(context.get(), reinterpret_cast<unsigned char*>(signature.data()), &size,
                     Bytes(message), message.size()) != 1) {
    return OpenSslFailed("signing");
  }
  signature.resize(size);
  if (algorithm_ == SignatureAlgorithm::kEs256) return EcdsaFromDer(signature);
  return signature;
}

absl::StatusOr<std::string> SigningKey::ToPem() const {
  ErrorScope errors;
  BioPtr bio(BIO_new(BIO_s_secmem()));
  if (!bio || PEM_write_bio_PKCS8PrivateKey(bio.get(), key_->pkey.get(), nullptr, nullptr, 0,
                                            nullptr, nullptr) != 1) {
    return OpenSslFailed("writing a key");
  }
  char* data = nullptr;
  long size = BIO_get_mem_data(bio.get(), &data);
  return std::string(data, static_cast<size_t>(size));
}

}  // namespace domicile::crypto
