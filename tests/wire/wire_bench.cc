// CPU nanoseconds of one scan and of one edit of the 978-byte profile of data/bench.proto.
//   wire_bench [runs]
// Prints the median of the runs and their range; a run is 20,000 messages.
#include <algorithm>
#include <cstdio>
#include <ctime>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "gateway/wire/edit.h"
#include "gateway/wire/scan.h"
#include "tests/support/budget.h"
#include "tests/wire/bytes.h"
#include "tests/wire/test_schema.h"

namespace domicile::wire {
namespace {

constexpr size_t kBytes = 978;
constexpr int kRounds = 20'000;

std::string Profile() {
  Bytes profile;
  profile.Text(1, "user-00000001").Text(2, "Ada Lovelace").Text(3, "ada@example.org");
  profile.Text(4, "198.51.100.17");
  for (int i = 0; i < 8; ++i) {
    profile.Message(6, Bytes()
                           .Text(1, absl::StrCat("user-0000001", i))
                           .Text(2, "Charles Babbage")
                           .Varint(3, 1'700'000'000'000)
                           .Text(4, absl::StrCat("203.0.113.", 10 + i)));
  }
  for (const char* key : {"theme", "language", "time_zone", "layout"}) {
    profile.Message(7, Bytes().Text(1, key).Text(2, "a value of it"));
  }
  profile.Varint(8, 1'690'000'000'000).Text(9, "\x01\x02\x03\x84\x07");
  profile.Tag(10, 1).Raw("12345678").Text(15, std::string(57, 't'));
  const size_t left = kBytes - profile.str().size() - 3;
  return profile.Text(5, std::string(left, 'b')).str();
}

// CPU time: the machine may be busy with something else.
double ThreadNanoseconds() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) * 1e9 + static_cast<double>(now.tv_nsec);
}

// The median.
template <class Work>
double Measure(const char* name, int runs, Work work) {
  std::vector<double> nanoseconds;
  for (int run = 0; run < runs; ++run) {
    const double begin = ThreadNanoseconds();
    for (int i = 0; i < kRounds; ++i) work();
    nanoseconds.push_back((ThreadNanoseconds() - begin) / kRounds);
  }
  std::sort(nanoseconds.begin(), nanoseconds.end());
  std::printf("%-28s median %6.0f ns  (%.0f to %.0f, %d runs)\n", name,
              nanoseconds[nanoseconds.size() / 2], nanoseconds.front(), nanoseconds.back(), runs);
  return nanoseconds[nanoseconds.size() / 2];
}

int Run(int runs) {
  const auto schema = LoadOrDie(CompileProtos({{"bench.proto", ReadData("bench.proto")}}));
  const MessagePlan& plan = *schema->FindMessage("bench.v1.Profile");
  const std::string message = Profile();
  Scanner scanner;
  access::Findings findings;
  Spans spans;
  scanner.Scan(plan, Direction::kResponse, message, &findings, &spans);
  if (!findings.readable() || findings.subjects.size() != 9) {
    std::fprintf(stderr, "the profile can't be read\n");
    return 1;
  }
  std::printf("%zu bytes, %zu data subjects, %zu spans\n", message.size(), findings.subjects.size(),
              spans.list.size());
  const double scan = Measure(
      "scan", runs, [&] { scanner.Scan(plan, Direction::kResponse, message, &findings, &spans); });
  std::vector<Mask> masks(TestVocabulary().categories.size());
  masks[CategoryNamed("contact").value] = {MaskKind::kLast, 4, "contact"};
  masks[CategoryNamed("device_identifier").value] = {MaskKind::kClear, 0, ""};
  access::Edit edit;
  edit.strip_unknown_fields = true;
  edit.records.resize(findings.records.size());
  edit.records[0].masked.Add(CategoryNamed("contact"));
  edit.records[0].masked.Add(CategoryNamed("device_identifier"));
  std::string out;
  auto apply = [&] {
    (void)ApplyEdit(message, findings, spans, edit, Masks{masks, nullptr}, &out);
  };
  const double mask = Measure("mask two fields", runs, apply);
  edit.records[0].masked.Add(CategoryNamed("network_identifier"));
  masks[CategoryNamed("network_identifier").value] = {MaskKind::kPrefix, 24, "network_identifier"};
  Measure("mask 11 fields, 9 addresses", runs, apply);
  support::Budget("find all fields of 978 bytes", scan / 1e3, 1.5, "us");
  support::Budget("mask two of them, lengths change", mask / 1e3, 1, "us");
  return out.empty() ? 1 : 0;
}

}  // namespace
}  // namespace domicile::wire

int main(int argc, char** argv) {
  int runs = 7;
  if (argc > 1 && (!absl::SimpleAtoi(argv[1], &runs) || runs < 1)) {
    std::fprintf(stderr, "usage: wire_bench [runs]\n");
    return 64;
  }
  return domicile::wire::Run(runs);
}
