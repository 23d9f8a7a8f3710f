#include "tests/soak/samples.h"

#include <filesystem>
#include <fstream>
#include <iterator>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/time/clock.h"

namespace domicile::soak {
namespace {

constexpr absl::Duration kInterval = absl::Seconds(1);

}  // namespace

std::optional<Sample> LookAt(pid_t pid) {
  const std::string folder = absl::StrCat("/proc/", pid);
  std::ifstream status(folder + "/status");
  Sample sample{.at = absl::Now()};
  std::string key;
  int found = 0;
  while (found < 2 && status >> key) {
    double number = 0;
    if (key == "VmRSS:" && status >> number) {
      sample.rss_megabytes = number / 1024;
      ++found;
    } else if (key == "Threads:" && status >> sample.threads) {
      ++found;
    }
  }
  std::error_code gone;
  std::filesystem::directory_iterator open(folder + "/fd", gone), end;
  for (; !gone && open != end; open.increment(gone)) ++sample.descriptors;
  if (found < 2 || gone) return std::nullopt;
  return sample;
}

Samples::Samples(Processes processes)
    : processes_(std::move(processes)), begun_(absl::Now()), thread_([this] { Run(); }) {}

Samples::~Samples() {
  stop_.Notify();
  thread_.join();
}

void Samples::Run() {
  absl::Time next = begun_;
  do {
    for (const auto& [name, pid] : processes_()) {
      std::optional<Sample> sample = LookAt(pid);
      absl::MutexLock lock(&mutex_);
      if (sample) samples_[name].push_back(*sample);
    }
    next += kInterval;
  } while (!stop_.WaitForNotificationWithTimeout(next - absl::Now()));
}

std::vector<Sample> Samples::Of(const std::string& name) const {
  absl::MutexLock lock(&mutex_);
  auto found = samples_.find(name);
  return found == samples_.end() ? std::vector<Sample>{} : found->second;
}

std::string Samples::Csv() const {
  absl::MutexLock lock(&mutex_);
  std::string text = "seconds,process,rss_mb,descriptors,threads\n";
  for (const auto& [name, samples] : samples_) {
    for (const Sample& sample : samples) {
      absl::StrAppendFormat(&text, "%.1f,%s,%.3f,%d,%d\n",
                            absl::ToDoubleSeconds(sample.at - begun_), name, sample.rss_megabytes,
                            sample.descriptors, sample.threads);
    }
  }
  return text;
}

}  // namespace domicile::soak
