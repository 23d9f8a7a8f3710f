#include "gateway/main/demo/scenario_run.h"

#include <google/protobuf/descriptor.h>
#include <google/protobuf/descriptor.pb.h>
#include <google/protobuf/dynamic_message.h>
#include <google/protobuf/unknown_field_set.h>
#include <google/protobuf/util/json_util.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/grpcpp.h>

#include <algorithm>
#include <filesystem>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/synchronization/notification.h"
#include "absl/time/clock.h"
#include "gateway/access/reason.h"
#include "gateway/base/bytes.h"
#include "gateway/base/file.h"
#include "gateway/base/status_macros.h"
#include "gateway/crypto/digest.h"
#include "gateway/store/log_reader.h"

namespace domicile::demo {
namespace {

namespace pb = google::protobuf;

constexpr int kLabelExtension = 51500;                         // design 6.2
constexpr uint64_t kDataSubjectIdRole = 1, kRecordIdRole = 2;  // annotations.proto
constexpr absl::Duration kCallTimeout = absl::Seconds(20);
constexpr absl::Duration kRecordTimeout = absl::Seconds(10);

// The text of a length-delimited field; "" when it is not there.
std::string Bytes(const pb::UnknownFieldSet& set, int number) {
  for (int i = 0; i < set.field_count(); ++i) {
    const pb::UnknownField& field = set.field(i);
    if (field.number() == number && field.type() == pb::UnknownField::TYPE_LENGTH_DELIMITED) {
      return field.length_delimited();
    }
  }
  return "";
}

// google.rpc.Status -> details -> Any -> ErrorInfo, read without generated code of googleapis.
void ReadErrorInfo(const std::string& details, CallOutcome& outcome) {
  pb::UnknownFieldSet status;
  if (!status.ParseFromString(details)) return;
  for (int i = 0; i < status.field_count(); ++i) {
    if (status.field(i).number() != 3) continue;
    pb::UnknownFieldSet any, info;
    if (!any.ParseFromString(status.field(i).length_delimited())) continue;
    if (!absl::EndsWith(Bytes(any, 1), "google.rpc.ErrorInfo")) continue;
    if (!info.ParseFromString(Bytes(any, 2))) continue;
    outcome.shown_reason = Bytes(info, 1);
    for (int k = 0; k < info.field_count(); ++k) {
      pb::UnknownFieldSet pair;
      if (info.field(k).number() != 3 || !pair.ParseFromString(info.field(k).length_delimited())) {
        continue;
      }
      if (Bytes(pair, 1) == "exception_id") outcome.exception_id = Bytes(pair, 2);
      if (Bytes(pair, 1) == "decision_id") outcome.decision_id = Bytes(pair, 2);
    }
  }
}

// Role in the label of a field, as in annotations.proto; 0 without one. By its bytes, whether or
// not this program knows the extension.
uint64_t RoleOf(const pb::FieldDescriptor& field) {
  pb::UnknownFieldSet options, label;
  if (!options.ParseFromString(field.options().SerializeAsString()) ||
      !label.ParseFromString(Bytes(options, kLabelExtension))) {
    return 0;
  }
  for (int i = 0; i < label.field_count(); ++i) {
    if (label.field(i).number() == 1 && label.field(i).type() == pb::UnknownField::TYPE_VARINT) {
      return label.field(i).varint();
    }
  }
  return 0;
}

const pb::FieldDescriptor* FieldWithRole(const pb::Descriptor& request, uint64_t role) {
  for (int i = 0; i < request.field_count(); ++i) {
    const pb::FieldDescriptor* field = request.field(i);
    if (RoleOf(*field) == role && field->cpp_type() == pb::FieldDescriptor::CPPTYPE_STRING) {
      return field;
    }
  }
  return nullptr;
}

std::string FromByteBuffer(const grpc::ByteBuffer& buffer) {
  std::vector<grpc::Slice> slices;
  std::string bytes;
  if (!buffer.Dump(&slices).ok()) return bytes;
  for (const grpc::Slice& slice : slices) {
    bytes.append(reinterpret_cast<const char*>(slice.begin()), slice.size());
  }
  return bytes;
}

class Runner final : public ScenarioRunner {
 public:
  Runner(World& world, const policy::Policy& policy) : world_(world), policy_(policy) {}

