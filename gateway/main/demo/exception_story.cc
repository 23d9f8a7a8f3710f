#include "gateway/main/demo/exception_story.h"

#include <filesystem>
#include <memory>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/time/clock.h"
#include "gateway/base/file.h"
#include "gateway/main/demo/people.h"
#include "gateway/main/demo/process.h"
#include "gateway/main/demo/scenario_people.h"
#include "nlohmann/json.hpp"

namespace domicile::demo {
namespace {

constexpr char kScenario[] = "14a";
constexpr char kRegion[] = "eu";
constexpr char kCompliance[] = "o-eu-compliance", kPrivacy[] = "o-eu-privacy";
constexpr char kGet[] = "/acme.profiles.v1.Profiles/Get";
constexpr char kWatch[] = "/acme.profiles.v1.Profiles/Watch";
constexpr absl::Duration kCommandTimeout = absl::Seconds(60);
constexpr absl::Duration kPatience = absl::Seconds(20);
constexpr int kReads = 4;

std::string LastLine(absl::string_view text) {
  const std::vector<absl::string_view> lines = absl::StrSplit(text, '\n', absl::SkipEmpty());
  return lines.empty() ? "" : absl::StrCat(lines.back(), "\n");
}

class Story {
 public:
  Story(Stage& stage, std::string program, const std::function<void(absl::string_view)>& print)
      : stage_(stage), program_(std::move(program)), print_(print) {}

  StoryResult Tell() {
    if (!Prepare()) return {1, 1};
    print_(
        "\nThe official way: a rule escalated, so a person may decide. Commands go to the\n"
        "control listener of the gateway in Europe, each from its caller's own machine.\n");
    if (Ask() && SignByTwo()) {
      Use();
      UseUp();
    }
    RevokeInsideAStream();
    return result_;
  }

 private:
  struct Said {
    int code = -1;
    std::string out, err;
  };

  // One line, and whether it came out as it should.
  bool Step(absl::string_view what, bool holds, absl::string_view said) {
    ++result_.steps;
    print_(absl::StrCat("  ", what));
    for (absl::string_view line : absl::StrSplit(said, '\n', absl::SkipEmpty())) {
      print_(absl::StrCat("       ", line));
    }
    if (!holds) {
      ++result_.otherwise;
      print_("     DIFFERS  this step came out otherwise");
    }
    return holds;
  }

  bool Prepare() {
    for (const Scenario& scenario : stage_.scenarios()) {
      if (scenario.id == kScenario) read_ = scenario;
    }
    for (StaffMember& member : EuropeanOfficers()) people_.push_back(std::move(member));
    if (read_.id.empty()) return Step("the scenario file has no 14a", false, "");
    people_.push_back(StaffOf({read_}).front());
    read_.call.method = kGet;
    std::error_code problem;
    std::filesystem::create_directories(stage_.world().path("story"), problem);
    return problem ? Step("its folder cannot be made", false, problem.message()) : true;
  }

  const StaffMember& Person(const std::string& id) const {
    for (const StaffMember& member : people_) {
      if (member.id == id) return member;
    }
    return people_.back();
  }
  const std::string& engineer() const { return people_.back().id; }

  absl::StatusOr<std::vector<std::string>> Connection(const std::string& who) {
    World& world = stage_.world();
    const std::string& home = Person(who).issuer_region;
    absl::StatusOr<Credentials> own =
        world.CredentialsFor(home, absl::StrCat("spiffe://", TrustDomainOf(home), "/svc/console"));
    if (!own.ok()) return own.status();
    absl::StatusOr<std::string> token = world.StaffToken(Person(who));
    if (!token.ok()) return token.status();
    std::vector<std::string> words = {"--gateway", world.control_address(kRegion)};
    for (const auto& [option, text] :
         std::vector<std::pair<std::string, std::string>>{{"--certificate", own->certificate_chain},
                                                          {"--key", own->private_key},
                                                          {"--roots", own->roots},
                                                          {"--token-file", *token}}) {
      const std::string file = world.path(absl::StrCat("story/", who, option));
      const absl::Status written = base::WriteFileAtomically(file, text, base::FileMode::kSecret);
      if (!written.ok()) return written;
      words.push_back(option);
      words.push_back(file);
    }
    return words;
  }

