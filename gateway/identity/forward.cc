#include "gateway/identity/forward.h"

#include <algorithm>
#include <optional>

#include "absl/strings/str_cat.h"
#include "gateway/base/canonical.h"
#include "gateway/base/status_macros.h"
#include "gateway/crypto/digest.h"
#include "gateway/crypto/signature.h"

namespace domicile::identity {
namespace {

constexpr size_t kForwardBytesMax = 4 << 10;
constexpr size_t kSignatureBytes = 64;
constexpr absl::string_view kDomain("domicile-forward/v1\0", 20);

absl::Status Malformed(absl::string_view what) {
  return absl::InvalidArgumentError(absl::StrCat("forward statement: ", what));
}

absl::Status Refused(absl::string_view what) {
  return absl::UnauthenticatedError(absl::StrCat("forward statement: ", what));
}

template <size_t N>
absl::string_view View(const std::array<uint8_t, N>& bytes) {
  return absl::string_view(reinterpret_cast<const char*>(bytes.data()), N);
}

template <size_t N>
bool Copy(absl::string_view bytes, std::array<uint8_t, N>& out) {
  if (bytes.size() != N) return false;
  std::copy(bytes.begin(), bytes.end(), out.begin());
  return true;
}

std::string EncodeStatement(const ForwardStatement& s) {
  std::string out;
  base::CanonicalWriter writer(&out);
  writer.Bytes(1, s.region);
  writer.Bytes(2, s.gateway);
  writer.Bytes(3, s.target);
  if (s.token_hash != Sha256Bytes{}) writer.Bytes(4, View(s.token_hash));
  writer.Bytes(5, s.workload);
  if (s.certificate_hash != Sha256Bytes{}) writer.Bytes(6, View(s.certificate_hash));
  writer.Bytes(7, s.method);
  writer.Bytes(8, View(s.metadata_digest));
  writer.Bytes(9, View(s.nonce));
  writer.Varint(10, static_cast<uint64_t>(absl::ToUnixMillis(s.time)));
  writer.Bytes(11, View(s.decision_id));
  if (s.answered) writer.Varint(12, 1);
  return out;
}

bool ReadField(const base::CanonicalField& field, ForwardStatement& s) {
  if (field.number == 10) {
    // Milliseconds up to the year 10889: more would overflow absl::Time's callers, not us.
    if (field.is_bytes || field.varint > uint64_t{1} << 48) return false;
    s.time = absl::FromUnixMillis(static_cast<int64_t>(field.varint));
    return true;
  }
  if (field.number == 12) {
    s.answered = !field.is_bytes && field.varint == 1;
    return s.answered;
  }
  if (!field.is_bytes) return false;
  switch (field.number) {
    case 1:
      s.region = std::string(field.bytes);
      return true;
    case 2:
      s.gateway = std::string(field.bytes);
      return true;
    case 3:
      s.target = std::string(field.bytes);
      return true;
    case 4:
      return Copy(field.bytes, s.token_hash);
    case 5:
      s.workload = std::string(field.bytes);
      return true;
    case 6:
      return Copy(field.bytes, s.certificate_hash);
    case 7:
      s.method = std::string(field.bytes);
      return true;
    case 8:
      return Copy(field.bytes, s.metadata_digest);
    case 9:
      return Copy(field.bytes, s.nonce);
    case 11:
      return Copy(field.bytes, s.decision_id);
    default:
      return false;
  }
}

absl::StatusOr<ForwardStatement> DecodeStatement(absl::string_view bytes) {
  ForwardStatement statement;
  base::CanonicalReader reader(bytes);
  base::CanonicalField field;
  while (reader.Next(&field)) {
    if (!ReadField(field, statement)) return Malformed("a field that is none of ours");
  }
  DOMICILE_RETURN_IF_ERROR(reader.status());
  // One encoding for each value: repeated fields and written zeros end here.
  if (EncodeStatement(statement) != bytes) return Malformed("not in its canonical form");
  if (statement.region.empty() || statement.target.empty() || statement.method.empty() ||
      statement.nonce == ForwardNonce{} || statement.decision_id == ForwardDecisionId{} ||
      statement.time == absl::InfinitePast()) {
    return Malformed("a field is missing");
  }
  return statement;
}

std::string Message(absl::string_view statement) { return absl::StrCat(kDomain, statement); }

struct Envelope {
  std::string statement, key_id, signature;
};

std::string EncodeEnvelope(const Envelope& envelope) {
  std::string out;
  base::CanonicalWriter writer(&out);
  writer.Bytes(1, envelope.statement);
  writer.Bytes(2, envelope.key_id);
  writer.Bytes(3, envelope.signature);
  return out;
}

absl::StatusOr<Envelope> DecodeEnvelope(absl::string_view bytes) {
  if (bytes.size() > kForwardBytesMax) {
    return Malformed(absl::StrCat("longer than ", kForwardBytesMax, " bytes"));
  }
  Envelope envelope;
  base::CanonicalReader reader(bytes);
  base::CanonicalField field;
  while (reader.Next(&field)) {
    if (!field.is_bytes || field.number < 1 || field.number > 3) {
      return Malformed("a field that is none of ours");
    }
    std::string* const places[] = {&envelope.statement, &envelope.key_id, &envelope.signature};
    *places[field.number - 1] = std::string(field.bytes);
  }
  DOMICILE_RETURN_IF_ERROR(reader.status());
  if (EncodeEnvelope(envelope) != bytes) return Malformed("not in its canonical form");
  if (envelope.statement.empty() || envelope.key_id.empty() ||
      envelope.signature.size() != kSignatureBytes) {
    return Malformed("a field is missing");
  }
  return envelope;
}

}  // namespace

Sha256Bytes ClientMetadataDigest(
    absl::Span<const std::pair<absl::string_view, absl::string_view>> metadata) {
  std::vector<std::pair<absl::string_view, absl::string_view>> sorted(metadata.begin(),
                                                                      metadata.end());
  std::sort(sorted.begin(), sorted.end());
  std::string bytes;
  base::CanonicalWriter writer(&bytes);
  for (const auto& [name, value] : sorted) {
    std::string pair;
    base::CanonicalWriter inner(&pair);
    inner.Bytes(1, name);
    inner.Bytes(2, value);
    writer.RepeatedBytes(1, pair);
  }
  return crypto::Sha256(bytes);
}

absl::StatusOr<std::string> SealForward(
    const ForwardStatement& statement, absl::string_view key_id,
    absl::FunctionRef<absl::StatusOr<std::string>(absl::string_view message)> sign) {
  Envelope envelope;
  envelope.statement = EncodeStatement(statement);
  envelope.key_id = std::string(key_id);
  DOMICILE_ASSIGN_OR_RETURN(envelope.signature, sign(Message(envelope.statement)));
  std::string sealed = EncodeEnvelope(envelope);
  // What we send we could also receive: a statement that we would refuse is never signed away.
  DOMICILE_RETURN_IF_ERROR(DecodeEnvelope(sealed).status());
  DOMICILE_RETURN_IF_ERROR(DecodeStatement(envelope.statement).status());
  return sealed;
}

absl::StatusOr<ForwardStatement> OpenForward(absl::string_view header,
                                             absl::Span<const ForwardKey> keys,
                                             absl::string_view region) {
  DOMICILE_ASSIGN_OR_RETURN(const Envelope envelope, DecodeEnvelope(header));
  auto key = std::find_if(keys.begin(), keys.end(),
                          [&](const ForwardKey& known) { return known.id == envelope.key_id; });
  if (key == keys.end()) return Refused("signed with a key that the peer has not given us");
  if (!crypto::VerifyEd25519(key->public_key, Message(envelope.statement), envelope.signature)) {
    return Refused("signature does not verify");
  }
  DOMICILE_ASSIGN_OR_RETURN(ForwardStatement statement, DecodeStatement(envelope.statement));
  if (statement.region != region) return Refused("names another region than its peer's");
  return statement;
}

absl::Status ReplayWindow::Accept(const ForwardNonce& nonce, absl::Time time, absl::Time now) {
  if (now - time > kForwardWindow) return Refused("is too old");
  if (time - now > kTokenSkew) return Refused("is from the future; compare the gateways' clocks");
  std::lock_guard<std::mutex> lock(mutex_);
  // A nonce may come again at most kForwardWindow + kTokenSkew after it was first accepted, so
  // what was accepted two turns ago cannot be within the window any more.
  const absl::Duration turn = kForwardWindow + kTokenSkew;
  if (now - turned_at_ >= turn) {
    previous_ =
        now - turned_at_ >= 2 * turn ? absl::flat_hash_set<ForwardNonce>() : std::move(current_);
    current_ = {};
    turned_at_ = now;
  }
  if (current_.contains(nonce) || previous_.contains(nonce)) return Refused("was used before");
  if (current_.size() >= capacity_) {
    return absl::ResourceExhaustedError("forward statement: replay window is full");
  }
  current_.insert(nonce);
  return absl::OkStatus();
}

}  // namespace domicile::identity
