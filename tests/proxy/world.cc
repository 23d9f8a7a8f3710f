#include "tests/proxy/world.h"

#include <google/protobuf/descriptor.pb.h>

#include <condition_variable>
#include <deque>
#include <thread>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "gateway/base/check.h"
#include "gateway/crypto/key_ring.h"
#include "gateway/policy/load.h"
#include "tests/proxy/peer.h"

namespace domicile::proxy {
namespace {

constexpr absl::string_view kRegion = R"(region: $0
title: Region $0
countries: [$1]
reviewed_by: none
quorums:
  standard: [{role: officer, region: $0, count: 1}]
exceptions: {max_window: 8h, max_data_subjects: 50, break_glass: {max_window: 30m, at_most: 2, per: 7d}}
rules: []
)";

std::string Region(absl::string_view code, absl::string_view countries) {
  std::string text(kRegion);
  for (size_t at; (at = text.find("$0")) != std::string::npos;)
    text.replace(at, 2, std::string(code));
  text.replace(text.find("$1"), 2, std::string(countries));
  return text;
}

std::shared_ptr<const policy::Policy> LoadPolicyOfTests() {
  using access::Layer;
  const std::vector<policy::PolicyFile> files = {
      {Layer::kLegal, "regions/eu.yaml", Region("eu", "IE, DE")},
      {Layer::kLegal, "regions/us.yaml", Region("us", "US")},
      {Layer::kLegal, "regions/categories.yaml", R"(categories:
  contact: {title: Contact, mask: last(2)}
  network_identifier: {title: Address}
)"},
      {Layer::kLegal, "regions/purposes.yaml", R"(roles: {support: "helps", officer: "signs"}
purposes:
  support: {title: Support, kinds: [staff], roles: [support]}
)"},
      {Layer::kCompany, "policy/eu.yaml", R"(region: eu
rules:
  - id: eu.support
    layer: company
    when: {from: [eu], kinds: [staff], roles: [support], actions: [read], purposes: [support], categories: [contact, existence]}
    effect: allow
  - id: eu.support.ip
    layer: company
    when: {from: [eu], kinds: [staff], roles: [support], actions: [read], purposes: [support], categories: [network_identifier]}
    effect: mask
  - id: eu.japan
    layer: company
    when: {from: [JP], kinds: [staff], roles: [support], actions: [read], purposes: [support], categories: [contact, network_identifier, existence]}
    effect: escalate
    quorum: standard
)"},
      {Layer::kCompany, "policy/us.yaml", "region: us\nrules: []\n"},
  };
  policy::LoadResult loaded = policy::LoadPolicy(files);
  if (loaded.policy == nullptr) fprintf(stderr, "%s\n", loaded.issues.ToString().c_str());
  DOMICILE_CHECK(loaded.policy != nullptr);
  return loaded.policy;
}

const crypto::SigningKey& IssuerKey() {
  static const crypto::SigningKey* key = [] {
    auto made = crypto::SigningKey::Generate(crypto::SignatureAlgorithm::kEdDsa);
    DOMICILE_CHECK(made.ok());
    return new crypto::SigningKey(*std::move(made));
  }();
  return *key;
}

std::string Base64Url(absl::string_view bytes) {
  std::string text = absl::WebSafeBase64Escape(bytes);
  while (!text.empty() && text.back() == '=') text.pop_back();
  return text;
}

identity::Issuer StaffIssuer() {
  identity::Issuer issuer;
  issuer.issuer = "https://staff.example";
  issuer.country = *access::CountryCode::Parse("IE");
  issuer.kind = access::PrincipalKind::kStaff;
  for (const char* country : {"IE", "DE", "US", "JP"})
    issuer.asserted_countries.Add(*access::CountryCode::Parse(country));
  issuer.asserted_roles = {"support"};
  issuer.claims.residence = "residence";
  issuer.claims.location = "loc";
  issuer.claims.employer = "entity";
  issuer.claims.roles = "roles";
  auto keys = identity::Jwks::Parse(
      absl::StrCat(R"({"keys":[{"kty":"OKP","crv":"Ed25519","use":"sig","kid":"k1","x":")",
                   Base64Url(IssuerKey().public_key()), R"("}]})"));
  DOMICILE_CHECK(keys.ok());
  issuer.keys = std::make_shared<const identity::Jwks>(*std::move(keys));
  return issuer;
}

