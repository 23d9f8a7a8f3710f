#include "gateway/crypto/certificate.h"

#include <openssl/pem.h>

#include <algorithm>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "gateway/base/bytes.h"
#include "gateway/base/limits.h"
#include "gateway/base/status_macros.h"
#include "gateway/crypto/openssl_ptr.h"

namespace domicile::crypto {
namespace {

namespace limits = base::limits;

absl::Status NoCertificate(absl::string_view why) {
  return absl::InvalidArgumentError(absl::StrCat("certificate: ", why));
}

absl::StatusOr<X509Ptr> Decode(absl::string_view der) {
  if (der.size() > limits::kCertificateBytesMax) {
    return NoCertificate(absl::StrCat("larger than ", limits::kCertificateBytesMax, " bytes"));
  }
  const unsigned char* at = Bytes(der);
  X509Ptr x509(d2i_X509(nullptr, &at, static_cast<long>(der.size())));
  if (!x509) return NoCertificate("not DER");
  if (at != Bytes(der) + der.size()) return NoCertificate("bytes after its end");
  return x509;
}

absl::StatusOr<absl::Time> ReadTime(const ASN1_TIME* time) {
  tm parts{};
  if (ASN1_TIME_to_tm(time, &parts) != 1) return NoCertificate("a date that is none");
  return absl::FromTM(parts, absl::UTCTimeZone());
}

// The bytes as they stand: a C string would end at a NUL and hide what follows.
std::string NameBytes(const ASN1_IA5STRING* name) {
  return std::string(
      Text(ASN1_STRING_get0_data(name), static_cast<size_t>(ASN1_STRING_length(name))));
}

absl::Status ReadNames(const X509* x509, Certificate& certificate) {
  int critical = -1;
  GeneralNamesPtr names(static_cast<GENERAL_NAMES*>(
      X509_get_ext_d2i(x509, NID_subject_alt_name, &critical, nullptr)));
  if (!names) {
    // -1: there is none. -2: more than one extension; >= 0: one that can't be read.
    return critical == -1 ? absl::OkStatus() : NoCertificate("broken subject alternative name");
  }
  for (int i = 0; i < sk_GENERAL_NAME_num(names.get()); ++i) {
    const GENERAL_NAME* name = sk_GENERAL_NAME_value(names.get(), i);
    if (name->type == GEN_URI) {
      certificate.uris.push_back(NameBytes(name->d.uniformResourceIdentifier));
    } else if (name->type == GEN_DNS) {
      certificate.dns_names.push_back(NameBytes(name->d.dNSName));
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<Certificate> Read(X509* x509, absl::string_view der) {
  Certificate certificate;
  certificate.der = std::string(der);
  certificate.fingerprint = Sha256(der);
  DOMICILE_ASSIGN_OR_RETURN(certificate.not_before, ReadTime(X509_get0_notBefore(x509)));
  DOMICILE_ASSIGN_OR_RETURN(certificate.not_after, ReadTime(X509_get0_notAfter(x509)));
  DOMICILE_RETURN_IF_ERROR(ReadNames(x509, certificate));
  const uint32_t flags = X509_get_extension_flags(x509);
  if ((flags & EXFLAG_INVALID) != 0) return NoCertificate("broken extensions");
  const bool may_sign =
      (flags & EXFLAG_KUSAGE) != 0 && (X509_get_key_usage(x509) & KU_KEY_CERT_SIGN) != 0;
  certificate.authority = (flags & EXFLAG_CA) != 0 || may_sign;
  unsigned char* spki = nullptr;
  int size = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(x509), &spki);
  if (size <= 0) return NoCertificate("its public key can't be read");
  BufferPtr owner(spki);
  certificate.public_key_der = std::string(Text(spki, static_cast<size_t>(size)));
  return certificate;
}

// The certificates of a PEM text, in order; anything else than certificates is an error.
absl::StatusOr<std::vector<std::string>> PemToDer(absl::string_view pem) {
  if (pem.size() > limits::kSecretFileBytesMax) return NoCertificate("PEM text too large");
  BioPtr bio = ReadBio(pem);
  std::vector<std::string> ders;
  for (;;) {
    char* name = nullptr;
    char* header = nullptr;
    unsigned char* data = nullptr;
    long size = 0;
    if (PEM_read_bio(bio.get(), &name, &header, &data, &size) != 1) break;
    std::string kind(name);
    std::string der(Text(data, static_cast<size_t>(size)));
    OPENSSL_free(name);
    OPENSSL_free(header);
    OPENSSL_clear_free(data, static_cast<size_t>(size));
    if (kind != PEM_STRING_X509) {
      base::Zeroise(&der);
      return NoCertificate("the PEM text holds something else, too");
    }
    ders.push_back(std::move(der));
  }
  if (ERR_GET_REASON(ERR_peek_last_error()) != PEM_R_NO_START_LINE) {
    return NoCertificate("broken PEM block");
  }
  if (ders.empty()) return NoCertificate("no CERTIFICATE block in the PEM text");
  return ders;
}

// A store of authorities, with the rules that all of our verifications share.
absl::StatusOr<X509StorePtr> StoreOf(absl::string_view roots_pem,
                                     std::set<Digest>* fingerprints = nullptr) {
  ErrorScope errors;
  DOMICILE_ASSIGN_OR_RETURN(std::vector<std::string> ders, PemToDer(roots_pem));
  X509StorePtr store(X509_STORE_new());
  if (!store) return absl::InternalError("OpenSSL: making a store failed");
  for (const std::string& der : ders) {
    DOMICILE_ASSIGN_OR_RETURN(X509Ptr root, Decode(der));
    DOMICILE_ASSIGN_OR_RETURN(Certificate facts, Read(root.get(), der));
    if (!facts.authority) return NoCertificate("a root that is no authority");
    if (X509_STORE_add_cert(store.get(), root.get()) != 1) {
      return absl::InternalError("OpenSSL: adding a root failed");
    }
    if (fingerprints != nullptr) fingerprints->insert(facts.fingerprint);
  }
  return store;
}

struct Chain {
  std::vector<X509Ptr> certificates;  // leaf first
  Certificate leaf;
  absl::Time not_after = absl::InfiniteFuture();
};

absl::StatusOr<Chain> ReadChain(absl::Span<const std::string> ders) {
  if (ders.empty()) return absl::UnauthenticatedError("certificate chain: empty");
  if (ders.size() > limits::kCertificateChainMax) {
    return absl::UnauthenticatedError(absl::StrCat("certificate chain: more than ",
                                                   limits::kCertificateChainMax, " certificates"));
  }
  Chain chain;
  for (const std::string& der : ders) {
    DOMICILE_ASSIGN_OR_RETURN(X509Ptr x509, Decode(der));
    DOMICILE_ASSIGN_OR_RETURN(Certificate facts, Read(x509.get(), der));
    chain.not_after = std::min(chain.not_after, facts.not_after);
    if (chain.certificates.empty()) chain.leaf = std::move(facts);
    chain.certificates.push_back(std::move(x509));
  }
  if (chain.leaf.authority) {
    return absl::UnauthenticatedError("certificate chain: the leaf is an authority");
  }
  return chain;
}

enum class NameCheck { kNone, kHost, kAddress };

// PeerIdentity::root of a chain that was verified.
Digest RootOf(X509_STORE_CTX* context) {
  STACK_OF(X509)* whole = X509_STORE_CTX_get0_chain(context);
  const int own = X509_STORE_CTX_get_num_untrusted(context);
  Digest root{};
  if (whole == nullptr || sk_X509_num(whole) != own + 1) return root;
  unsigned int size = 0;
  if (X509_digest(sk_X509_value(whole, own), EVP_sha256(), root.data(), &size) != 1) return {};
  return root;
}

// Does the chain lead to a root of `store` at `now`, for this role and name?
absl::Status VerifyChain(X509_STORE* store, const Chain& chain, PeerRole role, absl::Time now,
                         NameCheck check, const std::string& name, Digest* root = nullptr) {
  X509StackPtr rest(sk_X509_new_null());
  X509StoreCtxPtr context(X509_STORE_CTX_new());
  if (!rest || !context) return absl::InternalError("OpenSSL: out of memory");
  for (size_t i = 1; i < chain.certificates.size(); ++i) {
    if (sk_X509_push(rest.get(), chain.certificates[i].get()) <= 0) {
      return absl::InternalError("OpenSSL: out of memory");
    }
  }
  if (X509_STORE_CTX_init(context.get(), store, chain.certificates[0].get(), rest.get()) != 1) {
    return absl::InternalError("OpenSSL: preparing a verification failed");
  }
  X509_VERIFY_PARAM* rules = X509_STORE_CTX_get0_param(context.get());
  X509_VERIFY_PARAM_set_flags(rules, X509_V_FLAG_X509_STRICT);
  X509_VERIFY_PARAM_set_time(rules, absl::ToTimeT(now));
  X509_VERIFY_PARAM_set_depth(rules, static_cast<int>(limits::kCertificateChainMax));
  X509_VERIFY_PARAM_set_auth_level(rules, 2);  // 112 bits: no SHA-1, no RSA under 2048
  const int purpose = role == PeerRole::kClient ? X509_PURPOSE_SSL_CLIENT : X509_PURPOSE_SSL_SERVER;
  bool ready = X509_VERIFY_PARAM_set_purpose(rules, purpose) == 1;
  if (check == NameCheck::kHost) {
    X509_VERIFY_PARAM_set_hostflags(
        rules, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS | X509_CHECK_FLAG_NEVER_CHECK_SUBJECT);
    ready = ready && X509_VERIFY_PARAM_set1_host(rules, name.data(), name.size()) == 1;
  } else if (check == NameCheck::kAddress) {
    ready = ready && X509_VERIFY_PARAM_set1_ip_asc(rules, name.c_str()) == 1;
  }
  if (!ready) return absl::InternalError("OpenSSL: preparing a verification failed");
  if (X509_verify_cert(context.get()) != 1) {
    return absl::UnauthenticatedError(
        absl::StrCat("certificate chain: ",
                     X509_verify_cert_error_string(X509_STORE_CTX_get_error(context.get()))));
  }
  if (root != nullptr) *root = RootOf(context.get());
  return absl::OkStatus();
}

// The chain's own errors become "not authenticated": whoever sent it is the cause.
absl::Status AsUnauthenticated(const absl::Status& status) {
  if (status.code() != absl::StatusCode::kInvalidArgument) return status;
  return absl::UnauthenticatedError(status.message());
}

}  // namespace

absl::StatusOr<Certificate> ParseCertificate(absl::string_view der) {
  ErrorScope errors;
  DOMICILE_ASSIGN_OR_RETURN(X509Ptr x509, Decode(der));
  return Read(x509.get(), der);
}

absl::StatusOr<std::vector<Certificate>> ParseCertificatesPem(absl::string_view pem) {
  ErrorScope errors;
  DOMICILE_ASSIGN_OR_RETURN(std::vector<std::string> ders, PemToDer(pem));
  std::vector<Certificate> certificates;
  for (const std::string& der : ders) {
    DOMICILE_ASSIGN_OR_RETURN(Certificate certificate, ParseCertificate(der));
    certificates.push_back(std::move(certificate));
  }
  return certificates;
}

absl::Status CheckKeyMatches(const Certificate& certificate, absl::string_view private_key_pem) {
  ErrorScope errors;
  BioPtr bio = ReadBio(private_key_pem);
  PkeyPtr pkey(PEM_read_bio_PrivateKey(bio.get(), nullptr, NoPassword, nullptr));
  if (!pkey) return absl::InvalidArgumentError("private key: not PEM, or with a password");
  DOMICILE_ASSIGN_OR_RETURN(X509Ptr x509, Decode(certificate.der));
  if (X509_check_private_key(x509.get(), pkey.get()) != 1) {
    return absl::InvalidArgumentError("private key: does not belong to the certificate");
  }
  return absl::OkStatus();
}

absl::StatusOr<SpiffeId> ParseSpiffeId(absl::string_view text) {
  constexpr absl::string_view kScheme = "spiffe://";
  auto no_id = [](absl::string_view why) {
    return absl::InvalidArgumentError(absl::StrCat("SPIFFE ID: ", why));
  };
  if (text.size() > limits::kSpiffeIdBytesMax) {
    return no_id(absl::StrCat("longer than ", limits::kSpiffeIdBytesMax, " bytes"));
  }
  if (text.substr(0, kScheme.size()) != kScheme) return no_id("does not begin with spiffe://");
  absl::string_view rest = text.substr(kScheme.size());
  size_t slash = std::min(rest.find('/'), rest.size());
  absl::string_view domain = rest.substr(0, slash);
  absl::string_view path = rest.substr(slash);
  if (domain.empty() || domain.size() > 255) return no_id("trust domain is empty or too long");
  for (char c : domain) {
    if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '-' || c == '_')) {
      return no_id("trust domain holds a character other than a-z 0-9 . - _");
    }
  }
  if (!path.empty()) {
    for (absl::string_view segment : absl::StrSplit(path.substr(1), '/')) {
      if (segment.empty() || segment == "." || segment == "..") {
        return no_id("path has an empty, `.` or `..` segment");
      }
      for (char c : segment) {
        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
              c == '.' || c == '-' || c == '_')) {
          return no_id("path holds a character other than letters, digits . - _");
        }
      }
    }
  }
  return SpiffeId{std::string(text), std::string(domain), std::string(path)};
}

