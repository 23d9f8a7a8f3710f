#include "tests/enforce/driver.h"

#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "gateway/base/check.h"
#include "gateway/crypto/digest.h"
#include "gateway/policy/load.h"
#include "nlohmann/json.hpp"

namespace domicile::enforce {
namespace {

using access::Layer;

// Small enough to be read beside a test; the shipped policy has its own tests.
std::vector<policy::PolicyFile> Files() {
  const auto legal = [](const char* name, const char* text) {
    return policy::PolicyFile{Layer::kLegal, name, text};
  };
  return {
      legal("regions/eu.yaml", R"(region: eu
title: Europe
countries: [IE, DE]
reviewed_by: none
quorums:
  standard: [{role: officer, region: eu, count: 1}]
exceptions: {max_window: 8h, max_data_subjects: 50, break_glass: {max_window: 30m, at_most: 2, per: 7d}}
rules: []
)"),
      legal("regions/us.yaml", R"(region: us
title: United States
countries: [US]
reviewed_by: none
quorums:
  standard: [{role: officer, region: us, count: 1}]
exceptions: {max_window: 8h, max_data_subjects: 50, break_glass: {max_window: 30m, at_most: 2, per: 7d}}
rules: []
)"),
      legal("regions/cn.yaml", R"(region: cn
title: China
countries: [CN]
reviewed_by: none
quorums:
  standard: [{role: officer, region: cn, count: 1}]
exceptions: {max_window: 8h, max_data_subjects: 50, break_glass: {max_window: 30m, at_most: 2, per: 7d}}
rules: []
)"),
      legal("regions/categories.yaml", R"(categories:
  contact: {title: Contact, mask: last(2)}
  network_identifier: {title: Address}
)"),
      legal("regions/purposes.yaml",
            R"(roles: {support: "helps", engineer: "repairs", officer: "signs"}
purposes:
  support: {title: Support, kinds: [staff], roles: [support, engineer]}
  incident: {title: Incident, kinds: [staff], roles: [engineer]}
)"),
      {Layer::kCompany, "policy/eu.yaml", R"(region: eu
rules:
  - id: eu.support
    layer: company
    when: {from: [eu], kinds: [staff], roles: [support], actions: [read, search, write, create, delete], purposes: [support], protected: false, categories: [contact, existence]}
    effect: allow
  - id: eu.support.ip
    layer: company
    when: {from: [eu], kinds: [staff], roles: [support], actions: [read, search], purposes: [support], categories: [network_identifier]}
    effect: mask
  - id: eu.abroad
    layer: company
    when: {from: [US], kinds: [staff], roles: [support], actions: [read], purposes: [support], categories: [contact, existence]}
    effect: allow
  - id: eu.cn.incident
    layer: company
    when: {from: [cn], kinds: [staff], roles: [engineer], actions: [read, write], purposes: [incident], categories: [contact, existence]}
    effect: escalate
    quorum: standard
  - id: eu.incident
    layer: company
    when: {from: [eu], kinds: [staff], roles: [engineer], actions: [read, write], purposes: [incident], categories: [contact, existence]}
    effect: allow
  - id: eu.self
    layer: company
    when: {from: [eu], kinds: [user], actions: [read], self: true, categories: [contact, network_identifier, existence]}
    effect: allow
)"},
      {Layer::kCompany, "policy/us.yaml", R"(region: us
rules:
  - id: us.support
    layer: company
    when: {from: [US], kinds: [staff], roles: [support], actions: [read], purposes: [support], categories: [contact, existence]}
    effect: allow
)"},
  };
}

std::shared_ptr<const policy::Policy> LoadTestPolicy() {
  const std::vector<policy::PolicyFile> files = Files();
  policy::LoadResult loaded = policy::LoadPolicy(files);
  if (loaded.policy == nullptr) {
    fprintf(stderr, "%s\n", loaded.issues.ToString().c_str());
  }
  DOMICILE_CHECK(loaded.policy != nullptr);
  return loaded.policy;
}

crypto::SigningKey MakeKey() {
  auto key = crypto::SigningKey::Generate(crypto::SignatureAlgorithm::kEdDsa);
  DOMICILE_CHECK(key.ok());
  return *std::move(key);
}

std::string Base64Url(absl::string_view bytes) {
  std::string text = absl::WebSafeBase64Escape(bytes);
  while (!text.empty() && text.back() == '=') text.pop_back();
  return text;
}

identity::Issuer MakeIssuer(const crypto::SigningKey& key, access::PrincipalKind kind) {
  identity::Issuer issuer;
  issuer.issuer = absl::StrCat("https://", access::Name(kind), ".example");
  issuer.country = *access::CountryCode::Parse("IE");
  issuer.kind = kind;
  for (const char* country : {"IE", "DE", "US", "CN"}) {
    issuer.asserted_countries.Add(*access::CountryCode::Parse(country));
  }
  issuer.asserted_roles = {"support", "engineer"};
  issuer.claims.residence = "residence";
  issuer.claims.location = "loc";
  issuer.claims.employer = "entity";
  issuer.claims.roles = "roles";
  const std::string jwks =
      absl::StrCat(R"({"keys":[{"kty":"OKP","crv":"Ed25519","use":"sig","kid":"k1","x":")",
                   Base64Url(key.public_key()), R"("}]})");
  auto parsed = identity::Jwks::Parse(jwks);
  DOMICILE_CHECK(parsed.ok());
  issuer.keys = std::make_shared<const identity::Jwks>(*std::move(parsed));
  return issuer;
}

