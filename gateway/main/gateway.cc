#include "gateway/main/gateway.h"

#include <algorithm>
#include <filesystem>
#include <future>
#include <utility>

#include "absl/strings/str_cat.h"
#include "gateway/base/check.h"
#include "gateway/base/file.h"
#include "gateway/base/log.h"
#include "gateway/base/status_macros.h"
#include "gateway/control/await.h"
#include "gateway/control/exception_entry.h"
#include "gateway/crypto/digest.h"
#include "gateway/main/build.h"
#include "gateway/main/plane.h"

namespace domicile::main {
namespace {

constexpr absl::string_view kPseudonymDomain = "domicile pseudonym v1";
// A loop that takes longer than the lease lasts has let it run out already.
constexpr absl::Duration kGrantsTaken = absl::Milliseconds(800);
constexpr absl::string_view kOfficerSealDomain = "domicile officer seal v1";

absl::Status MakeDirectory(const std::string& path) {
  std::error_code problem;
  std::filesystem::create_directories(path, problem);
  if (problem) return absl::UnavailableError(absl::StrCat(path, ": ", problem.message()));
  return absl::OkStatus();
}

uint32_t LogKeyId(const Material& material) { return material.log->Active(material.at)->id(); }

// The ring as the log wants it.
store::LogKeys LogKeysOf(const Material& material) {
  const std::shared_ptr<const crypto::KeyRing>& ring = material.log;
  const crypto::RingKey* key = ring->Active(material.at);
  DOMICILE_CHECK(key != nullptr);  // material.cc reports a ring without one
  store::LogKeys keys;
  keys.public_key = key->signing().public_key();
  keys.sign = [ring, key](absl::string_view text) { return key->signing().Sign(text); };
  // Heads that an earlier key of the ring signed still hold after a rotation.
  for (const crypto::RingKey& older : ring->keys()) {
    if (&older != key) keys.older_public_keys.push_back(older.signing().public_key());
  }
  return keys;
}

}  // namespace

Gateway::Gateway(control::GatewayConfig config, const base::Clock& clock)
    : config_(std::move(config)), clock_(clock), started_(clock.Now()), watch_(config_, clock) {}

Gateway::~Gateway() {
  if (exceptions_ != nullptr) exceptions_->End();
  // The data plane answers to the log, the directory and the ledger until it is gone.
  data_plane_.reset();
}

absl::StatusOr<std::unique_ptr<Gateway>> Gateway::Create(control::GatewayConfig config,
                                                         const base::Clock& clock,
                                                         base::Issues& issues) {
  auto gateway = std::unique_ptr<Gateway>(new Gateway(std::move(config), clock));
  gateway->material_ = gateway->watch_.Load(issues);
  gateway->serving_state_ = StateOfServing(gateway->config_);
  std::shared_ptr<const Serving> serving = LoadServing(gateway->config_, issues);
  gateway->facts_ = std::make_unique<Facts>(gateway->config_, gateway->material_, clock, issues);
  if (!issues.ok()) return absl::InvalidArgumentError("the configuration has problems");
  LintServing(gateway->config_, *serving, issues);
  DOMICILE_RETURN_IF_ERROR(MakeDirectory(gateway->config_.data_dir));
  DOMICILE_RETURN_IF_ERROR(gateway->OpenLog());
  DOMICILE_RETURN_IF_ERROR(gateway->OpenDirectory());
  DOMICILE_RETURN_IF_ERROR(gateway->OpenExceptions());
  DOMICILE_ASSIGN_OR_RETURN(const uint64_t context,
                            gateway->RecordContext(*serving, audit::ContextCause::kStart));
  std::shared_ptr<const enforce::Snapshot> snapshot = gateway->MakeSnapshot(*serving, context);
  {
    std::lock_guard<std::mutex> lock(gateway->mutex_);
    gateway->serving_ = serving;
    gateway->snapshot_ = std::move(snapshot);
  }
  DOMICILE_RETURN_IF_ERROR(gateway->OpenDataPlane());
  return gateway;
}

absl::Status Gateway::OpenLog() {
  store::LogKeys keys = LogKeysOf(*material_);
  const std::string domain =
      config_.trust_domains.empty() ? "localhost" : config_.trust_domains.front().name;
  store::ShardOptions options;
  options.directory = absl::StrCat(config_.data_dir, "/log");
  options.origin_prefix = absl::StrCat(domain, "/domicile/", config_.region, "/", config_.id, "/");
  options.public_key = std::move(keys.public_key);
  options.sign = std::move(keys.sign);
  options.older_public_keys = std::move(keys.older_public_keys);
  options.checkpoint_interval = config_.checkpoint;
  absl::StatusOr<std::unique_ptr<store::LogShards>> log =
      store::LogShards::Open(std::move(options), started_);
  if (!log.ok()) return base::Annotate(log.status(), "log");
  log_key_ = LogKeyId(*material_);
  log_ = *std::move(log);
  return absl::OkStatus();
}

absl::Status Gateway::OpenDirectory() {
  store::DirectoryOptions options;
  options.path = config_.data_dir + "/homes.sqlite";
  options.home_index = [facts = facts_.get()] { return facts->home_index(); };
  if (facts_->protected_configured()) {
    options.protected_set = [facts = facts_.get()] { return facts->protected_people(); };
  }
  options.reference_ring_key = ActiveSecret(material_->reference.get(), material_->at);
  const std::string path = options.path;
  absl::StatusOr<std::unique_ptr<store::SqliteDirectory>> directory =
      store::SqliteDirectory::Open(std::move(options));
  if (!directory.ok()) return base::Annotate(directory.status(), path);
  directory_ = *std::move(directory);
  return absl::OkStatus();
}

absl::StatusOr<uint64_t> Gateway::RecordContext(const Serving& serving, audit::ContextCause cause) {
  audit::ContextEntry context;
  context.cause = cause;
  context.policy_digest = serving.policy->digest();
  context.schema_digest = serving.schema->digest();
  context.config_digest = material()->config_digest;
  context.build_digest = BuildDigest();
  context.region = config_.region;
  context.gateway = config_.id;
  context.epoch_ms = static_cast<uint64_t>(absl::ToUnixMillis(started_));
  context.development = config_.dev;
  audit::Entry entry;
  entry.time = absl::FromUnixMillis(absl::ToUnixMillis(clock_.Now()));
  entry.body = context;
  DOMICILE_ASSIGN_OR_RETURN(const std::string bytes, audit::Encode(entry));
  absl::StatusOr<uint64_t> number = log_->AppendContext(bytes);
  if (!number.ok()) return base::Annotate(number.status(), "log");
  return *number;
}

std::shared_ptr<const enforce::Snapshot> Gateway::MakeSnapshot(const Serving& serving,
                                                               uint64_t context) {
  const std::shared_ptr<const Material> material = this->material();
  auto snapshot = std::make_shared<enforce::Snapshot>();
  snapshot->version = ++version_;
  snapshot->policy = serving.policy;
  snapshot->trust = facts_->MakeTrust(serving, version_);
  snapshot->tags = material->tags;
  snapshot->gateway_id = config_.id;
  snapshot->region_code = config_.region;
  snapshot->region = serving.region;
  snapshot->reference_key = ActiveSecret(material->reference.get(), material->at);
  snapshot->context = context;
  if (exceptions_ != nullptr) snapshot->grants = exceptions_->IndexFor(*serving.policy);
  return snapshot;
}

proxy::Served Gateway::MakeServed(std::shared_ptr<const enforce::Snapshot> snapshot,
                                  const Serving& serving) const {
  proxy::Served served;
  served.schema = serving.schema;
  served.masks = serving.masks;
  // Equal pseudonyms on every replica of a region, and of no use for references.
  served.pseudonym_key = std::make_shared<const crypto::HmacKey>(
      crypto::View(crypto::HmacSha256(snapshot->reference_key, kPseudonymDomain)));
  served.upstreams = serving.upstreams;
  served.transport = transport_;
  served.snapshot = std::move(snapshot);
  return served;
}

absl::Status Gateway::OpenDataPlane() {
  proxy::DataPlanePorts ports;
  ports.directory = directory_.get();
  ports.audit = log_.get();
  ports.clock = &clock_;
  if (exceptions_ != nullptr) {
    ports.grants = &exceptions_->ledger();
    ports.drafts = exceptions_.get();
  }
  transport_ = MakeTransport(config_, *material_);
  DOMICILE_ASSIGN_OR_RETURN(data_plane_,
                            proxy::DataPlane::Create(MakeDataPlaneOptions(config_), ports,
                                                     MakeServed(snapshot(), *serving())));
  // So that whoever started us with port 0 finds us.
  return base::WriteFileAtomically(config_.data_dir + "/data.port", absl::StrCat(data_port(), "\n"),
                                   base::FileMode::kPublic);
}

absl::Status Gateway::OpenExceptions() {
  if (config_.officers.empty()) return absl::OkStatus();
  // Under the region's reference ring, which its replicas share: whoever can write the store alone
  // enrols nobody.
  std::vector<std::string> seal_keys;
  for (const crypto::RingKey& key : material_->reference->keys()) {
    seal_keys.push_back(crypto::ToString(crypto::HmacSha256(key.secret(), kOfficerSealDomain)));
  }
  std::reverse(seal_keys.begin(), seal_keys.end());  // the newest seals
  DOMICILE_ASSIGN_OR_RETURN(exceptions_, Exceptions::Open(config_, std::move(seal_keys), clock_));
  return absl::OkStatus();
}

void Gateway::Start() {
  data_plane_->Start();
  if (exceptions_ == nullptr) return;
  Exceptions::Hooks hooks;
  hooks.publish = [this] { return PublishGrants(); };
  hooks.record = [this](const control::ExceptionRow& row, exceptions::Event event) {
    return RecordTime(row, event);
  };
  exceptions_->Begin(std::move(hooks));
}

void Gateway::Publish(std::shared_ptr<const Serving> serving, uint64_t context) {
  std::lock_guard<std::mutex> publishing(publishing_);
  const std::shared_ptr<const Material> material = this->material();
  if (material->version != transport_version_) {
    transport_ = MakeTransport(config_, *material);
    transport_version_ = material->version;
  }
  std::shared_ptr<const enforce::Snapshot> next = MakeSnapshot(*serving, context);
  {
    std::lock_guard<std::mutex> lock(mutex_);
    serving_ = serving;
    snapshot_ = next;
  }
  data_plane_->Swap(MakeServed(next, *serving));
}

bool Gateway::PublishGrants() {
  std::lock_guard<std::mutex> publishing(publishing_);
  auto next = std::make_shared<enforce::Snapshot>(*snapshot());
  next->version = ++version_;
  next->grants = exceptions_->IndexFor(*next->policy);
  {
    std::lock_guard<std::mutex> lock(mutex_);
    snapshot_ = next;
  }
  return data_plane_->SwapAndWait(MakeServed(next, *serving()), kGrantsTaken);
}

absl::Status Gateway::RecordTime(const control::ExceptionRow& row, exceptions::Event event) {
  const std::shared_ptr<const enforce::Snapshot> now = snapshot();
  control::ExceptionNote note{*now->policy};
  crypto::RandomBytes(note.decision_id.data(), note.decision_id.size());
  crypto::RandomBytes(note.nonce.data(), note.nonce.size());
  note.ring_key = now->reference_key;
  note.context = now->context;
  note.now = clock_.Now();
  absl::StatusOr<std::string> entry = control::ExceptionEntry(note, row, event, "");
  if (!entry.ok()) return entry.status();
  return control::Await<bool>([&](auto done) {
           log_->Append({*std::move(entry)}, enforce::Strength::kIntegrated,
                        [done = std::move(done)](enforce::AppendResult result) mutable {
                          if (result.status.ok()) return done(true);
                          done(result.status);
                        });
         })
      .status();
}

void Gateway::Poll() {
  std::shared_ptr<const Serving> serving = this->serving();
  uint64_t context = snapshot()->context;
  absl::Status shard = log_->Roll(clock_.Now());
  if (!shard.ok() && shard_.ok()) {
    base::Log(base::LogLevel::kError, "log.shard_not_begun", {{"status", shard}});
  }
  shard_ = std::move(shard);
  bool changed = PollMaterial();
  changed = facts_->Refresh() || changed;
  // What is revoked does not wait for a log that hangs.
  if (changed && context_due_) {
    Publish(serving, context);
    changed = false;
  }
  changed = PollServing(serving, context) || changed;
  if (context_due_) {
    absl::StatusOr<uint64_t> recorded =
        RecordContext(*serving, audit::ContextCause::kConfiguration);
    context_due_ = !recorded.ok();
    if (recorded.ok()) {
      context = *recorded;
      changed = true;
    }
  }
  if (changed) Publish(std::move(serving), context);
}

bool Gateway::PollMaterial() {
  const std::shared_ptr<const Material> before = material();
  std::shared_ptr<const Material> next =
      watch_.Poll([&](const Material& wanted, base::Issues& issues) {
        facts_->Check(wanted, issues);
        if (!issues.ok()) return;
        // Last, as it takes effect at once.
        const absl::Status taken = log_->SetKeys(LogKeysOf(wanted));
        if (!taken.ok()) issues.Add(config_.keys.log, 0, taken.message());
      });
  if (next == nullptr) return false;
  context_due_ =
      context_due_ || next->config_digest != before->config_digest || LogKeyId(*next) != log_key_;
  log_key_ = LogKeyId(*next);
  facts_->SetMaterial(next);
  directory_->SetReferenceRingKey(ActiveSecret(next->reference.get(), next->at));
  std::lock_guard<std::mutex> lock(mutex_);
  material_ = std::move(next);
  return true;
}

bool Gateway::PollServing(std::shared_ptr<const Serving>& serving, uint64_t& context) {
  FilesState state = StateOfServing(config_);
  if (state == serving_state_) return false;
  base::Issues issues;
  std::shared_ptr<const Serving> next = LoadServing(config_, issues, serving.get());
  serving_state_ = std::move(state);
  absl::StatusOr<uint64_t> recorded = absl::InvalidArgumentError("it has problems");
  if (next != nullptr) recorded = RecordContext(*next, audit::ContextCause::kPolicy);
  if (recorded.ok()) {
    serving = std::move(next);
    context = *recorded;
    base::Log(base::LogLevel::kInfo, "policy.swapped", {{"context", context}});
    return true;
  }
  // The old policy goes on; what it opened was signed off, what is broken was not.
  for (const base::Issue& issue : issues.list()) {
    base::Log(base::LogLevel::kError, "policy.rejected",
              {{"problem", base::NotPersonal(issue.ToString())}});
  }
  base::Log(base::LogLevel::kError, "policy.kept", {{"status", recorded.status()}});
  return false;
}

// What is open may stay for the whole grace period, and what is revoked meanwhile must still bite
// (P6): files are looked at until the last call has ended.
void Gateway::Drain() {
  std::future<void> drained = std::async(std::launch::async, [this] { data_plane_->Drain(); });
  while (drained.wait_for(absl::ToChronoMilliseconds(kPollInterval)) != std::future_status::ready) {
    Poll();
  }
}

uint16_t Gateway::data_port() const { return data_plane_->ports().front(); }

std::shared_ptr<const enforce::Snapshot> Gateway::snapshot() const {
  std::lock_guard<std::mutex> lock(mutex_);
  return snapshot_;
}

std::shared_ptr<const Material> Gateway::material() const {
  std::lock_guard<std::mutex> lock(mutex_);
  return material_;
}

std::shared_ptr<const Serving> Gateway::serving() const {
  std::lock_guard<std::mutex> lock(mutex_);
  return serving_;
}

void CheckGateway(const control::GatewayConfig& config, const base::Clock& clock,
                  base::Issues& issues) {
  auto material = std::make_shared<const Material>(LoadMaterial(config, clock, issues));
  std::shared_ptr<const Serving> serving = LoadServing(config, issues);
  Facts facts(config, material, clock, issues);
  if (serving != nullptr) LintServing(config, *serving, issues);
  if (!config.officers.empty()) {
    const absl::Status officers = ReadOfficers(config).status();
    if (!officers.ok()) issues.Add(config.officers, 0, officers.message());
  }
  issues.Sort();
}

}  // namespace domicile::main
