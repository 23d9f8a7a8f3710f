#include "tests/sample/server/interop_service.h"

#include <grpcpp/alarm.h>

#include <cstdlib>
#include <optional>
#include <string>

#include "absl/strings/match.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/clock.h"

namespace domicile::sample {

using grpc::ServerContext;
using grpc::Status;
using grpc::StatusCode;
namespace pb = acme::interop::v1;

namespace {

constexpr char kBidi[] = "/acme.interop.v1.Interop/Bidi";
constexpr absl::Duration kCancelCheck = absl::Milliseconds(10);

// google.rpc.Status {code, message} by hand: its proto is in no Debian package.
std::string StatusDetails(int code, const std::string& message) {
  std::string bytes = {'\x08', static_cast<char>(code), '\x12', static_cast<char>(message.size())};
  return bytes + message;
}

// The way this message ends its call, if it does.
std::optional<Status> EndOf(const pb::Script& script) {
  if (script.exit()) std::_Exit(9);
  if (script.status_code() == 0) return std::nullopt;
  std::string details;
  if (script.status_details()) {
    details = StatusDetails(script.status_code(), script.status_message());
  }
  return Status(static_cast<StatusCode>(script.status_code()), script.status_message(), details);
}

void EchoMetadata(grpc::ServerContextBase& context) {
  for (const auto& [key, value] : context.client_metadata()) {
    std::string name(key.data(), key.size()), text(value.data(), value.size());
    if (absl::StartsWith(name, "x-echo-initial")) context.AddInitialMetadata(name, text);
    if (absl::StartsWith(name, "x-echo-trailing")) context.AddTrailingMetadata(name, text);
  }
}

bool HasDeadline(const grpc::ServerContextBase& context) {
  return context.deadline() < std::chrono::system_clock::now() + std::chrono::hours(24 * 365);
}

// What a call has received so far, and the answers that follow from it.
class Tally {
 public:
  void Add(const pb::Script& script) {
    ++messages_;
    bytes_ += static_cast<int64_t>(script.payload().size());
  }
  pb::Answer Answer(const grpc::ServerContextBase& context, const pb::Script& script) const {
    pb::Answer answer;
    if (script.empty()) return answer;
    answer.set_payload(script.payload());
    answer.set_fill(std::string(static_cast<size_t>(script.answer_bytes()), 'f'));
    answer.set_messages(messages_);
    answer.set_bytes(bytes_);
    answer.set_had_deadline(HasDeadline(context));
    return answer;
  }

 private:
  int32_t messages_ = 0;
  int64_t bytes_ = 0;
};

int AnswersOf(const pb::Script& script) { return script.answers() == 0 ? 1 : script.answers(); }

// False when the call ended first.
bool WaitAsAsked(ServerContext& context, const pb::Script& script) {
  absl::Time until =
      script.hang() ? absl::InfiniteFuture() : absl::Now() + absl::Milliseconds(script.delay_ms());
  while (absl::Now() < until) {
    if (context.IsCancelled()) return false;
    const absl::Duration nap = std::min(kCancelCheck, until - absl::Now());
    absl::SleepFor(nap);  // nothing wakes a synchronous handler
  }
  return true;
}

Status Gone(CallCounter& counter, const char* method) {
  counter.Cancelled(method);
  return Status(StatusCode::CANCELLED, "the caller has gone");
}

// One open Bidi call. The library calls the On... methods one at a time for reads and writes,
// but OnCancel and the alarm may come at any moment, so what they share is guarded.
class BidiCall final : public grpc::ServerBidiReactor<pb::Script, pb::Answer> {
 public:
  BidiCall(grpc::CallbackServerContext& context, CallCounter& counter)
      : context_(context), counter_(counter) {
    EchoMetadata(context_);
    StartSendInitialMetadata();
    StartRead(&script_);
  }

  void OnReadDone(bool ok) override {
    if (!ok) return End(Status::OK);
    tally_.Add(script_);
    if (script_.cancel()) return context_.TryCancel();
    if (script_.delay_ms() > 0) return Delay();
    Play();
  }

