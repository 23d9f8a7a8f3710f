// The statement with which a peer gateway hands a call over. The first byte says how the rest is
// read:
//   S  a statement, put into an envelope under a key that the peer has given us
//   .  anything else is the header as it came

#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "gateway/base/canonical.h"
#include "gateway/crypto/signature.h"
#include "gateway/identity/forward.h"

namespace {

using domicile::base::CanonicalWriter;
using domicile::crypto::SigningKey;
using domicile::identity::ClientMetadataDigest;
using domicile::identity::ForwardKey;
using domicile::identity::ForwardStatement;
using domicile::identity::OpenForward;
using domicile::identity::ReplayWindow;
using domicile::identity::SealForward;

const SigningKey& Key() {
  static const SigningKey key = *SigningKey::FromEd25519Seed(std::string(32, 'k'));
  return key;
}

std::string Envelope(absl::string_view statement) {
  std::string out;
  CanonicalWriter writer(&out);
  writer.Bytes(1, statement);
  writer.Bytes(2, "k");
  std::string message = "domicile-forward/v1";
  message.push_back('\0');
  absl::StrAppend(&message, statement);
  writer.Bytes(3, *Key().Sign(message));
  return out;
}

void Open(absl::string_view header) {
  static const std::vector<ForwardKey>& keys =
      *new std::vector<ForwardKey>{{"k", Key().public_key()}};
  absl::StatusOr<ForwardStatement> statement = OpenForward(header, keys, "us");
  if (!statement.ok()) return;
  if (statement->region != "us") __builtin_trap();
  // One encoding for each statement: sealed again, it is the same header.
  auto sign = [](absl::string_view message) { return Key().Sign(message); };
  absl::StatusOr<std::string> again = SealForward(*statement, "k", sign);
  if (!again.ok() || *again != header) __builtin_trap();
  // Used twice, it is a replay.
  ReplayWindow window(2);
  const absl::Time now = statement->time + absl::Seconds(1);
  if (!window.Accept(statement->nonce, statement->time, now).ok()) __builtin_trap();
  if (window.Accept(statement->nonce, statement->time, now).ok()) __builtin_trap();
  if (window.Accept({1}, statement->time, now + absl::Hours(1)).ok()) __builtin_trap();
  if (window.Accept({1}, now + absl::Hours(1), now).ok()) __builtin_trap();
  const absl::Time later = now + absl::Minutes(2);
  for (uint8_t i = 0; i < 4; ++i) window.Accept({2, i}, later, later).IgnoreError();
  if (window.Accept({9}, later, later).ok()) __builtin_trap();
  ClientMetadataDigest({{"domicile-purpose", "support"}, {"domicile-region", statement->region}});
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  absl::string_view input(reinterpret_cast<const char*>(data), size);
  if (!input.empty() && input[0] == 'S') {
    Open(Envelope(input.substr(1)));
  } else {
    Open(input);
  }
  return 0;
}
