#include "gateway/proxy/append_batch.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "gateway/audit/entry.h"
#include "gateway/proxy/exchange.h"
#include "gateway/proxy/loop_context.h"

namespace domicile::proxy {

void AppendBatch::Add(uint64_t call, enforce::Append& effect) {
  size_t bytes = 0;
  bool taken = !effect.entries.empty();
  for (const std::string& entry : effect.entries) {
    bytes += entry.size();
    taken = taken && !entry.empty() && entry.size() <= audit::kEntryBytesMax;
  }
  if (!taken || entries_.size() + effect.entries.size() > kEntriesMax || bytes_ + bytes > kBytesMax)
    Flush();
  waiting_.push_back({call, effect.question, static_cast<uint32_t>(entries_.size())});
  std::move(effect.entries.begin(), effect.entries.end(), std::back_inserter(entries_));
  bytes_ += bytes;
  if (taken) {
    context_.loop.FlushSoon(this);
  } else {
    Flush();
  }
}

bool AppendBatch::Holds(uint64_t call) const {
  return std::any_of(waiting_.begin(), waiting_.end(),
                     [call](const Waiting& waiting) { return waiting.call == call; });
}

void AppendBatch::Flush() {
  if (waiting_.empty()) return;
  bytes_ = 0;
  context_.ports.audit->Append(
      std::exchange(entries_, {}), strength_,
      [gate = context_.gate, context = &context_,
       waiting = std::exchange(waiting_, {})](enforce::AppendResult result) mutable {
        auto deliver = [context, waiting = std::move(waiting), result = std::move(result)] {
          for (const Waiting& one : waiting) {
            enforce::AppendResult own = result;
            own.first_index += one.offset;
            Exchange::FeedByNumber(context, one.call,
                                   enforce::Appended{one.question, std::move(own), context->Now()});
          }
        };
        gate->Deliver(std::move(deliver));
      });
}

}  // namespace domicile::proxy
