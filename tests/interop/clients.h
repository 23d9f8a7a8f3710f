// clients.h — the three client programs, and servers of their own to run them against.
#ifndef DOMICILE_TESTS_INTEROP_CLIENTS_H_
#define DOMICILE_TESTS_INTEROP_CLIENTS_H_

#include <iosfwd>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "nlohmann/json.hpp"

namespace domicile::interop {

enum class Language { kGrpcpp, kPython, kNode };
void PrintTo(Language language, std::ostream* out);  // for test names

// "" when the client can run here; else what is missing and how to get it. A client's packages
// are installed into the build folder on first use; failing at that is no absence.
std::string WhyAbsent(Language language);

// The program and its fixed arguments. REQUIRES: WhyAbsent(language) is empty.
absl::StatusOr<std::vector<std::string>> ClientProgram(Language language);

// A new folder for one run's files, below the build folder.
std::string NewDirectory(const std::string& name);

// Runs the cases against a fresh sample server.
absl::StatusOr<nlohmann::json> TranscriptDirect(Language language, const nlohmann::json& cases);

}  // namespace domicile::interop

#endif  // DOMICILE_TESTS_INTEROP_CLIENTS_H_
