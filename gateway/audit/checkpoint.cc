#include "gateway/audit/checkpoint.h"

#include <limits>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "gateway/base/bytes.h"
#include "gateway/base/status_macros.h"
#include "gateway/base/utf8.h"
#include "gateway/crypto/digest.h"
#include "gateway/crypto/signature.h"

namespace domicile::audit {
namespace {

constexpr char kEd25519Type = 1;
constexpr absl::string_view kDash = "\xE2\x80\x94 ";  // U+2014 and a space

absl::Status Malformed(absl::string_view what) {
  return absl::InvalidArgumentError(absl::StrCat("signed note: ", what));
}

// Takes one line without its LF off the front. False when there is no LF.
bool TakeLine(absl::string_view* rest, absl::string_view* line) {
  size_t end = rest->find('\n');
  if (end == absl::string_view::npos) return false;
  *line = rest->substr(0, end);
  rest->remove_prefix(end + 1);
  return true;
}

// signed-note: no control characters but LF.
bool IsNoteText(absl::string_view text) {
  for (char c : text)
    if (static_cast<unsigned char>(c) < 0x20 && c != '\n') return false;
  return base::IsUtf8(text);
}

// Unicode's spaces as UTF-8, beyond those in ASCII.
constexpr absl::string_view kWideSpaces[] = {
    "\xC2\x85",     "\xC2\xA0",     "\xE1\x9A\x80", "\xE2\x80\x80", "\xE2\x80\x81",
    "\xE2\x80\x82", "\xE2\x80\x83", "\xE2\x80\x84", "\xE2\x80\x85", "\xE2\x80\x86",
    "\xE2\x80\x87", "\xE2\x80\x88", "\xE2\x80\x89", "\xE2\x80\x8A", "\xE2\x80\xA8",
    "\xE2\x80\xA9", "\xE2\x80\xAF", "\xE2\x81\x9F", "\xE3\x80\x80"};

bool IsKeyName(absl::string_view name) {
  if (name.empty() || !IsNoteText(name)) return false;
  for (absl::string_view space : kWideSpaces)
    if (name.find(space) != absl::string_view::npos) return false;
  return name.find_first_of(" +\n\x7f") == absl::string_view::npos;
}

// Decimal without a leading zero.
bool ParseSize(absl::string_view text, uint64_t* size) {
  if (text.empty() || (text.size() > 1 && text[0] == '0')) return false;
  for (char c : text)
    if (c < '0' || c > '9') return false;
  return absl::SimpleAtoi(text, size);
}

absl::StatusOr<NoteSignature> ParseSignatureLine(absl::string_view line) {
  if (!absl::ConsumePrefix(&line, kDash)) return Malformed("a signature line has no dash");
  size_t space = line.find(' ');
  if (space == absl::string_view::npos) return Malformed("a signature line has no signature");
  absl::string_view name = line.substr(0, space);
  std::optional<std::string> blob = base::Base64Decode(line.substr(space + 1));
  if (!IsKeyName(name) || !blob || blob->size() < 5)
    return Malformed("a signature line is not name and base64");
  return NoteSignature{.name = std::string(name),
                       .id = base::GetBigEndian32(blob->data()),
                       .signature = blob->substr(4)};
}

}  // namespace

std::string CheckpointText(const Checkpoint& checkpoint) {
  std::string text = absl::StrCat(checkpoint.origin, "\n", checkpoint.size, "\n",
                                  base::Base64Encode(crypto::View(checkpoint.root)), "\n");
  for (const std::string& extension : checkpoint.extensions)
    absl::StrAppend(&text, extension, "\n");
  return text;
}

absl::StatusOr<Checkpoint> ParseCheckpointText(absl::string_view text) {
  Checkpoint checkpoint;
  absl::string_view origin, size, root, extension;
  if (!IsNoteText(text) || !TakeLine(&text, &origin) || origin.empty())
    return absl::InvalidArgumentError("checkpoint: has no origin line");
  if (!TakeLine(&text, &size) || !ParseSize(size, &checkpoint.size))
    return absl::InvalidArgumentError("checkpoint: second line is not a size");
  std::optional<std::string> hash;
  if (!TakeLine(&text, &root) || !(hash = base::Base64Decode(root)) ||
      hash->size() != checkpoint.root.size())
    return absl::InvalidArgumentError("checkpoint: third line is not a root hash");
  checkpoint.origin = std::string(origin);
  std::copy(hash->begin(), hash->end(), reinterpret_cast<char*>(checkpoint.root.data()));
  while (!text.empty()) {
    if (!TakeLine(&text, &extension) || extension.empty())
      return absl::InvalidArgumentError("checkpoint: an extension line is empty or has no end");
    checkpoint.extensions.emplace_back(extension);
  }
  return checkpoint;
}

absl::StatusOr<VerifierKey> MakeVerifierKey(absl::string_view name, absl::string_view public_key) {
  if (!IsKeyName(name)) return Malformed("a key name is empty or has a space or `+`");
  if (public_key.size() != crypto::kEd25519KeyBytes)
    return Malformed("an Ed25519 key is not 32 bytes long");
  std::string hashed = absl::StrCat(name, "\n", std::string(1, kEd25519Type), public_key);
  std::string digest = crypto::ToString(crypto::Sha256(hashed));
  return VerifierKey{.name = std::string(name),
                     .id = base::GetBigEndian32(digest.data()),
                     .public_key = std::string(public_key)};
}

std::string FormatVerifierKey(const VerifierKey& key) {
  return absl::StrCat(
      key.name, "+", absl::Hex(key.id, absl::kZeroPad8), "+",
      base::Base64Encode(absl::StrCat(std::string(1, kEd25519Type), key.public_key)));
}

absl::StatusOr<VerifierKey> ParseVerifierKey(absl::string_view vkey) {
  size_t name_end = vkey.find('+');
  size_t id_end = name_end == absl::string_view::npos ? name_end : vkey.find('+', name_end + 1);
  if (id_end == absl::string_view::npos) return Malformed("a verifier key is not name+id+key");
  std::optional<std::string> key = base::Base64Decode(vkey.substr(id_end + 1));
  if (!key || key->size() != 1 + crypto::kEd25519KeyBytes || (*key)[0] != kEd25519Type)
    return Malformed("a verifier key is not an Ed25519 key");
  DOMICILE_ASSIGN_OR_RETURN(VerifierKey made,
                            MakeVerifierKey(vkey.substr(0, name_end), key->substr(1)));
  if (FormatVerifierKey(made) != vkey) return Malformed("a verifier key has the wrong id");
  return made;
}

absl::StatusOr<Note> ParseNote(absl::string_view bytes) {
  if (bytes.size() > kNoteBytesMax) return Malformed("is larger than 64 KiB");
  if (!IsNoteText(bytes)) return Malformed("is not plain UTF-8 text");
  size_t split = bytes.rfind("\n\n");
  if (split == absl::string_view::npos) return Malformed("has no signatures");
  Note note{.text = std::string(bytes.substr(0, split + 1)), .signatures = {}};
  absl::string_view rest = bytes.substr(split + 2), line;
  if (rest.empty()) return Malformed("has no signatures");
  while (!rest.empty()) {
    if (!TakeLine(&rest, &line)) return Malformed("last line has no end");
    if (note.signatures.size() == kSignaturesMax) return Malformed("has more than 64 signatures");
    DOMICILE_ASSIGN_OR_RETURN(NoteSignature signature, ParseSignatureLine(line));
    note.signatures.push_back(std::move(signature));
  }
  return note;
}

std::string FormatNote(absl::string_view text, const VerifierKey& key,
                       absl::string_view signature) {
  std::string blob;
  base::PutBigEndian32(key.id, &blob);
  absl::StrAppend(&blob, signature);
  return absl::StrCat(text, "\n", kDash, key.name, " ", base::Base64Encode(blob), "\n");
}

absl::StatusOr<Checkpoint> OpenCheckpoint(absl::string_view bytes,
                                          absl::Span<const VerifierKey> keys) {
  DOMICILE_ASSIGN_OR_RETURN(Note note, ParseNote(bytes));
  bool proven = false;
  for (const NoteSignature& signature : note.signatures) {
    for (const VerifierKey& key : keys) {
      if (key.name != signature.name || key.id != signature.id) continue;
      if (!crypto::VerifyEd25519(key.public_key, note.text, signature.signature))
        return absl::DataLossError("signed note: a known key's signature does not verify");
      proven = true;
    }
  }
  if (!proven) return absl::PermissionDeniedError("signed note: no known key signed it");
  return ParseCheckpointText(note.text);
}

}  // namespace domicile::audit