void AddMessage(google::protobuf::FileDescriptorProto& file, const char* name,
                const std::vector<std::string>& strings) {
  auto* message = file.add_message_type();
  message->set_name(name);
  int number = 0;
  for (const std::string& field : strings) {
    auto* added = message->add_field();
    added->set_name(field);
    added->set_number(++number);
    added->set_type(google::protobuf::FieldDescriptorProto::TYPE_STRING);
    added->set_label(google::protobuf::FieldDescriptorProto::LABEL_OPTIONAL);
  }
}

void AddMethod(google::protobuf::ServiceDescriptorProto& service, const char* name,
               const char* input, const char* output, bool client, bool server) {
  auto* method = service.add_method();
  method->set_name(name);
  method->set_input_type(input);
  method->set_output_type(output);
  method->set_client_streaming(client);
  method->set_server_streaming(server);
}

void PutField(int number, absl::string_view value, std::string* out) {
  out->push_back(static_cast<char>(number << 3 | 2));
  for (size_t size = value.size();; size >>= 7) {
    if (size < 0x80) {
      out->push_back(static_cast<char>(size));
      break;
    }
    out->push_back(static_cast<char>((size & 0x7f) | 0x80));
  }
  out->append(value.data(), value.size());
}

}  // namespace

// ---- Directory ----------------------------------------------------------------------------------

void MemoryDirectory::SetHome(const std::string& id, const std::string& region) {
  std::lock_guard<std::mutex> lock(mutex_);
  homes_[id] = region;
}

