#include "tests/promises/kill_nine.h"

#include <grpcpp/grpcpp.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <future>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "acme/profiles/v1/profiles.grpc.pb.h"
#include "gateway/audit/checkpoint.h"
#include "gateway/audit/reference.h"
#include "gateway/base/status_macros.h"
#include "gateway/crypto/key_ring.h"
#include "gateway/main/demo/people.h"
#include "gateway/store/directory.h"

namespace domicile::promises {
namespace {

namespace fs = std::filesystem;
namespace pb = acme::profiles::v1;

constexpr absl::Duration kPatience = absl::Seconds(20);
constexpr int kCallsPerToken = 100;

// A connection of one's own, to a gateway that comes and goes.
std::shared_ptr<grpc::Channel> Connect(Regions& regions, const std::string& region,
                                       const std::string& workload) {
  auto credentials = regions.world().CredentialsFor(region, workload);
  if (!credentials.ok()) std::abort();
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, 20);
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, 50);
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  return grpc::CreateCustomChannel(
      regions.world().gateway_address(region),
      grpc::SslCredentials(
          {credentials->roots, credentials->private_key, credentials->certificate_chain}),
      arguments);
}

void SetUp(grpc::ClientContext& context, const std::string& token) {
  context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(20));
  context.AddMetadata("authorization", "Bearer " + token);
}

std::string DecisionId(const grpc::ClientContext& context) {
  const auto& initial = context.GetServerInitialMetadata();
  auto it = initial.find("domicile-decision-id");
  if (it == initial.end()) return "";
  return absl::HexStringToBytes(std::string(it->second.data(), it->second.size()));
}

std::string BytesOf(const audit::DecisionId& id) {
  return std::string(reinterpret_cast<const char*>(id.data()), id.size());
}

std::string Must(absl::StatusOr<std::string> token) {
  if (!token.ok()) std::abort();
  return *std::move(token);
}

}  // namespace

// ---- Load
// -----------------------------------------------------------------------------------------

Load::Load(Regions& regions) : regions_(regions) {
  for (const char* user : {demo::kEuCustomer, demo::kEuNoTicket, demo::kInBali}) {
    Run([this, user] { return MakeUserReader("eu", user); });
  }
  Run([this] { return MakeUserReader("uk", demo::kUkUser); });
  for (int i = 0; i < 2; ++i) Run([this] { return MakeSupportReader(); });
  Run([this] { return MakeWriter(); });
}

Load::~Load() {
  stop_ = true;
  for (std::thread& thread : threads_) thread.join();
}

void Load::Run(const std::function<Client()>& make) {
  threads_.emplace_back([this, client = make()] {
    for (int number = 0; !stop_; ++number) client(number);
  });
}

Load::Client Load::MakeUserReader(const std::string& region, const std::string& user_id) {
  auto channel =
      Connect(regions_, region, absl::StrCat("spiffe://", region, ".acme.example/svc/app"));
  std::shared_ptr<pb::Profiles::Stub> stub = pb::Profiles::NewStub(channel);
  auto token = std::make_shared<std::string>();
  return [=, this](int number) {
    if (number % kCallsPerToken == 0) {
      *token = Must(regions_.world().UserToken(region, user_id, demo::CountryOf(region)));
    }
    grpc::ClientContext context;
    SetUp(context, *token);
    pb::GetRequest request;
    request.set_user_id(user_id);
    pb::Profile profile;
    if (!stub->Get(&context, request, &profile).ok()) {
      return channel->WaitForConnected(std::chrono::system_clock::now() +
                                       std::chrono::milliseconds(100));
    }
    if (profile.user_id() == user_id) Note({region, region, user_id, DecisionId(context)});
    return true;
  };
}

