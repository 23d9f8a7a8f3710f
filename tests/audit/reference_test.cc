#include "gateway/audit/reference.h"

#include <gtest/gtest.h>

#include <set>

#include "gateway/base/bytes.h"
#include "gateway/crypto/digest.h"

namespace domicile::audit {
namespace {

const std::string kKey(32, 'K');

Nonce NonceOf(uint8_t n) {
  Nonce nonce;
  nonce.fill(n);
  return nonce;
}

std::string Hex(const Bytes16& bytes) {
  return base::HexEncode({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
}

// Computed with another program (Python's hmac) from docs/audit-entry.md section 4.
TEST(P7Reference, IsWhatTheDocumentSays) {
  EXPECT_EQ(Hex(MakeReference(kKey, Role::kDataSubject, NonceOf(7))),
            "6238d7099210e516b6d878dd432bbd4b");
  EXPECT_EQ(base::HexEncode(DerivePersonKey("ring key", Role::kDataSubject, "acme.user", "u-1")),
            "64c4cf99845fe125650a811e1b64630205dba4f9a86ae5ce7db96280d04e2a42");
  EXPECT_EQ(Hex(StatusDigest("ring key", NonceOf(7), crypto::View(crypto::Sha256("not found")))),
            "515117da0f71072ebe2d4c4e1e687dfc");
}

TEST(P7Reference, TwoEntriesAboutOnePersonShareNothing) {
  EXPECT_NE(MakeReference(kKey, Role::kDataSubject, NonceOf(1)),
            MakeReference(kKey, Role::kDataSubject, NonceOf(2)));
  EXPECT_NE(MakeReference(kKey, Role::kDataSubject, NonceOf(1)),
            MakeReference(kKey, Role::kPrincipal, NonceOf(1)));
}

TEST(P7Reference, DestroyedKeyNamesNobody) {
  EXPECT_EQ(MakeReference("", Role::kDataSubject, NonceOf(1)), Reference{});
}

TEST(P7Reference, PeopleOfTwoNamespacesOrTwoSplitsHaveDifferentKeys) {
  std::set<std::string> keys = {DerivePersonKey("r", Role::kDataSubject, "ab", "c"),
                                DerivePersonKey("r", Role::kDataSubject, "a", "bc"),
                                DerivePersonKey("r", Role::kPrincipal, "ab", "c"),
                                DerivePersonKey("s", Role::kDataSubject, "ab", "c")};
  EXPECT_EQ(keys.size(), 4u);
  for (const std::string& key : keys) EXPECT_EQ(key.size(), kPersonKeyBytes);
}

TEST(P7Reference, AnImportedFileIsNamedUnderAKeySoThatOneLineCannotBeGuessed) {
  const std::string file(32, 'f'), other(32, 'g');
  EXPECT_EQ(ImportDigest("", NonceOf(1), file), Bytes16{});
  const Bytes16 digest = ImportDigest("r", NonceOf(1), file);
  EXPECT_EQ(digest, ImportDigest("r", NonceOf(1), file));
  for (const Bytes16& another :
       {ImportDigest("s", NonceOf(1), file), ImportDigest("r", NonceOf(2), file),
        ImportDigest("r", NonceOf(1), other), StatusDigest("r", NonceOf(1), file)}) {
    EXPECT_NE(digest, another);
  }
}

TEST(Reference, NoncesOfOneCallDiffer) {
  std::set<Nonce> nonces;
  for (uint64_t n = 0; n < 1'000; ++n) nonces.insert(DeriveNonce(std::string(16, 's'), n));
  EXPECT_EQ(nonces.size(), 1'000u);
  EXPECT_NE(DeriveNonce(std::string(16, 't'), 0), DeriveNonce(std::string(16, 's'), 0));
}

}  // namespace
}  // namespace domicile::audit
