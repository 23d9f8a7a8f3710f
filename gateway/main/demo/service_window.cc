#include "gateway/main/demo/service_window.h"

#include <google/protobuf/unknown_field_set.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/grpcpp.h>

#include <map>

#include "absl/strings/str_cat.h"
#include "gateway/base/status_macros.h"
#include "gateway/main/demo/unary_call.h"

namespace domicile::demo {
namespace {

namespace pb = google::protobuf;

constexpr char kControl[] = "/acme.control.v1.Control/";

std::string Serialize(const pb::UnknownFieldSet& set) {
  std::string bytes;
  set.SerializeToString(&bytes);
  return bytes;
}

void AddText(pb::UnknownFieldSet& set, int number, const std::string& text) {
  if (!text.empty()) set.AddLengthDelimited(number, text);
}

std::string KeyBytes(const RowKey& key) {
  pb::UnknownFieldSet set;
  AddText(set, 1, key.table);
  AddText(set, 2, key.user_id);
  AddText(set, 3, key.record_id);
  return Serialize(set);
}

class Window final : public ServiceWindow {
 public:
  explicit Window(World& world) : world_(world) {}

  absl::StatusOr<int64_t> Received(const std::string& region, const std::string& method) override {
    DOMICILE_ASSIGN_OR_RETURN(const std::string counts,
                              Ask(region, absl::StrCat(kControl, "Counts"), ""));
    pb::UnknownFieldSet set;
    if (!set.ParseFromString(counts)) return absl::DataLossError("counts of a service");
    for (int i = 0; i < set.field_count(); ++i) {
      pb::UnknownFieldSet pair;  // of the map `received`
      if (set.field(i).number() != 1 || !pair.ParseFromString(set.field(i).length_delimited())) {
        continue;
      }
      if (TextField(pair, 1) == method) return static_cast<int64_t>(NumberField(pair, 2));
    }
    return 0;
  }

  absl::StatusOr<std::string> GetRow(const std::string& region, const RowKey& key) override {
    DOMICILE_ASSIGN_OR_RETURN(const std::string row,
                              Ask(region, absl::StrCat(kControl, "GetRow"), KeyBytes(key)));
    pb::UnknownFieldSet set;
    if (!set.ParseFromString(row)) return absl::DataLossError("a row of a service");
    return TextField(set, 2);
  }

  absl::Status PutRow(const std::string& region, const RowKey& key,
                      const std::string& message) override {
    pb::UnknownFieldSet row;
    row.AddLengthDelimited(1, KeyBytes(key));
    row.AddLengthDelimited(2, message);
    return Ask(region, absl::StrCat(kControl, "PutRow"), Serialize(row)).status();
  }

  absl::StatusOr<std::string> Ask(const std::string& region, const std::string& method,
                                  const std::string& request) override {
    std::shared_ptr<grpc::Channel>& channel = channels_[region];
    if (channel == nullptr) {
      channel =
          grpc::CreateChannel(world_.service_address(region), grpc::InsecureChannelCredentials());
    }
    grpc::ClientContext context;
    UnaryAnswer answer = CallUnary(channel, context, method, request);
    if (!answer.status.ok()) {
      return absl::UnavailableError(
          absl::StrCat("service ", region, " ", method, ": ", answer.status.error_message()));
    }
    return std::move(answer.message);
  }

 private:
  World& world_;
  std::map<std::string, std::shared_ptr<grpc::Channel>> channels_;
};

}  // namespace

std::unique_ptr<ServiceWindow> ServiceWindow::Create(World& world) {
  return std::make_unique<Window>(world);
}

}  // namespace domicile::demo
