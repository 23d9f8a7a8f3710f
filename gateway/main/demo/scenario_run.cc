#include "gateway/main/demo/scenario_run.h"

#include <grpcpp/grpcpp.h>

#include <map>
#include <optional>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/clock.h"
#include "gateway/access/principal.h"
#include "gateway/base/bytes.h"
#include "gateway/base/status_macros.h"
#include "gateway/main/demo/people.h"
#include "gateway/main/demo/request_maker.h"
#include "gateway/main/demo/scenario_log.h"
#include "gateway/main/demo/scenario_people.h"
#include "gateway/main/demo/service_window.h"
#include "gateway/main/demo/stream_call.h"
#include "gateway/main/demo/unary_call.h"
#include "gateway/origin/tag.h"

namespace domicile::demo {
namespace {

namespace pb = google::protobuf;

// google.rpc.Status -> details -> Any -> ErrorInfo, read without generated code of googleapis.
void ReadErrorInfo(const std::string& details, CallOutcome& outcome) {
  pb::UnknownFieldSet status;
  if (!status.ParseFromString(details)) return;
  for (int i = 0; i < status.field_count(); ++i) {
    if (status.field(i).number() != 3) continue;
    pb::UnknownFieldSet any, info;
    if (!any.ParseFromString(status.field(i).length_delimited())) continue;
    if (!absl::EndsWith(TextField(any, 1), "google.rpc.ErrorInfo")) continue;
    if (!info.ParseFromString(TextField(any, 2))) continue;
    outcome.shown_reason = TextField(info, 1);
    outcome.domain = TextField(info, 2);
    for (int k = 0; k < info.field_count(); ++k) {
      pb::UnknownFieldSet pair;
      if (info.field(k).number() != 3 || !pair.ParseFromString(info.field(k).length_delimited())) {
        continue;
      }
      if (TextField(pair, 1) == "exception_id") outcome.exception_id = TextField(pair, 2);
      if (TextField(pair, 1) == "decision_id") outcome.decision_id = TextField(pair, 2);
    }
  }
}

// Messages of the sample's tables.
std::string MessageOf(const std::string& table) {
  if (table == "profiles") return "acme.profiles.v1.Profile";
  if (table == "sessions") return "acme.profiles.v1.Session";
  return table == "features" ? "acme.profiles.v1.Features" : "";
}

class Runner final : public ScenarioRunner {
 public:
  explicit Runner(World& world) : world_(world), window_(ServiceWindow::Create(world)) {}

  absl::Status Initialise(const std::string& descriptor_set) {
    DOMICILE_ASSIGN_OR_RETURN(maker_, RequestMaker::Create(descriptor_set));
    return absl::OkStatus();
  }

  absl::StatusOr<std::string> TokenFor(const Scenario& scenario) override {
    if (scenario.caller.kind == "staff") return world_.StaffToken(StaffOf({scenario}).front());
    if (scenario.caller.kind != "user") return std::string();
    return world_.UserToken(scenario.caller.region, scenario.caller.subject,
                            scenario.caller.residence,
                            [&](TokenClaims& claims) { claims.locations = LocationsOf(scenario); });
  }

  absl::StatusOr<Played> Play(const Scenario& scenario, const policy::Policy& policy) override {
    std::vector<Row> rows;
    const absl::Status prepared = Prepare(scenario, rows);
    absl::StatusOr<Played> played =
        prepared.ok() ? PlayPrepared(scenario, policy) : absl::StatusOr<Played>(prepared);
    for (const Row& row : rows) {
      DOMICILE_RETURN_IF_ERROR(window_->PutRow(row.region, row.key, row.message));
    }
    return played;
  }

  absl::StatusOr<std::unique_ptr<OpenStream>> Open(const Scenario& scenario) override {
    DOMICILE_ASSIGN_OR_RETURN(const std::string request, maker_->RequestFor(scenario.call));
    DOMICILE_ASSIGN_OR_RETURN(std::shared_ptr<grpc::Channel> channel, ChannelFor(scenario));
    auto context = std::make_unique<grpc::ClientContext>();
    DOMICILE_RETURN_IF_ERROR(AddMetadata(scenario, *context));
    return OpenByteStream(channel, std::move(context), scenario.call.method, request);
  }

