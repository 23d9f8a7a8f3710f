#include "gateway/services/append.h"

#include <utility>

#include "absl/synchronization/notification.h"

namespace domicile::services {

absl::Status AppendAndWait(enforce::AuditLog& log, std::string entry) {
  absl::Status status;
  absl::Notification done;
  log.Append({std::move(entry)}, enforce::Strength::kIntegrated, [&](enforce::AppendResult result) {
    status = std::move(result.status);
    done.Notify();
  });
  done.WaitForNotification();
  return status;
}

RecordedChange ChangeBetweenEntries(
    enforce::AuditLog& log, const absl::StatusOr<std::string>& before,
    absl::FunctionRef<Changed()> change,
    absl::FunctionRef<absl::StatusOr<std::string>(const Changed&)> after) {
  RecordedChange result;
  if (!before.ok() || !AppendAndWait(log, *before).ok()) return result;
  result.changed = change();
  const absl::StatusOr<std::string> outcome = after(result.changed);
  result.step = outcome.ok() && AppendAndWait(log, *outcome).ok() ? ChangeStep::kDone
                                                                  : ChangeStep::kOutcomeNotRecorded;
  return result;
}

}  // namespace domicile::services
