#include "gateway/main/demo/stage.h"

#include <stdlib.h>

#include <algorithm>
#include <filesystem>
#include <utility>

#include "absl/strings/str_cat.h"
#include "gateway/base/file.h"
#include "gateway/base/status_macros.h"
#include "gateway/main/demo/exception_story.h"
#include "gateway/main/demo/hands_on.h"
#include "gateway/main/demo/people.h"
#include "gateway/main/demo/scenario_people.h"
#include "gateway/policy/load.h"
#include "gateway/wire/schema.h"

namespace domicile::demo {
namespace {

constexpr size_t kSchemaBytesMax = 64 << 20;

// The region where a person of the sample is at home today; "" for somebody who isn't there.
std::string HomeOf(const std::string& id) {
  std::string home;
  for (const char* region : {"us", "eu", "cn", "uk", "sg"}) {
    for (const Person& person : PeopleOf(region, 0, 0)) {
      if (person.id == id) home = person.homes.back().region;
    }
  }
  return home;
}

// Why a scenario can't be played in these regions; "" when it can.
std::string NotPlayable(const Scenario& scenario, const std::vector<std::string>& regions) {
  auto here = [&](const std::string& region) {
    return std::find(regions.begin(), regions.end(), region) != regions.end();
  };
  if (!here(scenario.call.gateway) || !here(scenario.caller.region)) return "happens elsewhere";
  const std::string home = HomeOf(scenario.call.data_subject);
  return home.empty() || here(home) ? "" : "is about somebody elsewhere";
}

absl::StatusOr<std::string> MakeDirectory(const std::string& wanted) {
  if (!wanted.empty()) {
    std::error_code problem;
    std::filesystem::create_directories(wanted, problem);
    if (problem) return absl::UnavailableError(absl::StrCat(wanted, ": ", problem.message()));
    // Keys are new each time; an old log under other keys is none that a gateway would open.
    if (!std::filesystem::is_empty(wanted, problem)) {
      return absl::FailedPreconditionError(absl::StrCat(wanted, ": must be empty"));
    }
    return std::filesystem::absolute(wanted).string();
  }
  std::string pattern = (std::filesystem::temp_directory_path() / "domicile-demo.XXXXXX").string();
  if (mkdtemp(pattern.data()) == nullptr) {
    return absl::UnavailableError(absl::StrCat(pattern, ": cannot be made"));
  }
  return pattern;
}

class LocalStage final : public Stage {
 public:
  ~LocalStage() override {
    runner_.reset();
    world_.reset();  // ends the processes
    std::error_code ignored;
    if (!made_directory_.empty()) std::filesystem::remove_all(made_directory_, ignored);
  }

  absl::Status Read(const DemoFiles& files, base::Issues& issues) {
    for (Scenario& scenario : LoadScenarios(files.scenarios, issues).scenarios) {
      const std::string why = NotPlayable(scenario, regions_);
      if (why.empty()) {
        scenarios_.push_back(std::move(scenario));
      } else {
        left_out_.push_back(absl::StrCat(scenario.id, " ", why));
      }
    }
    policy::LoadResult loaded = policy::LoadPolicyDirectories(files.legal, files.company);
    issues.Append(loaded.issues);
    policy_ = loaded.policy;
    if (issues.ok() && scenarios_.empty()) {
      issues.Add(files.scenarios, 0, "no scenario happens in us, eu and cn");
    }
    if (issues.ok()) ReadMethods(files, issues);
    return issues.ok() ? absl::OkStatus() : absl::InvalidArgumentError("bad input");
  }

  absl::Status Make(const DemoFiles& files) {
    WorldOptions options;
    DOMICILE_ASSIGN_OR_RETURN(options.directory, MakeDirectory(files.directory));
    if (files.directory.empty()) made_directory_ = options.directory;
    options.gateway_command = files.gateway_command;
    options.service_program = files.service_program;
    options.legal_directory = files.legal;
    options.company_directory = files.company;
    options.descriptor_set = files.descriptor_set;
    options.bindings = files.bindings;
    options.regions = regions_;
    options.staff = StaffOf(scenarios_);
    options.staff.push_back(Officer());
    for (StaffMember& officer : EuropeanOfficers()) {
      options.officers.push_back(officer.id);
      options.staff.push_back(std::move(officer));
    }
    options.tickets = TicketsOf(scenarios_);
    options.service_lifetime = absl::Hours(24);
    DOMICILE_ASSIGN_OR_RETURN(world_, World::Create(std::move(options)));
    DOMICILE_ASSIGN_OR_RETURN(runner_, ScenarioRunner::Create(*world_, files.descriptor_set));
    return absl::OkStatus();
  }

  const std::vector<std::string>& regions() const override { return regions_; }
  const std::vector<Scenario>& scenarios() const override { return scenarios_; }
  const std::vector<std::string>& left_out() const override { return left_out_; }
  std::shared_ptr<const policy::Policy> policy() const override { return policy_; }
  const std::vector<std::string>& methods() const override { return methods_; }
  World& world() override { return *world_; }
  ScenarioRunner& runner() override { return *runner_; }

 private:
  // Entries number methods; the schema names them.
  void ReadMethods(const DemoFiles& files, base::Issues& issues) {
    wire::SchemaFiles read;
    auto add = [&](const std::string& path, std::vector<wire::SchemaFile>& to) {
      absl::StatusOr<std::string> content = base::ReadFile(path, kSchemaBytesMax);
      if (content.ok()) {
        to.push_back({path, *std::move(content)});
      } else {
        issues.Add(path, 0, content.status().message());
      }
    };
    add(files.descriptor_set, read.descriptor_sets);
    add(files.bindings, read.bindings);
    if (!issues.ok()) return;
    auto schema = wire::Schema::Load(read, policy_->vocabulary(), &issues);
    if (schema == nullptr) return;
    for (const wire::MethodPlan& plan : schema->methods()) methods_.push_back(plan.method.path);
  }

  const std::vector<std::string> regions_ = {"us", "eu", "cn"};
  std::vector<Scenario> scenarios_;
  std::vector<std::string> left_out_;
  std::vector<std::string> methods_;
  std::shared_ptr<const policy::Policy> policy_;
  std::string made_directory_;  // below the temporary folder
  std::unique_ptr<World> world_;
  std::unique_ptr<ScenarioRunner> runner_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<Stage>> Stage::Create(const DemoFiles& files, base::Issues& issues) {
  auto stage = std::make_unique<LocalStage>();
  DOMICILE_RETURN_IF_ERROR(stage->Read(files, issues));
  DOMICILE_RETURN_IF_ERROR(stage->Make(files));
  return stage;
}

}  // namespace domicile::demo