  absl::StatusOr<CallOutcome> Call(const Scenario& scenario) override {
    DOMICILE_ASSIGN_OR_RETURN(const std::string request, maker_->RequestFor(scenario.call));
    DOMICILE_ASSIGN_OR_RETURN(std::shared_ptr<grpc::Channel> channel, ChannelFor(scenario));
    grpc::ClientContext context;
    DOMICILE_RETURN_IF_ERROR(AddMetadata(scenario, context));
    UnaryAnswer answer = CallUnary(channel, context, scenario.call.method, request);
    CallOutcome outcome;
    outcome.status = StatusName(answer.status.error_code());
    outcome.message = answer.status.error_message();
    for (const auto* metadata :
         {&context.GetServerInitialMetadata(), &context.GetServerTrailingMetadata()}) {
      for (const auto& [name, value] : *metadata) {
        outcome.trailers[std::string(name.data(), name.size())] =
            std::string(value.data(), value.size());
      }
    }
    auto id = outcome.trailers.find("domicile-decision-id");
    if (id != outcome.trailers.end()) outcome.decision_id = id->second;
    ReadErrorInfo(answer.status.error_details(), outcome);
    outcome.response = std::move(answer.message);
    if (answer.status.ok()) {
      outcome.response_json = maker_->AnswerAsJson(scenario.call, outcome.response);
    }
    return outcome;
  }

 private:
  absl::Status AddMetadata(const Scenario& scenario, grpc::ClientContext& context) {
    DOMICILE_ASSIGN_OR_RETURN(const std::string token, TokenFor(scenario));
    if (!token.empty()) context.AddMetadata("authorization", absl::StrCat("Bearer ", token));
    if (!scenario.call.purpose.empty()) {
      context.AddMetadata("domicile-purpose", scenario.call.purpose);
    }
    if (!TicketId(scenario).empty()) context.AddMetadata("domicile-ticket", TicketId(scenario));
    return absl::OkStatus();
  }

  struct Row {
    std::string region;
    RowKey key;
    std::string message;  // as it stood
  };

  // `rows`: what is to be put back.
  absl::Status Prepare(const Scenario& scenario, std::vector<Row>& rows) {
    for (const RowBefore& before : scenario.before) {
      const RowKey key{before.table, before.data_subject, before.record_id};
      DOMICILE_ASSIGN_OR_RETURN(std::string row, window_->GetRow(before.region, key));
      rows.push_back({before.region, key, row});
      DOMICILE_ASSIGN_OR_RETURN(const std::string tag, TagOf(before));
      DOMICILE_ASSIGN_OR_RETURN(row, maker_->WithTag(MessageOf(before.table), row, tag));
      DOMICILE_RETURN_IF_ERROR(window_->PutRow(before.region, key, row));
    }
    return absl::OkStatus();
  }

  absl::StatusOr<std::string> TagOf(const RowBefore& before) const {
    if (before.tag.empty()) return std::string();
    DOMICILE_ASSIGN_OR_RETURN(
        auto ring, origin::TagRing::Load(world_.path(before.tag + "/keys/tag"), before.tag));
    const access::DataSubject subject{
        kUserNamespace, before.tag_for.empty() ? before.data_subject : before.tag_for};
    const access::DataSubject* subjects[] = {&subject};
    const absl::Time now = absl::Now();
    DOMICILE_ASSIGN_OR_RETURN(
        std::string tag,
        ring->Stamp({before.tag}, now, {subjects, MessageOf(before.table), before.record_id}, now));
    if (before.forged) tag.back() = static_cast<char>(tag.back() ^ 1);
    return tag;
  }

  absl::StatusOr<Played> PlayPrepared(const Scenario& scenario, const policy::Policy& policy) {
    DOMICILE_ASSIGN_OR_RETURN(const int64_t before, ReceivedAnywhere(scenario.call.method));
    Played played;
    DOMICILE_ASSIGN_OR_RETURN(played.outcome, Call(scenario));
    DOMICILE_ASSIGN_OR_RETURN(const int64_t after, ReceivedAnywhere(scenario.call.method));
    played.outcome.upstream_calls = after - before;
    if (played.outcome.status == "OK") {
      DOMICILE_RETURN_IF_ERROR(CompareAnswer(scenario, played));
      DOMICILE_RETURN_IF_ERROR(ReadStamp(scenario, played));
    }
    FindRecorded(scenario, played);
    played.differences =
        Differences(scenario, played.outcome, played.recorded.get(), played.entered.get(), policy);
    return played;
  }

  absl::StatusOr<int64_t> ReceivedAnywhere(const std::string& method) {
    int64_t calls = 0;
    for (const std::string& region : world_.options().regions) {
      DOMICILE_ASSIGN_OR_RETURN(const int64_t received, window_->Received(region, method));
      calls += received;
    }
    return calls;
  }

