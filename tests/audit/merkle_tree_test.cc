#include "gateway/audit/merkle_tree.h"

#include <gtest/gtest.h>

#include <string>

#include "absl/strings/str_cat.h"
#include "gateway/base/bytes.h"
#include "gateway/crypto/digest.h"
#include "tests/support/status_matchers.h"

namespace domicile::audit {
namespace {

std::string Base64(const Hash& hash) { return base::Base64Encode(crypto::View(hash)); }

// Leaf i is the decimal number i, as in the published vectors.
std::vector<Hash> NumberLeaves(uint64_t n) {
  std::vector<Hash> leaves;
  for (uint64_t i = 0; i < n; ++i) leaves.push_back(LeafHash(absl::StrCat(i)));
  return leaves;
}

// RFC 6962 2.1 as it is written there, for comparison.
Hash NaiveRoot(absl::Span<const Hash> leaves) {
  if (leaves.empty()) return EmptyRoot();
  if (leaves.size() == 1) return leaves[0];
  size_t split = 1;
  while (split * 2 < leaves.size()) split *= 2;
  return NodeHash(NaiveRoot(leaves.first(split)), NaiveRoot(leaves.subspan(split)));
}

TEST(P7MerkleTree, GivesThePublishedRoots) {
  EXPECT_EQ(Base64(EmptyRoot()), "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=");
  EXPECT_EQ(Base64(LeafHash("")), "bjQLnP+zepicpUTmu3gKLHiQHT+zNzh2hRGjBhevoB0=");
  const std::pair<uint64_t, const char*> kRoots[] = {
      {1, "2zQm6HgGjSjSabbIcXIyLOU3K2V1bQeJAB00g19gHAM="},
      {2, "ywCYnZSlacCmeK4EK2Pc1GJduWRAUX83put5duok7Us="},
      {3, "cl1SMNto9VdHDcNfHYhlgTrNfrsHrRUndBQd7LrnEyc="},
      {255, "Mvhbyqh9e80Fco8J6a66NQumovczgwCH8Fl2goSL5cs="},
      {256, "goUV0DPBnYyQHzfsy4rtkZZncDSG+NL/8c9wQDIcXbE="},
      {257, "HtoEmkNR2G92JSvX7At3Rq11t/oDFq1fVB29pFijEsQ="},
      {70000, "Gkzfy2Y3SgwNy+9JrL1JdtE+6GT7PLJB/JQ8rQTwL34="}};
  for (const auto& [size, root] : kRoots) EXPECT_EQ(Base64(RootOf(NumberLeaves(size))), root);
}

TEST(P7MerkleTree, EdgeAgreesWithTheDefinitionAtEverySize) {
  std::vector<Hash> leaves = NumberLeaves(130);
  TreeEdge edge;
  EXPECT_EQ(edge.Root(), EmptyRoot());
  for (size_t size = 1; size <= leaves.size(); ++size) {
    edge.Append(leaves[size - 1]);
    EXPECT_EQ(edge.size(), size);
    EXPECT_EQ(edge.Root(), NaiveRoot(absl::MakeSpan(leaves).first(size)));
  }
}

TEST(P7MerkleTree, EveryInclusionProofHoldsAndNoOtherDoes) {
  std::vector<Hash> all = NumberLeaves(70);
  for (size_t size = 1; size <= 33; ++size) {
    absl::Span<const Hash> leaves = absl::MakeSpan(all).first(size);
    Hash root = RootOf(leaves);
    for (size_t index = 0; index < size; ++index) {
      ASSERT_OK_AND_ASSIGN(std::vector<Hash> proof, InclusionProof(leaves, index));
      EXPECT_OK(VerifyInclusion(leaves[index], index, size, proof, root));
      EXPECT_FALSE(VerifyInclusion(all[size], index, size, proof, root).ok());
      EXPECT_FALSE(VerifyInclusion(leaves[index], index, size, proof, all[0]).ok() && size > 1);
      for (size_t other = 0; other < size; ++other) {
        if (other == index) continue;
        EXPECT_FALSE(VerifyInclusion(leaves[index], other, size, proof, root).ok());
      }
      for (size_t broken = 0; broken < proof.size(); ++broken) {
        std::vector<Hash> changed = proof;
        changed[broken][7] ^= 1;
        EXPECT_FALSE(VerifyInclusion(leaves[index], index, size, changed, root).ok());
      }
      std::vector<Hash> longer = proof;
      longer.push_back(all[0]);
      EXPECT_FALSE(VerifyInclusion(leaves[index], index, size, longer, root).ok());
      if (!proof.empty()) {
        proof.pop_back();
        EXPECT_FALSE(VerifyInclusion(leaves[index], index, size, proof, root).ok());
      }
    }
  }
  EXPECT_STATUS(absl::StatusCode::kInvalidArgument, "not in the tree", InclusionProof(all, 70));
  EXPECT_STATUS(absl::StatusCode::kDataLoss, "not in the tree",
                VerifyInclusion(all[0], 1, 1, {}, all[0]));
}

TEST(P7MerkleTree, EveryConsistencyProofHoldsAndNoOtherDoes) {
  std::vector<Hash> all = NumberLeaves(40);
  for (size_t size = 0; size <= 33; ++size) {
    absl::Span<const Hash> leaves = absl::MakeSpan(all).first(size);
    Hash root = RootOf(leaves);
    for (size_t old_size = 0; old_size <= size; ++old_size) {
      Hash old_root = RootOf(leaves.first(old_size));
      ASSERT_OK_AND_ASSIGN(std::vector<Hash> proof, ConsistencyProof(leaves, old_size));
      EXPECT_OK(VerifyConsistency(old_size, old_root, size, root, proof));
      Hash other = old_root;
      other[0] ^= 1;
      EXPECT_FALSE(VerifyConsistency(old_size, other, size, root, proof).ok());
      if (old_size > 0) {
        Hash other_new = root;
        other_new[31] ^= 1;
        EXPECT_FALSE(VerifyConsistency(old_size, old_root, size, other_new, proof).ok());
      }
      for (size_t broken = 0; broken < proof.size(); ++broken) {
        std::vector<Hash> changed = proof;
        changed[broken][0] ^= 128;
        EXPECT_FALSE(VerifyConsistency(old_size, old_root, size, root, changed).ok());
      }
      std::vector<Hash> longer = proof;
      longer.push_back(all[0]);
      EXPECT_FALSE(VerifyConsistency(old_size, old_root, size, root, longer).ok());
      if (!proof.empty()) {
        proof.pop_back();
        EXPECT_FALSE(VerifyConsistency(old_size, old_root, size, root, proof).ok());
      }
    }
  }
  EXPECT_STATUS(absl::StatusCode::kInvalidArgument, "larger", ConsistencyProof(all, 41));
  EXPECT_STATUS(absl::StatusCode::kDataLoss, "shrunk", VerifyConsistency(2, all[0], 1, all[0], {}));
}

}  // namespace
}  // namespace domicile::audit