  absl::Status LoadDescriptors(const std::string& file) {
    DOMICILE_ASSIGN_OR_RETURN(const std::string bytes, base::ReadFile(file, 64 << 20));
    pb::FileDescriptorSet set;
    if (!set.ParseFromString(bytes)) {
      return absl::InvalidArgumentError(absl::StrCat(file, ": no descriptor set"));
    }
    for (const pb::FileDescriptorProto& proto : set.file()) {
      if (pool_.BuildFile(proto) == nullptr) {
        return absl::InvalidArgumentError(absl::StrCat(file, ": cannot build ", proto.name()));
      }
    }
    return absl::OkStatus();
  }

  absl::StatusOr<std::string> RequestFor(const Scenario& scenario) override {
    DOMICILE_ASSIGN_OR_RETURN(const pb::MethodDescriptor* method, Method(scenario));
    const pb::Descriptor& type = *method->input_type();
    std::unique_ptr<pb::Message> request(factory_.GetPrototype(&type)->New());
    const pb::Reflection& reflection = *request->GetReflection();
    if (!scenario.call.data_subject.empty()) {
      const pb::FieldDescriptor* subject = FieldWithRole(type, kDataSubjectIdRole);
      if (subject == nullptr) {
        return absl::InvalidArgumentError(
            absl::StrCat(scenario.call.method, " has no field that names a data subject"));
      }
      reflection.SetString(request.get(), subject, scenario.call.data_subject);
    }
    // A message with an id of its own is a record that is written: give it one, and words.
    if (const pb::FieldDescriptor* id = FieldWithRole(type, kRecordIdRole)) {
      reflection.SetString(request.get(), id,
                           absl::StrCat("demo-", base::HexEncode(crypto::RandomBytes(8))));
      for (int i = 0; i < type.field_count(); ++i) {
        const pb::FieldDescriptor* field = type.field(i);
        if (field->cpp_type() == pb::FieldDescriptor::CPPTYPE_STRING && !field->is_repeated() &&
            field->type() == pb::FieldDescriptor::TYPE_STRING && RoleOf(*field) == 0) {
          reflection.SetString(request.get(), field, "written by the demo");
        }
      }
    }
    return request->SerializeAsString();
  }

  absl::StatusOr<std::string> TokenFor(const Scenario& scenario) override {
    if (scenario.caller.kind == "staff") {
      return world_.StaffToken(StaffOf({scenario}).front());
    }
    if (scenario.caller.kind == "user") {
      return world_.UserToken(
          scenario.caller.region, scenario.caller.subject, scenario.caller.residence,
          [&](TokenClaims& claims) {
            if (scenario.caller.locations.empty()) return;
            claims.locations.clear();
            for (const SeenAt& seen : scenario.caller.locations) {
              claims.locations.push_back(
                  {seen.source, seen.country, absl::Now() - absl::Minutes(seen.minutes)});
            }
          });
    }
    return std::string();
  }

  absl::StatusOr<CallOutcome> Call(const Scenario& scenario) override {
    DOMICILE_ASSIGN_OR_RETURN(const pb::MethodDescriptor* method, Method(scenario));
    DOMICILE_ASSIGN_OR_RETURN(const std::string request, RequestFor(scenario));
    DOMICILE_ASSIGN_OR_RETURN(const std::string token, TokenFor(scenario));
    DOMICILE_ASSIGN_OR_RETURN(std::shared_ptr<grpc::Channel> channel, ChannelFor(scenario));
    grpc::ClientContext context;
    context.set_deadline(absl::ToChronoTime(absl::Now() + kCallTimeout));
    if (!token.empty()) context.AddMetadata("authorization", absl::StrCat("Bearer ", token));
    if (!scenario.call.purpose.empty()) {
      context.AddMetadata("domicile-purpose", scenario.call.purpose);
    }
    if (!TicketId(scenario).empty()) context.AddMetadata("domicile-ticket", TicketId(scenario));
    grpc::GenericStub stub(channel);
    const grpc::Slice slice(request);
    const grpc::ByteBuffer sent(&slice, 1);
    grpc::ByteBuffer received;
    grpc::Status status;
    absl::Notification done;
    stub.UnaryCall(&context, scenario.call.method, {}, &sent, &received, [&](grpc::Status result) {
      status = std::move(result);
      done.Notify();
    });
    done.WaitForNotification();
    return MakeOutcome(context, status, received, *method);
  }