  // Prints what is typed, without where the gateway and the caller's files are.
  Said Run(const std::string& who, const std::vector<std::string>& words, bool show = true) {
    Said said;
    if (show) print_(absl::StrCat("  ", who, " $ domicile ", absl::StrJoin(words, " ")));
    absl::StatusOr<std::vector<std::string>> connection = Connection(who);
    if (!connection.ok()) {
      said.err = std::string(connection.status().message());
      return said;
    }
    ProcessOptions options;
    options.command = {program_};
    options.command.insert(options.command.end(), words.begin(), words.end());
    options.command.insert(options.command.end(), connection->begin(), connection->end());
    options.log_file = stage_.world().path(absl::StrCat("story/", ++commands_, ".stderr"));
    absl::StatusOr<std::unique_ptr<Process>> process = Process::Start(options);
    if (!process.ok()) {
      said.err = std::string(process.status().message());
      return said;
    }
    while (true) {
      absl::StatusOr<std::string> line = (*process)->ReadLine(kCommandTimeout);
      if (!line.ok()) break;
      absl::StrAppend(&said.out, *line, "\n");
    }
    said.code = (*process)->Wait(kCommandTimeout).value_or(-1);
    said.err = base::ReadFile(options.log_file, 1 << 20).value_or("");
    return said;
  }

  std::vector<std::string> SigningWords(const std::string& who, const std::string& verb,
                                        const std::string& id) const {
    const std::string key = stage_.world().path(absl::StrCat("officers/", who));
    return {
        "exception",        verb, id, "--yes", "--officer-key", key + ".pem", "--passphrase-file",
        key + ".passphrase"};
  }
  Said Sign(const std::string& who, const std::string& verb, const std::string& id,
            const std::vector<std::string>& more = {}) {
    std::vector<std::string> words = SigningWords(who, verb, id);
    words.insert(words.end(), more.begin(), more.end());
    std::vector<std::string> typed = {"exception", verb, id};
    typed.insert(typed.end(), more.begin(), more.end());
    print_(absl::StrCat("  ", who, " $ domicile ", absl::StrJoin(typed, " ")));
    return Run(who, words, /*show=*/false);
  }

  CallOutcome Read() { return stage_.runner().Call(read_).value_or(CallOutcome()); }

  bool Ask() {
    const CallOutcome stopped = Read();
    const std::string& opened = stopped.exception_id;
    if (!Step(absl::StrCat(engineer(), " calls Profiles/Get about ", read_.call.data_subject),
              stopped.status == "FAILED_PRECONDITION" && !opened.empty(),
              absl::StrCat(stopped.status, ": ", stopped.message, "\ndraft ", opened))) {
      return false;
    }
    // It is opened off the call's path, at the gateway in China, whoever the call was about.
    const std::vector<std::string> words = {
        "exception", "draft",    "--like",
        opened,      "--called", stage_.world().control_address(read_.call.gateway),
        "--output",  "json"};
    const absl::Time deadline = absl::Now() + kPatience;
    Said drafted = Run(engineer(), words);
    while (drafted.code != 0 && absl::Now() < deadline) {
      drafted = Run(engineer(), words, /*show=*/false);
    }
    const nlohmann::json draft = nlohmann::json::parse(drafted.out, nullptr, false);
    id_ = draft.is_object() ? draft.value("exception", "") : "";
    if (!Step("the same draft, where the people are at home", !id_.empty(), drafted.err)) {
      return false;
    }
    const Said said =
        Run(engineer(), {"exception", "submit", id_, "--reason", "sessions fail since noon",
                         "--subject", absl::StrCat(kUserNamespace, ":", read_.call.data_subject),
                         "--category", "network_identifier", "--window", "1h", "--reads",
                         absl::StrCat(kReads), "--basis", "gdpr-46"});
    return Step("asked for, with terms that nobody can widen", said.code == 0, said.out + said.err);
  }

  bool SignByTwo() {
    const Said shown = Run(kCompliance, {"exception", "show", id_});
    Step("what an officer reads before signing", shown.code == 0, shown.out + shown.err);
    for (const char* officer : {kCompliance, kPrivacy}) {
      const Said said = Sign(officer, "approve", id_);
      const bool last = officer == kPrivacy;
      const bool holds =
          said.code == 0 && absl::StrContains(said.out, last ? "  active  " : "  requested  ");
      const size_t at = said.err.find("You sign");
      if (!Step(last ? "signed by the second officer: it holds" : "signed by the first officer",
                holds, at == std::string::npos ? said.err : said.err.substr(at))) {
        return false;
      }
      if (!last) {
        const CallOutcome still = Read();
        Step("the call, with one signature of two", still.status == "FAILED_PRECONDITION",
             still.status);
      }
    }
    return true;
  }

