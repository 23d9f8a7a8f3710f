#include "tests/scenarios/regions.h"

#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/grpcpp.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <set>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/time/clock.h"
#include "acme/control/v1/control.grpc.pb.h"
#include "error_details.pb.h"
#include "gateway/base/status_macros.h"
#include "gateway/policy/load.h"
#include "gateway/store/log_reader.h"

namespace domicile::scenarios {
namespace {

namespace fs = std::filesystem;

constexpr auto kCallTimeout = std::chrono::seconds(60);  // a loaded machine
constexpr absl::Duration kEntryTimeout = absl::Seconds(20);

std::string RegionOfSpiffe(const std::string& spiffe) {
  absl::string_view rest = spiffe;
  rest.remove_prefix(std::min(rest.size(), std::string("spiffe://").size()));
  return std::string(rest.substr(0, rest.find('.')));
}

grpc::ByteBuffer ToBuffer(const google::protobuf::Message& message) {
  grpc::Slice slice(message.SerializeAsString());
  return grpc::ByteBuffer(&slice, 1);
}

std::string FromBuffer(const grpc::ByteBuffer& buffer) {
  std::vector<grpc::Slice> slices;
  std::string bytes;
  if (!buffer.Dump(&slices).ok()) return bytes;
  for (const grpc::Slice& slice : slices) {
    bytes.append(reinterpret_cast<const char*>(slice.begin()), slice.size());
  }
  return bytes;
}

std::multimap<std::string, std::string> Copy(
    const std::multimap<grpc::string_ref, grpc::string_ref>& metadata) {
  std::multimap<std::string, std::string> out;
  for (const auto& [key, value] : metadata) {
    out.emplace(std::string(key.data(), key.size()), std::string(value.data(), value.size()));
  }
  return out;
}

class LocalRegions final : public Regions {
 public:
  ~LocalRegions() override {
    const std::string directory = world_ == nullptr ? "" : world_->options().directory;
    world_.reset();
    // A failed run stays to be read.
    if (!directory.empty() && !testing_failed_) fs::remove_all(directory);
  }

  absl::Status Initialise(const std::function<void(demo::WorldOptions&)>& edit) {
    fs::create_directories(DOMICILE_SCENARIOS_DIR);
    std::string directory = absl::StrCat(DOMICILE_SCENARIOS_DIR, "/world.XXXXXX");
    if (mkdtemp(directory.data()) == nullptr) return absl::UnavailableError("mkdtemp");
    demo::WorldOptions options = RegionsOptions(directory);
    if (edit) edit(options);
    policy::LoadResult loaded =
        policy::LoadPolicyDirectories(options.legal_directory, options.company_directory);
    if (loaded.policy == nullptr) return absl::InternalError(loaded.issues.ToString());
    policy_ = loaded.policy;
    DOMICILE_ASSIGN_OR_RETURN(world_, demo::World::Create(std::move(options)));
    return world_->Start();
  }

  demo::World& world() override { return *world_; }
  const policy::Policy& policy() const override { return *policy_; }

  Answer Send(const Call& call, const google::protobuf::Message& request) override {
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + kCallTimeout);
    if (!call.token.empty()) context.AddMetadata("authorization", "Bearer " + call.token);
    if (!call.purpose.empty()) context.AddMetadata("domicile-purpose", call.purpose);
    if (!call.ticket.empty()) context.AddMetadata("domicile-ticket", call.ticket);
    for (const auto& [key, value] : call.metadata) context.AddMetadata(key, value);
    grpc::GenericStub stub(Channel(call.gateway, call.workload));
    grpc::CompletionQueue queue;
    auto reader = stub.PrepareUnaryCall(&context, call.method, ToBuffer(request), &queue);
    Answer answer;
    grpc::ByteBuffer buffer;
    reader->StartCall();
    reader->Finish(&buffer, &answer.status, this);
    void* tag = nullptr;
    bool ok = false;
    queue.Next(&tag, &ok);
    if (answer.status.ok()) answer.message = FromBuffer(buffer);
    answer.initial = Copy(context.GetServerInitialMetadata());
    answer.trailing = Copy(context.GetServerTrailingMetadata());
    answer.error = ReadErrorInfo(answer.status);
    answer.decision_id = answer.error.metadata["decision_id"];
    for (const auto* metadata : {&answer.initial, &answer.trailing}) {
      auto it = metadata->find("domicile-decision-id");
      if (answer.decision_id.empty() && it != metadata->end()) answer.decision_id = it->second;
    }
    return answer;
  }

