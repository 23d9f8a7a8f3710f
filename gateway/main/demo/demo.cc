#include "gateway/main/demo/demo.h"

#include <signal.h>
#include <stdlib.h>
#include <time.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/clock.h"
#include "gateway/base/file.h"
#include "gateway/control/entry_report.h"
#include "gateway/main/demo/people.h"
#include "gateway/main/demo/scenario.h"
#include "gateway/main/demo/scenario_run.h"
#include "gateway/main/demo/world.h"
#include "gateway/policy/load.h"
#include "gateway/wire/schema.h"

namespace domicile::demo {
namespace {

constexpr int kHolds = 0, kDiffers = 1, kBadInput = 2;
const std::vector<std::string> kRegions = {"us", "eu", "cn"};
// Where somebody is counts for 15 minutes; hands-on callers must not be cut off by the demo's age.
constexpr absl::Duration kRefresh = absl::Minutes(5);

void Print(absl::string_view text) {
  std::fwrite(text.data(), 1, text.size(), stdout);
  std::fputc('\n', stdout);
  std::fflush(stdout);
}

// Homes of a person of the sample by now, the first one first; none for somebody who isn't there.
std::vector<std::string> HomesOf(const std::string& id) {
  for (const char* region : {"us", "eu", "cn", "uk", "sg"}) {
    for (const Person& person : PeopleOf(region, 0, 0)) {
      if (person.id != id) continue;
      std::vector<std::string> homes;
      for (const HomePeriod& home : person.homes) homes.push_back(home.region);
      return homes;
    }
  }
  return {};
}

// Why a scenario can't be played in the demo's regions as a single call; "" when it can.
std::string NotPlayable(const Scenario& scenario) {
  auto here = [](const std::string& region) {
    return std::find(kRegions.begin(), kRegions.end(), region) != kRegions.end();
  };
  if (!here(scenario.call.gateway) || !here(scenario.caller.region)) return "happens elsewhere";
  const std::vector<std::string> homes = HomesOf(scenario.call.data_subject);
  if (homes.size() > 1) return "needs a record of a certain age";
  if (!homes.empty() && !here(homes[0])) return "is about somebody elsewhere";
  return "";
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

class Demo {
 public:
  explicit Demo(const DemoFiles& files) : files_(files) {}
  ~Demo() {
    world_.reset();  // ends the processes
    std::error_code ignored;
    if (!made_directory_.empty()) std::filesystem::remove_all(made_directory_, ignored);
  }

  int Run(bool once) {
    if (const int code = Prepare(); code != kHolds) return code;
    Print("Starting gateways and services of three regions: us, eu, cn ...");
    const absl::Status started = world_->Start();
    if (!started.ok()) return Fail(started);
    for (const std::string& region : kRegions) {
      Print(absl::StrCat("  ", region, "  gateway ", world_->gateway_address(region), "  service ",
                         world_->service_address(region)));
    }
    Print("");
    int different = 0;
    for (const Scenario& scenario : scenarios_) different += Play(scenario) ? 0 : 1;
    Print(absl::StrCat(scenarios_.size() - different, " of ", scenarios_.size(),
                       " calls came out as ", files_.scenarios, " says."));
    Print(absl::StrCat("Left out: ", absl::StrJoin(left_out_, "; "), "."));
    ShowEntries();
    if (once) return different == 0 ? kHolds : kDiffers;
    StayUp();
    return different == 0 ? kHolds : kDiffers;
  }

 private:
  static int Fail(const absl::Status& status) {
    std::fprintf(stderr, "demo: %s\n", std::string(status.message()).c_str());
    return kDiffers;
  }

  int Prepare() {
    base::Issues issues;
    for (Scenario& scenario : LoadScenarios(files_.scenarios, issues)) {
      const std::string why = NotPlayable(scenario);
      if (why.empty()) {
        scenarios_.push_back(std::move(scenario));
      } else {
        left_out_.push_back(absl::StrCat(scenario.id, " ", why));
      }
    }
    policy::LoadResult loaded = policy::LoadPolicyDirectories(files_.legal, files_.company);
    issues.Append(loaded.issues);
    if (!issues.ok() || scenarios_.empty()) {
      std::fputs(issues.ToString().c_str(), stderr);
      if (issues.ok()) std::fputs("demo: no scenario happens in us, eu and cn\n", stderr);
      return kBadInput;
    }
    policy_ = loaded.policy;
    if (const int code = ReadMethods(); code != kHolds) return code;
    absl::StatusOr<std::string> directory = MakeDirectory(files_.directory);
    if (!directory.ok()) return Fail(directory.status());
    if (files_.directory.empty()) made_directory_ = *directory;
    WorldOptions options;
    options.directory = *directory;
    options.gateway_command = files_.gateway_command;
    options.service_program = files_.service_program;
    options.legal_directory = files_.legal;
    options.company_directory = files_.company;
    options.descriptor_set = files_.descriptor_set;
    options.bindings = files_.bindings;
    options.regions = kRegions;
    options.staff = StaffOf(scenarios_);
    options.tickets = TicketsOf(scenarios_);
    options.service_lifetime = absl::Hours(24);
    Print(absl::StrCat("Making certificates, issuers and people in ", *directory));
    absl::StatusOr<std::unique_ptr<World>> world = World::Create(std::move(options));
    if (!world.ok()) return Fail(world.status());
    world_ = *std::move(world);
    auto runner = ScenarioRunner::Create(*world_, *policy_, files_.descriptor_set);
    if (!runner.ok()) return Fail(runner.status());
    runner_ = *std::move(runner);
    return kHolds;
  }

  // Entries number methods; the schema names them.
  int ReadMethods() {
    base::Issues issues;
    wire::SchemaFiles files;
    auto add = [&](const std::string& path, std::vector<wire::SchemaFile>& to) {
      absl::StatusOr<std::string> content = base::ReadFile(path, 64 << 20);
      if (content.ok()) {
        to.push_back({path, *std::move(content)});
      } else {
        issues.Add(path, 0, content.status().message());
      }
    };
    add(files_.descriptor_set, files.descriptor_sets);
    add(files_.bindings, files.bindings);
    std::shared_ptr<const wire::Schema> schema;
    if (issues.ok()) schema = wire::Schema::Load(files, policy_->vocabulary(), &issues);
    if (schema == nullptr) {
      std::fputs(issues.ToString().c_str(), stderr);
      return kBadInput;
    }
    for (const wire::MethodPlan& plan : schema->methods()) methods_.push_back(plan.method.path);
    return kHolds;
  }

  // True when it came out as expected.
  bool Play(const Scenario& scenario) {
    absl::StatusOr<CallOutcome> outcome = runner_->Call(scenario);
    if (!outcome.ok()) {
      Print(absl::StrCat("[", scenario.id, "] FAILED: ", outcome.status().message()));
      return false;
    }
    absl::StatusOr<Recorded> recorded = absl::NotFoundError("no decision id");
    if (!outcome->decision_id.empty())
      recorded = runner_->FindRecorded(scenario, outcome->decision_id);
    Print(Line(scenario, *outcome, recorded));
    const std::vector<std::string> differences =
        Differences(scenario, *outcome, recorded.ok() ? &*recorded : nullptr, *policy_);
    for (const std::string& difference : differences) Print("       DIFFERS  " + difference);
    if (recorded.ok()) {
      shown_.push_back({scenario.id, recorded->region, recorded->index, recorded->entry});
    }
    return differences.empty();
  }

  std::string Line(const Scenario& scenario, const CallOutcome& outcome,
                   const absl::StatusOr<Recorded>& recorded) const {
    std::string text =
        absl::StrCat("[", scenario.id, "] ", scenario.title, "\n       ", scenario.who, "; from ",
                     scenario.from, "; about ", scenario.whose, "\n       ");
    if (!recorded.ok()) {
      return absl::StrCat(text, "status ", outcome.grpc_status, " ", outcome.shown_reason, " ",
                          outcome.message);
    }
    const audit::DecisionEntry& entry = recorded->decision();
    std::vector<std::string> cited;
    for (access::RuleIndex rule : entry.rules) {
      for (uint16_t place : policy_->rule(rule).cite) {
        cited.push_back(policy_->sources()[place].id);
      }
    }
    absl::StrAppend(
        &text, "-> ", Name(entry.effect), "  ", Name(entry.reason),
        entry.rules.empty() ? "" : absl::StrCat(" (", policy_->rule(entry.rules.front()).id, ")"),
        ", the caller sees ", outcome.grpc_status == 0 ? "the answer" : outcome.shown_reason,
        ", law: ", Name(entry.legal), ", company: ", Name(entry.company));
    if (!cited.empty()) absl::StrAppend(&text, ", cites ", absl::StrJoin(cited, ", "));
    absl::StrAppend(&text, "\n       decision ", outcome.decision_id, " in the log of ",
                    recorded->region);
    if (!outcome.exception_id.empty()) {
      absl::StrAppend(&text, ", draft exception ", outcome.exception_id);
    }
    if (outcome.grpc_status == 0 && !outcome.response_json.empty()) {
      absl::StrAppend(&text, "\n       ", outcome.response_json.substr(0, 300),
                      outcome.response_json.size() > 300 ? " ..." : "");
    }
    return text;
  }

  void ShowEntries() const {
    Print("\nWhat the logs kept of them (nobody is named; people are keyed references):");
    control::EntryNames names;
    names.policy = policy_.get();
    names.methods = methods_;
    for (const Shown& entry : shown_) {
      Print(absl::StrCat("  [", entry.scenario, "] ", entry.region, " ",
                         control::EntryLine(entry.index, entry.entry, names)));
    }
  }

  absl::Status WriteHands(const Scenario& scenario, const std::string& folder) {
    const std::string& spiffe = scenario.call.workload;
    const size_t start = sizeof("spiffe://") - 1;
    const std::string region = spiffe.substr(start, spiffe.find('.', start) - start);
    auto own = world_->CredentialsFor(region, spiffe);
    if (!own.ok()) return own.status();
    auto write = [&](const std::string& name, const std::string& text) {
      return base::WriteFileAtomically(folder + "/" + name, text, base::FileMode::kSecret);
    };
    absl::Status status = write("roots.pem", own->roots);
    if (status.ok()) status = write("client.pem", own->certificate_chain);
    if (status.ok()) status = write("client.key", own->private_key);
    return status;
  }

  // A new token and new sightings, so that the demo can be tried for as long as it is up.
  absl::Status Refresh(const Scenario& scenario, const std::string& folder) {
    absl::Status status = world_->WriteStaff(StaffOf(scenarios_));
    if (!status.ok()) return status;
    auto token = runner_->TokenFor(scenario);
    if (!token.ok()) return token.status();
    return base::WriteFileAtomically(folder + "/token", *token, base::FileMode::kSecret);
  }

  void StayUp() {
    auto by_hand = std::find_if(scenarios_.begin(), scenarios_.end(), [](const Scenario& s) {
      return s.expect.shown == "none" && s.caller.kind == "staff";
    });
    if (by_hand == scenarios_.end()) return;
    const Scenario& scenario = *by_hand;
    const std::string folder = world_->path("hands-on");
    std::error_code ignored;
    std::filesystem::create_directories(folder, ignored);
    absl::Status ready = WriteHands(scenario, folder);
    if (ready.ok()) ready = Refresh(scenario, folder);
    if (!ready.ok()) {
      Fail(ready);
      return;
    }
    Print(Instructions(scenario, folder));
    sigset_t ends;
    sigemptyset(&ends);
    sigaddset(&ends, SIGINT);
    sigaddset(&ends, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &ends, nullptr);
    const timespec wait = absl::ToTimespec(kRefresh);
    while (sigtimedwait(&ends, nullptr, &wait) < 0) {
      const absl::Status refreshed = Refresh(scenario, folder);
      if (!refreshed.ok()) Fail(refreshed);
    }
    Print("Ending.");
  }

  std::string Instructions(const Scenario& scenario, const std::string& folder) const {
    const std::string proto_hint = "stubs of tests/sample/proto/acme/profiles/v1/profiles.proto";
    return absl::StrCat(
        "\nThe regions stay up until Ctrl-C. Try a call by hand, as in [", scenario.id,
        "]; files in ", folder, " (the token is renewed every five minutes).\n\n",
        "Python (python3-grpcio and ", proto_hint, "):\n",
        "  import grpc, profiles_pb2, profiles_pb2_grpc\n", "  d = '", folder, "/'\n",
        "  read = lambda name: open(d + name, 'rb').read()\n", "  channel = grpc.secure_channel('",
        world_->gateway_address(scenario.call.gateway), "', grpc.ssl_channel_credentials(\n",
        "      read('roots.pem'), read('client.key'), read('client.pem')))\n",
        "  stub = profiles_pb2_grpc.ProfilesStub(channel)\n",
        "  print(stub.Get(profiles_pb2.GetRequest(user_id='", scenario.call.data_subject,
        "'), metadata=[\n", "      ('authorization', 'Bearer ' + read('token').decode()),\n",
        "      ('domicile-purpose', '", scenario.call.purpose, "'), ('domicile-ticket', '",
        TicketId(scenario), "')]))\n\n", "Node (@grpc/grpc-js and @grpc/proto-loader):\n",
        "  const grpc = require('@grpc/grpc-js'), fs = require('fs');\n",
        "  const acme = grpc.loadPackageDefinition(require('@grpc/proto-loader').loadSync(\n",
        "      'acme/profiles/v1/profiles.proto', {includeDirs: ['tests/sample/proto', "
        "'proto']})).acme;\n",
        "  const d = '", folder, "/', read = name => fs.readFileSync(d + name);\n",
        "  const stub = new acme.profiles.v1.Profiles('",
        world_->gateway_address(scenario.call.gateway), "', grpc.credentials.createSsl(\n",
        "      read('roots.pem'), read('client.key'), read('client.pem')));\n",
        "  const m = new grpc.Metadata();\n",
        "  m.set('authorization', 'Bearer ' + read('token')); m.set('domicile-purpose', '",
        scenario.call.purpose, "'); m.set('domicile-ticket', '", TicketId(scenario), "');\n",
        "  stub.Get({user_id: '", scenario.call.data_subject, "'}, m, console.log);\n");
  }

  struct Shown {
    std::string scenario, region;
    uint64_t index;
    audit::Entry entry;
  };

  const DemoFiles& files_;
  std::vector<Scenario> scenarios_;
  std::vector<std::string> left_out_;
  std::vector<std::string> methods_;
  std::shared_ptr<const policy::Policy> policy_;
  std::string made_directory_;  // below the temporary folder, and gone with the demo
  std::unique_ptr<World> world_;
  std::unique_ptr<ScenarioRunner> runner_;
  std::vector<Shown> shown_;
};

}  // namespace

int RunDemo(const DemoFiles& files, bool once) { return Demo(files).Run(once); }

}  // namespace domicile::demo
