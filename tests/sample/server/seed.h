// seed.h — fills an empty database with the region's invented people.
#ifndef DOMICILE_TESTS_SAMPLE_SERVER_SEED_H_
#define DOMICILE_TESTS_SAMPLE_SERVER_SEED_H_

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "tests/sample/server/database.h"

namespace domicile::sample {

// Profiles, sessions, posts, features and orders of PeopleOf(region, seed, people), in one
// transaction and without origin tags: rows as they were before there was a gateway.
// Does nothing when the database has a profile.
absl::Status Seed(Database& database, const std::string& region, uint64_t seed, int people);

}  // namespace domicile::sample

#endif  // DOMICILE_TESTS_SAMPLE_SERVER_SEED_H_