std::string Step(const ReleaseMessage& release) {
  std::string removed, masked;
  for (size_t i = 0; i < release.edit.records.size(); ++i) {
    if (release.edit.records[i].remove) absl::StrAppend(&removed, " ", i);
    if (!release.edit.records[i].masked.empty()) absl::StrAppend(&masked, " ", i);
  }
  return absl::StrCat("release ", release.handle, removed.empty() ? "" : " removes", removed,
                      masked.empty() ? "" : " masks", masked);
}

std::string Ids(const std::vector<access::DataSubject>& subjects) {
  return absl::StrJoin(subjects, " ", [](std::string* out, const access::DataSubject& subject) {
    out->append(subject.id);
  });
}

// Each person has their own.
std::string KeyOf(absl::string_view id) {
  std::string key(id);
  key.resize(32, 'k');
  return key;
}

}  // namespace

Driver::Driver() : Driver(Shared()) {}

// One policy and one key for all drivers of a binary: both take longer to make than a call.
const Driver::Given& Driver::Shared() {
  static const Given* given = new Given{MakeKey(), LoadTestPolicy()};
  return *given;
}

Driver::Driver(const Given& given) : issuer_key_(given.issuer_key) {
  auto trust = std::make_shared<identity::Trust>();
  trust->version = 1;
  trust->region = "eu";
  trust->country = *access::CountryCode::Parse("IE");
  trust->workloads = identity::WorkloadRegistry::Create(
      {{"spiffe://eu.example/svc/*", *access::CountryCode::Parse("IE"),
        identity::Speaks::kForHuman}});
  trust->issuers = {MakeIssuer(issuer_key_, access::PrincipalKind::kStaff),
                    MakeIssuer(issuer_key_, access::PrincipalKind::kUser)};
  trust->employers = {{"acme-ie", *access::CountryCode::Parse("IE")},
                      {"acme-us", *access::CountryCode::Parse("US")},
                      {"acme-cn", *access::CountryCode::Parse("CN")}};
  identity::Peer cn;
  cn.region = "cn";
  cn.country = *access::CountryCode::Parse("CN");
  cn.spiffe = "spiffe://cn.example/domicile";
  cn.forward_keys = {{"k", issuer_key_.public_key()}};
  identity::Peer us = cn;
  us.region = "us";
  us.country = *access::CountryCode::Parse("US");
  us.spiffe = "spiffe://us.example/domicile";
  trust->peers = {cn, us};
  auto snapshot = std::make_shared<Snapshot>();
  snapshot->version = 1;
  snapshot->policy = given.policy;
  snapshot->trust = trust;
  snapshot->gateway_id = "eu-1";
  snapshot->region_code = "eu";
  snapshot->region = *snapshot->policy->vocabulary().regions.Find("eu");
  snapshot->reference_key = std::string(32, 'r');
  snapshot->context = 7;
  auto text = crypto::GenerateKeyRing(crypto::KeyUse::kTag, "eu", now - absl::Hours(24));
  DOMICILE_CHECK(text.ok());
  auto ring = crypto::KeyRing::Parse(text->view(), "tag", crypto::KeyUse::kTag, "eu");
  DOMICILE_CHECK(ring.ok());
  auto tags = origin::TagRing::Create(*ring);
  DOMICILE_CHECK(tags.ok());
  snapshot->tags = *tags;
  snapshot_ = snapshot;
}