// From Dublin about somebody in London: both regions have an entry before she reads anything.
Load::Client Load::MakeSupportReader() {
  auto channel = Connect(regions_, "eu", "spiffe://eu.acme.example/svc/support");
  std::shared_ptr<pb::Profiles::Stub> stub = pb::Profiles::NewStub(channel);
  auto token = std::make_shared<std::string>();
  return [=, this](int number) {
    if (number % kCallsPerToken == 0) *token = Must(regions_.world().StaffToken(kEuSupport));
    grpc::ClientContext context;
    SetUp(context, *token);
    context.AddMetadata("domicile-purpose", "support");
    context.AddMetadata("domicile-ticket", Ticket().id);
    pb::GetRequest request;
    request.set_user_id(demo::kUkUser);
    pb::Profile profile;
    if (!stub->Get(&context, request, &profile).ok()) {
      return channel->WaitForConnected(std::chrono::system_clock::now() +
                                       std::chrono::milliseconds(100));
    }
    if (profile.user_id() == demo::kUkUser) {
      Note({"eu", "uk", demo::kUkUser, DecisionId(context)});
    }
    return true;
  };
}

Load::Client Load::MakeWriter() {
  auto channel = Connect(regions_, "eu", "spiffe://eu.acme.example/svc/app");
  std::shared_ptr<pb::Profiles::Stub> stub = pb::Profiles::NewStub(channel);
  auto token = std::make_shared<std::string>();
  const std::string user_id = "u-eu-00001";
  return [=, this](int number) {
    if (number % kCallsPerToken == 0) {
      *token = Must(regions_.world().UserToken("eu", user_id, "IE"));
    }
    grpc::ClientContext context;
    SetUp(context, *token);
    pb::Post post;
    post.set_user_id(user_id);
    post.set_post_id(absl::StrCat("written-", number));
    post.set_text("still here");
    pb::Post stored;
    const grpc::Status status = stub->CreatePost(&context, post, &stored);
    {
      absl::MutexLock lock(&mutex_);
      written_.push_back({user_id, post.post_id(), status.ok()});
    }
    return status.ok() || channel->WaitForConnected(std::chrono::system_clock::now() +
                                                    std::chrono::milliseconds(100));
  };
}

void Load::Note(Received received) {
  absl::MutexLock lock(&mutex_);
  received_.push_back(std::move(received));
  ++total_;
}

void Load::AwaitMore(int count) {
  absl::MutexLock lock(&mutex_);
  const int64_t until = total_ + count;
  auto reached = [this, until]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return total_ >= until; };
  mutex_.AwaitWithTimeout(absl::Condition(&reached), kPatience);
}

std::vector<Received> Load::TakeReceived() {
  absl::MutexLock lock(&mutex_);
  return std::exchange(received_, {});
}

std::vector<Written> Load::TakeWritten() {
  absl::MutexLock lock(&mutex_);
  return std::exchange(written_, {});
}

// ---- Ledger
// ---------------------------------------------------------------------------------------

Ledger::Ledger(Regions& regions, const std::string& region,
               const std::vector<std::string>& user_ids)
    : regions_(regions), region_(region) {
  demo::World& world = regions.world();
  store::DirectoryOptions options;
  options.path = world.path(region + "/data/homes.sqlite");
  auto ring = crypto::KeyRing::Load(world.path(region + "/keys/reference"),
                                    crypto::KeyUse::kReference, region);
  if (!ring.ok()) std::abort();
  // Of whom it has no row: derived, as the gateway does.
  options.reference_ring_key = std::string((*ring)->Active(absl::Now())->secret());
  auto directory = store::SqliteDirectory::Open(std::move(options));
  if (!directory.ok()) std::abort();
  std::vector<access::DataSubject> people;
  for (const std::string& id : user_ids) people.push_back({demo::kUserNamespace, id});
  std::promise<enforce::LocateResult> located;
  (*directory)->Locate(people, [&](enforce::LocateResult result) {
    located.set_value(std::move(result));
  });
  enforce::LocateResult result = located.get_future().get();
  if (!result.status.ok() || result.subjects.size() != user_ids.size()) std::abort();
  for (size_t i = 0; i < user_ids.size(); ++i) {
    person_keys_[user_ids[i]] = result.subjects[i].reference_key;
  }
}