  int64_t Received(const std::string& region, const std::string& method) override {
    grpc::ClientContext context;
    acme::control::v1::CountsRequest request;
    acme::control::v1::CountsResponse response;
    grpc::Status status = Control(region)->Counts(&context, request, &response);
    if (!status.ok()) return -1;
    auto it = response.received().find(method);
    return it == response.received().end() ? 0 : it->second;
  }

  absl::StatusOr<std::string> Row(const std::string& region, const std::string& table,
                                  const std::string& user_id,
                                  const std::string& record_id) override {
    grpc::ClientContext context;
    acme::control::v1::RowKey request;
    request.set_table(table);
    request.set_user_id(user_id);
    request.set_record_id(record_id);
    acme::control::v1::Row response;
    grpc::Status status = Control(region)->GetRow(&context, request, &response);
    if (!status.ok()) return absl::NotFoundError(status.error_message());
    return response.message();
  }

  void PutRow(const std::string& region, const std::string& table, const std::string& user_id,
              const std::string& record_id, const std::string& message) override {
    grpc::ClientContext context;
    acme::control::v1::Row request;
    request.mutable_key()->set_table(table);
    request.mutable_key()->set_user_id(user_id);
    request.mutable_key()->set_record_id(record_id);
    request.set_message(message);
    acme::control::v1::PutRowResponse response;
    grpc::Status status = Control(region)->PutRow(&context, request, &response);
    if (!status.ok()) std::abort();  // a test that goes on would prove nothing
  }

  std::vector<audit::Entry> EntriesOf(const std::string& region,
                                      const std::string& decision_id) override {
    std::set<std::string> ids = {absl::HexStringToBytes(decision_id)};
    return Select(ReadLog(region), &ids);
  }

  std::vector<RecordedDecision> DecisionsOf(const std::string& decision_id) override {
    if (decision_id.empty()) return {};
    const absl::Time deadline = absl::Now() + kEntryTimeout;
    while (true) {
      std::vector<RecordedDecision> found = LookFor(decision_id);
      const bool decided = std::any_of(found.begin(), found.end(), [](const auto& decision) {
        return !decision.entry.forwarded_to.has_value();
      });
      if (decided || absl::Now() > deadline) return found;
      absl::SleepFor(absl::Milliseconds(20));  // another process writes the file
    }
  }