void Driver::SetHomes(const std::string& id, std::vector<std::string> homes) {
  SubjectFacts facts;
  int year = 2020;
  for (std::string& home : homes) {
    facts.homes.push_back(
        {std::move(home), absl::FromCivil(absl::CivilYear(year++), absl::UTCTimeZone())});
  }
  facts.protected_person = facts.minor = access::Tri::kFalse;
  facts.reference_key = KeyOf(id);
  directory_[id] = std::move(facts);
}

std::string Driver::Token(const Caller& caller) const {
  nlohmann::json claims = {{"iss", absl::StrCat("https://", caller.kind, ".example")},
                           {"sub", caller.subject},
                           {"aud", {"domicile", "domicile:eu"}},
                           {"iat", absl::ToUnixSeconds(now) - 5},
                           {"nbf", absl::ToUnixSeconds(now) - 5},
                           {"exp", absl::ToUnixSeconds(now) + 600},
                           {"roles", caller.roles}};
  if (!caller.residence.empty()) claims["residence"] = caller.residence;
  if (!caller.employer.empty()) claims["entity"] = caller.employer;
  if (!caller.location.empty()) claims["loc"] = caller.location;
  const std::string input = absl::StrCat(Base64Url(R"({"alg":"EdDSA","kid":"k1","typ":"JWT"})"),
                                         ".", Base64Url(claims.dump()));
  auto signature = issuer_key_.Sign(input);
  DOMICILE_CHECK(signature.ok());
  return absl::StrCat(input, ".", Base64Url(*signature));
}

access::CategorySet Driver::Categories(const std::vector<std::string>& names) const {
  access::CategorySet set;
  for (const std::string& name : names) {
    auto index = snapshot_->policy->vocabulary().categories.Find(name);
    DOMICILE_CHECK(index.has_value());
    set.Add(*index);
  }
  return set;
}

CallOpened Driver::Opened(const Caller& caller) {
  CallOpened opened;
  identity::CertificateFacts certificate;
  certificate.spiffe = caller.workload;
  certificate.trust_domain = "eu.example";
  certificate.not_after = now + absl::Hours(24);
  opened.evidence.certificate = certificate;
  if (caller.token) opened.evidence.authorization = absl::StrCat("Bearer ", Token(caller));
  opened.evidence.purpose = caller.purpose;
  opened.randomness = randomness;
  opened.replays = &replays_;
  opened.has_ledger = has_ledger;
  opened.now = now;
  return opened;
}

