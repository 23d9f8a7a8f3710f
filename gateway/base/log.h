// log.h — one structured line to stderr for operators. Not the audit log.
//
// Why: an operator must see what the gateway does, and the operators' log is read
// by people who may not see user data. So a field can hold only numbers, fixed
// words, statuses (which hold no personal data by rule) and text that the caller
// marks with NotPersonal, which a reviewer can search for.
//
//   base::Log(base::LogLevel::kInfo, "listener.ready", {{"address", base::NotPersonal(address)},
//                                                       {"loops", 2}});
//   time=2026-11-24T05:58:24.123Z level=info event=listener.ready address=127.0.0.1:8443 loops=2
//
// Values with spaces, quotes, `=` or control characters are quoted and escaped; a
// line is at most 4 KiB, longer ones end in `cut=true`.
// Thread-safe. Never fails; a stderr that can't be written is ignored.
// Source: P7: personal data enters no log.
#ifndef DOMICILE_GATEWAY_BASE_LOG_H_
#define DOMICILE_GATEWAY_BASE_LOG_H_

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <type_traits>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace domicile::base {

enum class LogLevel { kDebug = 0, kInfo, kWarning, kError };

// The caller's promise that this text says nothing about any person: a path, an
// address of ours, a region, an enum's name, a method.
struct NotPersonal {
  explicit NotPersonal(absl::string_view promised) : text(promised) {}
  absl::string_view text;
};

class LogField {
 public:
  template <class Int, std::enable_if_t<std::is_integral_v<Int>, int> = 0>
  LogField(const char* key, Int value) : key_(key), value_(Number(value)) {}
  template <size_t N>
  LogField(const char* key, const char (&word)[N]) : key_(key), value_(word) {}
  LogField(const char* key, NotPersonal text) : key_(key), value_(text.text) {}
  LogField(const char* key, const absl::Status& status);
  LogField(const char* key, absl::Duration duration);

  const char* key() const { return key_; }
  const std::string& value() const { return value_; }

 private:
  static std::string Number(bool value) { return value ? "true" : "false"; }
  template <class Int>
  static std::string Number(Int value) {
    return std::to_string(value);
  }
  const char* key_;
  std::string value_;
};

void Log(LogLevel level, const char* event, std::initializer_list<LogField> fields = {});

// Lines below this level are dropped. Default: kInfo.
void SetLogLevel(LogLevel level);

// The line that Log would write, without the final newline.
std::string FormatLogLine(absl::Time now, LogLevel level, absl::string_view event,
                          std::initializer_list<LogField> fields);

}  // namespace domicile::base

#endif  // DOMICILE_GATEWAY_BASE_LOG_H_