  void OnWriteDone(bool ok) override {
    if (!ok) return;  // OnCancel ends the call
    Continue();
  }

  void OnCancel() override {
    alarm_.Cancel();
    End(Status(StatusCode::CANCELLED, "the caller has gone"));
  }

  // Only now is it certain. A cancellation that meets a waiting read looks like a half-close.
  void OnDone() override {
    if (context_.IsCancelled()) counter_.Cancelled(kBidi);
    delete this;
  }

 private:
  void Delay() {
    alarm_.Set(std::chrono::system_clock::now() + std::chrono::milliseconds(script_.delay_ms()),
               [this](bool ok) {
                 if (ok) Play();
               });
  }

  void Play() {
    if (script_.compress()) context_.set_compression_algorithm(GRPC_COMPRESS_GZIP);
    if (std::optional<Status> end = EndOf(script_); end.has_value()) return End(*end);
    left_ = AnswersOf(script_);
    answer_ = tally_.Answer(context_, script_);
    Continue();
  }

  void Continue() {
    if (left_ <= 0 && script_.hang()) return;  // OnCancel ends the call
    if (left_ <= 0) return StartRead(&script_);
    --left_;
    StartWrite(&answer_);
  }

  void End(const Status& status) {
    {
      absl::MutexLock lock(&mutex_);
      if (ended_) return;
      ended_ = true;
    }
    Finish(status);
  }

  grpc::CallbackServerContext& context_;
  CallCounter& counter_;
  pb::Script script_;
  pb::Answer answer_;
  Tally tally_;
  grpc::Alarm alarm_;
  int left_ = 0;  // answers still to write for script_
  absl::Mutex mutex_;
  bool ended_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace

Status InteropService::Unary(ServerContext* context, const pb::Script* request,
                             pb::Answer* response) {
  EchoMetadata(*context);
  if (request->compress()) context->set_compression_algorithm(GRPC_COMPRESS_GZIP);
  if (request->cancel()) context->TryCancel();
  if (!WaitAsAsked(*context, *request)) return Gone(counter_, "/acme.interop.v1.Interop/Unary");
  if (std::optional<Status> end = EndOf(*request); end.has_value()) return *end;
  Tally tally;
  tally.Add(*request);
  *response = tally.Answer(*context, *request);
  return Status::OK;
}

Status InteropService::ServerStream(ServerContext* context, const pb::Script* request,
                                    grpc::ServerWriter<pb::Answer>* writer) {
  constexpr char kMethod[] = "/acme.interop.v1.Interop/ServerStream";
  EchoMetadata(*context);
  if (request->compress()) context->set_compression_algorithm(GRPC_COMPRESS_GZIP);
  writer->SendInitialMetadata();
  Tally tally;
  tally.Add(*request);
  pb::Answer answer = tally.Answer(*context, *request);
  for (int i = 0; i < AnswersOf(*request); ++i) {
    if (!writer->Write(answer)) return Gone(counter_, kMethod);
  }
  if (request->cancel()) context->TryCancel();
  if (!WaitAsAsked(*context, *request)) return Gone(counter_, kMethod);
  return EndOf(*request).value_or(Status::OK);
}

Status InteropService::ClientStream(ServerContext* context, grpc::ServerReader<pb::Script>* reader,
                                    pb::Answer* response) {
  EchoMetadata(*context);
  Tally tally;
  pb::Script script;
  while (reader->Read(&script)) {
    tally.Add(script);
    if (script.compress()) context->set_compression_algorithm(GRPC_COMPRESS_GZIP);
    if (!WaitAsAsked(*context, script)) {
      return Gone(counter_, "/acme.interop.v1.Interop/ClientStream");
    }
    if (std::optional<Status> end = EndOf(script); end.has_value()) return *end;
    *response = tally.Answer(*context, script);
  }
  return Status::OK;
}

grpc::ServerBidiReactor<pb::Script, pb::Answer>* InteropService::Bidi(
    grpc::CallbackServerContext* context) {
  return new BidiCall(*context, counter_);  // deletes itself in OnDone
}

}  // namespace domicile::sample