absl::StatusOr<SpiffeId> SpiffeIdOf(const Certificate& certificate) {
  if (certificate.uris.size() != 1) {
    return absl::UnauthenticatedError(absl::StrCat("certificate: holds ", certificate.uris.size(),
                                                   " URI names; a workload has exactly one"));
  }
  absl::StatusOr<SpiffeId> id = ParseSpiffeId(certificate.uris[0]);
  if (!id.ok()) return AsUnauthenticated(id.status());
  return id;
}

struct TrustDomains::Store {
  X509StorePtr store;
  std::set<Digest> roots;  // fingerprints
};
struct ServerRoots::Store {
  X509StorePtr store;
};

TrustDomains::TrustDomains() = default;
TrustDomains::~TrustDomains() = default;

absl::Status TrustDomains::Add(absl::string_view trust_domain, absl::string_view roots_pem) {
  DOMICILE_ASSIGN_OR_RETURN(SpiffeId id, ParseSpiffeId(absl::StrCat("spiffe://", trust_domain)));
  if (!id.path.empty()) return absl::InvalidArgumentError("trust domain: holds a `/`");
  if (Has(trust_domain)) {
    return absl::AlreadyExistsError(absl::StrCat("trust domain ", trust_domain, ": named twice"));
  }
  auto owned = std::make_unique<Store>();
  absl::StatusOr<X509StorePtr> store = StoreOf(roots_pem, &owned->roots);
  if (!store.ok()) {
    return base::Annotate(store.status(), absl::StrCat("trust domain ", trust_domain));
  }
  owned->store = *std::move(store);
  stores_.emplace(id.trust_domain, std::move(owned));
  return absl::OkStatus();
}

