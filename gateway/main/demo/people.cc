#include "gateway/main/demo/people.h"

#include <array>
#include <cctype>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace domicile::demo {
namespace {

// SplitMix64: the same numbers from every compiler, which <random>'s distributions don't promise.
class Numbers {
 public:
  explicit Numbers(uint64_t seed) : state_(seed) {}
  uint64_t Next() {
    uint64_t z = (state_ += 0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
  }
  int Below(int bound) { return static_cast<int>(Next() % static_cast<uint64_t>(bound)); }
  template <size_t N>
  const char* Of(const std::array<const char*, N>& list) {
    return list[static_cast<size_t>(Below(static_cast<int>(N)))];
  }

 private:
  uint64_t state_;
};

constexpr std::array<const char*, 16> kFirst = {
    "Ada",  "Bruno", "Chiara", "Dev",  "Elif", "Farid", "Greta", "Hana",
    "Ivan", "Jonas", "Kofi",   "Lena", "Mei",  "Noor",  "Oskar", "Priya"};
constexpr std::array<const char*, 16> kLast = {
    "Adler", "Berg",   "Castro", "Dunn",  "Evans",  "Fischer", "Grant",  "Huang",
    "Ito",   "Jansen", "Khan",   "Lopez", "Moreau", "Nowak",   "Okafor", "Patel"};
constexpr std::array<const char*, 8> kBios = {
    "runs before work", "two dogs, one garden",   "learning the cello", "bread, bikes, books",
    "night shifts",     "moved here last spring", "teaches maths",      "mostly lurking"};
constexpr std::array<const char*, 4> kDevices = {"PX", "GL", "IP", "RN"};

struct Place {
  const char* city;
  double latitude, longitude;
};
struct RegionFacts {
  const char* region;
  const char* phone_prefix;  // number ranges kept for fiction, or plainly invalid ones
  std::array<Place, 3> places;
};
constexpr std::array<RegionFacts, 5> kRegions = {{
    {"us",
     "+1 555 01",
     {{{"Austin", 30.27, -97.74}, {"Chicago", 41.88, -87.63}, {"Reno", 39.53, -119.81}}}},
    {"eu",
     "+353 20 910 01",
     {{{"Dublin", 53.35, -6.26}, {"Berlin", 52.52, 13.40}, {"Warsaw", 52.23, 21.01}}}},
    {"cn",
     "+86 000 000 01",
     {{{"Beijing", 39.90, 116.40}, {"Shanghai", 31.23, 121.47}, {"Chengdu", 30.57, 104.07}}}},
    {"uk",
     "+44 20 7946 01",
     {{{"London", 51.51, -0.13}, {"Leeds", 53.80, -1.55}, {"Bath", 51.38, -2.36}}}},
    {"sg",
     "+65 0000 01",
     {{{"Bedok", 1.32, 103.93}, {"Yishun", 1.43, 103.84}, {"Tampines", 1.35, 103.94}}}},
}};

const RegionFacts* FactsOf(absl::string_view region) {
  for (const RegionFacts& facts : kRegions) {
    if (facts.region == region) return &facts;
  }
  return nullptr;
}

// RFC 5737 and RFC 3849: addresses of nobody.
std::string Address(Numbers& numbers) {
  constexpr std::array<const char*, 3> kNets = {"192.0.2.", "198.51.100.", "203.0.113."};
  if (numbers.Below(4) == 0) {
    return absl::StrFormat("2001:db8:%x:%x::%x", numbers.Below(0xffff), numbers.Below(0xffff),
                           1 + numbers.Below(0xfffe));
  }
  return absl::StrCat(numbers.Of(kNets), 1 + numbers.Below(254));
}

Person Invent(const RegionFacts& facts, const std::string& id, Numbers& numbers) {
  const std::string first = numbers.Of(kFirst), last = numbers.Of(kLast);
  const Place& place = facts.places[static_cast<size_t>(numbers.Below(3))];
  Person person;
  person.id = id;
  person.display_name = absl::StrCat(first, " ", last);
  person.email = absl::StrCat(absl::AsciiStrToLower(first), ".", id, "@mail.example");
  person.phone = absl::StrFormat("%s%02d", facts.phone_prefix, numbers.Below(100));
  person.last_ip = Address(numbers);
  person.device_serial =
      absl::StrFormat("%s-%08x", numbers.Of(kDevices), numbers.Next() & 0xffffffff);
  person.city = place.city;
  person.latitude = place.latitude + numbers.Below(1000) * 1e-5;
  person.longitude = place.longitude + numbers.Below(1000) * 1e-5;
  person.birth_year = 1945 + numbers.Below(60);
  person.bio = numbers.Of(kBios);
  person.homes = {{facts.region, absl::StrFormat("20%02d-%02d-01", 15 + numbers.Below(8),
                                                 1 + numbers.Below(12))}};
  return person;
}

struct Story {
  const char* region;
  const char* id;
  const char* display_name;
  bool is_protected = false;
  bool minor = false;
};
constexpr std::array<Story, 12> kStories = {{
    {"us", kJournalist, "Mara Quill", true},
    {"uk", kCatAccount, "Sir Whiskers", true},
    {"us", kMinor, "Robin T.", true, true},
    {"us", kUsCustomer, "Walt Benning"},
    {"eu", kEuCustomer, "Aoife Brennan"},
    {"eu", kEuNoTicket, "Tomasz Zielny"},
    {"eu", kMoved, "Jule Wander"},
    {"us", kMoved, "Jule Wander"},
    {"eu", kInBali, "Nils Strand"},
    {"cn", kCnUser, "Lin Yue"},
    {"sg", kSgUser, "Tan Wei"},
    {"uk", kUkUser, "Edie Marsh"},
}};

Person Tell(const Story& story, const RegionFacts& facts, uint64_t seed) {
  Numbers numbers(seed ^ 0x5707);
  Person person = Invent(facts, story.id, numbers);
  person.display_name = story.display_name;
  person.email = absl::StrCat(story.id, "@mail.example");
  person.is_protected = story.is_protected;
  person.minor = story.minor;
  person.birth_year = story.minor ? 2011 : 1985;
  person.homes = {{story.region, "2019-03-01"}};
  if (person.id == kMoved) person.homes = {{"eu", "2019-03-01"}, {"us", "2026-05-01"}};
  return person;
}

}  // namespace

std::vector<Person> PeopleOf(absl::string_view region, uint64_t seed, int count) {
  const RegionFacts* facts = FactsOf(region);
  std::vector<Person> people;
  if (facts == nullptr) return people;
  for (const Story& story : kStories) {
    if (story.region == region) people.push_back(Tell(story, *facts, seed));
  }
  Numbers numbers(seed + static_cast<uint64_t>(facts - kRegions.data()) * 1000003);
  for (int i = 1; i <= count; ++i) {
    people.push_back(Invent(*facts, absl::StrFormat("u-%s-%05d", region, i), numbers));
  }
  return people;
}

}  // namespace domicile::demo
