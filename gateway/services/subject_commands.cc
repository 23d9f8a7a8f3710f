// Commands about people: import, set-home, show, and what a tag says.
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "gateway/base/yaml.h"
#include "gateway/crypto/digest.h"
#include "gateway/services/control_service.h"

namespace domicile::services {
namespace {

namespace v1 = domicile::v1;

constexpr size_t kImportBytesMax = 64 << 20;

// Of every home to date; our own for somebody without one, so that who may not know learns
// nothing and who may reads an empty list.
access::RegionSet RegionsOf(const enforce::Snapshot& snapshot, const enforce::SubjectFacts& facts) {
  access::RegionSet regions;
  for (const enforce::DatedHome& home : facts.homes) {
    if (auto index = snapshot.policy->vocabulary().regions.Find(home.region)) {
      regions.Add(*index);
    }
  }
  return regions.empty() ? access::RegionSet::Of(snapshot.region) : regions;
}

std::string CheckTag(const enforce::Snapshot& snapshot, const v1::ShowTagRequest& request,
                     const std::vector<access::DataSubject>& subjects, absl::Time now) {
  if (subjects.empty() || snapshot.tags == nullptr) return "not_checked";
  std::vector<const access::DataSubject*> pointers;
  for (const access::DataSubject& subject : subjects) pointers.push_back(&subject);
  const origin::TagResult result = snapshot.tags->Check(
      request.tag(), {pointers, request.message_name(), request.record_id()}, now);
  return std::string(Name(result.check));
}

}  // namespace

grpc::Status ControlService::ImportSubjects(grpc::ServerContext* context,
                                            grpc::ServerReader<v1::ImportSubjectsRequest>* reader,
                                            v1::ImportSubjectsResponse* response) {
  Asked asked(ports_, *context, "/domicile.v1.Control/ImportSubjects", "subject.import");
  if (!asked.caller.identified()) return asked.Denied();
  std::string csv;
  v1::ImportSubjectsRequest part;
  while (reader->Read(&part)) {
    if (csv.size() + part.csv().size() > kImportBytesMax) {
      return Error(absl::ResourceExhaustedError("import: more than 64 MiB; cut the file"));
    }
    csv += part.csv();
  }
  const absl::StatusOr<uint64_t> lines = ports_.count_import(csv);
  if (!lines.ok()) return Error(lines.status());
  const crypto::Digest digest = crypto::Sha256(csv);
  const control::ImportedFile file{*lines, crypto::View(digest)};
  ImportCounts counts;
  const grpc::Status done = ChangeHomes(
      asked,
      [&file](const control::HomeChange& about, const audit::Nonce& nonce, absl::Time now) {
        return control::ImportEntry(about, file, nonce, now);
      },
      [&] {
        Changed changed;
        changed.status = ports_.import(csv, counts);
        changed.added = counts.added;
        return changed;
      },
      *response->mutable_decision_id());
  response->set_lines(counts.lines);
  response->set_added(counts.added);
  response->set_unchanged(counts.unchanged);
  return done;
}

grpc::Status ControlService::SetHome(grpc::ServerContext* context,
                                     const v1::SetHomeRequest* request,
                                     v1::SetHomeResponse* response) {
  Asked asked(ports_, *context, "/domicile.v1.Control/SetHome", "subject.set-home");
  if (!asked.caller.identified()) return asked.Denied();
  if (request->subject().namespace_().empty() || request->subject().id().empty()) {
    return Error(absl::InvalidArgumentError("subject needs a namespace and an id"));
  }
  const auto& regions = asked.snapshot->policy->vocabulary().regions;
  const auto to = regions.Find(request->region());
  if (!to) {
    return Error(absl::InvalidArgumentError(
        absl::StrCat("no region `", request->region(), "` in the policy")));
  }
  absl::Time since = absl::FromUnixSeconds(absl::ToUnixSeconds(ports_.clock->Now()));
  if (!request->since().empty()) {
    const std::optional<absl::Time> given = base::ParseTime(request->since());
    if (!given) return Error(absl::InvalidArgumentError("since must be RFC 3339 or a date"));
    since = *given;
  }
  const access::DataSubject subject = FromProto(request->subject());
  const absl::StatusOr<std::vector<enforce::SubjectFacts>> facts =
      Locate(*ports_.directory, {subject});
  if (!facts.ok()) return Error(facts.status());
  control::MovedPerson person;
  person.reference_key = facts->front().reference_key;
  std::vector<control::KnownHome> homes;
  for (const enforce::DatedHome& home : facts->front().homes) {
    homes.push_back({home.region, home.since});
  }
  person.homes = homes;
  person.to = *to;
  person.since = since;
  return ChangeHomes(
      asked,
      [&](const control::HomeChange& about, const audit::Nonce& nonce, absl::Time now) {
        return control::SetHomeEntry(about, person, regions, nonce, now);
      },
      [&] {
        Changed changed;
        const absl::StatusOr<bool> added = ports_.set_home(subject, request->region(), since);
        changed.status = added.status();
        changed.added = added.ok() && *added ? 1 : 0;
        return changed;
      },
      *response->mutable_decision_id());
}

grpc::Status ControlService::ShowSubject(grpc::ServerContext* context,
                                         const v1::ShowSubjectRequest* request,
                                         v1::ShowSubjectResponse* response) {
  Asked asked(ports_, *context, "/domicile.v1.Control/ShowSubject", "subject.show");
  if (!asked.caller.identified()) return asked.Denied();
  const std::vector<access::DataSubject> subjects = {FromProto(request->subject())};
  absl::StatusOr<std::vector<enforce::SubjectFacts>> facts = Locate(*ports_.directory, subjects);
  if (!facts.ok()) return Error(facts.status());
  const enforce::SubjectFacts& found = facts->front();
  ReadFacts read;
  read.origins = RegionsOf(*asked.snapshot, found);
  read.protected_person = found.protected_person;
  read.minor = found.minor;
  std::string decision_id;
  const grpc::Status decided = Decide(asked, subjects, {found.reference_key}, read, decision_id);
  if (!decided.ok()) return decided;
  for (const enforce::DatedHome& home : found.homes) {
    v1::Home* shown = response->add_homes();
    shown->set_region(home.region);
    shown->set_since(Rfc3339(home.since));
  }
  response->set_decision_id(decision_id);
  return grpc::Status::OK;
}

grpc::Status ControlService::ShowTag(grpc::ServerContext* context,
                                     const v1::ShowTagRequest* request,
                                     v1::ShowTagResponse* response) {
  Asked asked(ports_, *context, "/domicile.v1.Control/ShowTag", "tag.show");
  if (!asked.caller.identified()) return asked.Denied();
  const std::optional<origin::Tag> tag = origin::ParseTag(request->tag());
  if (!tag) return Error(absl::InvalidArgumentError("these bytes are no origin tag"));
  std::vector<access::DataSubject> subjects;
  for (const v1::Subject& subject : request->subjects()) subjects.push_back(FromProto(subject));
  absl::StatusOr<std::vector<enforce::SubjectFacts>> facts = Locate(*ports_.directory, subjects);
  if (!facts.ok()) return Error(facts.status());
  ReadFacts read;
  read.protected_person = read.minor =
      subjects.empty() ? access::Tri::kUnknown : access::Tri::kFalse;
  std::vector<std::string> keys;
  for (const enforce::SubjectFacts& found : *facts) {
    read.origins = read.origins | RegionsOf(*asked.snapshot, found);
    read.protected_person = Either(read.protected_person, found.protected_person);
    read.minor = Either(read.minor, found.minor);
    keys.push_back(found.reference_key);
  }
  for (const std::string& region : tag->regions) {
    if (auto index = asked.snapshot->policy->vocabulary().regions.Find(region)) {
      read.origins.Add(*index);
    }
  }
  std::string decision_id;
  const grpc::Status decided = Decide(asked, subjects, keys, read, decision_id);
  if (!decided.ok()) return decided;
  response->set_check(CheckTag(*asked.snapshot, *request, subjects, ports_.clock->Now()));
  response->set_issuer(tag->issuer);
  for (const std::string& region : tag->regions) response->add_regions(region);
  response->set_created_at(Rfc3339(tag->created_at));
  response->set_key_id(absl::StrCat(absl::Hex(tag->key_id, absl::kZeroPad8)));
  response->set_decision_id(decision_id);
  return grpc::Status::OK;
}

}  // namespace domicile::services