bool TrustDomains::Has(absl::string_view trust_domain) const {
  return stores_.count(std::string(trust_domain)) != 0;
}

bool TrustDomains::HasRoot(absl::string_view trust_domain, const Digest& root) const {
  auto domain = stores_.find(std::string(trust_domain));
  return domain != stores_.end() && domain->second->roots.count(root) != 0;
}

absl::StatusOr<PeerIdentity> TrustDomains::VerifyPeer(absl::Span<const std::string> ders,
                                                      PeerRole role, absl::Time now) const {
  ErrorScope errors;
  absl::StatusOr<Chain> chain = ReadChain(ders);
  if (!chain.ok()) return AsUnauthenticated(chain.status());
  DOMICILE_ASSIGN_OR_RETURN(SpiffeId id, SpiffeIdOf(chain->leaf));
  auto domain = stores_.find(id.trust_domain);
  if (domain == stores_.end()) {
    return absl::UnauthenticatedError("certificate: its trust domain is not configured here");
  }
  PeerIdentity peer{std::move(id), chain->leaf.fingerprint, chain->not_after};
  DOMICILE_RETURN_IF_ERROR(VerifyChain(domain->second->store.get(), *chain, role, now,
                                       NameCheck::kNone, "", &peer.root));
  return peer;
}

ServerRoots::ServerRoots(std::unique_ptr<Store> store) : store_(std::move(store)) {}
ServerRoots::~ServerRoots() = default;

absl::StatusOr<std::unique_ptr<ServerRoots>> ServerRoots::Create(absl::string_view roots_pem) {
  DOMICILE_ASSIGN_OR_RETURN(X509StorePtr store, StoreOf(roots_pem));
  auto owned = std::make_unique<Store>();
  owned->store = std::move(store);
  return std::unique_ptr<ServerRoots>(new ServerRoots(std::move(owned)));
}

absl::Status ServerRoots::VerifyServer(absl::Span<const std::string> ders, absl::string_view name,
                                       absl::Time now) const {
  ErrorScope errors;
  absl::StatusOr<Chain> chain = ReadChain(ders);
  if (!chain.ok()) return AsUnauthenticated(chain.status());
  if (name.empty() || name.find('\0') != absl::string_view::npos) {
    return absl::UnauthenticatedError("server name: empty, or with a NUL");
  }
  const std::string host(name);
  return VerifyChain(store_->store.get(), *chain, PeerRole::kServer, now,
                     IsAddress(host) ? NameCheck::kAddress : NameCheck::kHost, host);
}

}  // namespace domicile::crypto
