// soak — two regions of real gateways and services, under load and under trouble, for minutes.
//
//   soak [MINUTES]      20 of them when none are given; DOMICILE_SEED repeats the choices
//
// Prints what it does, and a verdict. Exit codes: 0 it holds, 1 it does not, 2 bad arguments, 3 the
// machine does not give what the soak needs.
#include <sys/statvfs.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <random>
#include <string>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/time/clock.h"
#include "gateway/main/demo/world.h"
#include "tests/scenarios/regions.h"
#include "tests/soak/ledger.h"
#include "tests/soak/load.h"
#include "tests/soak/samples.h"
#include "tests/soak/trouble.h"
#include "tests/soak/verdict.h"

namespace domicile::soak {
namespace {

namespace fs = std::filesystem;

constexpr double kShare = 0.8;  // of what the warm-up could do
constexpr absl::Duration kBetweenTroubles = absl::Seconds(4);
// Longer than a half-open connection may stay.
constexpr absl::Duration kQuiet = absl::Seconds(18);
// Logs and the services' databases grow with each call; some 2 MB a second at the most.
constexpr double kDiskPerMinute = 150e6, kDiskAnyway = 1e9;

struct Times {
  absl::Duration fast, warm, measured;  // warm-up at full speed, at the pace; what is judged
};

// A gateway's heap reaches its size after some 15 minutes of this: what each caller, stream and
// arena keeps comes to be when it is first needed.
Times TimesFor(double minutes) {
  const absl::Duration measured = absl::Minutes(minutes);
  const absl::Duration fast =
      std::min(absl::Seconds(90), std::max(absl::Seconds(12), measured / 12));
  return {fast, std::max(fast, measured * 3 / 4), measured};
}

class Soak {
 public:
  Soak(double minutes, uint32_t seed) : times_(TimesFor(minutes)), seed_(seed), tally_(seed) {}
  ~Soak() {
    load_.reset();
    samples_.reset();
    world_.reset();
    std::error_code ignored;
    if (!directory_.empty() && std::getenv("DOMICILE_KEEP") == nullptr)
      fs::remove_all(directory_, ignored);
  }

  absl::Status Prepare(double minutes);
  absl::Status Run();
  bool Judge();

 private:
  void Say(const std::string& what) const;
  // Until then, and until everything was done so often: memory that a first time takes is no leak.
  absl::Status MakeTrouble(absl::Time until, int rounds);
  double WarmUp();
  void JudgeOutcomes();
  void JudgeTrouble();
  void JudgeLogs();

