// checkpoint.h — a signed head of the log: the text, its signature lines, and their keys.
//
// Why: a head is what outsiders hold against us. It is written as a signed note,
// so that every transparency-log tool can check it without code of ours.
// Source: C2SP tlog-checkpoint v1.0.0 and signed-note v1.0.0 (vectors in tests/audit).
// Pure. Thread-safe.
// Errors: InvalidArgument for text that is no note or no checkpoint; PermissionDenied when no
// known key signed it; DataLoss when a line of a known key does not verify.
// Limits: kNoteBytesMax, kSignaturesMax.
// INVARIANT: a log signs only sizes and roots that continue the last one it signed; store/ keeps
// it.
#ifndef DOMICILE_GATEWAY_AUDIT_CHECKPOINT_H_
#define DOMICILE_GATEWAY_AUDIT_CHECKPOINT_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "gateway/audit/merkle_tree.h"

namespace domicile::audit {

// A stolen log volume must not make a reader allocate without end.
inline constexpr size_t kNoteBytesMax = 64 * 1024;
inline constexpr size_t kSignaturesMax = 64;  // signed-note asks for at least 16

struct Checkpoint {
  std::string origin;  // first line; no newline, not empty
  uint64_t size = 0;
  Hash root{};
  std::vector<std::string> extensions;  // further lines, not empty
  friend bool operator==(const Checkpoint&, const Checkpoint&) = default;
};

// Text with its final newline: what is signed.
std::string CheckpointText(const Checkpoint& checkpoint);
absl::StatusOr<Checkpoint> ParseCheckpointText(absl::string_view text);

// Public half of a note key: `name+hex8(id)+base64(type ‖ key)`. Ed25519 (type 1) only.
struct VerifierKey {
  std::string name;        // no spaces, no '+'
  uint32_t id = 0;         // first 4 bytes of SHA-256(name ‖ LF ‖ type ‖ key), big-endian
  std::string public_key;  // 32 bytes
  friend bool operator==(const VerifierKey&, const VerifierKey&) = default;
};
// InvalidArgument for a name or key that no note can carry.
absl::StatusOr<VerifierKey> MakeVerifierKey(absl::string_view name, absl::string_view public_key);
std::string FormatVerifierKey(const VerifierKey& key);
absl::StatusOr<VerifierKey> ParseVerifierKey(absl::string_view vkey);

struct NoteSignature {
  std::string name;
  uint32_t id = 0;
  std::string signature;
};
struct Note {
  std::string text;  // with its final newline
  std::vector<NoteSignature> signatures;
};
absl::StatusOr<Note> ParseNote(absl::string_view bytes);
// Text, blank line, one line of `signature` (64 bytes) by `key`.
std::string FormatNote(absl::string_view text, const VerifierKey& key, absl::string_view signature);

// Verifies `bytes` as a note that at least one of `keys` signed. A failing line of a known key
// rejects it whole, lines of unknown keys are ignored.
absl::StatusOr<Checkpoint> OpenCheckpoint(absl::string_view bytes,
                                          absl::Span<const VerifierKey> keys);

}  // namespace domicile::audit

#endif  // DOMICILE_GATEWAY_AUDIT_CHECKPOINT_H_
