#include "tests/audit/random_entry.h"

#include <algorithm>
#include <set>

namespace domicile::audit {

using access::Effect;
using access::Tri;

uint64_t RandomEntries::Number(uint64_t max) {
  switch (Below(4)) {
    case 0:
      return 0;
    case 1:
      return std::min<uint64_t>(max, Below(128));
    case 2:
      return max;
    default:
      return max == ~uint64_t{0} ? random_() : random_() % (max + 1);
  }
}

template <size_t N>
std::array<uint8_t, N> RandomEntries::Bytes() {
  std::array<uint8_t, N> bytes;
  for (uint8_t& byte : bytes) byte = static_cast<uint8_t>(random_());
  bytes[0] |= 1;  // never the absent value
  return bytes;
}

access::Reason RandomEntries::AnyReason() {
  auto all = access::AllReasons();
  return all[Below(all.size())];
}

access::RuleList RandomEntries::Rules(size_t count_max) {
  std::set<uint16_t> places;
  size_t count = Coin() ? Below(4) : Below(count_max + 1);
  while (places.size() < count) places.insert(static_cast<uint16_t>(Number(0xffff) ^ Below(512)));
  access::RuleList rules;
  for (uint16_t place : places) rules.push_back({place});
  return rules;
}

std::vector<access::QuorumIndex> RandomEntries::Quorums() {
  std::vector<access::QuorumIndex> quorums;
  for (access::RuleIndex rule : Rules(kQuorumsMax)) quorums.push_back({rule.value});
  return quorums;
}

access::Jurisdictions RandomEntries::AnyJurisdictions() {
  access::Jurisdictions set;
  size_t count = Below(access::kJurisdictionsMax + 1);
  for (size_t i = 0; i < count; ++i) {
    uint64_t ordinal =
        Below(8) == 0 ? access::CountryCode::kCount - 1 : Below(access::CountryCode::kCount);
    access::AddJurisdiction(set, {access::CountryCode::FromOrdinal(static_cast<uint16_t>(ordinal)),
                                  Enum(access::Via::kPeer)});
  }
  return set;
}

std::vector<Reference> RandomEntries::References(size_t count_min, size_t count_max) {
  std::set<Reference> references;
  size_t count = count_min + Below(count_max - count_min + 1);
  while (references.size() < count) references.insert(Bytes<16>());
  return {references.begin(), references.end()};
}

GrantFacts RandomEntries::Grant(uint64_t id) {
  return {.id = id,
          .jurisdictions = AnyJurisdictions(),
          .categories = AnySet<access::CategorySet>(),
          .quorums_met = Quorums(),
          .break_glass = Coin()};
}

void RandomEntries::FillRecord(DecisionEntry& e) {
  e.records = 1 + static_cast<uint32_t>(Number(0xfffffffe));
  e.records_withheld = static_cast<uint32_t>(Number(e.records));
  e.records_masked = static_cast<uint32_t>(Number(e.records - e.records_withheld));
  e.origins = AnySet<access::RegionSet>();
  e.protected_person = Enum(Tri::kTrue);
  e.minor = Enum(Tri::kTrue);
  e.self = Coin();
  e.ticket_about = Coin();
  uint64_t grant = 0;
  for (uint64_t n = Below(3); n > 0; --n) e.grants.push_back(Grant(grant += 1 + Number(1000)));
}

DecisionEntry RandomEntries::Decision() {
  DecisionEntry e;
  e.decision_id = Bytes<16>();
  e.nonce = Bytes<16>();
  if (Coin()) e.method = static_cast<uint32_t>(Number(0xffffffff));
  e.direction = Enum(Direction::kResponse);
  if (e.direction != Direction::kCall) e.message = 1 + Number(1 << 20);
  e.pre_decided = Below(4) == 0;
  if (e.direction != Direction::kCall && Coin()) FillRecord(e);
  if (e.records != 0 || e.pre_decided) e.categories = AnySet<access::CategorySet>();
  e.effect = Enum(Effect::kAllow);
  e.existence = Enum(Effect::kAllow);
  e.reason = AnyReason();
  e.shown_reason = AnyReason();
  e.rules = Rules(kRulesMax);
  if (e.rules.size() == kRulesMax) e.rules_left_out = static_cast<uint32_t>(Number(500));
  e.alert_rules = Rules(kRulesMax);
  if (e.alert_rules.size() == kRulesMax) e.alert_rules_left_out = static_cast<uint32_t>(Number(9));
  e.shown = AnySet<access::CategorySet>();
  e.masked = AnySet<access::CategorySet>() - e.shown;
  e.cleared = AnySet<access::CategorySet>() - e.shown - e.masked;
  e.legal = Enum(access::LegalVerdict::kAllow);
  e.legal_class = static_cast<uint8_t>(Number(255));
  e.company = Enum(access::CompanyVerdict::kAllow);
  e.alert = Enum(access::Alert::kPage);
  e.grant = Number(~uint64_t{0});
  e.exception = Number(~uint64_t{0});
  e.jurisdictions = AnyJurisdictions();
  e.kind = Enum(access::PrincipalKind::kPartner);
  e.action = Enum(access::Action::kNone);
  e.purpose = Place<access::PurposeIndex>();
  e.roles = AnySet<access::RoleSet>();
  e.workloads_opening = AnySet<access::WorkloadPatternSet>();
  e.workloads_restricting = AnySet<access::WorkloadPatternSet>();
  e.ticket_valid = Coin();
  e.ticket_assigned = Coin();
  e.covered_person = Enum(Tri::kTrue);
  e.us_person = Enum(Tri::kTrue);
  e.strength = Enum(Strength::kWitnessed);
  e.fields_stripped = static_cast<uint32_t>(Number(0xffffffff));
  if (Coin()) e.principal = Bytes<16>();
  e.subjects = References(0, kSubjectsMax);
  e.subjects_total = static_cast<uint32_t>(e.subjects.size() + Number(10'000));
  if (Coin()) e.ticket = Bytes<16>();
  e.forwarded_by = Place<access::RegionIndex>();
  if (e.forwarded_by && Coin()) e.peer_decision_id = Bytes<16>();
  e.forwarded_to = Place<access::RegionIndex>();
  e.ended_call = Coin();
  return e;
}

std::string RandomEntries::Code(size_t bytes_max) {
  constexpr char kLetters[] = "abcdefghijklmnopqrstuvwxyz0123456789._-";
  std::string code(1 + Below(bytes_max), 'a');
  for (char& c : code) c = kLetters[Below(sizeof(kLetters) - 1)];
  return code;
}

ContextEntry RandomEntries::Context() {
  ContextEntry e;
  e.cause = static_cast<ContextCause>(1 + Below(4));
  if (Coin()) e.policy_digest = Bytes<32>();
  if (Coin()) e.schema_digest = Bytes<32>();
  e.config_digest = Bytes<32>();
  e.build_digest = Bytes<32>();
  e.region = Code(kRegionCodeBytesMax);
  e.gateway = Code(kGatewayIdBytesMax);
  e.slot = static_cast<uint32_t>(Number(0xffffffff));
  e.epoch_ms = Number(~uint64_t{0});
  e.development = Coin();
  return e;
}

SubjectsEntry RandomEntries::Subjects() {
  return {.decision_id = Bytes<16>(),
          .nonce = Bytes<16>(),
          .part = 1 + static_cast<uint32_t>(Number(0xfffffffe)),
          .subjects = References(1, kMoreSubjectsMax)};
}

OutcomeEntry RandomEntries::Outcome() {
  OutcomeEntry e;
  e.decision_id = Bytes<16>();
  e.nonce = Bytes<16>();
  e.grpc_status = static_cast<uint32_t>(Below(18));
  e.reason = AnyReason();
  e.forwarded = Coin();
  if (e.forwarded) e.messages_forwarded = static_cast<uint32_t>(Number(0xffffffff));
  e.messages_released = static_cast<uint32_t>(Number(0xffffffff));
  e.homes_registered = static_cast<uint32_t>(Number(0xffffffff));
  e.records_stamped = static_cast<uint32_t>(Number(0xffffffff));
  if (Coin()) e.status_digest = Bytes<16>();
  if (Coin()) e.peer_decision_id = Bytes<16>();
  return e;
}

AlertEntry RandomEntries::Alert() {
  AlertEntry e;
  if (Coin()) e.decision_id = Bytes<16>();
  e.level = static_cast<access::Alert>(1 + Below(3));
  e.cause = static_cast<AlertCause>(1 + Below(8));
  e.reason = AnyReason();
  e.rules = Rules(kRulesMax);
  e.region = Place<access::RegionIndex>();
  e.count = 1 + static_cast<uint32_t>(Number(0xfffffffe));
  return e;
}

HeartbeatEntry RandomEntries::Heartbeat() {
  HeartbeatEntry e;
  std::set<Bytes32> logs;
  for (size_t n = Below(40); n > 0; --n) logs.insert(Bytes<32>());
  for (const Bytes32& log : logs)
    e.siblings.push_back({.log = log, .size = Number(~uint64_t{0}), .root = Bytes<32>()});
  e.calls_not_judged = Number(~uint64_t{0});
  e.alerts_left_out = Number(~uint64_t{0});
  return e;
}

ExceptionEntry RandomEntries::Exception() {
  ExceptionEntry e;
  e.exception = 1 + Number(1 << 30);
  e.decision_id = Bytes<16>();
  e.nonce = Bytes<16>();
  e.origins = AnySet<access::RegionSet>();
  e.categories = AnySet<access::CategorySet>();
  e.purpose = Place<access::PurposeIndex>();
  if (Coin()) e.method = static_cast<uint32_t>(Number(0xffffffff));
  e.quorums = Quorums();
  e.jurisdictions = AnyJurisdictions();
  if (Coin()) e.principal = Bytes<16>();
  e.merged = Coin();
  if (Coin()) e.actor = Bytes<16>();
  if (Coin()) return e;  // a draft
  e.state = static_cast<ExceptionState>(2 + Below(static_cast<int>(ExceptionState::kLast) - 1));
  e.event = static_cast<uint8_t>(Number(kExceptionEventLast));
  if (e.event == 0 || Coin()) e.statement_digest = Bytes<32>();
  e.revision = 1 + static_cast<uint32_t>(Number(1000));
  e.terms_digest = Bytes<32>();
  e.not_before_s = Number(1 << 30);
  e.not_after_s = Number(1 << 30);
  e.reads_max = Number(1 << 30);
  e.subjects_max = static_cast<uint32_t>(Number(10'000));
  e.subjects_named = static_cast<uint32_t>(Number(10'000));
  e.break_glass = Coin();
  return e;
}

HomeEntry RandomEntries::Home() {
  HomeEntry e;
  e.decision_id = Bytes<16>();
  e.nonce = Bytes<16>();
  e.jurisdictions = AnyJurisdictions();
  e.roles = AnySet<access::RoleSet>();
  if (Coin()) e.principal = Bytes<16>();
  if (Coin()) {
    e.command = HomeCommand::kImport;
    e.lines = static_cast<uint32_t>(Number(0xffffffff));
    if (Coin()) e.file_digest = Bytes<16>();
    return e;
  }
  if (Coin()) e.subject = Bytes<16>();
  e.to = access::RegionIndex{static_cast<uint8_t>(Below(access::kNamesMax))};
  e.homes_before = static_cast<uint32_t>(Number(0xffffffff));
  if (e.homes_before != 0) e.from = Place<access::RegionIndex>();
  e.since_day = static_cast<uint32_t>(Number(0xffffffff));
  return e;
}

Entry RandomEntries::Next() {
  Entry entry;
  entry.time = absl::FromUnixMillis(static_cast<int64_t>(1 + Number((uint64_t{1} << 53) - 1)));
  entry.context = Number(~uint64_t{0});
  switch (Below(9)) {
    case 0:
      entry.context = 0;
      entry.body = Context();
      break;
    case 1:
      entry.body = Subjects();
      break;
    case 2:
      entry.body = Outcome();
      break;
    case 3:
      entry.body = Alert();
      break;
    case 4:
      entry.body = Heartbeat();
      break;
    case 5:
      entry.body = Exception();
      break;
    case 6:
      entry.body = Home();
      break;
    default:
      entry.body = Decision();
      break;
  }
  return entry;
}

}  // namespace domicile::audit
