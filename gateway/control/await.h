// await.h — an asynchronous port, asked by a thread that may block.
//
// Why: a command's thread has nothing else to do than to wait for its answer.
// Source: the ports of exception_store.h. Errors: those of the port. Blocking. Thread-safety: any.
#ifndef DOMICILE_GATEWAY_CONTROL_AWAIT_H_
#define DOMICILE_GATEWAY_CONTROL_AWAIT_H_

#include <utility>

#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/notification.h"

namespace domicile::control {

// `ask` is given what to call with the answer, once.
template <class T, class Ask>
absl::StatusOr<T> Await(Ask ask) {
  absl::StatusOr<T> answer = absl::UnknownError("no answer");
  absl::Notification done;
  ask(absl::AnyInvocable<void(absl::StatusOr<T>)>([&](absl::StatusOr<T> given) {
    answer = std::move(given);
    done.Notify();
  }));
  done.WaitForNotification();
  return answer;
}

}  // namespace domicile::control

#endif  // DOMICILE_GATEWAY_CONTROL_AWAIT_H_
