#include "gateway/audit/merkle_tree.h"

#include <bit>

#include "gateway/crypto/digest.h"

namespace domicile::audit {
namespace {

// Largest power of two smaller than n. REQUIRES: n > 1.
uint64_t SplitOf(uint64_t n) { return std::bit_floor(n - 1); }

absl::Status Holds(bool condition, absl::string_view what) {
  return condition ? absl::OkStatus() : absl::DataLossError(what);
}

// RFC 6962 2.1.2 SUBPROOF; `whole` says that the old tree's root is known to the reader.
void ConsistencyPath(absl::Span<const Hash> leaves, uint64_t old_size, bool whole,
                     std::vector<Hash>& proof) {
  if (old_size == leaves.size()) {
    if (!whole) proof.push_back(RootOf(leaves));
    return;
  }
  uint64_t split = SplitOf(leaves.size());
  if (old_size <= split) {
    ConsistencyPath(leaves.first(split), old_size, whole, proof);
    proof.push_back(RootOf(leaves.subspan(split)));
  } else {
    ConsistencyPath(leaves.subspan(split), old_size - split, false, proof);
    proof.push_back(RootOf(leaves.first(split)));
  }
}

}  // namespace

Hash LeafHash(absl::string_view entry) {
  crypto::Sha256Stream stream;
  stream.Update(absl::string_view("\x00", 1));
  stream.Update(entry);
  return stream.Finish();
}

Hash NodeHash(const Hash& left, const Hash& right) {
  crypto::Sha256Stream stream;
  stream.Update("\x01");
  stream.Update(crypto::View(left));
  stream.Update(crypto::View(right));
  return stream.Finish();
}

Hash EmptyRoot() { return crypto::Sha256(""); }

void TreeEdge::Append(const Hash& leaf) {
  Hash hash = leaf;
  for (uint64_t rest = size_; (rest & 1) != 0; rest >>= 1) {
    hash = NodeHash(subtrees_.back(), hash);
    subtrees_.pop_back();
  }
  subtrees_.push_back(hash);
  ++size_;
}

Hash TreeEdge::Root() const {
  if (subtrees_.empty()) return EmptyRoot();
  Hash root = subtrees_.back();
  for (size_t i = subtrees_.size() - 1; i > 0; --i) root = NodeHash(subtrees_[i - 1], root);
  return root;
}

Hash RootOf(absl::Span<const Hash> leaves) {
  TreeEdge edge;
  for (const Hash& leaf : leaves) edge.Append(leaf);
  return edge.Root();
}

absl::StatusOr<std::vector<Hash>> InclusionProof(absl::Span<const Hash> leaves, uint64_t index) {
  if (index >= leaves.size())
    return absl::InvalidArgumentError("inclusion proof: index is not in the tree");
  std::vector<Hash> from_root;
  while (leaves.size() > 1) {
    uint64_t split = SplitOf(leaves.size());
    if (index < split) {
      from_root.push_back(RootOf(leaves.subspan(split)));
      leaves = leaves.first(split);
    } else {
      from_root.push_back(RootOf(leaves.first(split)));
      leaves = leaves.subspan(split);
      index -= split;
    }
  }
  return std::vector<Hash>(from_root.rbegin(), from_root.rend());
}

// RFC 9162 2.1.3.2.
absl::Status VerifyInclusion(const Hash& leaf, uint64_t index, uint64_t size,
                             absl::Span<const Hash> proof, const Hash& root) {
  if (index >= size) return absl::DataLossError("inclusion proof: index is not in the tree");
  uint64_t node = index, last = size - 1;
  Hash hash = leaf;
  for (const Hash& sibling : proof) {
    if (last == 0) return absl::DataLossError("inclusion proof: is too long");
    if ((node & 1) != 0 || node == last) {
      hash = NodeHash(sibling, hash);
      while ((node & 1) == 0 && node != 0) {
        node >>= 1;
        last >>= 1;
      }
    } else {
      hash = NodeHash(hash, sibling);
    }
    node >>= 1;
    last >>= 1;
  }
  if (last != 0) return absl::DataLossError("inclusion proof: is too short");
  return Holds(hash == root, "inclusion proof: gives another root");
}

absl::StatusOr<std::vector<Hash>> ConsistencyProof(absl::Span<const Hash> leaves,
                                                   uint64_t old_size) {
  if (old_size > leaves.size())
    return absl::InvalidArgumentError("consistency proof: the old tree is larger than the new");
  std::vector<Hash> proof;
  if (old_size != 0) ConsistencyPath(leaves, old_size, true, proof);
  return proof;
}

// RFC 9162 2.1.4.2.
absl::Status VerifyConsistency(uint64_t old_size, const Hash& old_root, uint64_t new_size,
                               const Hash& new_root, absl::Span<const Hash> proof) {
  if (old_size > new_size) return absl::DataLossError("consistency proof: the log has shrunk");
  if (old_size == 0 || old_size == new_size) {
    if (!proof.empty()) return absl::DataLossError("consistency proof: is too long");
    return Holds(old_size == 0 ? old_root == EmptyRoot() : old_root == new_root,
                 "consistency proof: one size has two roots");
  }
  uint64_t node = old_size - 1, last = new_size - 1;
  while ((node & 1) != 0) {
    node >>= 1;
    last >>= 1;
  }
  // A subtree that fills the old tree is known to the reader and not in the proof.
  if (node != 0 && proof.empty()) return absl::DataLossError("consistency proof: is too short");
  Hash old_hash = node == 0 ? old_root : proof[0];
  Hash new_hash = old_hash;
  for (const Hash& sibling : proof.subspan(node == 0 ? 0 : 1)) {
    if (last == 0) return absl::DataLossError("consistency proof: is too long");
    if ((node & 1) != 0 || node == last) {
      old_hash = NodeHash(sibling, old_hash);
      new_hash = NodeHash(sibling, new_hash);
      while ((node & 1) == 0 && node != 0) {
        node >>= 1;
        last >>= 1;
      }
    } else {
      new_hash = NodeHash(new_hash, sibling);
    }
    node >>= 1;
    last >>= 1;
  }
  if (last != 0) return absl::DataLossError("consistency proof: is too short");
  return Holds(old_hash == old_root && new_hash == new_root,
               "consistency proof: gives another root");
}

}  // namespace domicile::audit