void MemoryDirectory::Locate(std::vector<access::DataSubject> subjects,
                             absl::AnyInvocable<void(enforce::LocateResult)> done) {
  enforce::LocateResult result;
  {
    std::lock_guard<std::mutex> lock(mutex_);
    for (const access::DataSubject& subject : subjects) {
      enforce::SubjectFacts facts;
      facts.protected_person = facts.minor = access::Tri::kFalse;
      facts.reference_key = std::string(32, 'k');
      auto home = homes_.find(subject.id);
      if (home != homes_.end())
        facts.homes.push_back({home->second, absl::FromUnixSeconds(1'500'000'000)});
      result.subjects.push_back(std::move(facts));
    }
  }
  done(std::move(result));
}

void MemoryDirectory::Register(std::vector<access::DataSubject> subjects, std::string region,
                               absl::Time, absl::AnyInvocable<void(absl::Status)> done) {
  {
    std::lock_guard<std::mutex> lock(mutex_);
    for (const access::DataSubject& subject : subjects) homes_.emplace(subject.id, region);
  }
  done(absl::OkStatus());
}

// ---- Log ----------------------------------------------------------------------------------------

struct MemoryLog::Impl {
  std::mutex mutex;
  std::condition_variable wake;
  std::deque<absl::AnyInvocable<void(enforce::AppendResult)>> waiting;
  size_t entries = 0;
  bool fails = false, holds = false, stopping = false;
  std::thread thread;

  void Work() {
    std::unique_lock<std::mutex> lock(mutex);
    while (true) {
      wake.wait(lock, [this] { return stopping || (!holds && !waiting.empty()); });
      if (stopping) return;
      auto done = std::move(waiting.front());
      waiting.pop_front();
      enforce::AppendResult result;
      if (fails) result.status = absl::UnavailableError("the log is full");
      result.first_index = entries;
      lock.unlock();
      done(std::move(result));
      lock.lock();
    }
  }
};

MemoryLog::MemoryLog() : impl_(std::make_unique<Impl>()) {
  impl_->thread = std::thread([this] { impl_->Work(); });
}

MemoryLog::~MemoryLog() {
  {
    std::lock_guard<std::mutex> lock(impl_->mutex);
    impl_->stopping = true;
  }
  impl_->wake.notify_all();
  impl_->thread.join();
}

void MemoryLog::Append(std::vector<std::string> entries, enforce::Strength,
                       absl::AnyInvocable<void(enforce::AppendResult)> done) {
  {
    std::lock_guard<std::mutex> lock(impl_->mutex);
    impl_->entries += entries.size();
    impl_->waiting.push_back(std::move(done));
  }
  impl_->wake.notify_all();
}

size_t MemoryLog::appended() const {
  std::lock_guard<std::mutex> lock(impl_->mutex);
  return impl_->entries;
}

void MemoryLog::Fail(bool fails) {
  std::lock_guard<std::mutex> lock(impl_->mutex);
  impl_->fails = fails;
}

void MemoryLog::Hold(bool holds) {
  {
    std::lock_guard<std::mutex> lock(impl_->mutex);
    impl_->holds = holds;
  }
  impl_->wake.notify_all();
}

// ---- Grants -------------------------------------------------------------------------------------

void MemoryLedger::Reserve(std::vector<enforce::GrantUse> uses,
                           absl::AnyInvocable<void(absl::Status)> done) {
  uint64_t reads = 0;
  for (const enforce::GrantUse& use : uses) reads += use.reads;
  if (!alive) return done(absl::UnavailableError("no lease"));
  uint64_t taken = reads_;
  do {
    if (taken + reads > reads_max_) return done(absl::ResourceExhaustedError("limit"));
  } while (!reads_.compare_exchange_weak(taken, taken + reads));
  done(absl::OkStatus());
}

std::shared_ptr<const enforce::GrantIndex> MakeGrants(uint64_t id, absl::Duration ends,
                                                      const std::string& country) {
  exceptions::VerifiedGrant grant;
  exceptions::Terms& terms = grant.terms;
  terms.exception = id;
  terms.principal.kind = access::PrincipalKind::kStaff;
  terms.principal.issuer = "https://staff.example";
  terms.principal.subject = "s-1";
  terms.origins = {"eu"};
  terms.subjects = {exceptions::MakeSubjectReference(std::string(32, 'k'), id)};
  terms.categories = {"contact", "existence"};
  terms.methods = {"/test.People/Get", "/test.People/Watch"};
  terms.actions = {access::Action::kRead};
  terms.purpose = "support";
  terms.jurisdictions = {*access::CountryCode::Parse(country)};
  terms.not_before = absl::Now() - absl::Hours(1);
  terms.not_after = absl::Now() + ends;
  grant.quorums_met = {{"eu", "standard"}};
  enforce::GrantIndex::Builder builder(*MakeSnapshot()->policy);
  builder.Add(grant);
  return builder.Build();
}

// ---- What is served -----------------------------------------------------------------------------

std::shared_ptr<const enforce::Snapshot> MakeSnapshot() {
  static const std::shared_ptr<const policy::Policy> policy = LoadPolicyOfTests();
  const access::CountryCode here = *access::CountryCode::Parse("IE");
  auto trust = std::make_shared<identity::Trust>();
  trust->version = 1;
  trust->region = "eu";
  trust->country = here;
  trust->workloads = identity::WorkloadRegistry::Create(
      {{"spiffe://eu.example/job/*", here, identity::Speaks::kForItself}});
  trust->issuers = {StaffIssuer()};
  trust->employers = {{"acme-ie", here}};
  trust->dev_workload = "spiffe://eu.example/job/echo";
  auto snapshot = std::make_shared<enforce::Snapshot>();
  snapshot->version = 1;
  snapshot->policy = policy;
  snapshot->trust = trust;
  snapshot->gateway_id = "eu-1";
  snapshot->region_code = "eu";
  snapshot->region = *policy->vocabulary().regions.Find("eu");
  snapshot->reference_key = std::string(32, 'r');
  snapshot->context = 7;
  auto text = crypto::GenerateKeyRing(crypto::KeyUse::kTag, "eu", absl::Now() - absl::Hours(24));
  DOMICILE_CHECK(text.ok());
  auto ring = crypto::KeyRing::Parse(text->view(), "tag", crypto::KeyUse::kTag, "eu");
  DOMICILE_CHECK(ring.ok());
  snapshot->tags = *origin::TagRing::Create(*ring);
  return snapshot;
}

std::shared_ptr<const wire::Schema> MakeSchema() {
  google::protobuf::FileDescriptorSet set;
  google::protobuf::FileDescriptorProto& file = *set.add_file();
  file.set_name("test.proto");
  file.set_package("test");
  file.set_syntax("proto3");
  AddMessage(file, "Blob", {"text"});
  AddMessage(file, "GetRequest", {"id"});
  AddMessage(file, "Person", {"id", "ip", "mail"});
  auto* echo = file.add_service();
  echo->set_name("Echo");
  AddMethod(*echo, "Unary", ".test.Blob", ".test.Blob", false, false);
  AddMethod(*echo, "ServerStream", ".test.Blob", ".test.Blob", false, true);
  AddMethod(*echo, "ClientStream", ".test.Blob", ".test.Blob", true, false);
  AddMethod(*echo, "Bidi", ".test.Blob", ".test.Blob", true, true);
  auto* people = file.add_service();
  people->set_name("People");
  AddMethod(*people, "Get", ".test.GetRequest", ".test.Person", false, false);
  AddMethod(*people, "Watch", ".test.GetRequest", ".test.Person", false, true);
  AddMethod(*people, "Unlabelled", ".test.GetRequest", ".test.Person", false, false);
  wire::SchemaFiles files;
  files.descriptor_sets.push_back({"test.binpb", set.SerializeAsString()});
  files.bindings.push_back({"test.bindings.yaml", R"(
services:
  test.Echo: {Unary: {action: none}, ServerStream: {action: none}, ClientStream: {action: none}, Bidi: {action: none}}
  test.People: {Get: {action: read, data_subject: [id]}, Watch: {action: read, data_subject: [id]}}
namespace: acme.user
messages:
  test.Blob: {categories: {text: none}}
  test.Person: {record: true, data_subject: [id], default_category: none, categories: {ip: network_identifier, mail: contact}}
)"});
  base::Issues issues;
  auto schema = wire::Schema::Load(files, MakeSnapshot()->policy->vocabulary(), &issues);
  if (schema == nullptr) fprintf(stderr, "%s\n", issues.ToString().c_str());
  DOMICILE_CHECK(schema != nullptr);
  return schema;
}

Served MakeServed() {
  Served served;
  served.snapshot = MakeSnapshot();
  served.schema = MakeSchema();
  enforce::UpstreamFacts facts;
  facts.holds = access::RegionSet::Of(served.snapshot->region);
  facts.untagged = access::Untagged::kDirectory;
  served.upstreams = {facts};
  return served;
}

std::string SupportToken(const std::string& country, absl::Duration lifetime) {
  int64_t now = absl::ToUnixSeconds(absl::Now());
  std::string input = absl::StrCat(
      Base64Url(R"({"alg":"EdDSA","kid":"k1","typ":"JWT"})"), ".",
      Base64Url(absl::StrCat(
          R"({"iss":"https://staff.example","sub":"s-1","aud":"domicile","iat":)", now - 5,
          R"(,"nbf":)", now - 5, R"(,"exp":)", now + absl::ToInt64Seconds(lifetime),
          R"(,"roles":["support"],"residence":")", country, R"(","entity":"acme-ie","loc":")",
          country, R"("})")));
  auto signature = IssuerKey().Sign(input);
  DOMICILE_CHECK(signature.ok());
  return absl::StrCat("Bearer ", input, ".", Base64Url(*signature));
}

std::string Blob(absl::string_view text) {
  std::string out;
  PutField(1, text, &out);
  return out;
}

std::string Person(absl::string_view id, absl::string_view ip, absl::string_view mail) {
  std::string out;
  PutField(1, id, &out);
  PutField(2, ip, &out);
  PutField(3, mail, &out);
  return out;
}

std::string GetRequest(absl::string_view id) {
  std::string out;
  PutField(1, id, &out);
  return out;
}

// ---- World --------------------------------------------------------------------------------------

World::World(uint16_t upstream_port, const std::function<void(DataPlaneOptions&)>& change,
             enforce::AuditLog* audit, enforce::Directory* homes, enforce::GrantLedger* ledger,
             enforce::Drafts* drafts)
    : served(MakeServed()) {
  DataPlaneOptions options;
  options.listeners = {{"127.0.0.1", 0, nullptr}};
  UpstreamOptions upstream;
  upstream.services = {"test.Echo", "test.People"};
  upstream.endpoints = {absl::StrCat("127.0.0.1:", upstream_port)};
  options.upstreams = {upstream};
  options.loops = 1;
  if (change) change(options);
  directory.SetHome("u-1", "eu");
  auto made = DataPlane::Create(options,
                                {homes != nullptr ? homes : &directory,
                                 audit != nullptr ? audit : &log, &clock, ledger, drafts},
                                served);
  if (!made.ok()) fprintf(stderr, "%s\n", made.status().ToString().c_str());
  DOMICILE_CHECK(made.ok());
  plane = *std::move(made);
  plane->Start();
}

World::~World() { plane->Stop(); }

void World::SetGrants(std::shared_ptr<const enforce::GrantIndex> grants) {
  auto snapshot = std::make_shared<enforce::Snapshot>(*served.snapshot);
  ++snapshot->version;
  snapshot->grants = std::move(grants);
  served.snapshot = std::move(snapshot);
  if (!plane->SwapAndWait(served, absl::Seconds(10))) std::abort();  // what follows proves nothing
}

bool World::Eventually(const std::function<bool()>& holds) {
  absl::Time until = absl::Now() + absl::Seconds(10);
  while (!holds()) {
    if (absl::Now() > until) return false;
    std::this_thread::yield();
  }
  return true;
}

}  // namespace domicile::proxy
