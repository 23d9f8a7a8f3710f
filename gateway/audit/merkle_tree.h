// merkle_tree.h — the hash tree over the log: roots while it grows, and proofs.
//
// Why: a root of 32 bytes commits to every entry and their order, so that a
// signed head makes any later change visible, and a proof of a few hundred bytes
// shows one entry, or that a log only grew, to somebody who holds nothing else.
// Source: RFC 6962 section 2.1 (hashes), RFC 9162 sections 2.1.3.2 and 2.1.4.2
// (checks); vectors of the tile specification in tests/audit.
// Pure. Thread-safety: TreeEdge is thread-compatible; functions are thread-safe.
// Errors: proofs for sizes that are out of range give InvalidArgument; Verify...
// gives DataLoss when the proof does not hold.
// Limits: O(log n) memory for the edge; making a proof reads O(n) leaf hashes.
#ifndef DOMICILE_GATEWAY_AUDIT_MERKLE_TREE_H_
#define DOMICILE_GATEWAY_AUDIT_MERKLE_TREE_H_

#include <array>
#include <cstdint>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"

namespace domicile::audit {

using Hash = std::array<uint8_t, 32>;

Hash LeafHash(absl::string_view entry);              // SHA-256(0x00 ‖ entry)
Hash NodeHash(const Hash& left, const Hash& right);  // SHA-256(0x01 ‖ left ‖ right)
Hash EmptyRoot();                                    // SHA-256("")

// The right edge of a growing tree: roots of its full subtrees, largest first.
class TreeEdge {
 public:
  void Append(const Hash& leaf);
  uint64_t size() const { return size_; }
  Hash Root() const;

 private:
  uint64_t size_ = 0;
  std::vector<Hash> subtrees_;  // one for each set bit of size_
};

Hash RootOf(absl::Span<const Hash> leaves);

// Sibling hashes from leaf to root. REQUIRES: index < leaves.size(), else InvalidArgument.
absl::StatusOr<std::vector<Hash>> InclusionProof(absl::Span<const Hash> leaves, uint64_t index);
absl::Status VerifyInclusion(const Hash& leaf, uint64_t index, uint64_t size,
                             absl::Span<const Hash> proof, const Hash& root);

// That the tree over all of `leaves` begins with the tree over the first `old_size`; empty for
// old_size 0 and for leaves.size(). InvalidArgument when old_size is larger.
absl::StatusOr<std::vector<Hash>> ConsistencyProof(absl::Span<const Hash> leaves,
                                                   uint64_t old_size);
absl::Status VerifyConsistency(uint64_t old_size, const Hash& old_root, uint64_t new_size,
                               const Hash& new_root, absl::Span<const Hash> proof);

}  // namespace domicile::audit

#endif  // DOMICILE_GATEWAY_AUDIT_MERKLE_TREE_H_
