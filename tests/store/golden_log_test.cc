// A small log, byte for byte. tests/conformance/audit_log.py reads the same file from
// docs/audit-entry.md and docs/audit-log.md alone.
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>

#include "absl/strings/strip.h"
#include "gateway/audit/entry.h"
#include "gateway/audit/reference.h"
#include "gateway/base/bytes.h"
#include "nlohmann/json.hpp"
#include "tests/store/faulty_files.h"
#include "tests/store/log_fixture.h"
#include "tests/support/status_matchers.h"

namespace domicile::store {
namespace {

using nlohmann::json;

constexpr char kVectors[] = DOMICILE_SOURCE_DIR "/tests/conformance/audit_vectors.json";

template <size_t N>
std::array<uint8_t, N> Filled(uint8_t value) {
  std::array<uint8_t, N> bytes;
  bytes.fill(value);
  return bytes;
}

audit::ContextEntry AContext() {
  audit::ContextEntry e;
  e.policy_digest = Filled<32>(0x11);
  e.schema_digest = Filled<32>(0x22);
  e.config_digest = Filled<32>(0x33);
  e.build_digest = Filled<32>(0x44);
  e.region = "eu";
  e.gateway = "eu-1";
  e.slot = 3;
  e.epoch_ms = 1'795'478'400'000;
  return e;
}

// Every field has a value of its own.
audit::DecisionEntry AFullDecision() {
  audit::DecisionEntry e;
  e.decision_id = Filled<16>(0xd1);
  e.nonce = Filled<16>(0x07);
  e.method = 4;
  e.direction = audit::Direction::kResponse;
  e.message = 300;
  e.effect = access::Effect::kMask;
  e.existence = access::Effect::kAllow;
  e.reason = access::Reason::kGrant;
  e.shown_reason = access::Reason::kRule;
  e.rules = {{2}, {130}, {300}};
  for (const auto& [country, via] :
       {std::pair("CN", access::Via::kEmployer), std::pair("IE", access::Via::kResidence),
        std::pair("ZZ", access::Via::kLocation)})
    access::AddJurisdiction(e.jurisdictions, {*access::CountryCode::Parse(country), via});
  e.kind = access::PrincipalKind::kStaff;
  e.action = access::Action::kRead;
  e.purpose = access::PurposeIndex{0};
  e.roles = access::RoleSet::FromBits(0b101);
  e.workloads_opening = access::WorkloadPatternSet::FromBits(0b10);
  e.workloads_restricting = access::WorkloadPatternSet::FromBits(0b110);
  e.ticket_valid = e.ticket_assigned = e.ticket_about = true;
  e.covered_person = access::Tri::kFalse;
  e.us_person = access::Tri::kTrue;
  e.origins = access::RegionSet::FromBits(0b100);
  e.categories = access::CategorySet::FromBits(0b111000);
  e.protected_person = access::Tri::kTrue;
  e.minor = access::Tri::kFalse;
  e.self = true;
  audit::GrantFacts grant;
  grant.id = 77;
  grant.jurisdictions = {e.jurisdictions[0]};
  grant.categories = access::CategorySet::FromBits(0b1010);
  grant.quorums_met = {{1}, {200}};
  grant.break_glass = true;
  e.grants = {grant};
  e.shown = access::CategorySet::FromBits(0b1000);
  e.masked = access::CategorySet::FromBits(0b10000);
  e.cleared = access::CategorySet::FromBits(0b100000);
  e.legal = access::LegalVerdict::kEscalate;
  e.legal_class = 5;
  e.company = access::CompanyVerdict::kMask;
  e.alert = access::Alert::kWarning;
  e.alert_rules = {{130}};
  e.grant = 77;
  e.exception = 88;
  e.strength = audit::Strength::kDurable;
  e.records = 9;
  e.records_withheld = 2;
  e.records_masked = 7;
  e.fields_stripped = 1;
  e.principal = audit::MakeReference(std::string(32, 'P'), audit::Role::kPrincipal, e.nonce);
  e.subjects = {Filled<16>(0x51), Filled<16>(0x52)};
  e.subjects_total = 18;
  e.ticket = Filled<16>(0x71);
  e.forwarded_by = access::RegionIndex{6};
  e.peer_decision_id = Filled<16>(0xd2);
  e.forwarded_to = access::RegionIndex{1};
  e.ended_call = true;
  return e;
}

audit::DecisionEntry ADenial() {
  audit::DecisionEntry e;
  e.decision_id = Filled<16>(0xd3);
  e.nonce = Filled<16>(0x08);
  e.reason = access::Reason::kTokenMissing;
  e.shown_reason = access::Reason::kTokenMissing;
  e.ended_call = true;
  return e;
}

std::vector<std::pair<std::string, audit::Entry>> GoldenEntries() {
  const audit::Nonce nonce = Filled<16>(0x07);
  const audit::DecisionId id = Filled<16>(0xd1);
  audit::SubjectsEntry subjects;
  subjects.decision_id = id;
  subjects.nonce = nonce;
  subjects.subjects = {Filled<16>(0x53), Filled<16>(0x54)};
  audit::OutcomeEntry outcome;
  outcome.decision_id = id;
  outcome.nonce = Filled<16>(0x09);
  outcome.grpc_status = 5;
  outcome.reason = access::Reason::kUpstreamUnavailable;
  outcome.forwarded = true;
  outcome.messages_forwarded = 1;
  outcome.messages_released = 2;
  outcome.homes_registered = 3;
  outcome.records_stamped = 4;
  outcome.status_digest = Filled<16>(0x99);
  outcome.peer_decision_id = Filled<16>(0xd4);
  audit::AlertEntry alert;
  alert.decision_id = id;
  alert.level = access::Alert::kPage;
  alert.cause = audit::AlertCause::kTag;
  alert.reason = access::Reason::kTagInvalid;
  alert.rules = {{130}};
  alert.region = access::RegionIndex{2};
  alert.count = 12;
  audit::HeartbeatEntry heartbeat;
  heartbeat.siblings = {{.log = Filled<32>(0x61), .size = 1'000'000, .root = Filled<32>(0x62)},
                        {.log = Filled<32>(0x63), .size = 1, .root = Filled<32>(0x64)}};
  heartbeat.calls_not_judged = 1'234;
  heartbeat.alerts_left_out = 5;
  audit::ExceptionEntry exception;
  exception.exception = 88;
  exception.decision_id = id;
  exception.nonce = Filled<16>(0x0a);
  exception.origins = access::RegionSet::FromBits(0b100);
  exception.categories = access::CategorySet::FromBits(0b1010);
  exception.purpose = access::PurposeIndex{7};
  exception.method = 4;
  exception.quorums = {{1}};
  exception.jurisdictions = AFullDecision().jurisdictions;
  exception.principal = Filled<16>(0x81);
  exception.merged = true;
  audit::HomeEntry moved;
  moved.decision_id = id;
  moved.nonce = Filled<16>(0x0b);
  moved.jurisdictions = exception.jurisdictions;
  moved.roles = access::RoleSet::FromBits(0b101);
  moved.principal = Filled<16>(0x81);
  moved.subject = Filled<16>(0x55);
  moved.from = access::RegionIndex{1};
  moved.to = access::RegionIndex{6};
  moved.homes_before = 2;
  moved.since_day = 19'844;
  audit::HomeEntry imported;
  imported.decision_id = id;
  imported.nonce = Filled<16>(0x0c);
  imported.command = audit::HomeCommand::kImport;
  imported.lines = 1'000'000;
  imported.file_digest = Filled<16>(0x9a);
  std::vector<std::pair<std::string, audit::Entry>> entries;
  auto add = [&](const char* name, uint64_t context, auto body) {
    absl::Time time =
        absl::FromUnixMillis(1'795'478'400'123 + static_cast<int64_t>(entries.size()));
    entries.emplace_back(name, audit::Entry{.time = time, .context = context, .body = body});
  };
  add("context", 0, AContext());
  add("decision with every field", 0, AFullDecision());
  add("decision about a call", 0, ADenial());
  add("subjects", 0, subjects);
  add("outcome", 0, outcome);
  add("alert", 0, alert);
  add("heartbeat", 0, heartbeat);
  add("exception", 0, exception);
  audit::ContextEntry later = AContext();
  later.cause = audit::ContextCause::kPolicy;
  later.policy_digest = {};
  later.development = true;
  add("context without a policy", 0, later);
  add("decision under the later context", 8, ADenial());
  add("home set", 8, moved);
  add("homes imported", 8, imported);
  return entries;
}

std::string Trimmed(std::string segment) {
  segment.erase(segment.find_last_not_of('\0') + 1);
  return segment;
}

// The log that the entries make: one append each, every third with a head.
json GoldenLog() {
  FaultyFiles disk;
  json vectors = {{"about", "Made by tests/store/golden_log_test.cc; recompute with audit_log.py."},
                  {"vkey", audit::FormatVerifierKey(LogSigner().key)},
                  {"entries", json::array()},
                  {"segments", json::object()}};
  LogOptions options = LogOptionsFor(&disk);
  options.segment_bytes = 1'200;
  auto log = LogSegments::Open(std::move(options));
  int n = 0;
  for (const auto& [name, entry] : GoldenEntries()) {
    std::string bytes = *audit::Encode(entry);
    vectors["entries"].push_back({{"name", name}, {"hex", base::HexEncode(bytes)}});
    EXPECT_OK(
        AppendAndWait(**log, {bytes},
                      ++n % 3 == 0 ? enforce::Strength::kIntegrated : enforce::Strength::kDurable)
            .status);
  }
  log->reset();
  for (const std::string& path : disk.Paths()) {
    absl::string_view name = absl::StripPrefix(path, "log/");
    if (absl::StripSuffix(name, ".segment") != name)
      vectors["segments"][std::string(name)] = base::HexEncode(Trimmed(disk.Get(path)));
  }
  vectors["checkpoint"] = disk.Get("log/checkpoint");
  return vectors;
}

TEST(P8GoldenLog, IsByteForByteThePublishedOne) {
  json made = GoldenLog();
  ASSERT_GE(made["segments"].size(), 2u);
  if (const char* out = std::getenv("DOMICILE_WRITE_VECTORS")) std::ofstream(out) << made.dump(1);
  std::ifstream file(kVectors);
  json published = json::parse(file);
  EXPECT_EQ(made["vkey"], published["vkey"]);
  ASSERT_EQ(made["entries"].size(), published["entries"].size());
  for (size_t n = 0; n < made["entries"].size(); ++n) {
    EXPECT_EQ(made["entries"][n]["name"], published["entries"][n]["name"]);
    EXPECT_EQ(made["entries"][n]["hex"], published["entries"][n]["hex"]) << n;
  }
  EXPECT_EQ(made["segments"], published["segments"]);
  EXPECT_EQ(made["checkpoint"], published["checkpoint"]);
}

TEST(P8GoldenLog, EveryPublishedEntryDecodesToWhatWasMeant) {
  std::ifstream file(kVectors);
  json published = json::parse(file);
  auto entries = GoldenEntries();
  ASSERT_EQ(published["entries"].size(), entries.size());
  for (size_t n = 0; n < entries.size(); ++n) {
    auto bytes = base::HexDecode(published["entries"][n]["hex"].get<std::string>());
    ASSERT_TRUE(bytes.has_value());
    ASSERT_OK_AND_ASSIGN(audit::Entry entry, audit::Decode(*bytes));
    EXPECT_EQ(entry, entries[n].second) << entries[n].first;
  }
}

}  // namespace
}  // namespace domicile::store
