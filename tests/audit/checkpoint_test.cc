#include "gateway/audit/checkpoint.h"

#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "gateway/base/bytes.h"
#include "gateway/crypto/digest.h"
#include "gateway/crypto/signature.h"
#include "tests/support/status_matchers.h"

namespace domicile::audit {
namespace {

using absl::StatusCode;

// The example of the signed-note specification.
constexpr char kSpecKey[] = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k";
constexpr char kSpecNote[] =
    "This is an example message.\n"
    "\n"
    "\xE2\x80\x94 example.com/foo "
    "Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM="
    "\n";

struct TestKey {
  crypto::SigningKey signing;
  VerifierKey verifier;
};

TestKey MakeKey(char seed, absl::string_view name = "acme.example/log") {
  auto signing = *crypto::SigningKey::FromEd25519Seed(std::string(32, seed));
  auto verifier = *MakeVerifierKey(name, signing.public_key());
  return {.signing = std::move(signing), .verifier = std::move(verifier)};
}

Checkpoint ACheckpoint() {
  return {.origin = "acme.example/log", .size = 70000, .root = LeafHash("x"), .extensions = {}};
}

std::string Signed(const Checkpoint& checkpoint, const TestKey& key) {
  std::string text = CheckpointText(checkpoint);
  return FormatNote(text, key.verifier, *key.signing.Sign(text));
}

TEST(P7Checkpoint, TextIsThatOfTheSpecification) {
  Checkpoint checkpoint = ACheckpoint();
  checkpoint.root = EmptyRoot();
  checkpoint.size = 0;
  EXPECT_EQ(CheckpointText(checkpoint),
            "acme.example/log\n0\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n");
  checkpoint.extensions = {"more", "and more"};
  ASSERT_OK_AND_ASSIGN(Checkpoint again, ParseCheckpointText(CheckpointText(checkpoint)));
  EXPECT_EQ(again, checkpoint);
}

TEST(P7Checkpoint, RejectsTextThatIsNoCheckpoint) {
  std::string root = "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=";
  for (const std::string& text :
       {std::string(), std::string("\n0\n") + root + "\n", "a\n00\n" + root + "\n",
        "a\n-1\n" + root + "\n", "a\n+1\n" + root + "\n", "a\n \n" + root + "\n",
        "a\n18446744073709551616\n" + root + "\n", std::string("a\n1\nAAAA\n"), "a\n1\n" + root,
        "a\n1\n" + root + "\n\n", "a\n1\n" + root + "\nx", std::string("a\n1"),
        "a\tb\n1\n" + root + "\n", "a\xff\n1\n" + root + "\n"}) {
    EXPECT_STATUS(StatusCode::kInvalidArgument, "checkpoint: ", ParseCheckpointText(text));
  }
}

TEST(P7SignedNote, ReadsTheExampleOfTheSpecification) {
  ASSERT_OK_AND_ASSIGN(VerifierKey key, ParseVerifierKey(kSpecKey));
  EXPECT_EQ(key.name, "example.com/foo");
  EXPECT_EQ(key.id, 0x530d903au);
  EXPECT_EQ(FormatVerifierKey(key), kSpecKey);
  ASSERT_OK_AND_ASSIGN(Note note, ParseNote(kSpecNote));
  ASSERT_EQ(note.signatures.size(), 1u);
  EXPECT_EQ(note.text, "This is an example message.\n");
  EXPECT_EQ(note.signatures[0].id, key.id);
  EXPECT_TRUE(crypto::VerifyEd25519(key.public_key, note.text, note.signatures[0].signature));
}

TEST(P7SignedNote, OpensWhatAKnownKeySigned) {
  TestKey key = MakeKey('k');
  std::string note = Signed(ACheckpoint(), key);
  ASSERT_OK_AND_ASSIGN(Checkpoint opened, OpenCheckpoint(note, {key.verifier}));
  EXPECT_EQ(opened, ACheckpoint());
  // Another (name, id) is none of ours and neither helps nor harms.
  TestKey other = MakeKey('o', "witness.example");
  std::string line = Signed(ACheckpoint(), other).substr(CheckpointText(ACheckpoint()).size() + 1);
  EXPECT_OK(OpenCheckpoint(note + line, {key.verifier}));
  EXPECT_STATUS(StatusCode::kPermissionDenied, "no known key",
                OpenCheckpoint(note, {other.verifier}));
  EXPECT_STATUS(StatusCode::kPermissionDenied, "no known key", OpenCheckpoint(note, {}));
}

TEST(P7SignedNote, OneChangedByteAnywhereIsNoticed) {
  TestKey key = MakeKey('k');
  const std::string note = Signed(ACheckpoint(), key);
  for (size_t at = 0; at < note.size(); ++at) {
    for (unsigned char flip : {0x01, 0x20, 0x80}) {
      std::string changed = note;
      changed[at] = static_cast<char>(changed[at] ^ flip);
      EXPECT_FALSE(OpenCheckpoint(changed, {key.verifier}).ok()) << at;
    }
  }
  for (size_t size = 0; size < note.size(); ++size)
    EXPECT_FALSE(OpenCheckpoint(note.substr(0, size), {key.verifier}).ok()) << size;
}

TEST(P7SignedNote, AFailingLineOfAKnownKeyRejectsTheWholeNote) {
  TestKey key = MakeKey('k'), second = MakeKey('s', "second.example");
  std::string text = CheckpointText(ACheckpoint());
  std::string bad = FormatNote(text, second.verifier, std::string(64, '\0'));
  std::string note = Signed(ACheckpoint(), key) + bad.substr(text.size() + 1);
  EXPECT_STATUS(StatusCode::kDataLoss, "does not verify",
                OpenCheckpoint(note, {key.verifier, second.verifier}));
  EXPECT_OK(OpenCheckpoint(note, {key.verifier}));
}

TEST(P7SignedNote, RejectsWhatNoNoteMayHold) {
  TestKey key = MakeKey('k');
  std::string note = Signed(ACheckpoint(), key);
  std::string line = note.substr(CheckpointText(ACheckpoint()).size() + 1);
  std::string many = note;
  for (size_t i = 0; i < kSignaturesMax; ++i) many += line;
  for (const std::string& bad :
       {std::string(), std::string("text\n"), std::string("text\n\n"), note + "x",
        note + "no dash\n", absl::StrReplaceAll(note, {{"\xE2\x80\x94", "-"}}),
        note + "\xE2\x80\x94 name\n", note + "\xE2\x80\x94 a+b AAAAAAAA\n",
        note + "\xE2\x80\x94 name AAAA\n", note + "\xE2\x80\x94 na\xC2\xA0me AAAAAAAA\n",
        "a\rb\n" + note, many, std::string(kNoteBytesMax + 1, 'a')}) {
    EXPECT_STATUS(StatusCode::kInvalidArgument,
                  "signed note: ", OpenCheckpoint(bad, {key.verifier}));
  }
}

TEST(P7SignedNote, SplitsAtTheLastEmptyLine) {
  TestKey key = MakeKey('k');
  std::string text = "first\n\nsecond\n";
  ASSERT_OK_AND_ASSIGN(Note note, ParseNote(FormatNote(text, key.verifier, std::string(64, 'x'))));
  EXPECT_EQ(note.text, text);
}

TEST(P7VerifierKey, RejectsOtherKindsAndWrongIds) {
  std::string public_key(32, 'p');
  EXPECT_STATUS(StatusCode::kInvalidArgument, "name", MakeVerifierKey("a b", public_key));
  EXPECT_STATUS(StatusCode::kInvalidArgument, "name", MakeVerifierKey("a+b", public_key));
  EXPECT_STATUS(StatusCode::kInvalidArgument, "name", MakeVerifierKey("", public_key));
  EXPECT_STATUS(StatusCode::kInvalidArgument, "32 bytes", MakeVerifierKey("a", "short"));
  EXPECT_STATUS(StatusCode::kInvalidArgument, "name+id+key", ParseVerifierKey("example.com/foo"));
  EXPECT_STATUS(StatusCode::kInvalidArgument, "wrong id",
                ParseVerifierKey(absl::StrReplaceAll(kSpecKey, {{"530d903a", "530d903b"}})));
  std::string ecdsa = base::Base64Encode(std::string("\x02") + public_key);
  EXPECT_STATUS(StatusCode::kInvalidArgument, "Ed25519",
                ParseVerifierKey(absl::StrCat("example.com/foo+530d903a+", ecdsa)));
}

}  // namespace
}  // namespace domicile::audit
