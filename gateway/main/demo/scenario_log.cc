#include "gateway/main/demo/scenario_log.h"

#include <algorithm>
#include <filesystem>
#include <map>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "gateway/base/bytes.h"
#include "gateway/store/log_reader.h"

namespace domicile::demo {
namespace {

constexpr absl::Duration kRecordTimeout = absl::Seconds(10);
// Entries of one call are written in order; the one that is looked for may follow the first.
constexpr absl::Duration kDirectionTimeout = absl::Milliseconds(500);

std::string Hex(const audit::DecisionId& id) {
  return base::HexEncode(absl::string_view(reinterpret_cast<const char*>(id.data()), id.size()));
}

// What one pass over a shard finds.
struct Found {
  std::map<uint64_t, audit::ContextEntry> contexts;
  std::vector<Recorded> decisions;
  std::vector<std::pair<audit::DecisionId, access::Alert>> alerts;

  void Take(uint64_t index, audit::Entry entry, const std::string& region,
            const std::string& decision_id) {
    if (const auto* context = std::get_if<audit::ContextEntry>(&entry.body)) {
      contexts[index] = *context;
    } else if (const auto* alert = std::get_if<audit::AlertEntry>(&entry.body)) {
      alerts.emplace_back(alert->decision_id, alert->level);
    } else if (const auto* decision = std::get_if<audit::DecisionEntry>(&entry.body)) {
      if (Hex(decision->decision_id) != decision_id &&
          Hex(decision->peer_decision_id) != decision_id) {
        return;
      }
      Recorded recorded{region, index, std::move(entry), {}, access::Alert::kNone};
      auto named = contexts.find(recorded.entry.context);
      if (named != contexts.end()) recorded.context = named->second;
      decisions.push_back(std::move(recorded));
    }
  }
};

}  // namespace

std::vector<Recorded> DecisionsIn(const World& world, const std::string& region,
                                  const std::string& decision_id) {
  std::vector<Recorded> decisions;
  std::error_code ignored;
  const std::string logs = world.path(region + "/data/log");
  for (const auto& shard : std::filesystem::directory_iterator(logs, ignored)) {
    store::LogReader::Options options;
    options.directory = shard.path().string();
    auto reader = store::LogReader::Open(std::move(options));
    if (!reader.ok()) continue;
    Found found;
    const absl::Status read = (*reader)->Poll([&](uint64_t index, absl::string_view bytes) {
      absl::StatusOr<audit::Entry> entry = audit::Decode(bytes);
      if (entry.ok()) found.Take(index, *std::move(entry), region, decision_id);
      return true;
    });
    if (!read.ok()) continue;  // the next look sees it whole
    for (Recorded& decision : found.decisions) {
      for (const auto& [id, level] : found.alerts) {
        if (id == decision.decision().decision_id) decision.alert = std::max(decision.alert, level);
      }
      decisions.push_back(std::move(decision));
    }
  }
  return decisions;
}

absl::StatusOr<Recorded> AwaitDecision(const World& world, const std::string& region,
                                       const std::string& decision_id, audit::Direction direction) {
  const absl::Time started = absl::Now();
  while (true) {
    std::vector<Recorded> found = DecisionsIn(world, region, decision_id);
    found.erase(
        std::remove_if(found.begin(), found.end(),
                       [](const Recorded& r) { return r.decision().forwarded_to.has_value(); }),
        found.end());
    auto wanted = std::find_if(found.begin(), found.end(), [&](const Recorded& r) {
      return r.decision().direction == direction;
    });
    if (wanted != found.end()) return std::move(*wanted);
    const absl::Duration waited = absl::Now() - started;
    if (!found.empty() && waited > kDirectionTimeout) return std::move(found.back());
    if (waited > kRecordTimeout) {
      return absl::NotFoundError(
          absl::StrCat("the log of ", region, " has no decision of the call ", decision_id));
    }
    absl::SleepFor(absl::Milliseconds(10));  // another process writes it; nothing else tells
  }
}

}  // namespace domicile::demo
