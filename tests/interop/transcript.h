// transcript.h — runs a client program over the cases and compares what it saw.
#ifndef DOMICILE_TESTS_INTEROP_TRANSCRIPT_H_
#define DOMICILE_TESTS_INTEROP_TRANSCRIPT_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "nlohmann/json.hpp"

namespace domicile::interop {

struct ClientRun {
  std::vector<std::string> program;  // e.g. {"/usr/bin/python3", ".../grpcio_client.py"}
  std::string target;
  std::string after;  // the service's own address
  std::string roots;  // files; "" for plaintext
  std::string certificate;
  std::string key;
  std::string directory;  // for cases, transcript and log
};

// The client's transcript; its log's end stands in the error.
absl::StatusOr<nlohmann::json> RunClient(const ClientRun& run, const nlohmann::json& cases);

// What may differ between two runs, and why, one line each: `where: key`.
struct ListedDifferences {
  std::vector<std::string> metadata_keys;   // left out of `initial` and `trailing`
  std::vector<std::string> words_of_cases;  // their status text and details
};

// Every difference in plain words, none when equal.
std::vector<std::string> Differences(const nlohmann::json& left, const nlohmann::json& right,
                                     const ListedDifferences& listed);

}  // namespace domicile::interop

#endif  // DOMICILE_TESTS_INTEROP_TRANSCRIPT_H_
