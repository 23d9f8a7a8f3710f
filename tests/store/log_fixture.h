// log_fixture.h — a log to write to, what it acknowledged, and what it holds afterwards.
#ifndef DOMICILE_TESTS_STORE_LOG_FIXTURE_H_
#define DOMICILE_TESTS_STORE_LOG_FIXTURE_H_

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "gateway/crypto/signature.h"
#include "gateway/store/log_reader.h"
#include "gateway/store/log_segments.h"
#include "tests/support/notification.h"

namespace domicile::store {

inline constexpr char kLogOrigin[] = "acme.example/domicile/eu/eu-1/2026h2";

inline const crypto::SigningKey& LogKey() {
  static const crypto::SigningKey* key =
      new crypto::SigningKey(*crypto::SigningKey::FromEd25519Seed(std::string(32, '\7')));
  return *key;
}

inline HeadSigner LogSigner() {
  return {.key = *audit::MakeVerifierKey(kLogOrigin, LogKey().public_key()),
          .sign = [](absl::string_view text) { return LogKey().Sign(text); }};
}

inline LogOptions LogOptionsFor(FileLayer* files, std::string directory = "log") {
  LogOptions options;
  options.directory = std::move(directory);
  options.origin = kLogOrigin;
  options.signer = LogSigner();
  options.files = files;
  options.segment_bytes = 4'096;                     // rolls often
  options.checkpoint_interval = absl::Hours(1'000);  // heads only when somebody waits
  return options;
}

// Appends and waits.
inline enforce::AppendResult AppendAndWait(LogSegments& log, std::vector<std::string> entries,
                                           enforce::Strength strength) {
  support::Notification done;
  enforce::AppendResult got;
  log.Append(std::move(entries), strength, [&](enforce::AppendResult result) {
    got = std::move(result);
    done.Notify();
  });
  done.WaitForNotification();
  return got;
}

struct LogContent {
  std::vector<std::string> entries;
  uint64_t head_size = 0;
  std::string head;
};

inline absl::StatusOr<LogContent> ReadLog(FileLayer* files, std::string directory = "log",
                                          bool uncovered = true) {
  auto reader = LogReader::Open({.directory = std::move(directory),
                                 .keys = {LogSigner().key},
                                 .uncovered = uncovered,
                                 .files = files});
  if (!reader.ok()) return reader.status();
  LogContent content;
  absl::Status status = (*reader)->Poll([&](uint64_t index, absl::string_view entry) {
    if (index != content.entries.size()) return false;
    content.entries.emplace_back(entry);
    return true;
  });
  if (!status.ok()) return status;
  content.head_size = (*reader)->head_size();
  content.head = (*reader)->head();
  return content;
}

}  // namespace domicile::store

#endif  // DOMICILE_TESTS_STORE_LOG_FIXTURE_H_