void Driver::ComeThroughPeer(const Caller& caller, CallOpened* opened) {
  const std::string region = caller.through_cn ? "cn" : "us";
  opened->evidence.certificate->spiffe = absl::StrCat("spiffe://", region, ".example/domicile");
  opened->evidence.certificate->trust_domain = absl::StrCat(region, ".example");
  identity::ForwardStatement statement;
  statement.region = region;
  statement.gateway = absl::StrCat(region, "-1");
  statement.target = "eu";
  const absl::string_view token = opened->evidence.authorization;
  if (!token.empty()) statement.token_hash = crypto::Sha256(token.substr(7));
  statement.workload = caller.workload;
  statement.method = opened->method.path;
  statement.metadata_digest =
      identity::ClientMetadataDigest({{"domicile-exception", ""},
                                      {"domicile-purpose", opened->evidence.purpose},
                                      {"domicile-region", ""},
                                      {"domicile-ticket", ""}});
  statement.nonce = {1};
  statement.time = now;
  statement.decision_id = {0xcc};
  statement.answered = caller.answered_there;
  auto sealed = identity::SealForward(
      statement, "k", [this](absl::string_view message) { return issuer_key_.Sign(message); });
  DOMICILE_CHECK(sealed.ok());
  opened->evidence.forward = *std::move(sealed);
}

void Driver::Open(const MethodOptions& options, const Caller& caller) {
  CallOpened opened = Opened(caller);
  opened.method.path = "/acme.profiles.v1.Profiles/Get";
  opened.method.number = 3;
  opened.method.action = options.action;
  opened.method.creates = options.creates;
  opened.method.client_streaming = options.client_streaming;
  opened.method.server_streaming = options.server_streaming;
  opened.method.route = options.route;
  opened.method.withheld = options.withheld;
  opened.method.response_categories = Categories({"contact", "network_identifier"});
  opened.upstream.holds = access::RegionSet::Of(snapshot_->region);
  opened.upstream.untagged = access::Untagged::kDirectory;
  if (caller.through_cn || caller.through_us) ComeThroughPeer(caller, &opened);
  method_ = opened.method;
  call_ = std::make_unique<Call>(snapshot_);
  Send(std::move(opened));
}

void Driver::OpenMalformed(access::Reason problem, const Caller& caller) {
  CallOpened opened = Opened(caller);
  opened.problem = problem;
  call_ = std::make_unique<Call>(snapshot_);
  Send(std::move(opened));
}

access::Findings Driver::MakeFindings(const std::vector<RecordOptions>& records, bool request) {
  access::Findings findings;
  findings.problem = access::Reason::kRule;
  for (const RecordOptions& options : records) {
    access::RecordFinding record;
    record.parent = options.parent;
    record.placement = options.placement;
    record.categories = Categories(options.categories);
    record.message_name = "acme.profiles.v1.Profile";
    record.stampable = request && !options.categories.empty();
    if (!options.home.empty()) {
      record.home = snapshot_->policy->vocabulary().regions.Find(options.home);
    }
    for (const std::string& id : options.people) {
      const access::DataSubject subject{"acme.user", id};
      size_t place = 0;
      while (place < findings.subjects.size() && !(findings.subjects[place] == subject)) ++place;
      if (place == findings.subjects.size()) findings.subjects.push_back(subject);
      record.subjects.push_back(static_cast<uint32_t>(place));
    }
    if (!options.tagged.empty()) {
      std::vector<const access::DataSubject*> people;
      for (uint32_t place : record.subjects) people.push_back(&findings.subjects[place]);
      auto tag =
          snapshot_->tags->Stamp(options.tagged, now, {people, record.message_name, ""}, now);
      DOMICILE_CHECK(tag.ok());
      tags_.push_back(*std::move(tag));
      record.origin_tag = tags_.back();
    }
    findings.records.push_back(std::move(record));
  }
  return findings;
}

void Driver::Request(const std::vector<RecordOptions>& records) {
  Send(RequestMessage{next_request_++, MakeFindings(records, true), now});
}
void Driver::UnreadableRequest(access::Reason problem) {
  access::Findings findings;
  findings.problem = problem;
  Send(RequestMessage{next_request_++, std::move(findings), now});
}
void Driver::RequestEnd() { Send(RequestEnded{now}); }
void Driver::Response(const std::vector<RecordOptions>& records) {
  Send(ResponseMessage{next_response_++, MakeFindings(records, false), now});
}
void Driver::ResponseEnd(int status) { Send(ResponseEnded{status, "", now}); }