  void Use() {
    const CallOutcome through = Read();
    const nlohmann::json answer = nlohmann::json::parse(through.response_json, nullptr, false);
    const bool masked = answer.is_object() && !answer.value("last_ip", "").empty() &&
                        answer.value("email", "").empty() &&
                        answer.value("display_name", "").empty();
    Step("the same call, unchanged: addresses as granted, everything else masked",
         through.status == "OK" && masked,
         through.status == "OK" ? through.response_json
                                : absl::StrCat(through.status, ": ", through.message));
  }

  void UseUp() {
    CallOutcome last;
    int more = 0;
    for (; more <= kReads; ++more) {
      last = Read();
      if (last.status != "OK") break;
    }
    Step(absl::StrCat("and again until its limit of ", kReads, " records"),
         more <= kReads && last.status == "FAILED_PRECONDITION",
         absl::StrCat(last.status, ": ", last.message));
    const Said reads = Run(kPrivacy, {"exception", "reads", id_});
    Step("what was let through, from the log", reads.code == 0, reads.out + reads.err);
  }

  void RevokeInsideAStream() {
    const Said drafted =
        Run(engineer(), {"exception", "draft", "--method", kWatch, "--action", "read", "--category",
                         "network_identifier", "--for-purpose", "incident", "--output", "json"});
    const nlohmann::json draft = nlohmann::json::parse(drafted.out, nullptr, false);
    const std::string id = draft.is_object() ? draft.value("exception", "") : "";
    if (!Step("a second one, for a stream", !id.empty(), drafted.err)) return;
    const Said asked =
        Run(engineer(), {"exception", "submit", id, "--reason", "watch it come back", "--subject",
                         absl::StrCat(kUserNamespace, ":", read_.call.data_subject), "--window",
                         "30m", "--reads", "1000", "--basis", "gdpr-46"});
    const Said first = Sign(kCompliance, "approve", id), second = Sign(kPrivacy, "approve", id);
    if (!Step("asked for and signed", asked.code == 0 && first.code == 0 && second.code == 0,
              LastLine(asked.err) + LastLine(first.err) + LastLine(second.err))) {
      return;
    }
    Scenario watch = read_;
    watch.call.method = kWatch;
    absl::StatusOr<std::unique_ptr<OpenStream>> stream = stage_.runner().Open(watch);
    if (!Step("the engineer's stream is open", stream.ok() && (*stream)->Next(),
              stream.ok() ? (*stream)->message() : stream.status().ToString())) {
      return;
    }
    const Said revoked = Sign(kPrivacy, "revoke", id, {"--reason", "repaired"});
    const absl::Time at = absl::Now();
    while ((*stream)->Next()) {
    }
    const absl::Duration took = absl::Now() - at;
    Step("revoked: the stream ends",
         revoked.code == 0 && took < absl::Seconds(1) && (*stream)->status() != "OK",
         absl::StrCat((*stream)->status(), ": ", (*stream)->message(), "\n",
                      absl::ToInt64Milliseconds(took), " ms after the command"));
  }

  Stage& stage_;
  const std::string program_;
  const std::function<void(absl::string_view)>& print_;
  StoryResult result_;
  Scenario read_;
  std::vector<StaffMember> people_;  // the engineer is the last
  std::string id_;
  int commands_ = 0;
};

StaffMember EuropeanOfficer(const char* id, const char* role) {
  StaffMember officer;
  officer.id = id;
  officer.issuer_region = kRegion;
  officer.employer = "acme-ie";
  officer.residence = CountryOf(kRegion);
  officer.roles = {role};
  officer.us_person = false;
  return officer;
}

}  // namespace

std::vector<StaffMember> EuropeanOfficers() {
  return {EuropeanOfficer(kCompliance, "compliance_officer"),
          EuropeanOfficer(kPrivacy, "privacy_officer")};
}

StoryResult TellExceptionStory(Stage& stage, const std::string& program,
                               const std::function<void(absl::string_view)>& print) {
  return Story(stage, program, print).Tell();
}

}  // namespace domicile::demo
