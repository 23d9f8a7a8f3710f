#include "gateway/base/log.h"

#include <unistd.h>

#include <atomic>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/time/clock.h"

namespace domicile::base {
namespace {

constexpr size_t kLineBytesMax = 4096;

std::atomic<LogLevel> lowest{LogLevel::kInfo};

absl::string_view LevelName(LogLevel level) {
  switch (level) {
    case LogLevel::kDebug:
      return "debug";
    case LogLevel::kInfo:
      return "info";
    case LogLevel::kWarning:
      return "warning";
    case LogLevel::kError:
      return "error";
  }
  return "error";
}

bool NeedsQuotes(absl::string_view value) {
  if (value.empty()) return true;
  for (char c : value) {
    if (static_cast<unsigned char>(c) <= ' ' || c == '"' || c == '=' || c == '\\' || c == 0x7f) {
      return true;
    }
  }
  return false;
}

// One record is one line, whatever stands in the value.
void AppendQuoted(absl::string_view value, std::string* line) {
  line->push_back('"');
  for (char c : value) {
    if (c == '"' || c == '\\') {
      line->push_back('\\');
      line->push_back(c);
    } else if (c == '\n') {
      line->append("\\n");
    } else if (static_cast<unsigned char>(c) < ' ' || c == 0x7f) {
      absl::StrAppendFormat(line, "\\x%02x", static_cast<unsigned char>(c));
    } else {
      line->push_back(c);
    }
  }
  line->push_back('"');
}

}  // namespace

LogField::LogField(const char* key, const absl::Status& status)
    : key_(key),
      value_(status.ok()
                 ? "ok"
                 : absl::StrCat(absl::StatusCodeToString(status.code()), ": ", status.message())) {}

LogField::LogField(const char* key, absl::Duration duration)
    : key_(key), value_(absl::FormatDuration(duration)) {}

std::string FormatLogLine(absl::Time now, LogLevel level, absl::string_view event,
                          std::initializer_list<LogField> fields) {
  std::string line =
      absl::StrCat("time=", absl::FormatTime("%Y-%m-%dT%H:%M:%E3SZ", now, absl::UTCTimeZone()),
                   " level=", LevelName(level), " event=", event);
  for (const LogField& field : fields) {
    absl::StrAppend(&line, " ", field.key(), "=");
    if (NeedsQuotes(field.value())) {
      AppendQuoted(field.value(), &line);
    } else {
      line += field.value();
    }
  }
  if (line.size() > kLineBytesMax) {
    line.resize(kLineBytesMax);
    line += " cut=true";
  }
  return line;
}

void SetLogLevel(LogLevel level) { lowest.store(level, std::memory_order_relaxed); }

void Log(LogLevel level, const char* event, std::initializer_list<LogField> fields) {
  if (level < lowest.load(std::memory_order_relaxed)) return;
  std::string line = FormatLogLine(absl::Now(), level, event, fields);
  line.push_back('\n');
  // One write, so that lines of several threads don't mix.
  ssize_t ignored = write(STDERR_FILENO, line.data(), line.size());
  static_cast<void>(ignored);
}

}  // namespace domicile::base
