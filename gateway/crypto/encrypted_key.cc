#include <openssl/pem.h>
#include <openssl/pkcs12.h>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "gateway/base/limits.h"
#include "gateway/crypto/digest.h"
#include "gateway/crypto/openssl_ptr.h"
#include "gateway/crypto/signature.h"
#include "gateway/crypto/signature_key.h"

namespace domicile::crypto {
namespace {

// 16 MiB and five passes, as OWASP's Password Storage Cheat Sheet (2024) pairs them: as strong as
// N = 2^17 with one pass. OpenSSL itself reads no file that needs more than 32 MiB.
constexpr uint64_t kScryptN = 1 << 14, kScryptR = 8, kScryptP = 5;
constexpr int kSaltBytes = 16;

using AlgorithmPtr = OsslPtr<X509_ALGOR, X509_ALGOR_free>;
using Pkcs8Ptr = OsslPtr<PKCS8_PRIV_KEY_INFO, PKCS8_PRIV_KEY_INFO_free>;
using EncryptedPtr = OsslPtr<X509_SIG, X509_SIG_free>;

absl::Status Failed() { return absl::InternalError("OpenSSL: encrypting a key failed"); }

int Size(const Secret& passphrase) { return static_cast<int>(passphrase.view().size()); }

}  // namespace

absl::StatusOr<std::string> SigningKey::ToEncryptedPem(Secret passphrase) const {
  ErrorScope errors;
  if (passphrase.view().size() < kPassphraseBytesMin ||
      passphrase.view().size() > kPassphraseBytesMax) {
    return absl::InvalidArgumentError(
        absl::StrCat("passphrase: ", kPassphraseBytesMin, " to ", kPassphraseBytesMax, " bytes"));
  }
  std::string salt = RandomBytes(kSaltBytes);
  Pkcs8Ptr clear(EVP_PKEY2PKCS8(key_->pkey.get()));
  // Without an IV of ours it makes a random one.
  AlgorithmPtr algorithm(PKCS5_pbe2_set_scrypt(EVP_aes_256_cbc(),
                                               reinterpret_cast<unsigned char*>(salt.data()),
                                               kSaltBytes, nullptr, kScryptN, kScryptR, kScryptP));
  if (!clear || !algorithm) return Failed();
  EncryptedPtr encrypted(
      PKCS8_set0_pbe(passphrase.view().data(), Size(passphrase), clear.get(), algorithm.get()));
  if (!encrypted) return Failed();
  algorithm.release();  // set0 took it
  BioPtr bio(BIO_new(BIO_s_mem()));
  if (!bio || PEM_write_bio_PKCS8(bio.get(), encrypted.get()) != 1) return Failed();
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &data);
  return std::string(data, static_cast<size_t>(size));
}

absl::StatusOr<SigningKey> SigningKey::FromEncryptedPem(absl::string_view pem, Secret passphrase) {
  ErrorScope errors;
  if (pem.size() > base::limits::kSecretFileBytesMax) {
    return absl::InvalidArgumentError("private key: too large");
  }
  if (passphrase.view().size() > kPassphraseBytesMax) {
    return absl::InvalidArgumentError("private key: wrong passphrase");
  }
  BioPtr bio = ReadBio(pem);
  EncryptedPtr encrypted(PEM_read_bio_PKCS8(bio.get(), nullptr, NoPassword, nullptr));
  if (!encrypted) {
    return absl::InvalidArgumentError("private key: not PEM of an encrypted PKCS#8 key");
  }
  Pkcs8Ptr clear(PKCS8_decrypt(encrypted.get(), passphrase.view().data(), Size(passphrase)));
  if (!clear) {
    return absl::InvalidArgumentError("private key: wrong passphrase, or a damaged file");
  }
  EVP_PKEY* pkey = EVP_PKCS82PKEY(clear.get());
  if (pkey == nullptr) return absl::InvalidArgumentError("private key: of no known kind");
  return FromKey(OwnKey(pkey));
}

}  // namespace domicile::crypto
