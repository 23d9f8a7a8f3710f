// The log's commands: tail, why.
#include <set>
#include <utility>

#include "gateway/audit/entry.h"
#include "gateway/control/entry_report.h"
#include "gateway/policy/explain.h"
#include "gateway/services/control_service.h"

namespace domicile::services {
namespace {

namespace v1 = domicile::v1;

constexpr size_t kWhyEntriesMax = 64;

// Names for entries: the current policy's, as long as an entry's CONTEXT is of that policy.
class Namer {
 public:
  Namer(const enforce::Snapshot& snapshot, const std::vector<std::string>& methods)
      : snapshot_(snapshot), methods_(methods) {}
  void Learn(uint64_t index, const audit::Entry& entry) {
    const auto* context = std::get_if<audit::ContextEntry>(&entry.body);
    if (context == nullptr) return;
    // Indexes begin anew in each shard.
    if (context->policy_digest == snapshot_.policy->digest()) {
      current_.insert(index);
    } else {
      current_.erase(index);
    }
  }
  bool Knows(const audit::Entry& entry) const { return current_.count(entry.context) > 0; }
  control::EntryNames For(const audit::Entry& entry) const {
    if (!Knows(entry)) return {};
    return {snapshot_.policy.get(), methods_};
  }

 private:
  const enforce::Snapshot& snapshot_;
  const std::vector<std::string>& methods_;
  std::set<uint64_t> current_;
};

void AddWhy(uint64_t index, const audit::Entry& entry, std::string bytes, const Namer& namer,
            const enforce::Snapshot& snapshot, v1::WhyResponse& response) {
  v1::TailLogResponse* shown = response.add_entries();
  shown->set_index(index);
  shown->set_entry(std::move(bytes));
  shown->set_json(control::EntryJson(index, entry, namer.For(entry)));
  response.add_lines(control::EntryLine(index, entry, namer.For(entry)));
  const auto& decision = std::get<audit::DecisionEntry>(entry.body);
  if (!namer.Knows(entry) || decision.rules.empty()) return;
  const audit::RecordInput input(decision);
  access::RecordDecision answer;
  answer.effect = decision.effect;
  answer.existence = decision.existence;
  answer.reason = decision.reason;
  answer.rules = decision.rules;
  answer.legal = decision.legal;
  answer.legal_class = decision.legal_class;
  answer.company = decision.company;
  const policy::Explanation explanation =
      policy::Explain(*snapshot.policy, audit::ToCallFacts(decision), input.facts, answer);
  response.add_lines(explanation.sentence);
  for (const std::string& citation : explanation.citations) response.add_lines(citation);
}

}  // namespace

grpc::Status ControlService::TailLog(grpc::ServerContext* context,
                                     const v1::TailLogRequest* request,
                                     grpc::ServerWriter<v1::TailLogResponse>* writer) {
  constexpr char kPath[] = "/domicile.v1.Control/TailLog", kRole[] = "log.tail";
  Asked asked(ports_, *context, kPath, kRole);
  if (!asked.caller.identified()) return asked.Denied();
  const std::vector<std::string> methods = ports_.methods();
  Namer namer(*asked.snapshot, methods);
  uint64_t left = request->limit() == 0 ? ~uint64_t{0} : request->limit();
  access::Reason revoked = access::Reason::kRule;  // it was not
  // A stream must not outlive what identified its caller.
  uint64_t identified_under = asked.snapshot->version;
  const auto stop = [&] {
    if (context->IsCancelled() || ports_.clock->Now() >= asked.caller.principal.valid_until) {
      return true;
    }
    // Roots, workloads, staff or roles of now: what is revoked must end a stream, too.
    if (ports_.snapshot()->version == identified_under) return false;
    const Asked again(ports_, *context, kPath, kRole);
    identified_under = again.snapshot->version;
    revoked = again.caller.problem;
    return !again.caller.identified();
  };
  uint64_t from = request->from_index(), expected = 0;
  const absl::Status read = ports_.read_log(
      request->follow() ? LogScope::kFollow : LogScope::kCurrent,
      [&](uint64_t index, absl::string_view bytes) {
        absl::StatusOr<audit::Entry> entry = audit::Decode(bytes);
        if (!entry.ok()) return true;
        namer.Learn(index, *entry);
        if (index < std::exchange(expected, index + 1)) from = 0;  // the next half-year's shard
        if (index < from) return !stop();
        v1::TailLogResponse shown;
        shown.set_index(index);
        shown.set_entry(std::string(bytes));
        shown.set_json(control::EntryJson(index, *entry, namer.For(*entry)));
        return writer->Write(shown) && --left > 0 && !stop();
      },
      stop);
  if (revoked != access::Reason::kRule) return Deny(revoked, "");
  return read.ok() ? grpc::Status::OK : Error(read);
}

grpc::Status ControlService::Why(grpc::ServerContext* context, const v1::WhyRequest* request,
                                 v1::WhyResponse* response) {
  Asked asked(ports_, *context, "/domicile.v1.Control/Why", "why");
  if (!asked.caller.identified()) return asked.Denied();
  const std::vector<std::string> methods = ports_.methods();
  Namer namer(*asked.snapshot, methods);
  ReadFacts read;
  read.protected_person = read.minor = access::Tri::kFalse;
  const absl::Status status = ports_.read_log(
      LogScope::kEverything,
      [&](uint64_t index, absl::string_view bytes) {
        absl::StatusOr<audit::Entry> entry = audit::Decode(bytes);
        if (!entry.ok()) return true;
        namer.Learn(index, *entry);
        const auto* decision = std::get_if<audit::DecisionEntry>(&entry->body);
        // A caller holds the id of the gateway that they called; the home's entry names it.
        const audit::DecisionId none{};
        const bool named =
            decision != nullptr && (Hex(decision->decision_id) == request->decision_id() ||
                                    (decision->peer_decision_id != none &&
                                     Hex(decision->peer_decision_id) == request->decision_id()));
        if (!named || response->entries_size() >= static_cast<int>(kWhyEntriesMax)) {
          return true;
        }
        read.origins = read.origins | decision->origins;
        read.protected_person = Either(read.protected_person, decision->protected_person);
        read.minor = Either(read.minor, decision->minor);
        AddWhy(index, *entry, std::string(bytes), namer, *asked.snapshot, *response);
        return true;
      },
      [context] { return context->IsCancelled(); });
  if (!status.ok()) return Error(status);
  // Judged whether or not it was found: an unknown id tells nothing to who may not know.
  if (read.origins.empty()) read.origins = access::RegionSet::Of(asked.snapshot->region);
  std::string decision_id;
  const grpc::Status decided = Decide(asked, {}, {}, read, decision_id);
  if (!decided.ok()) {
    response->Clear();
    return decided;
  }
  response->set_decision_id(decision_id);
  return grpc::Status::OK;
}

}  // namespace domicile::services
