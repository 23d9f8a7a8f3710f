// append_batch.h — the entries that the calls of one loop want recorded, handed to the log
// together. Internal to the room.
//
// Why: a loop reads dozens of calls at a turn, and each of their entries would wake the log's
// committer and be answered by a message of its own: five of the forty microseconds that a decided
// call cost. At the end of the turn they go to the log as one append and come back as one answer.
// Nothing waits longer for it: the turn ends before the loop sleeps.
//
// One append is all or none: the log takes all of it or says to each call why not. No caller can
// make an entry fail that is not its own: what the log would not take by itself is handed over
// alone. A call's entries keep their order.
// Thread-safety: loop thread only; the log's answer may come on any thread.
#ifndef DOMICILE_GATEWAY_PROXY_APPEND_BATCH_H_
#define DOMICILE_GATEWAY_PROXY_APPEND_BATCH_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "gateway/enforce/call.h"
#include "gateway/proxy/event_loop.h"

namespace domicile::proxy {

struct LoopContext;

// Of one strength.
class AppendBatch final : public EventLoop::Flushable {
 public:
  // Of one append: well below what the log takes in one piece, and so few that a full queue turns
  // away no crowd.
  static constexpr size_t kEntriesMax = 256;
  static constexpr size_t kBytesMax = 256 << 10;

  AppendBatch(LoopContext& context, enforce::Strength strength)
      : context_(context), strength_(strength) {}
  // The call is told by an enforce::Appended.
  void Add(uint64_t call, enforce::Append& effect);
  bool Holds(uint64_t call) const;
  void Flush() override;

 private:
  struct Waiting {
    uint64_t call;
    uint32_t question;
    uint32_t offset;  // of its first entry
  };
  LoopContext& context_;
  const enforce::Strength strength_;
  std::vector<std::string> entries_;
  size_t bytes_ = 0;
  std::vector<Waiting> waiting_;
};

}  // namespace domicile::proxy

#endif  // DOMICILE_GATEWAY_PROXY_APPEND_BATCH_H_
