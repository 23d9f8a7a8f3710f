#include "gateway/exceptions/quorum.h"

#include <algorithm>
#include <map>
#include <set>

namespace domicile::exceptions {
namespace {

// Each of them is known and in the region.
bool AllIn(const std::vector<access::CountryCode>& countries, const access::CountrySet& region) {
  return !countries.empty() &&
         std::all_of(countries.begin(), countries.end(), [&](access::CountryCode country) {
           return !country.unknown() && region.Has(country);
         });
}

// The most seats of one quorum that its signers can fill, each sitting once: augmenting paths over
// chairs (Kuhn), where a seat of count n is n chairs. Same answer whatever the order of signatures.
class Seating {
 public:
  explicit Seating(const Quorum& quorum) {
    for (size_t place = 0; place < quorum.seats.size(); ++place) {
      const uint32_t count = std::min(quorum.seats[place].count, kSeatCountMax);
      chairs_.insert(chairs_.end(), count, Chair{place, nullptr});
    }
  }

  // `may`: places in this quorum where the person may sit; outlives the seating.
  void Seat(const std::set<size_t>& may) {
    std::vector<bool> tried(chairs_.size(), false);
    Find(&may, tried);
  }

  std::vector<size_t> Empty() const {
    std::vector<size_t> places;
    for (const Chair& chair : chairs_) {
      if (chair.who == nullptr) places.push_back(chair.place);
    }
    return places;
  }
  bool has_chairs() const { return !chairs_.empty(); }

 private:
  struct Chair {
    size_t place;
    const std::set<size_t>* who;  // where that person may sit
  };

  bool Find(const std::set<size_t>* who, std::vector<bool>& tried) {
    for (size_t i = 0; i < chairs_.size(); ++i) {
      if (tried[i] || who->count(chairs_[i].place) == 0) continue;
      tried[i] = true;
      if (chairs_[i].who == nullptr || Find(chairs_[i].who, tried)) {
        chairs_[i].who = who;
        return true;
      }
    }
    return false;
  }

  std::vector<Chair> chairs_;
};

// Places in the quorum that begins at `first`, by person.
std::map<std::string, std::set<size_t>> PlacesOf(absl::Span<const Signature> signatures,
                                                 size_t first, size_t size) {
  std::map<std::string, std::set<size_t>> people;
  for (const Signature& signature : signatures) {
    for (size_t seat : signature.seats) {
      if (seat >= first && seat - first < size) people[signature.subject].insert(seat - first);
    }
  }
  return people;
}

}  // namespace

access::Reason MayApprove(const Terms& terms, const Approver& approver, const Relation& relation,
                          const Seat& seat, const access::CountrySet& region_countries) {
  using access::Reason;
  if (approver.subject.empty() || approver.issuer.empty()) return Reason::kApproverUnknown;
  if (approver.subject == terms.principal.subject) return Reason::kApproverIsRequester;
  if (!relation.known) return Reason::kApproverUnknown;
  if (relation.approver_above || relation.requester_above) return Reason::kApproverInLine;
  if (relation.swap_pair) return Reason::kApproverSwapPair;
  if (approver.covered_person != access::Tri::kFalse) return Reason::kApproverCovered;
  if (seat.role.empty() ||
      std::count(approver.roles.begin(), approver.roles.end(), seat.role) == 0) {
    return Reason::kApproverRole;
  }
  if (!AllIn(approver.residences, region_countries) ||
      !AllIn(approver.employers, region_countries) ||
      !AllIn(approver.locations, region_countries)) {
    return Reason::kApproverElsewhere;
  }
  return Reason::kRule;
}

QuorumState Evaluate(absl::Span<const Quorum> quorums, absl::Span<const Signature> signatures) {
  QuorumState state;
  state.met = !quorums.empty();
  size_t first = 0;
  for (const Quorum& quorum : quorums) {
    Seating seating(quorum);
    const auto people = PlacesOf(signatures, first, quorum.seats.size());
    for (const auto& [subject, places] : people) {
      if (!subject.empty()) seating.Seat(places);
    }
    const std::vector<size_t> empty = seating.Empty();
    for (size_t place : empty) state.missing.push_back(first + place);
    state.met = state.met && seating.has_chairs() && empty.empty();
    first += quorum.seats.size();
  }
  return state;
}

}  // namespace domicile::exceptions