absl::StatusOr<std::unique_ptr<store::LogReader>> Ledger::Open() const {
  demo::World& world = regions_.world();
  const std::string logs = world.path(region_ + "/data/log");
  const fs::path shard = fs::directory_iterator(logs)->path();
  const std::string domain = demo::TrustDomainOf(world.options().regions.front());
  DOMICILE_ASSIGN_OR_RETURN(auto ring, crypto::KeyRing::Load(world.path(region_ + "/keys/log"),
                                                             crypto::KeyUse::kLog, region_));
  store::LogReader::Options options;
  options.directory = shard;
  options.uncovered = true;  // durable is what P2 promises; a head comes a moment later
  DOMICILE_ASSIGN_OR_RETURN(
      audit::VerifierKey key,
      audit::MakeVerifierKey(absl::StrCat(domain, "/domicile/", region_, "/", region_, "-1/",
                                          shard.filename().string()),
                             ring->Active(absl::Now())->signing().public_key()));
  options.keys.push_back(std::move(key));
  return store::LogReader::Open(std::move(options));
}

absl::Status Ledger::Read() {
  if (reader_ == nullptr) {
    DOMICILE_ASSIGN_OR_RETURN(reader_, Open());
  }
  absl::Status broken;
  DOMICILE_RETURN_IF_ERROR(reader_->Poll([&](uint64_t, absl::string_view bytes) {
    absl::StatusOr<audit::Entry> entry = audit::Decode(bytes);
    if (!entry.ok()) broken = entry.status();
    if (entry.ok()) Keep(*entry);
    return true;
  }));
  entries_ = reader_->entries_read();
  return broken;
}

absl::Status Ledger::VerifyFromTheStart(uint64_t* entries) const {
  DOMICILE_ASSIGN_OR_RETURN(std::unique_ptr<store::LogReader> reader, Open());
  DOMICILE_RETURN_IF_ERROR(reader->Poll([](uint64_t, absl::string_view) { return true; }));
  if (reader->head_size() == 0) return absl::DataLossError("no head covers anything");
  *entries = reader->entries_read();
  return absl::OkStatus();
}

void Ledger::Keep(const audit::Entry& entry) {
  const auto* decision = std::get_if<audit::DecisionEntry>(&entry.body);
  if (decision == nullptr || decision->effect < access::Effect::kMask) return;
  decisions_.emplace(BytesOf(decision->decision_id), *decision);
  if (decision->peer_decision_id != audit::DecisionId{}) {
    decisions_.emplace(BytesOf(decision->peer_decision_id), *decision);
  }
  if (decision->action == access::Action::kCreate &&
      decision->direction == audit::Direction::kRequest) {
    writes_.push_back(*decision);
  }
}

bool Ledger::Names(const audit::DecisionEntry& entry, const std::string& user_id) const {
  const audit::Reference reference =
      audit::MakeReference(person_keys_.at(user_id), audit::Role::kDataSubject, entry.nonce);
  return std::find(entry.subjects.begin(), entry.subjects.end(), reference) != entry.subjects.end();
}

bool Ledger::HasShown(const Received& received) const {
  auto [begin, end] = decisions_.equal_range(received.decision_id);
  return std::any_of(begin, end, [&](const auto& one) {
    const audit::DecisionEntry& entry = one.second;
    return entry.direction == audit::Direction::kResponse && entry.records >= 1 &&
           entry.records_withheld == 0 && Names(entry, received.user_id);
  });
}

bool Ledger::HasForwarded(const Received& received) const {
  auto [begin, end] = decisions_.equal_range(received.decision_id);
  return std::any_of(begin, end, [&](const auto& one) {
    return one.second.forwarded_to.has_value() && Names(one.second, received.user_id);
  });
}

int Ledger::WritesOf(const std::string& user_id) const {
  return static_cast<int>(std::count_if(writes_.begin(), writes_.end(),
                                        [&](const auto& entry) { return Names(entry, user_id); }));
}

}  // namespace domicile::promises