 private:
  std::shared_ptr<grpc::Channel> Channel(const std::string& region, const std::string& workload) {
    auto& channel = channels_[{region, workload}];
    if (channel != nullptr) return channel;
    auto credentials = world_->CredentialsFor(RegionOfSpiffe(workload), workload);
    if (!credentials.ok()) std::abort();
    // Tests take gateways away and bring them back; nobody waits a second for that.
    grpc::ChannelArguments arguments;
    arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, 20);
    arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, 100);
    channel = grpc::CreateCustomChannel(
        world_->gateway_address(region),
        grpc::SslCredentials(
            {credentials->roots, credentials->private_key, credentials->certificate_chain}),
        arguments);
    return channel;
  }

  std::unique_ptr<acme::control::v1::Control::Stub> Control(const std::string& region) {
    auto& channel = services_[region];
    if (channel == nullptr) {
      channel =
          grpc::CreateChannel(world_->service_address(region), grpc::InsecureChannelCredentials());
    }
    return acme::control::v1::Control::NewStub(channel);
  }

  // Twice over all logs, as either gateway's entry may name the other's decision.
  std::vector<RecordedDecision> LookFor(const std::string& decision_id) {
    std::set<std::string> ids = {absl::HexStringToBytes(decision_id)};
    std::map<std::string, std::vector<audit::Entry>> logs;
    for (const std::string& region : world_->options().regions) logs[region] = ReadLog(region);
    for (const auto& [region, entries] : logs) Select(entries, &ids);
    std::vector<RecordedDecision> found;
    for (const auto& [region, entries] : logs) {
      for (audit::Entry& entry : Select(entries, &ids)) {
        if (auto* decision = std::get_if<audit::DecisionEntry>(&entry.body)) {
          found.push_back({region, *decision});
        }
      }
    }
    return found;
  }

  std::vector<audit::Entry> ReadLog(const std::string& region) {
    std::vector<audit::Entry> entries;
    std::error_code none;
    for (const auto& shard : fs::directory_iterator(world_->path(region + "/data/log"), none)) {
      store::LogReader::Options options;
      options.directory = shard.path();
      options.uncovered = true;
      auto reader = store::LogReader::Open(std::move(options));
      if (!reader.ok()) continue;
      (*reader)
          ->Poll([&](uint64_t, absl::string_view bytes) {
            if (auto entry = audit::Decode(bytes); entry.ok()) entries.push_back(*std::move(entry));
            return true;
          })
          .IgnoreError();  // a frame that is being written; the next look sees it
    }
    return entries;
  }

  // Entries that name one of `ids`; ids that they name beside it join the set.
  static std::vector<audit::Entry> Select(const std::vector<audit::Entry>& entries,
                                          std::set<std::string>* ids) {
    std::vector<audit::Entry> selected;
    for (const audit::Entry& entry : entries) {
      std::vector<std::string> named = IdsIn(entry);
      bool concerns = false;
      for (const std::string& id : named) concerns = concerns || ids->count(id) > 0;
      if (!concerns) continue;
      ids->insert(named.begin(), named.end());
      selected.push_back(entry);
    }
    return selected;
  }

  static std::vector<std::string> IdsIn(const audit::Entry& entry) {
    std::vector<std::string> ids;
    auto add = [&](const audit::DecisionId& id) {
      if (id == audit::DecisionId{}) return;  // absent
      ids.emplace_back(reinterpret_cast<const char*>(id.data()), id.size());
    };
    std::visit(
        [&](const auto& body) {
          if constexpr (requires { body.decision_id; }) add(body.decision_id);
          if constexpr (requires { body.peer_decision_id; }) add(body.peer_decision_id);
        },
        entry.body);
    return ids;
  }

  std::shared_ptr<const policy::Policy> policy_;
  std::unique_ptr<demo::World> world_;
  std::map<std::pair<std::string, std::string>, std::shared_ptr<grpc::Channel>> channels_;
  std::map<std::string, std::shared_ptr<grpc::Channel>> services_;
  bool testing_failed_ = std::getenv("DOMICILE_KEEP") != nullptr;
};

}  // namespace

ErrorInfo ReadErrorInfo(const grpc::Status& status) {
  ErrorInfo out;
  RpcStatus details;
  if (status.error_details().empty() || !details.ParseFromString(status.error_details())) {
    return out;
  }
  for (const google::protobuf::Any& any : details.details()) {
    RpcErrorInfo info;
    if (!absl::EndsWith(any.type_url(), "/google.rpc.ErrorInfo")) continue;
    if (!info.ParseFromString(any.value())) continue;
    out.reason = info.reason();
    out.domain = info.domain();
    out.metadata.insert(info.metadata().begin(), info.metadata().end());
  }
  return out;
}

demo::WorldOptions RegionsOptions(const std::string& directory) {
  demo::WorldOptions options;
  options.directory = directory;
  options.gateway_command = absl::StrSplit(DOMICILE_GATEWAY_COMMAND, ' ');
  options.service_program = DOMICILE_SAMPLE_SERVER;
  options.legal_directory = absl::StrCat(DOMICILE_SOURCE_DIR, "/regions");
  options.company_directory = absl::StrCat(DOMICILE_SOURCE_DIR, "/tests/sample/policy");
  options.descriptor_set = DOMICILE_ACME_DESCRIPTOR_SET;
  options.bindings = absl::StrCat(DOMICILE_SOURCE_DIR, "/tests/sample/acme.bindings.yaml");
  options.regions = {"us", "eu", "cn", "uk", "sg"};
  options.people = 50;
  return options;
}

absl::StatusOr<std::unique_ptr<Regions>> Regions::Start(
    const std::function<void(demo::WorldOptions&)>& edit) {
  auto regions = std::make_unique<LocalRegions>();
  DOMICILE_RETURN_IF_ERROR(regions->Initialise(edit));
  return regions;
}

std::vector<std::string> JurisdictionTexts(const access::Jurisdictions& jurisdictions) {
  std::vector<std::string> out;
  for (const access::Jurisdiction& jurisdiction : jurisdictions) {
    out.push_back(
        absl::StrCat(jurisdiction.country.ToString(), " ", access::Name(jurisdiction.via)));
  }
  std::sort(out.begin(), out.end());
  return out;
}

}  // namespace domicile::scenarios
