// people.h — the invented people of the sample system, the same on every run.
//
// A few thousand a region come out of a seed; a handful with a story are named, and
// stories, tests and the demo refer to them by these ids. Nobody here exists.
// Pure: equal arguments give equal people, on every machine.
#ifndef DOMICILE_GATEWAY_MAIN_DEMO_PEOPLE_H_
#define DOMICILE_GATEWAY_MAIN_DEMO_PEOPLE_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace domicile::demo {

// The id namespace of people in the sample schemas' labels.
inline constexpr char kUserNamespace[] = "acme.user";

// People with a story.
inline constexpr char kJournalist[] = "u-us-journalist";  // us, protected
inline constexpr char kCatAccount[] =
    "u-uk-whiskers";                            // uk, protected: a journalist under her cat's name
inline constexpr char kMinor[] = "u-us-minor";  // us, a minor
inline constexpr char kUsCustomer[] = "u-us-customer";  // us, has an open support ticket
inline constexpr char kEuCustomer[] = "u-eu-customer";  // eu, has an open support ticket
inline constexpr char kEuNoTicket[] = "u-eu-quiet";     // eu, no ticket
inline constexpr char kMoved[] = "u-eu-moved";  // eu until 2026-05-01, then us: rows in both
inline constexpr char kInBali[] = "u-eu-bali";  // eu resident who writes from Bali
inline constexpr char kCnUser[] = "u-cn-user";  // cn
inline constexpr char kSgUser[] = "u-sg-user";  // sg
inline constexpr char kUkUser[] = "u-uk-user";  // uk
inline constexpr char kNobody[] = "u-eu-does-not-exist";  // in no directory and no database

// A period at home, by date (UTC midnight).
struct HomePeriod {
  std::string region;
  std::string since;  // "2021-03-01"
};

struct Person {
  std::string id;
  std::string display_name;
  std::string email;
  std::string phone;
  std::string last_ip;
  std::string device_serial;
  std::string city;
  double latitude = 0;
  double longitude = 0;
  int birth_year = 0;
  std::string bio;
  bool is_protected = false;
  bool minor = false;
  std::vector<HomePeriod> homes;  // by date; the last one is today's
};

// People whose rows stand in `region`'s database: the named ones first, then
// `count` generated ones, ids "u-<region>-00001" on.
std::vector<Person> PeopleOf(absl::string_view region, uint64_t seed, int count);

}  // namespace domicile::demo

#endif  // DOMICILE_GATEWAY_MAIN_DEMO_PEOPLE_H_