  absl::StatusOr<Recorded> FindRecorded(const Scenario& scenario,
                                        const std::string& decision_id) override {
    const audit::Direction wanted =
        scenario.decided_on_request ? audit::Direction::kRequest : audit::Direction::kResponse;
    const absl::Time deadline = absl::Now() + kRecordTimeout;
    while (true) {
      for (const std::string& region : world_.options().regions) {
        std::optional<Recorded> found = SearchLog(region, decision_id, wanted);
        if (found) return *std::move(found);
      }
      if (absl::Now() > deadline) {
        return absl::NotFoundError(absl::StrCat("no log has a decision ", decision_id));
      }
      absl::SleepFor(absl::Milliseconds(20));  // another process writes it; nothing else tells
    }
  }

 private:
  absl::StatusOr<const pb::MethodDescriptor*> Method(const Scenario& scenario) const {
    std::string name = scenario.call.method.substr(1);
    std::replace(name.begin(), name.end(), '/', '.');
    const pb::MethodDescriptor* method = pool_.FindMethodByName(name);
    if (method == nullptr || method->client_streaming() || method->server_streaming()) {
      return absl::InvalidArgumentError(
          absl::StrCat("scenario ", scenario.id, ": no unary method ", scenario.call.method));
    }
    return method;
  }

  absl::StatusOr<std::shared_ptr<grpc::Channel>> ChannelFor(const Scenario& scenario) {
    const std::string key = absl::StrCat(scenario.call.gateway, " ", scenario.call.workload);
    std::shared_ptr<grpc::Channel>& channel = channels_[key];
    if (channel != nullptr) return channel;
    // spiffe://us.acme.example/... is of region us.
    const std::string& spiffe = scenario.call.workload;
    const size_t start = sizeof("spiffe://") - 1;
    const std::string region = spiffe.substr(start, spiffe.find('.', start) - start);
    DOMICILE_ASSIGN_OR_RETURN(const Credentials own, world_.CredentialsFor(region, spiffe));
    grpc::SslCredentialsOptions options;
    options.pem_root_certs = own.roots;
    options.pem_private_key = own.private_key;
    options.pem_cert_chain = own.certificate_chain;
    channel = grpc::CreateChannel(world_.gateway_address(scenario.call.gateway),
                                  grpc::SslCredentials(options));
    return channel;
  }

  CallOutcome MakeOutcome(const grpc::ClientContext& context, const grpc::Status& status,
                          const grpc::ByteBuffer& received, const pb::MethodDescriptor& method) {
    CallOutcome outcome;
    outcome.grpc_status = static_cast<int>(status.error_code());
    outcome.message = status.error_message();
    for (const auto* metadata :
         {&context.GetServerInitialMetadata(), &context.GetServerTrailingMetadata()}) {
      for (const auto& [name, value] : *metadata) {
        outcome.trailers[std::string(name.data(), name.size())] =
            std::string(value.data(), value.size());
      }
    }
    auto id = outcome.trailers.find("domicile-decision-id");
    if (id != outcome.trailers.end()) outcome.decision_id = id->second;
    ReadErrorInfo(status.error_details(), outcome);
    if (status.ok()) {
      outcome.response = FromByteBuffer(received);
      std::unique_ptr<pb::Message> message(factory_.GetPrototype(method.output_type())->New());
      if (message->ParseFromString(outcome.response) &&
          !pb::util::MessageToJsonString(*message, &outcome.response_json).ok()) {
        outcome.response_json.clear();
      }
    }
    return outcome;
  }

