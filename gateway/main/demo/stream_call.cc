#include "gateway/main/demo/stream_call.h"

#include <grpcpp/generic/generic_stub.h>

#include <utility>

#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "gateway/main/demo/unary_call.h"

namespace domicile::demo {
namespace {

constexpr absl::Duration kStreamTimeout = absl::Seconds(60);

class ByteStream final : public OpenStream {
 public:
  ByteStream(std::shared_ptr<grpc::Channel> channel, std::unique_ptr<grpc::ClientContext> context,
             const std::string& method, const std::string& request)
      : context_(std::move(context)), stub_(std::move(channel)) {
    context_->set_deadline(absl::ToChronoTime(absl::Now() + kStreamTimeout));
    call_ = stub_.PrepareCall(context_.get(), method, &queue_);
    call_->StartCall(this);
    const grpc::Slice slice(request);
    if (!Wait()) return;
    call_->WriteLast(grpc::ByteBuffer(&slice, 1), grpc::WriteOptions(), this);
    Wait();
  }
  ~ByteStream() override {
    if (!ended_) {
      context_->TryCancel();
      End();
    }
    queue_.Shutdown();
    void* tag = nullptr;
    bool ok = false;
    while (queue_.Next(&tag, &ok)) {
    }
  }

  bool Next() override {
    if (ended_) return false;
    grpc::ByteBuffer message;
    call_->Read(&message, this);
    if (Wait()) return true;
    End();
    return false;
  }
  std::string status() const override { return StatusName(status_.error_code()); }
  std::string message() const override { return status_.error_message(); }

 private:
  // The one thing that was begun is over; false: it failed.
  bool Wait() {
    void* tag = nullptr;
    bool ok = false;
    return queue_.Next(&tag, &ok) && ok;
  }
  void End() {
    ended_ = true;
    call_->Finish(&status_, this);
    Wait();
  }

  std::unique_ptr<grpc::ClientContext> context_;
  grpc::GenericStub stub_;
  grpc::CompletionQueue queue_;
  std::unique_ptr<grpc::GenericClientAsyncReaderWriter> call_;
  grpc::Status status_;
  bool ended_ = false;
};

}  // namespace

std::unique_ptr<OpenStream> OpenByteStream(std::shared_ptr<grpc::Channel> channel,
                                           std::unique_ptr<grpc::ClientContext> context,
                                           const std::string& method, const std::string& request) {
  return std::make_unique<ByteStream>(std::move(channel), std::move(context), method, request);
}

}  // namespace domicile::demo
