// verdict.h — what the soak measured, as a table and as a yes or no.
//
// Errors: none. Thread-safety: thread-compatible.
#ifndef DOMICILE_TESTS_SOAK_VERDICT_H_
#define DOMICILE_TESTS_SOAK_VERDICT_H_

#include <string>
#include <vector>

#include "absl/time/time.h"
#include "tests/soak/causes.h"
#include "tests/soak/samples.h"

namespace domicile::soak {

// Of a gateway, by least squares.
inline constexpr double kSlopeMax = 1.0;  // megabytes in ten minutes
// Connections to services and peers come and go with the load.
inline constexpr int kDescriptorsMore = 4;

class Verdict {
 public:
  // One line, and whether it holds.
  void Check(bool holds, const std::string& line);
  // A line that decides nothing.
  void Note(const std::string& line);

  // Memory, descriptors and threads of a process; `quiet` are the two times around the measured
  // part at which nobody misbehaves.
  void CheckProcess(const std::string& name, const std::vector<Sample>& samples, absl::Time from,
                    absl::Time until, absl::Time quiet_before, absl::Time quiet_after);
  // Each outcome that was not the right one has its cause.
  void CheckOutcomes(const std::vector<Outcome>& otherwise, const Causes& causes);

  bool holds() const { return failed_ == 0; }
  int failed() const { return failed_; }
  const std::string& text() const { return text_; }

 private:
  std::string text_;
  int failed_ = 0;
};

}  // namespace domicile::soak

#endif  // DOMICILE_TESTS_SOAK_VERDICT_H_
