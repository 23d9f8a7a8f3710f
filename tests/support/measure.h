// measure.h — CPU nanoseconds of one piece of work, for benches: median, range, one line.
//
// CPU time of this thread and not time on the wall, because a machine may be busy with something
// else, which costs caches but not work.
#ifndef DOMICILE_TESTS_SUPPORT_MEASURE_H_
#define DOMICILE_TESTS_SUPPORT_MEASURE_H_

#include <algorithm>
#include <cstdio>
#include <ctime>
#include <vector>

namespace domicile::support {

inline double ThreadNanoseconds() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) * 1e9 + static_cast<double>(now.tv_nsec);
}

// The median of `kRuns` runs of `times` times `work`.
template <class Work>
double Measure(const char* what, int times, Work work) {
  constexpr int kRuns = 15;
  std::vector<double> nanoseconds;
  for (int i = 0; i < times; ++i) work();  // finds everything cold
  for (int run = 0; run < kRuns; ++run) {
    const double begin = ThreadNanoseconds();
    for (int i = 0; i < times; ++i) work();
    nanoseconds.push_back((ThreadNanoseconds() - begin) / times);
  }
  std::sort(nanoseconds.begin(), nanoseconds.end());
  std::printf("%-44s median %8.0f ns  (%.0f to %.0f, %d runs of %d)\n", what,
              nanoseconds[kRuns / 2], nanoseconds.front(), nanoseconds.back(), kRuns, times);
  return nanoseconds[kRuns / 2];
}

}  // namespace domicile::support

#endif  // DOMICILE_TESTS_SUPPORT_MEASURE_H_