void Driver::Swap(const std::function<void(Snapshot&)>& change) {
  auto fresh = std::make_shared<Snapshot>(*snapshot_);
  ++fresh->version;
  change(*fresh);
  snapshot_ = std::move(fresh);
  if (call_ == nullptr) return;
  Send(SnapshotChanged{snapshot_, method_, now});
}

// Answers that come at once still come after the effects that were emitted together.
void Driver::Send(Event event) {
  pending_.push_back(std::move(event));
  if (pumping_) return;
  pumping_ = true;
  while (!pending_.empty()) {
    Event next = std::move(pending_.front());
    pending_.pop_front();
    Effects effects;
    call_->On(std::move(next), effects);
    Carry(std::move(effects));
  }
  pumping_ = false;
}

void Driver::Carry(Effects effects) {
  for (Effect& effect : effects) CarryOne(std::move(effect));
}

void Driver::CarryOne(Effect effect) {
  if (watch) watch(effect);
  std::string step;
  if (auto* locate = std::get_if<Locate>(&effect)) {
    step = absl::StrCat("locate ", Ids(locate->subjects));
  } else if (auto* reg = std::get_if<Register>(&effect)) {
    step = absl::StrCat("register ", reg->region, " ", Ids(reg->subjects));
  } else if (auto* append = std::get_if<Append>(&effect)) {
    step =
        absl::StrCat("append ", append->strength == Strength::kDurable ? "durable " : "integrated ",
                     append->entries.size());
  } else if (auto* reserve = std::get_if<Reserve>(&effect)) {
    step = "reserve";
    for (const GrantUse& use : reserve->uses) {
      absl::StrAppend(&step, " ", use.grant, ":", use.reads, "/", use.subjects.size());
    }
  } else if (auto* draft = std::get_if<OpenDraft>(&effect)) {
    step = "draft";
    drafts.push_back(draft->draft);
  } else if (auto* open = std::get_if<OpenUpstream>(&effect)) {
    step = "open";
    if (open->peer) {
      absl::StrAppend(&step, " ", snapshot_->policy->vocabulary().regions.Name(*open->peer));
    }
  } else if (auto* forward = std::get_if<ForwardRequest>(&effect)) {
    step = absl::StrCat("forward ", forward->handle);
    for (size_t i = 0; i < forward->edit.stamps.size(); ++i) {
      if (!forward->edit.stamps[i].empty()) absl::StrAppend(&step, " stamps ", i);
    }
  } else if (std::get_if<ForwardRequestEnd>(&effect)) {
    step = "forward-end";
  } else if (std::get_if<SendHeaders>(&effect)) {
    step = "headers";
  } else if (auto* release = std::get_if<ReleaseMessage>(&effect)) {
    step = Step(*release);
  } else if (auto* drop = std::get_if<DropMessage>(&effect)) {
    step = absl::StrCat("drop ", drop->handle);
  } else if (auto* end = std::get_if<End>(&effect)) {
    DOMICILE_CHECK(!end_.has_value());
    end_ = *end;
    step = absl::StrCat("end ", end->grpc_status);
    const size_t colon = end->message.find(':');
    if (colon != std::string::npos) absl::StrAppend(&step, " ", end->message.substr(0, colon));
  } else if (std::get_if<CancelUpstream>(&effect)) {
    step = "cancel";
  } else if (std::get_if<Done>(&effect)) {
    step = "done";
  }
  if (!step.empty()) {
    trace_.push_back(step);
    all_.push_back(step);
  }
  Hold(std::move(effect));
}

