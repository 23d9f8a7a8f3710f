#include "gateway/audit/entry.h"

#include <google/protobuf/compiler/importer.h>
#include <google/protobuf/dynamic_message.h>
#include <gtest/gtest.h>

#include "tests/audit/random_entry.h"
#include "tests/support/status_matchers.h"

namespace domicile::audit {
namespace {

using absl::StatusCode;
namespace pb = google::protobuf;

// The published schema, read by stock protobuf.
class Oracle {
 public:
  Oracle() : importer_(&tree_, nullptr) {
    tree_.MapPath("", DOMICILE_SOURCE_DIR "/proto");
    file_ = importer_.Import("domicile/v1/audit_entry.proto");
  }
  const pb::FileDescriptor* file() const { return file_; }
  // What protobuf makes of the bytes, encoded again.
  std::string Again(const std::string& bytes) {
    std::unique_ptr<pb::Message> message(
        factory_.GetPrototype(file_->FindMessageTypeByName("AuditEntry"))->New());
    if (!message->ParseFromString(bytes)) return "no message";
    message->DiscardUnknownFields();
    std::string out;
    message->SerializeToString(&out);
    return out;
  }

 private:
  pb::compiler::DiskSourceTree tree_;
  pb::compiler::Importer importer_;
  pb::DynamicMessageFactory factory_;
  const pb::FileDescriptor* file_ = nullptr;
};

Entry ADecision() {
  DecisionEntry decision;
  decision.decision_id.fill(1);
  decision.nonce.fill(2);
  return {.time = absl::FromUnixMillis(1'795'478'400'123), .context = 4, .body = decision};
}

std::string Encoded(const Entry& entry) { return *Encode(entry); }

TEST(P8AuditEntry, EveryEntryComesBackAsItWas) {
  RandomEntries entries(1);
  for (int n = 0; n < 20'000; ++n) {
    Entry entry = entries.Next();
    absl::StatusOr<std::string> bytes = Encode(entry);
    if (absl::IsResourceExhausted(bytes.status())) continue;
    ASSERT_OK(bytes);
    ASSERT_LE(bytes->size(), kEntryBytesMax);
    ASSERT_OK_AND_ASSIGN(Entry again, Decode(*bytes));
    ASSERT_EQ(again, entry) << KindName(entry);
  }
}

TEST(P8AuditEntry, StockProtobufReadsEveryFieldAndWritesTheSameBytes) {
  Oracle oracle;
  ASSERT_NE(oracle.file(), nullptr);
  RandomEntries entries(2);
  int compared = 0;
  for (int n = 0; n < 4'000; ++n) {
    absl::StatusOr<std::string> bytes = Encode(entries.Next());
    if (!bytes.ok()) continue;
    ASSERT_EQ(oracle.Again(*bytes), *bytes);
    ++compared;
  }
  EXPECT_GT(compared, 2'000);
}

// P7: there is no field that text of a caller could get into.
TEST(P7AuditEntry, HoldsNoTextButTheCodesOfTheGateway) {
  Oracle oracle;
  ASSERT_NE(oracle.file(), nullptr);
  std::vector<std::string> text_fields;
  for (int m = 0; m < oracle.file()->message_type_count(); ++m) {
    const pb::Descriptor* message = oracle.file()->message_type(m);
    for (int f = 0; f < message->field_count(); ++f)
      if (message->field(f)->type() == pb::FieldDescriptor::TYPE_STRING)
        text_fields.push_back(message->field(f)->full_name());
  }
  EXPECT_EQ(text_fields, (std::vector<std::string>{"domicile.v1.AuditContext.region",
                                                   "domicile.v1.AuditContext.gateway"}));
}

TEST(P8AuditEntry, WhatIsAcceptedIsTheOneEncoding) {
  RandomEntries entries(3);
  std::mt19937_64 random(3);
  int accepted = 0;
  for (int n = 0; n < 20'000; ++n) {
    absl::StatusOr<std::string> bytes = Encode(entries.Next());
    if (!bytes.ok()) continue;
    std::string changed = *bytes;
    for (uint64_t edits = 1 + random() % 3; edits > 0; --edits) {
      size_t at = random() % changed.size();
      switch (random() % 3) {
        case 0:
          changed[at] = static_cast<char>(random());
          break;
        case 1:
          changed.erase(at, 1);
          break;
        default:
          changed.insert(at, 1, static_cast<char>(random()));
          break;
      }
      if (changed.empty()) changed = "x";
    }
    absl::StatusOr<Entry> entry = Decode(changed);
    if (!entry.ok()) continue;
    ++accepted;
    ASSERT_EQ(Encoded(*entry), changed);
  }
  EXPECT_GT(accepted, 100);  // the test would mean nothing if nothing passed
}

TEST(AuditEntry, RejectsEveryCutAndEveryAddition) {
  RandomEntries entries(4);
  for (int n = 0; n < 30; ++n) {
    absl::StatusOr<std::string> bytes = Encode(entries.Next());
    if (!bytes.ok()) continue;
    for (size_t size = 0; size < bytes->size(); ++size)
      ASSERT_FALSE(Decode(bytes->substr(0, size)).ok()) << size;
    for (const char* tail : {"x", "\x08", "\x08\x01"}) EXPECT_FALSE(Decode(*bytes + tail).ok());
  }
}

TEST(AuditEntry, RejectsOtherSpellingsOfTheSameMessage) {
  const std::string good = Encoded(ADecision());
  ASSERT_OK(Decode(good));
  const std::string body = good.substr(good.find('\x2a'));  // field 5, length-delimited
  const std::string front = good.substr(0, good.size() - body.size());
  auto with_body = [&](const std::string& inner) {
    return front + '\x2a' + static_cast<char>(inner.size()) + inner;
  };
  const std::string inner = body.substr(2);
  ASSERT_EQ(with_body(inner), good);
  using namespace std::string_literals;
  const std::pair<const char*, std::string> kBad[] = {
      {"default written out", with_body(inner + "\x20\x00"s)},
      {"unknown field", with_body(inner + "\xb8\x03\x01"s)},
      {"fixed32 field", with_body(inner + "\x25\x01\x00\x00\x00"s)},
      {"group", with_body(inner + "\x23\x24"s)},
      {"field twice", with_body(inner + "\x30\x03\x30\x03"s)},
      {"fields out of order", with_body(inner + "\x40\x01\x30\x03"s)},
      {"varint with a surplus byte", with_body(inner + "\x30\x83\x00"s)},
      {"varint as bytes", with_body(inner + "\x32\x01\x03"s)},
      {"bytes as varint", with_body("\x08\x01"s + inner.substr(18))},
      {"short id", with_body("\x0a\x01\x01"s + inner.substr(18))},
      {"packed field of none", with_body(inner + "\x52\x00"s)},
      {"unpacked repeated field", with_body(inner + "\x50\x05"s)},
      {"body twice", good + body},
      {"two bodies", good + "\x32\x00"s},
      {"kept body number", front + "\x5a\x00"s},
      {"no body", front},
      {"version 2", "\x08\x02"s + good.substr(2)},
      {"no version", good.substr(2)},
      {"effect 4", with_body(inner + "\x30\x04"s)},
      {"effect 259", with_body(inner + "\x30\x83\x02"s)},
      {"unknown reason", with_body(inner + "\x40\x07"s)},
      {"bool 2", with_body(inner + "\x90\x01\x02"s)},
      {"purpose 65", with_body(inner + "\x70\x41"s)},
      {"rules falling", with_body(inner + "\x52\x02\x05\x04"s)},
      {"rule 65536", with_body(inner + "\x52\x03\x80\x80\x04"s)},
      {"country 676", with_body(inner + "\x5a\x02\xa0\x2a"s)},
      {"via 7", with_body(inner + "\x5a\x01\x07"s)},
      {"jurisdictions falling", with_body(inner + "\x5a\x02\x09\x08"s)},
      {"record fact without a record", with_body(inner + "\xb0\x01\x01"s)},
      {"records in a decision about a call", with_body(inner + "\xd0\x02\x01"s)},
      {"message number without a direction", with_body(inner + "\x28\x01"s)},
      {"peer decision id without a peer",
       with_body(inner + "\x9a\x03\x10"s + std::string(16, 'p'))},
  };
  for (const auto& [what, bytes] : kBad)
    EXPECT_STATUS(StatusCode::kInvalidArgument, "entry: ", Decode(bytes)) << what;
  EXPECT_OK(Decode(with_body(inner + "\x30\x03"s)));
  EXPECT_OK(Decode(with_body(inner + "\x40\x02"s)));
}

TEST(AuditEntry, RejectsValuesThatCouldNotBeRead) {
  auto rejected = [](auto change) {
    Entry entry = ADecision();
    change(entry, std::get<DecisionEntry>(entry.body));
    return Encode(entry).status();
  };
  using D = DecisionEntry;
  EXPECT_STATUS(StatusCode::kInvalidArgument, "time",
                rejected([](Entry& e, D&) { e.time = absl::UnixEpoch(); }));
  EXPECT_STATUS(StatusCode::kInvalidArgument, "time",
                rejected([](Entry& e, D&) { e.time = absl::InfiniteFuture(); }));
  EXPECT_STATUS(StatusCode::kInvalidArgument, "decision id",
                rejected([](Entry&, D& d) { d.decision_id = {}; }));
  EXPECT_STATUS(StatusCode::kInvalidArgument, "nonce",
                rejected([](Entry&, D& d) { d.nonce = {}; }));
  EXPECT_STATUS(StatusCode::kInvalidArgument, "shown, masked", rejected([](Entry&, D& d) {
                  d.shown.Add({3});
                  d.masked.Add({3});
                }));
  EXPECT_STATUS(StatusCode::kInvalidArgument, "rules left out",
                rejected([](Entry&, D& d) { d.rules_left_out = 1; }));
  EXPECT_STATUS(StatusCode::kInvalidArgument, "record counts", rejected([](Entry&, D& d) {
                  d.direction = Direction::kResponse;
                  d.message = 1;
                  d.records = 2;
                  d.records_withheld = 1;
                  d.records_masked = 2;
                }));
  EXPECT_STATUS(StatusCode::kInvalidArgument, "subjects", rejected([](Entry&, D& d) {
                  d.subjects = {Reference{2}, Reference{1}};
                  d.subjects_total = 2;
                }));
  EXPECT_STATUS(StatusCode::kInvalidArgument, "subjects", rejected([](Entry&, D& d) {
                  d.subjects = {Reference{}};
                  d.subjects_total = 1;
                }));
  Entry context{.time = absl::FromUnixMillis(1), .context = 1, .body = ContextEntry{}};
  EXPECT_STATUS(StatusCode::kInvalidArgument, "refers to no other", Encode(context));
  context.context = 0;
  EXPECT_STATUS(StatusCode::kInvalidArgument, "region", Encode(context));
  std::get<ContextEntry>(context.body).region = "Alice <alice@example.com>";
  std::get<ContextEntry>(context.body).gateway = "eu-1";
  EXPECT_STATUS(StatusCode::kInvalidArgument, "region", Encode(context));
  std::get<ContextEntry>(context.body).region = "eu";
  EXPECT_OK(Encode(context));
}

TEST(AuditEntry, AChangeOfHomesSaysWhatItsCommandSaysAndNothingElse) {
  HomeEntry moved;
  moved.decision_id.fill(1);
  moved.nonce.fill(2);
  moved.to = access::RegionIndex{1};
  HomeEntry imported = moved;
  imported.command = HomeCommand::kImport;
  imported.to = std::nullopt;
  imported.lines = 3;
  auto encoded = [](HomeEntry home, auto change) {
    change(home);
    return Encode({.time = absl::FromUnixMillis(1), .context = 1, .body = home}).status();
  };
  EXPECT_OK(encoded(moved, [](HomeEntry&) {}));
  EXPECT_OK(encoded(imported, [](HomeEntry&) {}));
  EXPECT_STATUS(StatusCode::kInvalidArgument, "nonce",
                encoded(moved, [](HomeEntry& e) { e.nonce = {}; }));
  EXPECT_STATUS(StatusCode::kInvalidArgument, "home command",
                encoded(moved, [](HomeEntry& e) { e.command = static_cast<HomeCommand>(3); }));
  EXPECT_STATUS(StatusCode::kInvalidArgument, "new home",
                encoded(moved, [](HomeEntry& e) { e.to = std::nullopt; }));
  EXPECT_STATUS(StatusCode::kInvalidArgument, "fact of a file",
                encoded(moved, [](HomeEntry& e) { e.lines = 1; }));
  EXPECT_STATUS(StatusCode::kInvalidArgument, "fact of a file",
                encoded(moved, [](HomeEntry& e) { e.file_digest.fill(1); }));
  EXPECT_STATUS(StatusCode::kInvalidArgument, "home of before",
                encoded(moved, [](HomeEntry& e) { e.from = access::RegionIndex{0}; }));
  for (auto change :
       {+[](HomeEntry& e) { e.subject.fill(1); },
        +[](HomeEntry& e) { e.to = access::RegionIndex{0}; },
        +[](HomeEntry& e) { e.homes_before = 1; }, +[](HomeEntry& e) { e.since_day = 1; }}) {
    EXPECT_STATUS(StatusCode::kInvalidArgument, "fact of a person", encoded(imported, change));
  }
}

TEST(AuditEntry, AnEntryOverFourKibibytesIsNotWritten) {
  Entry entry = ADecision();
  DecisionEntry& decision = std::get<DecisionEntry>(entry.body);
  decision.direction = Direction::kResponse;
  decision.message = decision.records = 1;
  for (uint64_t id = 1; id <= kGrantsMax; ++id) {
    GrantFacts grant;
    grant.id = ~uint64_t{0} - 100 + id;
    for (uint16_t c = 0; c < access::kJurisdictionsMax; ++c)
      grant.jurisdictions.push_back(
          {access::CountryCode::FromOrdinal(600 + c), access::Via::kPeer});
    grant.categories = access::CategorySet::FromBits(~uint64_t{0});
    for (uint16_t q = 0; q < kQuorumsMax; ++q)
      grant.quorums_met.push_back({static_cast<uint16_t>(65'000 + q)});
    decision.grants.push_back(grant);
  }
  for (uint16_t rule = 0; rule < kRulesMax; ++rule) {
    decision.rules.push_back({static_cast<uint16_t>(65'000 + rule)});
    decision.alert_rules.push_back({static_cast<uint16_t>(65'000 + rule)});
  }
  for (uint8_t i = 1; i <= kSubjectsMax; ++i) decision.subjects.push_back(Reference{i});
  decision.subjects_total = kSubjectsMax;
  // All bounds at once still fit.
  ASSERT_OK_AND_ASSIGN(std::string bytes, Encode(entry));
  EXPECT_LE(bytes.size(), kEntryBytesMax);
  EXPECT_OK(Decode(bytes));
  HeartbeatEntry heartbeat;
  for (uint8_t i = 0; i < kSiblingsMax; ++i)
    heartbeat.siblings.push_back({.log = {i, 1}, .size = ~uint64_t{0}, .root = {1}});
  entry.body = heartbeat;
  EXPECT_STATUS(StatusCode::kResourceExhausted, "4096", Encode(entry));
  EXPECT_STATUS(StatusCode::kInvalidArgument, "4096", Decode(std::string(kEntryBytesMax + 1, 'x')));
  EXPECT_STATUS(StatusCode::kInvalidArgument, "4096", Decode(""));
}

access::CallFacts SomeCallFacts() {
  access::CallFacts facts;
  for (const char* country : {"CN", "IE"})
    access::AddJurisdiction(facts.jurisdictions,
                            {*access::CountryCode::Parse(country), access::Via::kEmployer});
  facts.kind = access::PrincipalKind::kStaff;
  facts.action = access::Action::kRead;
  facts.direction = access::Direction::kResponse;
  facts.purpose = access::PurposeIndex{3};
  facts.roles.Add({5});
  facts.workloads_opening.Add({1});
  facts.workloads_restricting.Add({1});
  facts.workloads_restricting.Add({2});
  facts.ticket_valid = facts.ticket_assigned = true;
  facts.covered_person = access::Tri::kFalse;
  facts.us_person = access::Tri::kTrue;
  return facts;
}

TEST(P8AuditEntry, GivesBackEveryInputOfDecide) {
  access::CallFacts call = SomeCallFacts();
  access::RecordFacts record;
  record.origins.Add({1});
  record.categories.Add({4});
  record.protected_person = access::Tri::kTrue;
  record.minor = access::Tri::kFalse;
  record.self = record.ticket_about = true;
  const access::Jurisdiction in_terms[] = {call.jurisdictions[0]};
  const access::QuorumIndex quorums[] = {{2}, {9}};
  const access::Grant grants[] = {{.id = 17,
                                   .jurisdictions = in_terms,
                                   .categories = access::CategorySet::FromBits(18),
                                   .quorums_met = quorums,
                                   .break_glass = true}};
  record.grants = grants;
  Entry entry = ADecision();
  DecisionEntry& decision = std::get<DecisionEntry>(entry.body);
  decision.message = decision.records = 1;
  decision.SetCall(call);
  decision.SetRecord(record);
  ASSERT_OK_AND_ASSIGN(Entry read, Decode(Encoded(entry)));
  const DecisionEntry& again = std::get<DecisionEntry>(read.body);

  access::CallFacts call_again = ToCallFacts(again);
  EXPECT_EQ(call_again.jurisdictions, call.jurisdictions);
  EXPECT_EQ(call_again.kind, call.kind);
  EXPECT_EQ(call_again.action, call.action);
  EXPECT_EQ(call_again.direction, call.direction);
  EXPECT_EQ(call_again.purpose, call.purpose);
  EXPECT_EQ(call_again.roles, call.roles);
  EXPECT_EQ(call_again.workloads_opening, call.workloads_opening);
  EXPECT_EQ(call_again.workloads_restricting, call.workloads_restricting);
  EXPECT_TRUE(call_again.ticket_valid && call_again.ticket_assigned);
  EXPECT_EQ(call_again.covered_person, call.covered_person);
  EXPECT_EQ(call_again.us_person, call.us_person);

  RecordInput input(again);
  EXPECT_EQ(input.facts.origins, record.origins);
  EXPECT_EQ(input.facts.categories, record.categories);
  EXPECT_EQ(input.facts.protected_person, record.protected_person);
  EXPECT_EQ(input.facts.minor, record.minor);
  EXPECT_TRUE(input.facts.self && input.facts.ticket_about);
  ASSERT_EQ(input.facts.grants.size(), 1u);
  const access::Grant& grant = input.facts.grants[0];
  EXPECT_EQ(grant.id, 17u);
  ASSERT_EQ(grant.jurisdictions.size(), 1u);
  EXPECT_EQ(grant.jurisdictions[0], in_terms[0]);
  EXPECT_EQ(grant.categories.bits(), 18u);
  ASSERT_EQ(grant.quorums_met.size(), 2u);
  EXPECT_EQ(grant.quorums_met[1], quorums[1]);
  EXPECT_TRUE(grant.break_glass);
}

// Does not compile when an input of Decide or a part of its answer is added: the entry must then
// hold it, too, and the tests here must show it.
[[maybe_unused]] void EveryInputIsKnownHere(const access::CallFacts& call,
                                            const access::RecordFacts& record,
                                            const access::Grant& grant,
                                            const access::RecordDecision& answer) {
  [[maybe_unused]] const auto& [c1, c2, c3, c4, c5, c6, c7, c8, c9, c10, c11, c12] = call;
  [[maybe_unused]] const auto& [r1, r2, r3, r4, r5, r6, r7] = record;
  [[maybe_unused]] const auto& [g1, g2, g3, g4, g5] = grant;
  [[maybe_unused]] const auto& [a1, a2, a3, a4, a5, a6, a7, a8, a9, a10, a11, a12, a13] = answer;
}

TEST(P8AuditEntry, HoldsTheWholeAnswer) {
  access::RecordDecision answer;
  answer.effect = access::Effect::kMask;
  answer.existence = access::Effect::kAllow;
  answer.shown = access::CategorySet::FromBits(1);
  answer.masked = access::CategorySet::FromBits(2);
  answer.cleared = access::CategorySet::FromBits(4);
  answer.reason = access::Reason::kRule;
  answer.rules = {{3}, {7}};
  answer.legal = access::LegalVerdict::kAllow;
  answer.legal_class = 2;
  answer.company = access::CompanyVerdict::kMask;
  answer.alert = access::Alert::kWarning;
  answer.alerts = {{7}};
  answer.grant = 9;
  DecisionEntry entry;
  entry.SetAnswer(answer);
  EXPECT_EQ(entry.effect, answer.effect);
  EXPECT_EQ(entry.existence, answer.existence);
  EXPECT_EQ(entry.shown, answer.shown);
  EXPECT_EQ(entry.masked, answer.masked);
  EXPECT_EQ(entry.cleared, answer.cleared);
  EXPECT_EQ(entry.reason, answer.reason);
  EXPECT_EQ(entry.rules, answer.rules);
  EXPECT_EQ(entry.legal, answer.legal);
  EXPECT_EQ(entry.legal_class, answer.legal_class);
  EXPECT_EQ(entry.company, answer.company);
  EXPECT_EQ(entry.alert, answer.alert);
  EXPECT_EQ(entry.alert_rules, answer.alerts);
  EXPECT_EQ(entry.grant, answer.grant);
  EXPECT_EQ(entry.rules_left_out + entry.alert_rules_left_out, 0u);

  answer.rules.clear();
  for (uint16_t rule = 0; rule < 100; ++rule) answer.rules.push_back({rule});
  entry.SetAnswer(answer);
  EXPECT_EQ(entry.rules.size(), kRulesMax);
  EXPECT_EQ(entry.rules_left_out, 36u);
}

TEST(AuditEntry, MoreThanSixteenDataSubjectsGoOnInSubjectsEntries) {
  DecisionEntry decision;
  decision.decision_id.fill(1);
  decision.nonce.fill(2);
  std::vector<Reference> all;
  for (uint32_t n = 300; n > 0; --n)
    all.push_back({static_cast<uint8_t>(n >> 8), static_cast<uint8_t>(n), 1});
  all.push_back(Reference{});  // a destroyed key
  std::vector<SubjectsEntry> more = SpreadSubjects(decision, all);
  EXPECT_EQ(decision.subjects_total, 301u);
  EXPECT_EQ(decision.subjects.size(), kSubjectsMax);
  ASSERT_EQ(more.size(), 3u);
  EXPECT_EQ(more[2].subjects.size(), 300u - 16 - 200);
  Entry entry{.time = absl::FromUnixMillis(5), .context = 0, .body = decision};
  EXPECT_OK(Encode(entry));
  for (size_t part = 0; part < more.size(); ++part) {
    EXPECT_EQ(more[part].part, part + 1);
    EXPECT_EQ(more[part].nonce, decision.nonce);
    entry.body = more[part];
    ASSERT_OK_AND_ASSIGN(std::string bytes, Encode(entry));
    EXPECT_LE(bytes.size(), kEntryBytesMax);
  }
  EXPECT_TRUE(SpreadSubjects(decision, {Reference{3}}).empty());
  EXPECT_EQ(decision.subjects.size(), 1u);
}

}  // namespace
}  // namespace domicile::audit