  // A read is asked of the service itself, too. Nothing else can be asked twice.
  absl::Status CompareAnswer(const Scenario& scenario, Played& played) {
    const std::vector<std::string> action = scenario.Fact("action");
    if (action.empty() || action[0] != "read") return absl::OkStatus();
    DOMICILE_ASSIGN_OR_RETURN(const std::string request, maker_->RequestFor(scenario.call));
    DOMICILE_ASSIGN_OR_RETURN(const std::string own,
                              window_->Ask(scenario.Home(), scenario.call.method, request));
    DOMICILE_ASSIGN_OR_RETURN(RequestMaker::Fields fields,
                              maker_->CompareAnswers(scenario.call, own, played.outcome.response));
    played.outcome.shows = std::move(fields.shows);
    played.outcome.masks = std::move(fields.masks);
    played.outcome.answer_compared = true;
    return absl::OkStatus();
  }

  // Of a record that was made: its tag, checked with the key of the region that it names.
  absl::Status ReadStamp(const Scenario& scenario, Played& played) {
    const std::vector<std::string> action = scenario.Fact("action");
    if (action.empty() || action[0] != "create") return absl::OkStatus();
    DOMICILE_ASSIGN_OR_RETURN(const RequestMaker::TagIn found,
                              maker_->ReadTag(scenario.call, played.outcome.response));
    const std::optional<origin::Tag> tag = origin::ParseTag(found.tag);
    if (!tag) return absl::OkStatus();
    DOMICILE_ASSIGN_OR_RETURN(
        auto ring, origin::TagRing::Load(world_.path(tag->issuer + "/keys/tag"), tag->issuer));
    const access::DataSubject subject{kUserNamespace, scenario.call.data_subject};
    const access::DataSubject* subjects[] = {&subject};
    const origin::TagResult result =
        ring->Check(found.tag, {subjects, found.message_name, found.record_id}, absl::Now());
    if (result.check == origin::TagCheck::kVerified) {
      played.outcome.stamp = absl::StrJoin(result.tag.regions, ", ");
    }
    return absl::OkStatus();
  }

  void FindRecorded(const Scenario& scenario, Played& played) {
    const std::string& id = played.outcome.decision_id;
    if (id.empty()) return;
    absl::StatusOr<Recorded> home =
        AwaitDecision(world_, scenario.Home(), id, ExpectedDirection(scenario));
    if (!home.ok()) return;
    played.recorded = std::make_unique<Recorded>(*std::move(home));
    if (scenario.call.gateway == scenario.Home()) return;
    // The shown id is the one of the gateway that answered; the home's entry names the other.
    for (const std::string& linked : {id, PeerOf(*played.recorded)}) {
      std::vector<Recorded> entered = DecisionsIn(world_, scenario.call.gateway, linked);
      if (entered.empty()) continue;
      played.entered = std::make_unique<Recorded>(std::move(entered.back()));
      return;
    }
  }

  static std::string PeerOf(const Recorded& recorded) {
    const audit::DecisionId& peer = recorded.decision().peer_decision_id;
    return base::HexEncode(
        absl::string_view(reinterpret_cast<const char*>(peer.data()), peer.size()));
  }

  absl::StatusOr<std::shared_ptr<grpc::Channel>> ChannelFor(const Scenario& scenario) {
    const std::string key = absl::StrCat(scenario.call.gateway, " ", scenario.call.workload);
    std::shared_ptr<grpc::Channel>& channel = channels_[key];
    if (channel != nullptr) return channel;
    const std::string& spiffe = scenario.call.workload;
    DOMICILE_ASSIGN_OR_RETURN(const Credentials own,
                              world_.CredentialsFor(RegionOfSpiffe(spiffe), spiffe));
    grpc::SslCredentialsOptions options;
    options.pem_root_certs = own.roots;
    options.pem_private_key = own.private_key;
    options.pem_cert_chain = own.certificate_chain;
    channel = grpc::CreateChannel(world_.gateway_address(scenario.call.gateway),
                                  grpc::SslCredentials(options));
    return channel;
  }

  World& world_;
  std::unique_ptr<ServiceWindow> window_;
  std::unique_ptr<RequestMaker> maker_;
  std::map<std::string, std::shared_ptr<grpc::Channel>> channels_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<ScenarioRunner>> ScenarioRunner::Create(
    World& world, const std::string& descriptor_set) {
  auto runner = std::make_unique<Runner>(world);
  DOMICILE_RETURN_IF_ERROR(runner->Initialise(descriptor_set));
  return runner;
}

}  // namespace domicile::demo
