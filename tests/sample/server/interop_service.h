// interop_service.h — acme.interop.v1.Interop: does what each message's script says.
//
// Three kinds of method are synchronous; Bidi is on the callback API, so that a thousand
// open streams need no thousand threads.
// Thread-safety: thread-safe.
#ifndef DOMICILE_TESTS_SAMPLE_SERVER_INTEROP_SERVICE_H_
#define DOMICILE_TESTS_SAMPLE_SERVER_INTEROP_SERVICE_H_

#include "acme/interop/v1/interop.grpc.pb.h"
#include "tests/sample/server/call_counter.h"

namespace domicile::sample {

class InteropService final : public acme::interop::v1::Interop::WithCallbackMethod_Bidi<
                                 acme::interop::v1::Interop::Service> {
 public:
  explicit InteropService(CallCounter& counter) : counter_(counter) {}

  grpc::Status Unary(grpc::ServerContext* context, const acme::interop::v1::Script* request,
                     acme::interop::v1::Answer* response) override;
  grpc::Status ServerStream(grpc::ServerContext* context, const acme::interop::v1::Script* request,
                            grpc::ServerWriter<acme::interop::v1::Answer>* writer) override;
  grpc::Status ClientStream(grpc::ServerContext* context,
                            grpc::ServerReader<acme::interop::v1::Script>* reader,
                            acme::interop::v1::Answer* response) override;
  grpc::ServerBidiReactor<acme::interop::v1::Script, acme::interop::v1::Answer>* Bidi(
      grpc::CallbackServerContext* context) override;

 private:
  CallCounter& counter_;
};

}  // namespace domicile::sample

#endif  // DOMICILE_TESTS_SAMPLE_SERVER_INTEROP_SERVICE_H_
