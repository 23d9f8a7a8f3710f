// A generic proxy of grpc++, as one writes it with the library alone: what the gateway's data plane
// is compared with. Unary calls, metadata both ways, one completion queue, one thread.
//
//   bench_grpc_proxy UPSTREAM_PORT [TLS_DIRECTORY]
//
// TLS_DIRECTORY has server.pem, server.key and ca.pem; callers must show a certificate of ca.pem.
// Prints its port; ends with its standard input.
#include <grpcpp/generic/async_generic_service.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/grpcpp.h>
#include <stdio.h>
#include <unistd.h>

#include <fstream>
#include <iterator>
#include <thread>

namespace {

std::string FileText(const std::string& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

struct Proxy {
  grpc::AsyncGenericService service;
  std::unique_ptr<grpc::ServerCompletionQueue> queue;
  std::unique_ptr<grpc::Server> server;
  std::unique_ptr<grpc::GenericStub> upstream;
};

// One call; each step is the completion of the one before.
class Call {
 public:
  explicit Call(Proxy& proxy) : proxy_(proxy), stream_(&context_) {
    proxy_.service.RequestCall(&context_, &stream_, proxy_.queue.get(), proxy_.queue.get(), this);
  }

  void Proceed(bool ok) {
    switch (step_) {
      case Step::kCalled:
        if (!ok) break;
        new Call(proxy_);
        step_ = Step::kRead;
        stream_.Read(&request_, this);
        return;
      case Step::kRead:
        if (!ok) break;
        Forward();
        return;
      case Step::kAnswered:
        Answer();
        return;
      case Step::kDone:
        break;
    }
    delete this;
  }

 private:
  enum class Step { kCalled, kRead, kAnswered, kDone };

  static bool Passes(const grpc::string_ref& name) {
    return !name.starts_with("grpc-") && !name.starts_with(":") && name != "user-agent" &&
           name != "te" && name != "content-type";
  }

  void Forward() {
    for (const auto& [name, value] : context_.client_metadata()) {
      if (Passes(name))
        onward_.AddMetadata({name.data(), name.size()}, {value.data(), value.size()});
    }
    onward_.set_deadline(context_.deadline());
    step_ = Step::kAnswered;
    call_ = proxy_.upstream->PrepareUnaryCall(&onward_, context_.method(), request_,
                                              proxy_.queue.get());
    call_->StartCall();
    call_->Finish(&response_, &status_, this);
  }

  void Answer() {
    for (const auto& [name, value] : onward_.GetServerInitialMetadata()) {
      if (Passes(name))
        context_.AddInitialMetadata({name.data(), name.size()}, {value.data(), value.size()});
    }
    for (const auto& [name, value] : onward_.GetServerTrailingMetadata())
      context_.AddTrailingMetadata({name.data(), name.size()}, {value.data(), value.size()});
    step_ = Step::kDone;
    if (status_.ok()) {
      stream_.WriteAndFinish(response_, {}, status_, this);
    } else {
      stream_.Finish(status_, this);
    }
  }

  Proxy& proxy_;
  Step step_ = Step::kCalled;
  grpc::GenericServerContext context_;
  grpc::GenericServerAsyncReaderWriter stream_;
  grpc::ClientContext onward_;
  std::unique_ptr<grpc::GenericClientAsyncResponseReader> call_;
  grpc::ByteBuffer request_, response_;
  grpc::Status status_;
};

std::shared_ptr<grpc::ServerCredentials> Credentials(const std::string& directory) {
  if (directory.empty()) return grpc::InsecureServerCredentials();
  grpc::SslServerCredentialsOptions options(
      GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY);
  options.pem_root_certs = FileText(directory + "/ca.pem");
  options.pem_key_cert_pairs = {
      {FileText(directory + "/server.key"), FileText(directory + "/server.pem")}};
  return grpc::SslServerCredentials(options);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) {
    fputs("usage: bench_grpc_proxy UPSTREAM_PORT [TLS_DIRECTORY]\n", stderr);
    return 64;
  }
  Proxy proxy;
  proxy.upstream = std::make_unique<grpc::GenericStub>(
      grpc::CreateChannel(std::string("127.0.0.1:") + argv[1], grpc::InsecureChannelCredentials()));
  grpc::ServerBuilder builder;
  int port = 0;
  builder.AddListeningPort("127.0.0.1:0", Credentials(argc > 2 ? argv[2] : ""), &port);
  builder.RegisterAsyncGenericService(&proxy.service);
  proxy.queue = builder.AddCompletionQueue();
  proxy.server = builder.BuildAndStart();
  if (proxy.server == nullptr) return 1;
  for (int i = 0; i < 200; ++i) new Call(proxy);
  printf("%d\n", port);
  fflush(stdout);
  // The process ends with its input; calls that are open then are of no interest.
  std::thread([] {
    while (getchar() != EOF) {
    }
    _exit(0);
  }).detach();
  void* tag = nullptr;
  bool ok = false;
  while (proxy.queue->Next(&tag, &ok)) static_cast<Call*>(tag)->Proceed(ok);
}
