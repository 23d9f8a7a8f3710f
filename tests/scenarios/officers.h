// officers.h — a company with an engineer in China and officers in Europe, and their commands.
//
// Regions eu and cn as real processes with the whole program; commands are run as people run
// them, from a workload of their own region, against the control listener of eu.
// Errors: what cannot be set up ends the test with what happened.
#ifndef DOMICILE_TESTS_SCENARIOS_OFFICERS_H_
#define DOMICILE_TESTS_SCENARIOS_OFFICERS_H_

#include <memory>
#include <string>
#include <vector>

#include "acme/profiles/v1/profiles.pb.h"
#include "gateway/main/demo/world.h"
#include "nlohmann/json.hpp"
#include "tests/cli/run.h"
#include "tests/scenarios/regions.h"

namespace domicile::scenarios {

inline constexpr char kEngineer[] = "s-cn-engineer", kLead[] = "s-cn-lead";
inline constexpr char kCompliance[] = "o-eu-compliance", kPrivacy[] = "o-eu-privacy";
// An officer of eu who lives in China, and one who reports to the engineer.
inline constexpr char kAbroad[] = "o-eu-abroad", kInLine[] = "o-eu-in-line";

// Everybody above, as rows of staff.csv.
std::vector<demo::StaffMember> Company();
void UseCompany(demo::WorldOptions& options);

// Profiles/Watch of one person, held open.
class WatchStream {
 public:
  virtual ~WatchStream() = default;
  // The next profile came; false: the stream has ended, and status says how.
  virtual bool Next() = 0;
  virtual grpc::Status status() const = 0;
};

class Officers {
 public:
  explicit Officers(Regions& regions) : regions_(regions) {}

  // `domicile WORDS...` as this person, at the control listener of `region`.
  cli::Said Run(const std::string& who, std::vector<std::string> words,
                const std::string& region = "eu");
  // The same with --output json; null when it failed, and `said` has why.
  nlohmann::json Json(const std::string& who, std::vector<std::string> words, cli::Said* said);
  // approve, deny, narrow, revoke, review: with the officer's own key and without being asked.
  cli::Said Sign(const std::string& who, const std::string& verb, const std::string& exception,
                 std::vector<std::string> more = {});
  // Submits a draft about these people of the namespace acme.user.
  cli::Said Submit(const std::string& exception, const std::vector<std::string>& people,
                   std::vector<std::string> more = {});

  const demo::StaffMember& member(const std::string& who) const;
  // Profiles/Get of this person by the engineer, through the gateway of cn.
  Answer Read(const std::string& user_id);
  Call ReadCall();
  std::unique_ptr<WatchStream> Watch(const std::string& user_id);

 private:
  Regions& regions_;
};

}  // namespace domicile::scenarios

#endif  // DOMICILE_TESTS_SCENARIOS_OFFICERS_H_
