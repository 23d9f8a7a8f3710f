// log_chain.h — checks frame after frame that a log is one unbroken, signed history.
//
// Why: recovery and readers must come to the same verdict, or a log that one of
// them takes for good hides what the other would have found.
// Source: docs/audit-log.md section 3. Pure. Thread-compatible.
// Errors: DataLoss for anything that does not continue what came before,
// FailedPrecondition for the log of another origin.
#ifndef DOMICILE_GATEWAY_STORE_LOG_CHAIN_H_
#define DOMICILE_GATEWAY_STORE_LOG_CHAIN_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "gateway/audit/checkpoint.h"
#include "gateway/audit/merkle_tree.h"
#include "gateway/store/log_frame.h"

namespace domicile::store {

class LogChain {
 public:
  // `origin`: of the heads and segments; empty: that of the first head.
  explicit LogChain(std::string origin = "");

  // The next segment, whose header stands at the front of `bytes`.
  absl::Status StartSegment(absl::string_view bytes);
  // Order, chain, and root of its head; not the head's signature.
  absl::Status Accept(const Frame& frame);
  // As Accept for a frame that this process has just written and synced.
  void Extend(const Frame& frame);

  // Signature of the newest head. OK when there is none.
  absl::Status VerifyHead(const std::vector<audit::VerifierKey>& keys) const;

  uint64_t size() const { return edge_.size(); }
  audit::Hash root() const { return edge_.Root(); }
  const audit::Hash& previous() const { return previous_; }
  bool started() const { return segments_ > 0; }
  // Newest head; empty and 0: none.
  const std::string& head() const { return head_; }
  uint64_t head_size() const { return head_size_; }

  // Keeps the root at `size` when the log passes it.
  void Watch(uint64_t size);
  const std::optional<audit::Hash>& watched_root() const { return watched_root_; }

 private:
  void Append(absl::string_view entry);

  std::string origin_;
  uint64_t segments_ = 0;
  audit::Hash previous_{};
  audit::TreeEdge edge_;
  std::string head_;
  uint64_t head_size_ = 0;
  std::optional<uint64_t> watched_size_;
  std::optional<audit::Hash> watched_root_;
};

}  // namespace domicile::store

#endif  // DOMICILE_GATEWAY_STORE_LOG_CHAIN_H_
