// store_bench — what the log costs on this disk: `store_bench [DIRECTORY]`.
//
// Appends of DECISION entries at depth 1, 64 and 4,096 for two seconds each, DURABLE
// and INTEGRATED; beside them, in the same run, the disk's own write-and-sync of the
// same frame. Ratios count, not seconds. Also the bytes and the cost of an entry.
// Not a test: nothing here has a limit.
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <filesystem>
#include <mutex>
#include <thread>
#include <vector>

#include "gateway/audit/entry.h"
#include "gateway/crypto/digest.h"
#include "tests/store/log_fixture.h"
#include "tests/support/budget.h"
#include "tests/support/temp_dir.h"

namespace domicile::store {
namespace {

using Clock = std::chrono::steady_clock;
constexpr std::chrono::seconds kRun(2);

double Micros(Clock::duration d) { return std::chrono::duration<double, std::micro>(d).count(); }

// As a read of one record in its region makes it: four jurisdictions, three categories.
audit::Entry TypicalDecision() {
  audit::DecisionEntry e;
  crypto::RandomBytes(e.decision_id.data(), e.decision_id.size());
  crypto::RandomBytes(e.nonce.data(), e.nonce.size());
  e.method = 2;
  e.direction = audit::Direction::kResponse;
  e.message = 1;
  e.effect = access::Effect::kMask;
  e.existence = access::Effect::kAllow;
  e.reason = e.shown_reason = access::Reason::kRule;
  e.rules = {{12}, {14}};
  for (access::Via via : {access::Via::kResidence, access::Via::kLocation, access::Via::kEmployer,
                          access::Via::kWorkload})
    access::AddJurisdiction(e.jurisdictions, {*access::CountryCode::Parse("IE"), via});
  e.kind = access::PrincipalKind::kStaff;
  e.action = access::Action::kRead;
  e.purpose = access::PurposeIndex{3};
  e.roles = access::RoleSet::FromBits(4);
  e.workloads_opening = e.workloads_restricting = access::WorkloadPatternSet::FromBits(2);
  e.ticket_valid = e.ticket_assigned = e.ticket_about = true;
  e.covered_person = e.us_person = access::Tri::kFalse;
  e.origins = access::RegionSet::FromBits(2);
  e.categories = access::CategorySet::FromBits(0x1800);
  e.protected_person = e.minor = access::Tri::kFalse;
  e.shown = access::CategorySet::FromBits(0x1000);
  e.masked = access::CategorySet::FromBits(0x800);
  e.legal = access::LegalVerdict::kSilent;
  e.company = access::CompanyVerdict::kMask;
  e.strength = audit::Strength::kDurable;
  e.records = e.records_masked = e.subjects_total = 1;
  crypto::RandomBytes(e.principal.data(), e.principal.size());
  e.subjects.resize(1);
  crypto::RandomBytes(e.subjects[0].data(), e.subjects[0].size());
  crypto::RandomBytes(e.ticket.data(), e.ticket.size());
  return {.time = absl::FromUnixMillis(1'795'478'400'123), .context = 1'000, .body = e};
}

// Microseconds of this thread's CPU, which neighbours on the machine do not lengthen.
double CpuMicros() {
  timespec now;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return now.tv_sec * 1e6 + now.tv_nsec / 1e3;
}

void BenchEntry() {
  audit::Entry entry = TypicalDecision();
  std::string bytes = *audit::Encode(entry);
  constexpr int kTimes = 200'000;
  size_t sum = 0;
  double start = CpuMicros();
  for (int n = 0; n < kTimes; ++n) sum += audit::Encode(entry)->size();
  double encoded = CpuMicros();
  for (int n = 0; n < kTimes; ++n) sum += audit::Decode(bytes)->context;
  double decoded = CpuMicros();
  printf("typical DECISION: %zu bytes; CPU: encode %.2f us, decode %.2f us (%zu)\n", bytes.size(),
         (encoded - start) / kTimes, (decoded - encoded) / kTimes, sum % 10);
  support::Budget("bytes of a typical DECISION", static_cast<double>(bytes.size()), 300, "bytes");
  support::Budget("read an entry back, for 1 M/s a core", (decoded - encoded) / kTimes, 1, "us");
}

// What the disk does with the same bytes and nothing else.
void BenchRaw(const std::string& directory, size_t bytes) {
  int file = open((directory + "/raw").c_str(), O_RDWR | O_CREAT | O_TRUNC, 0600);
  if (file < 0 || fallocate(file, 0, 0, 64 << 20) != 0) return;
  std::string block(bytes, 'x');
  std::vector<double> times;
  auto end = Clock::now() + kRun;
  off_t at = 0;
  while (Clock::now() < end && at < (64 << 20)) {
    auto start = Clock::now();
    if (pwrite(file, block.data(), block.size(), at) < 0 || fdatasync(file) != 0) break;
    at += static_cast<off_t>(block.size());
    times.push_back(Micros(Clock::now() - start));
  }
  close(file);
  std::sort(times.begin(), times.end());
  if (times.empty()) return;
  double total = 0;
  for (double time : times) total += time;
  printf("disk alone, %zu bytes and fdatasync: %8.0f/s  p50 %6.0f us  p99 %6.0f us\n", bytes,
         times.size() * 1e6 / total, times[times.size() / 2], times[times.size() * 99 / 100]);
}

void BenchAppends(const std::string& directory, enforce::Strength strength, size_t depth) {
  std::string path = directory + "/log-" + std::to_string(depth) +
                     (strength == enforce::Strength::kDurable ? "-durable" : "-integrated");
  std::filesystem::create_directory(path);
  LogOptions options = LogOptionsFor(nullptr, path);
  options.segment_bytes = 64 << 20;
  options.checkpoint_interval = absl::Milliseconds(50);
  auto log = LogSegments::Open(std::move(options));
  if (!log.ok()) {
    fprintf(stderr, "%s\n", std::string(log.status().message()).c_str());
    return;
  }
  std::string entry = *audit::Encode(TypicalDecision());
  std::mutex mutex;
  std::condition_variable room;
  size_t in_flight = 0, failed = 0;
  std::vector<float> times;
  auto start = Clock::now();
  while (Clock::now() - start < kRun) {
    {
      std::unique_lock<std::mutex> lock(mutex);
      room.wait(lock, [&] { return in_flight < depth; });
      ++in_flight;
    }
    auto asked = Clock::now();
    (*log)->Append({entry}, strength, [&, asked](enforce::AppendResult result) {
      std::lock_guard<std::mutex> lock(mutex);
      times.push_back(static_cast<float>(Micros(Clock::now() - asked)));
      failed += !result.status.ok();
      --in_flight;
      room.notify_one();
    });
  }
  double seconds = std::chrono::duration<double>(Clock::now() - start).count();
  log->reset();  // answers everybody
  std::sort(times.begin(), times.end());
  printf("%-10s depth %5zu: %8.0f/s  p50 %6.0f us  p99 %6.0f us  failed %zu\n",
         strength == enforce::Strength::kDurable ? "DURABLE" : "INTEGRATED", depth,
         times.size() / seconds, times[times.size() / 2], times[times.size() * 99 / 100], failed);
  if (strength == enforce::Strength::kDurable && depth == 64)
    support::Budget("durable append at depth 64, p99", times[times.size() * 99 / 100] / 1e3, 3,
                    "ms");
  if (strength == enforce::Strength::kIntegrated && depth == 1)
    support::Budget("append until a signed head covers it, p50", times[times.size() / 2] / 1e3, 2,
                    "ms");
}

}  // namespace
}  // namespace domicile::store

int main(int argc, char** argv) {
  using domicile::enforce::Strength;
  domicile::support::TempDir temporary;
  std::string directory = argc > 1 ? argv[1] : temporary.path();
  domicile::store::BenchEntry();
  domicile::store::BenchRaw(directory, 300);
  for (Strength strength : {Strength::kDurable, Strength::kIntegrated})
    for (size_t depth : {1, 64, 4'096}) domicile::store::BenchAppends(directory, strength, depth);
}
