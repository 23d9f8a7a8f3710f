#include "tests/soak/verdict.h"

#include <algorithm>
#include <map>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "tests/soak/fit.h"
#include "tests/soak/load.h"

namespace domicile::soak {
namespace {

constexpr double kTenMinutes = 600;
constexpr size_t kUnexplainedShown = 40;

// What was open in the five seconds before, at the least of them: a connection that just comes or
// goes counts for nobody.
Sample Lowest(const std::vector<Sample>& samples, absl::Time at) {
  Sample lowest{.descriptors = -1};
  for (const Sample& sample : samples) {
    if (sample.at > at || sample.at < at - absl::Seconds(5)) continue;
    if (lowest.descriptors < 0 || sample.descriptors < lowest.descriptors) lowest = sample;
  }
  return lowest;
}

}  // namespace

void Verdict::Check(bool holds, const std::string& line) {
  absl::StrAppend(&text_, holds ? "  ok    " : "  FAIL  ", line, "\n");
  failed_ += holds ? 0 : 1;
}

void Verdict::Note(const std::string& line) { absl::StrAppend(&text_, "        ", line, "\n"); }

void Verdict::CheckProcess(const std::string& name, const std::vector<Sample>& samples,
                           absl::Time from, absl::Time until, absl::Time quiet_before,
                           absl::Time quiet_after) {
  std::vector<Point> memory;
  double least = 1e9, most = 0;
  for (const Sample& sample : samples) {
    if (sample.at < from || sample.at > until) continue;
    memory.push_back({absl::ToDoubleSeconds(sample.at - from), sample.rss_megabytes});
    least = std::min(least, sample.rss_megabytes);
    most = std::max(most, sample.rss_megabytes);
  }
  const Line line = Fit(memory);
  Check(
      memory.size() >= 3 && line.slope * kTenMinutes <= kSlopeMax,
      absl::StrFormat("%s memory: %+.2f MB in 10 minutes (95%%: %+.2f to %+.2f; %d samples that "
                      "count as %.0f), at most %+.0f; it was %.1f to %.1f MB",
                      name, line.slope * kTenMinutes, (line.slope - line.half_width) * kTenMinutes,
                      (line.slope + line.half_width) * kTenMinutes, memory.size(), line.counted,
                      kSlopeMax, least, most));
  if (line.slope * kTenMinutes <= kSlopeMax &&
      (line.slope + line.half_width) * kTenMinutes > kSlopeMax)
    Note(absl::StrCat(name,
                      " memory: the interval reaches beyond the limit; a longer run would "
                      "say more"));
  const Sample before = Lowest(samples, quiet_before), after = Lowest(samples, quiet_after);
  Check(before.descriptors >= 0 && after.descriptors >= 0 &&
            after.descriptors <= before.descriptors + kDescriptorsMore,
        absl::StrFormat("%s descriptors: %d before, %d after, at most %d more", name,
                        before.descriptors, after.descriptors, kDescriptorsMore));
  Check(after.threads >= 0 && after.threads <= before.threads,
        absl::StrFormat("%s threads: %d before, %d after", name, before.threads, after.threads));
}

void Verdict::CheckOutcomes(const std::vector<Outcome>& otherwise, const Causes& causes) {
  std::map<std::string, int> explained;
  std::vector<const Outcome*> unexplained;
  for (const Outcome& outcome : otherwise) {
    const std::string cause = causes.Explain(outcome);
    if (cause.empty()) {
      unexplained.push_back(&outcome);
    } else {
      ++explained[absl::StrCat(cause, ": ", outcome.kind, ", ", outcome.region, ": ",
                               StatusText(outcome.code, outcome.reason))];
    }
  }
  for (const auto& [what, times] : explained) Note(absl::StrFormat("%6d  %s", times, what));
  Check(unexplained.empty(), absl::StrFormat("%d answers that nothing explains, of %d that were "
                                             "not the usual one",
                                             unexplained.size(), otherwise.size()));
  for (size_t i = 0; i < std::min(unexplained.size(), kUnexplainedShown); ++i) {
    const Outcome& one = *unexplained[i];
    Note(absl::StrCat(absl::FormatTime("%H:%M:%E3S", one.begun, absl::UTCTimeZone()), " to ",
                      absl::FormatTime("%H:%M:%E3S", one.ended, absl::UTCTimeZone()), "  ",
                      one.kind, ", ", one.region, ": ", StatusText(one.code, one.reason)));
  }
}

}  // namespace domicile::soak