  // The first DECISION that was made here, not merely passed on; of several the one in the
  // wanted direction.
  std::optional<Recorded> SearchLog(const std::string& region, const std::string& decision_id,
                                    audit::Direction wanted) {
    std::optional<Recorded> found;
    std::error_code ignored;
    const std::string logs = world_.path(region + "/data/log");
    for (const auto& shard : std::filesystem::directory_iterator(logs, ignored)) {
      store::LogReader::Options options;
      options.directory = shard.path().string();
      auto reader = store::LogReader::Open(std::move(options));
      if (!reader.ok()) continue;
      const absl::Status read = (*reader)->Poll([&](uint64_t index, absl::string_view bytes) {
        absl::StatusOr<audit::Entry> entry = audit::Decode(bytes);
        if (!entry.ok()) return true;
        const auto* decision = std::get_if<audit::DecisionEntry>(&entry->body);
        if (decision == nullptr || decision->forwarded_to.has_value()) return true;
        // A home gateway names the decision id of the gateway that was called.
        const auto named = [&decision_id](const audit::DecisionId& id) {
          return base::HexEncode(absl::string_view(reinterpret_cast<const char*>(id.data()),
                                                   id.size())) == decision_id;
        };
        if ((named(decision->decision_id) || named(decision->peer_decision_id)) &&
            (!found || (found->decision().direction != wanted && decision->direction == wanted))) {
          found = Recorded{region, index, *std::move(entry)};
        }
        return true;
      });
      if (!read.ok()) return std::nullopt;
    }
    return found;
  }

  World& world_;
  const policy::Policy& policy_;
  pb::DescriptorPool pool_;
  pb::DynamicMessageFactory factory_;
  std::map<std::string, std::shared_ptr<grpc::Channel>> channels_;
};

int ExpectedStatus(const ScenarioExpectation& expect) {
  if (expect.shown == "none") return 0;
  const std::optional<access::Reason> shown = access::ParseReason(expect.shown);
  return shown ? access::ShownFor(*shown).grpc_status : -1;
}

}  // namespace

absl::StatusOr<std::unique_ptr<ScenarioRunner>> ScenarioRunner::Create(
    World& world, const policy::Policy& policy, const std::string& descriptor_set) {
  auto runner = std::make_unique<Runner>(world, policy);
  DOMICILE_RETURN_IF_ERROR(runner->LoadDescriptors(descriptor_set));
  return runner;
}

std::vector<std::string> Differences(const Scenario& scenario, const CallOutcome& outcome,
                                     const Recorded* recorded, const policy::Policy& policy) {
  std::vector<std::string> differences;
  auto expect = [&](absl::string_view what, absl::string_view wanted, absl::string_view got) {
    if (wanted != got) {
      differences.push_back(absl::StrCat(what, ": expected ", wanted, ", got ", got));
    }
  };
  const ScenarioExpectation& wanted = scenario.expect;
  expect("status", absl::StrCat(ExpectedStatus(wanted)), absl::StrCat(outcome.grpc_status));
  expect("shown reason", wanted.shown == "none" ? "" : wanted.shown, outcome.shown_reason);
  if (recorded == nullptr) {
    differences.push_back("nothing is recorded under its decision id");
    return differences;
  }
  const audit::DecisionEntry& entry = recorded->decision();
  expect("effect", wanted.effect, Name(entry.effect));
  // A call may end before any look-up (S14). Where no home is known to the gateway that ended it,
  // no law of a home was asked, and its entry holds none.
  if (entry.pre_decided && entry.origins.empty()) return differences;
  expect("recorded reason", wanted.recorded(), Name(entry.reason));
  auto optional = [&](absl::string_view what, const std::string& value, absl::string_view got) {
    if (!value.empty()) expect(what, value, got);
  };
  optional("rule", wanted.rule, entry.rules.empty() ? "none" : policy.rule(entry.rules.front()).id);
  optional("legal", wanted.legal, Name(entry.legal));
  optional("company", wanted.company, Name(entry.company));
  optional("class", wanted.legal_class, policy.classes()[entry.legal_class]);
  optional("alert", wanted.alert, Name(entry.alert));
  return differences;
}

}  // namespace domicile::demo
