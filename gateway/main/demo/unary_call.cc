#include "gateway/main/demo/unary_call.h"

#include <grpcpp/generic/generic_stub.h>

#include <utility>
#include <vector>

#include "absl/synchronization/notification.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"

namespace domicile::demo {
namespace {

constexpr absl::Duration kCallTimeout = absl::Seconds(60);  // a loaded machine

}  // namespace

UnaryAnswer CallUnary(const std::shared_ptr<grpc::Channel>& channel, grpc::ClientContext& context,
                      const std::string& method, const std::string& request) {
  context.set_deadline(absl::ToChronoTime(absl::Now() + kCallTimeout));
  grpc::GenericStub stub(channel);
  const grpc::Slice slice(request);
  const grpc::ByteBuffer sent(&slice, 1);
  grpc::ByteBuffer received;
  UnaryAnswer answer;
  absl::Notification done;
  stub.UnaryCall(&context, method, {}, &sent, &received, [&](grpc::Status result) {
    answer.status = std::move(result);
    done.Notify();
  });
  done.WaitForNotification();
  std::vector<grpc::Slice> slices;
  if (!answer.status.ok() || !received.Dump(&slices).ok()) return answer;
  for (const grpc::Slice& part : slices) {
    answer.message.append(reinterpret_cast<const char*>(part.begin()), part.size());
  }
  return answer;
}

std::string TextField(const google::protobuf::UnknownFieldSet& set, int number) {
  for (int i = 0; i < set.field_count(); ++i) {
    const auto& field = set.field(i);
    if (field.number() == number &&
        field.type() == google::protobuf::UnknownField::TYPE_LENGTH_DELIMITED) {
      return field.length_delimited();
    }
  }
  return "";
}

uint64_t NumberField(const google::protobuf::UnknownFieldSet& set, int number) {
  for (int i = 0; i < set.field_count(); ++i) {
    const auto& field = set.field(i);
    if (field.number() == number && field.type() == google::protobuf::UnknownField::TYPE_VARINT) {
      return field.varint();
    }
  }
  return 0;
}

}  // namespace domicile::demo
