#include "gateway/control/home_change.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "gateway/access/reason.h"
#include "gateway/audit/reference.h"

namespace domicile::control {
namespace {

uint32_t Capped(uint64_t count) {
  return static_cast<uint32_t>(std::min<uint64_t>(count, std::numeric_limits<uint32_t>::max()));
}

absl::StatusOr<std::string> Encoded(const HomeChange& change, auto body, absl::Time now) {
  audit::Entry entry;
  entry.time = absl::FromUnixMillis(absl::ToUnixMillis(now));
  entry.context = change.context;
  entry.body = std::move(body);
  return audit::Encode(entry);
}

audit::HomeEntry Begun(const HomeChange& change, audit::HomeCommand command,
                       const audit::Nonce& nonce) {
  const access::Principal& who = change.caller.principal;
  audit::HomeEntry entry;
  entry.decision_id = change.decision_id;
  entry.nonce = nonce;
  entry.command = command;
  entry.jurisdictions = who.jurisdictions;
  entry.roles = who.roles;
  entry.principal = audit::MakeReference(
      audit::DerivePersonKey(change.ring_key, audit::Role::kPrincipal, who.issuer,
                             who.subject.empty() ? who.workload : who.subject),
      audit::Role::kPrincipal, nonce);
  return entry;
}

}  // namespace

absl::StatusOr<std::string> SetHomeEntry(const HomeChange& change, const MovedPerson& person,
                                         const access::NameList<access::RegionIndex>& regions,
                                         const audit::Nonce& nonce, absl::Time now) {
  audit::HomeEntry entry = Begun(change, audit::HomeCommand::kSetHome, nonce);
  entry.subject = audit::MakeReference(person.reference_key, audit::Role::kDataSubject, nonce);
  for (const KnownHome& home : person.homes) {
    if (home.since <= now) entry.from = regions.Find(home.region);
  }
  entry.to = person.to;
  entry.homes_before = Capped(person.homes.size());
  entry.since_day = static_cast<uint32_t>(
      std::max<int64_t>(0, absl::ToInt64Hours(person.since - absl::UnixEpoch()) / 24));
  return Encoded(change, std::move(entry), now);
}

absl::StatusOr<std::string> ImportEntry(const HomeChange& change, const ImportedFile& file,
                                        const audit::Nonce& nonce, absl::Time now) {
  audit::HomeEntry entry = Begun(change, audit::HomeCommand::kImport, nonce);
  entry.lines = Capped(file.lines);
  entry.file_digest = audit::ImportDigest(change.ring_key, nonce, file.sha256);
  return Encoded(change, std::move(entry), now);
}

absl::StatusOr<std::string> HomeOutcomeEntry(const HomeChange& change, const absl::Status& status,
                                             uint64_t added, const audit::Nonce& nonce,
                                             absl::Time now) {
  audit::OutcomeEntry entry;
  entry.decision_id = change.decision_id;
  entry.nonce = nonce;
  entry.grpc_status = static_cast<uint32_t>(status.raw_code());
  if (entry.grpc_status > 16) entry.grpc_status = static_cast<uint32_t>(absl::StatusCode::kUnknown);
  entry.homes_registered = Capped(added);
  return Encoded(change, std::move(entry), now);
}

}  // namespace domicile::control
