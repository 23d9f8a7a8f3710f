#include "gateway/crypto/issue_certificate.h"

#include <openssl/pem.h>

#include <utility>

#include "absl/strings/str_cat.h"
#include "gateway/base/status_macros.h"
#include "gateway/crypto/digest.h"
#include "gateway/crypto/openssl_ptr.h"
#include "gateway/crypto/signature.h"

namespace domicile::crypto {

struct CertificateAuthority::Impl {
  X509Ptr certificate;
  PkeyPtr key;
};

namespace {

absl::Status OpenSslFailed(absl::string_view what) {
  return absl::InternalError(absl::StrCat("OpenSSL: ", what, " failed"));
}

absl::Status AddExtension(X509* to, X509V3_CTX* context, int nid, const char* value) {
  ExtensionPtr extension(X509V3_EXT_conf_nid(nullptr, context, nid, value));
  if (!extension || X509_add_ext(to, extension.get(), -1) != 1) {
    return OpenSslFailed("adding an extension");
  }
  return absl::OkStatus();
}

absl::Status AddName(GENERAL_NAMES* names, int type, const std::string& bytes) {
  GENERAL_NAME* name = GENERAL_NAME_new();
  if (type == GEN_IPADD) {
    ASN1_OCTET_STRING* address = a2i_IPADDRESS(bytes.c_str());
    if (address == nullptr) {
      GENERAL_NAME_free(name);
      return absl::InvalidArgumentError("certificate: not an IP address");
    }
    GENERAL_NAME_set0_value(name, type, address);
  } else {
    ASN1_IA5STRING* text = ASN1_IA5STRING_new();
    ASN1_STRING_set(text, bytes.data(), static_cast<int>(bytes.size()));
    GENERAL_NAME_set0_value(name, type, text);
  }
  if (sk_GENERAL_NAME_push(names, name) <= 0) {
    GENERAL_NAME_free(name);
    return OpenSslFailed("adding a name");
  }
  return absl::OkStatus();
}

absl::Status AddNames(X509* to, const LeafOptions& options) {
  GeneralNamesPtr names(GENERAL_NAMES_new());
  for (const std::string& uri : options.uris) {
    DOMICILE_RETURN_IF_ERROR(AddName(names.get(), GEN_URI, uri));
  }
  for (const std::string& name : options.dns_names) {
    DOMICILE_RETURN_IF_ERROR(AddName(names.get(), GEN_DNS, name));
  }
  for (const std::string& address : options.ip_addresses) {
    DOMICILE_RETURN_IF_ERROR(AddName(names.get(), GEN_IPADD, address));
  }
  if (sk_GENERAL_NAME_num(names.get()) == 0) return absl::OkStatus();
  // Critical, as the subject is empty (RFC 5280 4.2.1.6).
  if (X509_add1_ext_i2d(to, NID_subject_alt_name, names.get(), 1, 0) != 1) {
    return OpenSslFailed("adding names");
  }
  return absl::OkStatus();
}

struct Unsigned {
  X509Ptr certificate;
  PkeyPtr key;
};

// Key, serial and dates; no subject, no issuer, no extensions.
absl::StatusOr<Unsigned> NewCertificate(absl::Time not_before, absl::Time not_after) {
  Unsigned made;
  made.key.reset(EVP_PKEY_Q_keygen(nullptr, nullptr, "EC", "P-256"));
  made.certificate.reset(X509_new());
  X509* x509 = made.certificate.get();
  std::string serial = RandomBytes(16);
  serial[0] = static_cast<char>((serial[0] & 0x3f) | 0x40);  // positive, never short
  BnPtr number(BN_bin2bn(Bytes(serial), static_cast<int>(serial.size()), nullptr));
  if (!made.key || x509 == nullptr || !number || X509_set_version(x509, X509_VERSION_3) != 1 ||
      BN_to_ASN1_INTEGER(number.get(), X509_get_serialNumber(x509)) == nullptr ||
      ASN1_TIME_set(X509_getm_notBefore(x509), absl::ToTimeT(not_before)) == nullptr ||
      ASN1_TIME_set(X509_getm_notAfter(x509), absl::ToTimeT(not_after)) == nullptr ||
      X509_set_pubkey(x509, made.key.get()) != 1) {
    return OpenSslFailed("making a certificate");
  }
  return made;
}

absl::StatusOr<std::string> CertificatePem(X509* x509) {
  BioPtr bio(BIO_new(BIO_s_mem()));
  if (!bio || PEM_write_bio_X509(bio.get(), x509) != 1) {
    return OpenSslFailed("writing a certificate");
  }
  char* data = nullptr;
  long size = BIO_get_mem_data(bio.get(), &data);
  return std::string(data, static_cast<size_t>(size));
}

absl::StatusOr<std::string> KeyPem(EVP_PKEY* key) {
  BioPtr bio(BIO_new(BIO_s_secmem()));
  if (!bio ||
      PEM_write_bio_PKCS8PrivateKey(bio.get(), key, nullptr, nullptr, 0, nullptr, nullptr) != 1) {
    return OpenSslFailed("writing a key");
  }
  char* data = nullptr;
  long size = BIO_get_mem_data(bio.get(), &data);
  return std::string(data, static_cast<size_t>(size));
}

absl::Status AddAuthorityExtensions(X509* to, X509V3_CTX* context) {
  DOMICILE_RETURN_IF_ERROR(AddExtension(to, context, NID_basic_constraints, "critical,CA:TRUE"));
  return AddExtension(to, context, NID_key_usage, "critical,keyCertSign,cRLSign");
}

absl::Status AddLeafExtensions(X509* to, X509V3_CTX* context) {
  DOMICILE_RETURN_IF_ERROR(AddExtension(to, context, NID_basic_constraints, "critical,CA:FALSE"));
  DOMICILE_RETURN_IF_ERROR(AddExtension(to, context, NID_key_usage, "critical,digitalSignature"));
  return AddExtension(to, context, NID_ext_key_usage, "serverAuth,clientAuth");
}

}  // namespace

CertificateAuthority::CertificateAuthority(std::unique_ptr<Impl> impl, std::string certificate_pem)
    : impl_(std::move(impl)), certificate_pem_(std::move(certificate_pem)) {}
CertificateAuthority::~CertificateAuthority() = default;

absl::StatusOr<std::unique_ptr<CertificateAuthority>> CertificateAuthority::Create(
    absl::string_view name, absl::Time not_before, absl::Time not_after) {
  return Make(name, not_before, not_after, nullptr);
}

absl::StatusOr<std::unique_ptr<CertificateAuthority>> CertificateAuthority::IssueAuthority(
    absl::string_view name, absl::Time not_before, absl::Time not_after) const {
  return Make(name, not_before, not_after, impl_.get());
}

absl::StatusOr<std::unique_ptr<CertificateAuthority>> CertificateAuthority::Make(
    absl::string_view name, absl::Time not_before, absl::Time not_after, const Impl* issuer) {
  ErrorScope errors;
  DOMICILE_ASSIGN_OR_RETURN(Unsigned made, NewCertificate(not_before, not_after));
  X509* x509 = made.certificate.get();
  X509_NAME* subject = X509_get_subject_name(x509);
  if (X509_NAME_add_entry_by_NID(subject, NID_commonName, MBSTRING_UTF8, Bytes(name),
                                 static_cast<int>(name.size()), -1, 0) != 1) {
    return absl::InvalidArgumentError("certificate: a name that no certificate can hold");
  }
  X509* signer = issuer == nullptr ? x509 : issuer->certificate.get();
  EVP_PKEY* signer_key = issuer == nullptr ? made.key.get() : issuer->key.get();
  if (X509_set_issuer_name(x509, X509_get_subject_name(signer)) != 1) {
    return OpenSslFailed("naming the issuer");
  }
  X509V3_CTX context;
  X509V3_set_ctx(&context, signer, x509, nullptr, nullptr, 0);
  DOMICILE_RETURN_IF_ERROR(AddAuthorityExtensions(x509, &context));
  DOMICILE_RETURN_IF_ERROR(AddExtension(x509, &context, NID_subject_key_identifier, "hash"));
  if (issuer != nullptr) {
    DOMICILE_RETURN_IF_ERROR(AddExtension(x509, &context, NID_authority_key_identifier, "keyid"));
  }
  if (X509_sign(x509, signer_key, EVP_sha256()) <= 0) return OpenSslFailed("signing");
  DOMICILE_ASSIGN_OR_RETURN(std::string pem, CertificatePem(x509));
  auto impl = std::make_unique<Impl>();
  impl->certificate = std::move(made.certificate);
  impl->key = std::move(made.key);
  return std::unique_ptr<CertificateAuthority>(
      new CertificateAuthority(std::move(impl), std::move(pem)));
}

absl::StatusOr<IssuedCertificate> CertificateAuthority::Issue(const LeafOptions& options) const {
  ErrorScope errors;
  DOMICILE_ASSIGN_OR_RETURN(Unsigned made, NewCertificate(options.not_before, options.not_after));
  X509* x509 = made.certificate.get();
  X509* issuer = impl_->certificate.get();
  if (X509_set_issuer_name(x509, X509_get_subject_name(issuer)) != 1) {
    return OpenSslFailed("naming the issuer");
  }
  X509V3_CTX context;
  X509V3_set_ctx(&context, issuer, x509, nullptr, nullptr, 0);
  DOMICILE_RETURN_IF_ERROR(options.authority ? AddAuthorityExtensions(x509, &context)
                                             : AddLeafExtensions(x509, &context));
  DOMICILE_RETURN_IF_ERROR(AddExtension(x509, &context, NID_subject_key_identifier, "hash"));
  DOMICILE_RETURN_IF_ERROR(AddExtension(x509, &context, NID_authority_key_identifier, "keyid"));
  DOMICILE_RETURN_IF_ERROR(AddNames(x509, options));
  if (X509_sign(x509, impl_->key.get(), EVP_sha256()) <= 0) return OpenSslFailed("signing");
  IssuedCertificate issued;
  DOMICILE_ASSIGN_OR_RETURN(issued.certificate_pem, CertificatePem(x509));
  DOMICILE_ASSIGN_OR_RETURN(issued.private_key_pem, KeyPem(made.key.get()));
  return issued;
}

}  // namespace domicile::crypto
