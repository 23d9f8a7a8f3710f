#include "gateway/base/log.h"

#include <gtest/gtest.h>

namespace domicile::base {
namespace {

const absl::Time kNow = absl::FromUnixMillis(1795478400123);

TEST(Log, IsOneLineWhateverStandsInAField) {
  EXPECT_EQ(FormatLogLine(kNow, LogLevel::kInfo, "listener.ready",
                          {{"address", NotPersonal("127.0.0.1:8443")},
                           {"loops", 2},
                           {"dev", true},
                           {"tls", false},
                           {"after", absl::Milliseconds(1500)},
                           {"mode", "observe"}}),
            "time=2026-11-24T00:00:00.123Z level=info event=listener.ready address=127.0.0.1:8443 "
            "loops=2 dev=true tls=false after=1.5s mode=observe");
  EXPECT_EQ(FormatLogLine(kNow, LogLevel::kError, "e",
                          {{"a", NotPersonal("x=\"y\"\\\n\x01\x7f z")}, {"b", NotPersonal("")}}),
            "time=2026-11-24T00:00:00.123Z level=error event=e "
            "a=\"x=\\\"y\\\"\\\\\\n\\x01\\x7f z\" b=\"\"");
}

TEST(Log, ShowsStatuses) {
  EXPECT_EQ(FormatLogLine(kNow, LogLevel::kWarning, "e", {{"s", absl::OkStatus()}}),
            "time=2026-11-24T00:00:00.123Z level=warning event=e s=ok");
  EXPECT_EQ(FormatLogLine(kNow, LogLevel::kDebug, "e", {{"s", absl::NotFoundError("gone")}}),
            "time=2026-11-24T00:00:00.123Z level=debug event=e s=\"NOT_FOUND: gone\"");
}

TEST(Log, CutsLinesThatAreTooLongAndSaysSo) {
  std::string line =
      FormatLogLine(kNow, LogLevel::kInfo, "e", {{"a", NotPersonal(std::string(5000, 'x'))}});
  EXPECT_EQ(line.size(), 4096u + 9);
  EXPECT_EQ(line.substr(4096), " cut=true");
}

TEST(Log, DropsWhatIsBelowItsLevel) {
  testing::internal::CaptureStderr();
  Log(LogLevel::kDebug, "unheard");
  Log(LogLevel::kInfo, "heard", {{"n", 1}});
  SetLogLevel(LogLevel::kError);
  Log(LogLevel::kWarning, "unheard");
  SetLogLevel(LogLevel::kInfo);
  const std::string text = testing::internal::GetCapturedStderr();
  EXPECT_EQ(text.find("unheard"), std::string::npos);
  EXPECT_NE(text.find("level=info event=heard n=1\n"), std::string::npos);
}

}  // namespace
}  // namespace domicile::base
