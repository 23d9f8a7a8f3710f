#include "gateway/main/demo/demo.h"

#include <signal.h>
#include <time.h>

#include <cstdio>
#include <filesystem>
#include <memory>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "gateway/base/status_macros.h"
#include "gateway/control/entry_report.h"
#include "gateway/main/demo/demo_text.h"
#include "gateway/main/demo/exception_story.h"
#include "gateway/main/demo/hands_on.h"
#include "gateway/main/demo/scenario_people.h"
#include "gateway/main/demo/stage.h"

namespace domicile::demo {
namespace {

constexpr int kHolds = 0, kDiffers = 1, kBadInput = 2;
// Where somebody is counts for 15 minutes; hands-on callers must not be cut off by the demo's age.
constexpr absl::Duration kRefresh = absl::Minutes(5);

void Print(absl::string_view text) {
  std::fwrite(text.data(), 1, text.size(), stdout);
  std::fputc('\n', stdout);
  std::fflush(stdout);
}

int Fail(const absl::Status& status) {
  std::fprintf(stderr, "demo: %s\n", std::string(status.message()).c_str());
  return kDiffers;
}

class Demo {
 public:
  explicit Demo(Stage& stage) : stage_(stage) {}

  absl::Status Start() {
    Print("Starting gateways and services of three regions, United States, Europe and China, in");
    Print(absl::StrCat(stage_.world().options().directory, " ..."));
    DOMICILE_RETURN_IF_ERROR(stage_.world().Start());
    for (const std::string& region : stage_.regions()) {
      Print(absl::StrCat("  ", region, "  gateway ", stage_.world().gateway_address(region),
                         "  its service ", stage_.world().service_address(region)));
    }
    Print("");
    return absl::OkStatus();
  }

  // How many came out otherwise.
  int PlayAll() {
    int different = 0;
    for (const Scenario& scenario : stage_.scenarios()) different += Play(scenario) ? 0 : 1;
    ShowEntries();
    return different;
  }

  void StayUp() {
    // Before anything is said: whoever reads it may end the demo at once.
    sigset_t ends;
    sigemptyset(&ends);
    sigaddset(&ends, SIGINT);
    sigaddset(&ends, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &ends, nullptr);
    const Scenario* scenario = ByHand();
    const std::string folder = stage_.world().path("hands-on");
    absl::Status ready = absl::NotFoundError("no call of the scenario file can be made by hand");
    if (scenario != nullptr) ready = PrepareHandsOn(*scenario, folder);
    if (!ready.ok()) {
      Fail(ready);
      Print("The regions stay up until Ctrl-C.");
    } else {
      Print(HandsOnText(*scenario, folder));
    }
    const timespec wait = absl::ToTimespec(kRefresh);
    while (sigtimedwait(&ends, nullptr, &wait) < 0) {
      if (!ready.ok()) continue;
      const absl::Status refreshed = Refresh(*scenario, folder);
      if (!refreshed.ok()) Fail(refreshed);
    }
    Print("Ending.");
  }

 private:
  // True when it came out as expected.
  bool Play(const Scenario& scenario) {
    absl::StatusOr<Played> played = stage_.runner().Play(scenario, *stage_.policy());
    if (!played.ok()) {
      Print(absl::StrCat("[", scenario.id, "] FAILED: ", played.status().message()));
      return false;
    }
    Print(CallText(scenario, *played, *stage_.policy()));
    for (const std::string& difference : played->differences) {
      Print("     DIFFERS  " + difference);
    }
    const bool holds = played->differences.empty();
    played_.emplace_back(scenario.id, *std::move(played));
    return holds;
  }

  void ShowEntries() const {
    Print("\nWhat the logs kept of them (nobody is named; people are keyed references):");
    control::EntryNames names;
    names.policy = stage_.policy().get();
    names.methods = stage_.methods();
    std::vector<const Recorded*> shown;
    for (const auto& [id, played] : played_) {
      for (const Recorded* recorded : {played.entered.get(), played.recorded.get()}) {
        if (recorded == nullptr) continue;
        shown.push_back(recorded);
        Print(absl::StrCat("  [", id, "] ", recorded->region, " ",
                           control::EntryLine(recorded->index, recorded->entry, names)));
      }
    }
    Print(absl::StrCat("\nThe sources that they cite:\n", SourcesText(shown, *stage_.policy())));
  }

  // New tokens and new sightings, so that the demo can be tried for as long as it is up.
  absl::Status Refresh(const Scenario& scenario, const std::string& folder) {
    std::vector<StaffMember> staff = StaffOf(stage_.scenarios());
    const StaffMember officer = Officer();
    staff.push_back(officer);
    DOMICILE_RETURN_IF_ERROR(stage_.world().WriteStaff(staff));
    DOMICILE_ASSIGN_OR_RETURN(std::string token, stage_.runner().TokenFor(scenario));
    DOMICILE_RETURN_IF_ERROR(WriteToken(token, folder, "token"));
    DOMICILE_ASSIGN_OR_RETURN(token, stage_.world().StaffToken(officer));
    return WriteToken(token, folder, "officer.token");
  }

  absl::Status PrepareHandsOn(const Scenario& scenario, const std::string& folder) {
    std::error_code problem;
    std::filesystem::create_directories(folder, problem);
    if (problem) return absl::UnavailableError(absl::StrCat(folder, ": ", problem.message()));
    DOMICILE_RETURN_IF_ERROR(WriteHandsOn(stage_.world(), scenario, folder));
    DOMICILE_RETURN_IF_ERROR(WriteOfficer(stage_.world(), folder));
    return Refresh(scenario, folder);
  }

  // A call that goes through whole, by somebody of the company, at the officer's gateway.
  const Scenario* ByHand() const {
    for (const Scenario& scenario : stage_.scenarios()) {
      if (scenario.expect.effect == "allow" && scenario.caller.kind == "staff" &&
          absl::EndsWith(scenario.call.method, ".Profiles/Get") &&
          scenario.call.gateway == Officer().issuer_region &&
          scenario.call.gateway == scenario.Home()) {
        return &scenario;
      }
    }
    return nullptr;
  }

  Stage& stage_;
  std::vector<std::pair<std::string, Played>> played_;  // with the scenario's id
};

}  // namespace

int RunDemo(const DemoFiles& files, bool once) {
  base::Issues issues;
  absl::StatusOr<std::unique_ptr<Stage>> stage = Stage::Create(files, issues);
  if (!issues.ok()) {
    std::fputs(issues.ToString().c_str(), stderr);
    return kBadInput;
  }
  if (!stage.ok()) return Fail(stage.status());
  Demo demo(**stage);
  const absl::Status started = demo.Start();
  if (!started.ok()) return Fail(started);
  int different = demo.PlayAll();
  const size_t calls = (*stage)->scenarios().size();
  Print(absl::StrCat(calls - static_cast<size_t>(different), " of ", calls, " calls came out as ",
                     files.scenarios,
                     " says.\nLeft out: ", absl::StrJoin((*stage)->left_out(), "; "), "."));
  const StoryResult story = TellExceptionStory(**stage, files.gateway_command.front(), Print);
  Print(absl::StrCat(story.steps - story.otherwise, " of ", story.steps,
                     " steps of the official way came out as they should."));
  different += story.otherwise;
  if (!once) demo.StayUp();
  return different == 0 ? kHolds : kDiffers;
}

}  // namespace domicile::demo