  const Times times_;
  const uint32_t seed_;
  std::string directory_;
  std::unique_ptr<demo::World> world_;
  Causes causes_;
  Tally tally_;
  Pace pace_;
  std::unique_ptr<Load> load_;
  std::unique_ptr<Samples> samples_;
  std::unique_ptr<Trouble> trouble_;
  Verdict verdict_;
  double full_speed_ = 0, speed_ = 0;
  absl::Duration late_;
  absl::Time began_, quiet_before_, measured_from_, measured_until_, quiet_after_;
};

void Soak::Say(const std::string& what) const {
  std::printf("%8.1f  %s\n", absl::ToDoubleSeconds(absl::Now() - began_), what.c_str());
  std::fflush(stdout);
}

absl::Status Soak::Prepare(double minutes) {
  std::string pattern = (fs::temp_directory_path() / "domicile-soak.XXXXXX").string();
  if (mkdtemp(pattern.data()) == nullptr) return absl::UnavailableError("mkdtemp: " + pattern);
  directory_ = pattern;
  const double needed = kDiskAnyway + minutes * kDiskPerMinute;
  const double free = static_cast<double>(fs::space(directory_).available);
  if (free < needed)
    return absl::ResourceExhaustedError(absl::StrFormat("%s has %.1f GB free and may need %.1f",
                                                        directory_, free / 1e9, needed / 1e9));
  demo::WorldOptions options = scenarios::RegionsOptions(directory_);
  options.gateway_command = {DOMICILE_PROGRAM, "gateway"};
  options.regions = {"eu", "uk"};
  options.people = 200;
  options.staff = {kSupport};
  options.tickets = {SupportTicket(true)};
  options.service_lifetime = absl::Hours(48);
  const std::string company = directory_ + "/company";
  fs::copy(options.company_directory, company);
  options.company_directory = company;
  auto world = demo::World::Create(std::move(options));
  if (!world.ok()) return world.status();
  world_ = *std::move(world);
  return world_->Start();
}

// Calls in a second, with nothing else going on.
double Soak::WarmUp() {
  absl::SleepFor(times_.fast / 2);  // caches, pools and pages fill
  const uint64_t before = tally_.calls();
  absl::SleepFor(times_.fast / 2);  // the measurement is a time
  return static_cast<double>(tally_.calls() - before) / absl::ToDoubleSeconds(times_.fast / 2);
}

absl::Status Soak::MakeTrouble(absl::Time until, int rounds) {
  while (absl::Now() < until || trouble_->rounds() < rounds) {
    absl::Status done = trouble_->Next();
    if (!done.ok()) return done;
    trouble_->rude().Sweep(absl::Now());
    for (const std::string& region : world_->options().regions) {
      if (!world_->gateway(region)->running())
        return absl::InternalError("the gateway of " + region + " has ended");
    }
    absl::SleepFor(kBetweenTroubles);  // trouble comes at times
  }
  return absl::OkStatus();
}

absl::Status Soak::Run() {
  began_ = absl::Now();
  std::map<std::string, pid_t> processes = {{"the soak itself", getpid()}};
  for (const std::string& region : world_->options().regions)
    processes["gateway " + region] = world_->gateway(region)->pid();
  samples_ = std::make_unique<Samples>([processes] { return processes; });
  load_ = std::make_unique<Load>(*world_, seed_, tally_, pace_, causes_);
  trouble_ = std::make_unique<Trouble>(*world_, seed_, causes_,
                                       [this](const std::string& what) { Say(what); });
  Say("warm-up at full speed");
  full_speed_ = WarmUp();
  pace_.Set(kShare * full_speed_);
  Say(absl::StrFormat("full speed is %.0f calls a second; from here on %.0f", full_speed_,
                      kShare * full_speed_));
  absl::SleepFor(absl::Seconds(6));  // five seconds of samples without trouble
  quiet_before_ = absl::Now();
  absl::Status status = MakeTrouble(absl::Now() + times_.warm, /*rounds=*/2);
  if (!status.ok()) return status;
  tally_.Restart();
  const uint64_t missed = pace_.missed();
  measured_from_ = absl::Now();
  Say("what follows is judged");
  status = MakeTrouble(measured_from_ + times_.measured, /*rounds=*/1);
  if (!status.ok()) return status;
  measured_until_ = absl::Now();
  speed_ =
      static_cast<double>(tally_.calls()) / absl::ToDoubleSeconds(measured_until_ - measured_from_);
  verdict_.Note(absl::StrFormat("calls that nobody had time for: %d", pace_.missed() - missed));
  Say("nobody misbehaves any more");
  absl::SleepFor(kQuiet);  // half-open connections have their time
  trouble_->rude().CloseAll();
  absl::SleepFor(absl::Seconds(6));  // the gateways see them go
  quiet_after_ = absl::Now();
  late_ = load_->late_revocation();
  load_.reset();
  return absl::OkStatus();
}

void Soak::JudgeOutcomes() {
  verdict_.Note(absl::StrFormat("%.0f calls a second, %.0f %% of the full speed of %.0f", speed_,
                                100 * speed_ / full_speed_, full_speed_));
  for (const auto& [status, times] : tally_.statuses())
    verdict_.Note(absl::StrFormat("%8d  %s", times, status));
  for (const auto& [kind, count] : tally_.kinds()) {
    verdict_.Check(count.as_expected > 0,
                   absl::StrFormat("%8d answered as they should, %d otherwise: %s",
                                   count.as_expected, count.otherwise, kind));
  }
  verdict_.CheckOutcomes(tally_.otherwise(), causes_);
  verdict_.Check(tally_.left_out() == 0,
                 absl::StrFormat("%d answers more than could be kept", tally_.left_out()));
  verdict_.Check(late_ <= absl::Seconds(1),
                 absl::StrCat("the last call that was begun under a closed ticket and answered: ",
                              absl::FormatDuration(late_), " after, at most 1s"));
}

void Soak::JudgeTrouble() {
  for (const auto& [what, times] : trouble_->done())
    verdict_.Note(absl::StrFormat("%6d times %s", times, what));
  const RudeClients& rude = trouble_->rude();
  verdict_.Check(rude.never_ended() == 0,
                 absl::StrFormat("%d of %d half-open connections that the gateways never ended; %d "
                                 "connections that misbehaved in all",
                                 rude.never_ended(), rude.half_open(), rude.connections()));
}

void Soak::JudgeLogs() {
  const std::vector<Received> received = tally_.received();
  verdict_.Note(absl::StrFormat("%d records received, %d of them looked up in the logs",
                                tally_.received_in_all(), received.size()));
  for (const std::string& region : world_->options().regions) {
    const int code = world_->gateway(region)->Stop(absl::Seconds(40));
    verdict_.Check(code == 0, absl::StrFormat("gateway %s ended with %d", region, code));
    auto report = CheckLedger(*world_, region, received);
    verdict_.Check(report.ok(),
                   absl::StrCat("log of ", region, " verifies: ", report.status().ToString()));
    if (!report.ok()) continue;
    verdict_.Check(report->covered == report->entries,
                   absl::StrFormat("log of %s: %d entries (%d decisions), %d under a signed head, "
                                   "%.0f MB",
                                   region, report->entries, report->decisions, report->covered,
                                   report->megabytes));
    verdict_.Check(report->looked_for > 0 && report->found == report->looked_for,
                   absl::StrFormat("log of %s: %d of %d received records have their decision",
                                   region, report->found, report->looked_for));
  }
}

bool Soak::Judge() {
  const auto& regions = world_->options().regions;
  for (const std::string& region : regions) {
    const std::string name = "gateway " + region;
    verdict_.CheckProcess(name, samples_->Of(name), measured_from_, measured_until_, quiet_before_,
                          quiet_after_);
  }
  const std::string csv = absl::StrCat(DOMICILE_SOAK_DIR, "/samples.csv");
  fs::create_directories(DOMICILE_SOAK_DIR);
  if (Rewrite(csv, samples_->Csv()).ok()) verdict_.Note("samples: " + csv);
  samples_.reset();
  JudgeOutcomes();
  JudgeTrouble();
  JudgeLogs();
  std::printf("\nseed %u, judged over %s after a warm-up of %s\n%s%s\n", seed_,
              absl::FormatDuration(times_.measured).c_str(),
              absl::FormatDuration(absl::Trunc(measured_from_ - began_, absl::Seconds(1))).c_str(),
              verdict_.text().c_str(),
              verdict_.holds() ? "The soak holds."
                               : absl::StrCat(verdict_.failed(), " checks failed.").c_str());
  return verdict_.holds();
}

int Main(int argc, char** argv) {
  double minutes = 20;
  if (argc > 2 || (argc == 2 && (!absl::SimpleAtod(argv[1], &minutes) || !(minutes > 0)))) {
    std::fputs("usage: soak [MINUTES]\n", stderr);
    return 2;
  }
  uint32_t seed = 0;
  const char* given = std::getenv("DOMICILE_SEED");
  if (given == nullptr || !absl::SimpleAtoi(given, &seed)) seed = 2026;
  std::printf("seed %u (DOMICILE_SEED repeats the choices, not the timing), %g minutes\n", seed,
              minutes);
  Soak soak(minutes, seed);
  absl::Status status = soak.Prepare(minutes);
  if (!status.ok()) {
    std::fprintf(stderr, "soak: %s\n", status.ToString().c_str());
    return 3;
  }
  status = soak.Run();
  if (!status.ok()) std::printf("FAIL  the soak could not go on: %s\n", status.ToString().c_str());
  return soak.Judge() && status.ok() ? 0 : 1;
}

}  // namespace
}  // namespace domicile::soak

int main(int argc, char** argv) { return domicile::soak::Main(argc, argv); }
