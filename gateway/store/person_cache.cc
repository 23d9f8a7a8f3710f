#include "gateway/store/person_cache.h"

#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "gateway/audit/reference.h"
#include "gateway/base/bytes.h"
#include "gateway/base/status_macros.h"

namespace domicile::store {

KnownPerson::~KnownPerson() { base::Zeroise(&reference_key); }

absl::StatusOr<std::shared_ptr<const KnownPerson>> ReadPerson(
    HomesTable& table, const access::DataSubject& subject, absl::string_view reference_ring_key) {
  auto known = std::make_shared<KnownPerson>();
  known->names = {subject};
  DOMICILE_ASSIGN_OR_RETURN(std::optional<PersonRow> person, table.Find(subject));
  if (person) {
    DOMICILE_ASSIGN_OR_RETURN(known->homes, table.Homes(*person));
    known->reference_key = person->reference_key;
    DOMICILE_ASSIGN_OR_RETURN(std::vector<std::string> aliases, table.Aliases(*person));
    known->names.push_back(person->subject);
    for (std::string& alias : aliases)
      known->names.push_back({.name_space = subject.name_space, .id = std::move(alias)});
  } else if (!reference_ring_key.empty()) {
    known->reference_key = audit::DerivePersonKey(reference_ring_key, audit::Role::kDataSubject,
                                                  subject.name_space, subject.id);
  }
  return known;
}

std::string PersonCache::KeyOf(const access::DataSubject& subject) {
  return absl::StrCat(subject.name_space.size(), ":", subject.name_space, subject.id);
}

std::shared_ptr<const KnownPerson> PersonCache::Find(const access::DataSubject& subject,
                                                     Clock::time_point now) {
  const std::string key = KeyOf(subject);
  std::lock_guard<std::mutex> lock(mutex_);
  for (People* people : {&young_, &old_}) {
    auto found = people->find(key);
    if (found != people->end() && now - found->second.since < kKeptFor) return found->second.person;
  }
  return nullptr;
}

void PersonCache::Put(const access::DataSubject& subject, std::shared_ptr<const KnownPerson> person,
                      Clock::time_point now) {
  People gone;  // destroyed after the lock is given back
  std::lock_guard<std::mutex> lock(mutex_);
  if (young_.size() >= kPeopleMax / 2) {
    gone = std::exchange(old_, std::exchange(young_, {}));
  }
  young_[KeyOf(subject)] = {std::move(person), now};
}

void PersonCache::Forget(const access::DataSubject& subject) {
  const std::string key = KeyOf(subject);
  std::lock_guard<std::mutex> lock(mutex_);
  young_.erase(key);
  old_.erase(key);
}

void PersonCache::ForgetAll() {
  std::lock_guard<std::mutex> lock(mutex_);
  young_.clear();
  old_.clear();
}

}  // namespace domicile::store
