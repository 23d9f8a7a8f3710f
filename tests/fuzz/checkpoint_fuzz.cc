// Signed heads and the keys that verify them. The first byte says how the rest is read:
//   S  the text of a checkpoint, signed under a key that is trusted
//   K  a verifier key
//   .  anything else is a signed note as it came

#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"
#include "gateway/audit/checkpoint.h"
#include "gateway/crypto/signature.h"

namespace {

using domicile::audit::Checkpoint;
using domicile::audit::CheckpointText;
using domicile::audit::FormatNote;
using domicile::audit::FormatVerifierKey;
using domicile::audit::MakeVerifierKey;
using domicile::audit::OpenCheckpoint;
using domicile::audit::ParseNote;
using domicile::audit::ParseVerifierKey;
using domicile::audit::VerifierKey;
using domicile::crypto::SigningKey;

const SigningKey& Key() {
  static const SigningKey key = *SigningKey::FromEd25519Seed(std::string(32, 'k'));
  return key;
}

const VerifierKey& Verifier() {
  static const VerifierKey& key = *new VerifierKey(*MakeVerifierKey("log", Key().public_key()));
  return key;
}

// True when it was signed by the key that is trusted.
bool Open(absl::string_view bytes) {
  ParseNote(bytes).IgnoreError();
  absl::StatusOr<Checkpoint> checkpoint = OpenCheckpoint(bytes, {&Verifier(), 1});
  if (!checkpoint.ok()) return false;
  if (OpenCheckpoint(bytes, {}).ok()) __builtin_trap();
  // A checkpoint is its text and nothing beside it.
  const std::string text = CheckpointText(*checkpoint);
  if (bytes.substr(0, text.size()) != text) __builtin_trap();
  return true;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const absl::string_view input(reinterpret_cast<const char*>(data), size);
  const absl::string_view rest = input.substr(input.empty() ? 0 : 1);
  if (!input.empty() && input[0] == 'S') {
    Open(FormatNote(rest, Verifier(), *Key().Sign(rest)));
  } else if (!input.empty() && input[0] == 'K') {
    absl::StatusOr<VerifierKey> key = ParseVerifierKey(rest);
    if (key.ok() && FormatVerifierKey(*key) != rest) __builtin_trap();
  } else if (Open(input) && input.find("log") == absl::string_view::npos) {
    __builtin_trap();
  }
  return 0;
}