// What a port or the wire answers: at once, or when it is let.
void Driver::Hold(Effect effect) {
  const bool to_log = std::holds_alternative<Append>(effect);
  const bool to_store =
      std::holds_alternative<Locate>(effect) || std::holds_alternative<Register>(effect);
  const bool to_ledger = std::holds_alternative<Reserve>(effect);
  const auto* release = std::get_if<ReleaseMessage>(&effect);
  const bool to_wire = release != nullptr && release->under_grant;
  held_.push_back(std::move(effect));
  if ((to_log && hold_log) || (to_store && hold_store) || (to_ledger && hold_ledger) ||
      (to_wire && hold_wire)) {
    return;
  }
  AnswerHeld(held_.size() - 1);
}

void Driver::AnswerHeld() {
  for (size_t count = held_.size(); count > 0; --count) AnswerHeld(0);
}

void Driver::AnswerHeld(size_t place) {
  const Effect effect = std::move(held_[place]);
  held_.erase(held_.begin() + static_cast<ptrdiff_t>(place));
  if (auto* append = std::get_if<Append>(&effect)) Answer(*append);
  if (auto* locate = std::get_if<Locate>(&effect)) Answer(*locate);
  if (auto* reg = std::get_if<Register>(&effect)) Answer(*reg);
  if (auto* reserve = std::get_if<Reserve>(&effect)) Answer(*reserve);
  if (auto* release = std::get_if<ReleaseMessage>(&effect)) Answer(*release);
  if (auto* forward = std::get_if<ForwardRequest>(&effect)) Answer(*forward);
}

void Driver::Answer(const Register& reg) {
  if (!store_fails) {
    for (const access::DataSubject& subject : reg.subjects) SetHomes(subject.id, {reg.region});
  }
  Send(Registered{reg.question, store_fails ? absl::UnavailableError("down") : absl::OkStatus(),
                  now});
}

void Driver::Answer(const Append& append) {
  Appended appended;
  appended.question = append.question;
  appended.now = now;
  if (log_fails) {
    appended.result.status = absl::UnavailableError("log volume is full");
  } else {
    durable_.insert(durable_.end(), append.entries.begin(), append.entries.end());
    strengths_.resize(durable_.size(), append.strength);
  }
  Send(std::move(appended));
}

void Driver::Answer(const Locate& locate) {
  Located located;
  located.question = locate.question;
  located.now = now;
  if (store_fails) {
    located.result.status = absl::UnavailableError("store is down");
  } else {
    for (const access::DataSubject& subject : locate.subjects) {
      auto found = directory_.find(subject.id);
      SubjectFacts nobody;
      nobody.protected_person = nobody.minor = access::Tri::kFalse;
      nobody.reference_key = KeyOf(subject.id);
      located.result.subjects.push_back(found == directory_.end() ? nobody : found->second);
    }
  }
  Send(std::move(located));
}

std::vector<std::string> Driver::TakeTrace() { return std::exchange(trace_, {}); }

std::optional<Strength> Driver::RecordedAs(audit::Direction direction, uint64_t message) const {
  const std::vector<audit::Entry> entries = Entries();
  for (size_t i = 0; i < entries.size(); ++i) {
    const auto* decision = std::get_if<audit::DecisionEntry>(&entries[i].body);
    if (decision != nullptr && decision->direction == direction && decision->message == message) {
      return strengths_[i];
    }
  }
  return std::nullopt;
}

bool Driver::Saw(const std::string& step) const {
  for (const std::string& seen : all_) {
    if (seen == step || absl::string_view(seen).substr(0, step.size() + 1) == step + " ")
      return true;
  }
  return false;
}

std::vector<audit::Entry> Driver::Entries() const {
  std::vector<audit::Entry> entries;
  for (const std::string& bytes : durable_) {
    auto entry = audit::Decode(bytes);
    DOMICILE_CHECK(entry.ok());
    entries.push_back(*std::move(entry));
  }
  return entries;
}

std::vector<audit::DecisionEntry> Driver::Decisions() const {
  std::vector<audit::DecisionEntry> decisions;
  for (audit::Entry& entry : Entries()) {
    if (auto* decision = std::get_if<audit::DecisionEntry>(&entry.body)) {
      decisions.push_back(*decision);
    }
  }
  return decisions;
}

}  // namespace domicile::enforce
