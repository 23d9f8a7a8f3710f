#include "tests/soak/ledger.h"

#include <algorithm>
#include <filesystem>
#include <future>
#include <map>
#include <memory>
#include <set>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "gateway/audit/checkpoint.h"
#include "gateway/audit/entry.h"
#include "gateway/audit/reference.h"
#include "gateway/base/status_macros.h"
#include "gateway/crypto/key_ring.h"
#include "gateway/main/demo/people.h"
#include "gateway/store/directory.h"
#include "gateway/store/log_reader.h"

namespace domicile::soak {
namespace {

namespace fs = std::filesystem;

using PersonKeys = std::map<std::string, std::string>;  // by user id

absl::StatusOr<PersonKeys> ReadPersonKeys(demo::World& world, const std::string& region,
                                          const std::set<std::string>& user_ids) {
  store::DirectoryOptions options;
  options.path = world.path(region + "/data/homes.sqlite");
  DOMICILE_ASSIGN_OR_RETURN(auto ring, crypto::KeyRing::Load(world.path(region + "/keys/reference"),
                                                             crypto::KeyUse::kReference, region));
  options.reference_ring_key = std::string(ring->Active(absl::Now())->secret());
  DOMICILE_ASSIGN_OR_RETURN(auto directory, store::SqliteDirectory::Open(std::move(options)));
  std::vector<access::DataSubject> people;
  for (const std::string& id : user_ids) people.push_back({demo::kUserNamespace, id});
  std::promise<enforce::LocateResult> located;
  directory->Locate(people,
                    [&](enforce::LocateResult result) { located.set_value(std::move(result)); });
  const enforce::LocateResult result = located.get_future().get();
  DOMICILE_RETURN_IF_ERROR(result.status);
  PersonKeys keys;
  size_t at = 0;
  for (const std::string& id : user_ids) keys[id] = result.subjects[at++].reference_key;
  return keys;
}

absl::StatusOr<std::unique_ptr<store::LogReader>> OpenLog(demo::World& world,
                                                          const std::string& region,
                                                          const fs::path& shard) {
  DOMICILE_ASSIGN_OR_RETURN(auto ring, crypto::KeyRing::Load(world.path(region + "/keys/log"),
                                                             crypto::KeyUse::kLog, region));
  const std::string domain = demo::TrustDomainOf(world.options().regions.front());
  store::LogReader::Options options;
  options.directory = shard;
  options.uncovered = true;  // the last head must cover everything; see the result
  DOMICILE_ASSIGN_OR_RETURN(
      audit::VerifierKey key,
      audit::MakeVerifierKey(
          absl::StrCat(domain, "/domicile/", region, "/", region, "-1/", shard.filename().string()),
          ring->Active(absl::Now())->signing().public_key()));
  options.keys.push_back(std::move(key));
  return store::LogReader::Open(std::move(options));
}

std::string BytesOf(const audit::DecisionId& id) {
  return std::string(reinterpret_cast<const char*>(id.data()), id.size());
}

bool Names(const audit::DecisionEntry& entry, const std::string& person_key) {
  const audit::Reference reference =
      audit::MakeReference(person_key, audit::Role::kDataSubject, entry.nonce);
  return std::find(entry.subjects.begin(), entry.subjects.end(), reference) != entry.subjects.end();
}

// What has to stand in this region's log: at home that the record was shown, on the way that the
// call was passed on, each under the person's own key.
bool Shows(const audit::DecisionEntry& entry, const Received& received, const std::string& region,
           const PersonKeys& keys) {
  if (entry.effect < access::Effect::kMask || !Names(entry, keys.at(received.user_id)))
    return false;
  if (received.home != region) return entry.forwarded_to.has_value();
  return entry.direction == audit::Direction::kResponse && entry.records > entry.records_withheld;
}

double MegabytesOf(const fs::path& folder) {
  double bytes = 0;
  for (const auto& file : fs::recursive_directory_iterator(folder)) {
    if (file.is_regular_file()) bytes += static_cast<double>(file.file_size());
  }
  return bytes / (1 << 20);
}

}  // namespace

absl::StatusOr<LedgerReport> CheckLedger(demo::World& world, const std::string& region,
                                         const std::vector<Received>& received) {
  struct Wanted {
    const Received* received;
    bool found = false;
  };
  absl::flat_hash_map<std::string, Wanted> wanted;
  std::set<std::string> people;
  for (const Received& one : received) {
    if (one.home != region && one.gateway != region) continue;
    wanted[one.decision_id] = {&one};
    people.insert(one.user_id);
  }
  DOMICILE_ASSIGN_OR_RETURN(const PersonKeys keys, ReadPersonKeys(world, region, people));
  const std::string logs = world.path(region + "/data/log");
  LedgerReport report{.looked_for = wanted.size(), .megabytes = MegabytesOf(logs)};
  std::set<fs::path> shards;
  for (const auto& shard : fs::directory_iterator(logs)) shards.insert(shard.path());
  for (const fs::path& shard : shards) {
    DOMICILE_ASSIGN_OR_RETURN(auto reader, OpenLog(world, region, shard));
    absl::Status broken;
    auto look = [&](const audit::DecisionEntry& entry, const audit::DecisionId& id) {
      auto found = wanted.find(BytesOf(id));
      if (found == wanted.end() || found->second.found) return;
      found->second.found = Shows(entry, *found->second.received, region, keys);
    };
    DOMICILE_RETURN_IF_ERROR(reader->Poll([&](uint64_t, absl::string_view bytes) {
      absl::StatusOr<audit::Entry> entry = audit::Decode(bytes);
      if (!entry.ok()) broken = entry.status();
      const auto* decision = entry.ok() ? std::get_if<audit::DecisionEntry>(&entry->body) : nullptr;
      if (decision == nullptr) return entry.ok();
      ++report.decisions;
      look(*decision, decision->decision_id);
      look(*decision, decision->peer_decision_id);
      return true;
    }));
    DOMICILE_RETURN_IF_ERROR(broken);
    report.entries += reader->entries_read();
    report.covered += reader->head_size();
  }
  for (const auto& [id, one] : wanted) report.found += one.found ? 1 : 0;
  return report;
}

}  // namespace domicile::soak
