// entry.h — one audit record as values, and as the canonical bytes that the log holds.
//
// Why: a decision counts only if it can be shown and run again ten years later by
// people who do not trust us (P7, P8). So an entry holds every input of
// `policy::Decide` as bits and small numbers, names the exact policy through its
// CONTEXT, and has exactly one encoding. It names nobody: people stand in it as
// keyed references (reference.h), and there is no field for text.
// Source: docs/audit-entry.md, to the byte; design 6.8.
// Pure: no I/O, no clock. Thread-safety: values; functions are thread-safe.
// Errors: Encode gives InvalidArgument for a value outside its range and
// ResourceExhausted over kEntryBytesMax; Decode gives InvalidArgument with the
// field that is wrong. Neither text holds a value of the entry.
// Limits: the bounds below; a caller cuts lists to them and says what it left out.
// INVARIANT: Decode(b) is OK only if Encode(Decode(b)) == b.
#ifndef DOMICILE_GATEWAY_AUDIT_ENTRY_H_
#define DOMICILE_GATEWAY_AUDIT_ENTRY_H_

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "gateway/access/decision.h"
#include "gateway/access/effect.h"
#include "gateway/access/index.h"
#include "gateway/access/principal.h"
#include "gateway/access/reason.h"

namespace domicile::audit {

inline constexpr uint64_t kEntryVersion = 1;
inline constexpr size_t kEntryBytesMax = 4096;  // design 6.8
inline constexpr size_t kRulesMax = 64;         // 3 bytes each: 192 of 4,096
inline constexpr size_t kGrantsMax = 8;
inline constexpr size_t kQuorumsMax = 32;
inline constexpr size_t kSubjectsMax = 16;       // in DECISION: 18 bytes each
inline constexpr size_t kMoreSubjectsMax = 100;  // in SUBJECTS (design 6.8)
inline constexpr size_t kSiblingsMax = 64;
inline constexpr size_t kRegionCodeBytesMax = 16;
inline constexpr size_t kGatewayIdBytesMax = 64;

using Bytes16 = std::array<uint8_t, 16>;
using Bytes32 = std::array<uint8_t, 32>;
// All zero: absent.
using DecisionId = Bytes16;
using Nonce = Bytes16;
using Reference = Bytes16;

enum class ContextCause : uint8_t { kStart = 1, kPolicy = 2, kSchema = 3, kConfiguration = 4 };
enum class Direction : uint8_t { kCall = 0, kRequest = 1, kResponse = 2 };
// The same numbers as enforce::Strength.
enum class Strength : uint8_t { kIntegrated = 0, kDurable = 1, kWitnessed = 2 };
enum class AlertCause : uint8_t {
  kRule = 1,
  kTag = 2,
  kForward = 3,
  kStore = 4,
  kFacts = 5,
  kClock = 6,
  kLog = 7,
  kException = 8  // a signature on an exception that was refused
};
// The numbers of exceptions/state.h: State and Event.
enum class ExceptionState : uint8_t { kDraft = 1, kLast = 11 };
inline constexpr uint8_t kExceptionEventLast = 12;
enum class HomeCommand : uint8_t { kSetHome = 1, kImport = 2 };

absl::string_view Name(ContextCause);
absl::string_view Name(Direction);
absl::string_view Name(Strength);
absl::string_view Name(AlertCause);
absl::string_view Name(ExceptionState);
absl::string_view Name(HomeCommand);

struct ContextEntry {
  ContextCause cause = ContextCause::kStart;
  Bytes32 policy_digest{};  // zeros: none loaded
  Bytes32 schema_digest{};
  Bytes32 config_digest{};
  Bytes32 build_digest{};
  std::string region;   // 1 to 16 of [a-z0-9._-]
  std::string gateway;  // 1 to 64 of [a-z0-9._-]
  uint32_t slot = 0;
  uint64_t epoch_ms = 0;  // start of the process
  bool development = false;
  friend bool operator==(const ContextEntry&, const ContextEntry&) = default;
};

// A grant that applied, with everything Decide saw of it.
struct GrantFacts {
  uint64_t id = 0;  // never 0
  access::Jurisdictions jurisdictions;
  access::CategorySet categories;
  std::vector<access::QuorumIndex> quorums_met;  // rising
  bool break_glass = false;
  friend bool operator==(const GrantFacts&, const GrantFacts&) = default;
};

// One release unit's records with equal facts, or a decision about a call as a whole.
struct DecisionEntry {
  DecisionId decision_id{};
  Nonce nonce{};
  std::optional<uint32_t> method;  // Method::number
  Direction direction = Direction::kCall;
  uint64_t message = 0;  // from 1 in its direction; 0: kCall, or a read by an officer

  // The answer.
  access::Effect effect = access::Effect::kDeny;
  access::Effect existence = access::Effect::kDeny;
  access::Reason reason = access::Reason::kUndecidable;
  access::Reason shown_reason = access::Reason::kUndecidable;
  access::RuleList rules;  // at most kRulesMax
  uint32_t rules_left_out = 0;
  access::CategorySet shown;
  access::CategorySet masked;
  access::CategorySet cleared;
  access::LegalVerdict legal = access::LegalVerdict::kSilent;
  uint8_t legal_class = 0;
  access::CompanyVerdict company = access::CompanyVerdict::kNoRule;
  access::Alert alert = access::Alert::kNone;
  access::RuleList alert_rules;  // at most kRulesMax
  uint32_t alert_rules_left_out = 0;
  uint64_t grant = 0;      // that decided
  uint64_t exception = 0;  // draft opened or merged into

  // Facts of the call, as Decide saw them.
  access::Jurisdictions jurisdictions;
  access::PrincipalKind kind = access::PrincipalKind::kUnknown;
  access::Action action = access::Action::kUnlabelled;
  std::optional<access::PurposeIndex> purpose;
  access::RoleSet roles;
  access::WorkloadPatternSet workloads_opening;
  access::WorkloadPatternSet workloads_restricting;
  bool ticket_valid = false;
  bool ticket_assigned = false;
  access::Tri covered_person = access::Tri::kUnknown;
  access::Tri us_person = access::Tri::kUnknown;

  // Facts of the records; defaults when `records` is 0 (but `categories` when pre_decided).
  access::RegionSet origins;
  access::CategorySet categories;
  access::Tri protected_person = access::Tri::kUnknown;
  access::Tri minor = access::Tri::kUnknown;
  bool self = false;
  bool ticket_about = false;
  std::vector<GrantFacts> grants;  // rising id, at most kGrantsMax

  Strength strength = Strength::kIntegrated;
  uint32_t records = 0;  // with these facts in the message; 0: none was decided
  uint32_t records_withheld = 0;
  uint32_t records_masked = 0;
  uint32_t fields_stripped = 0;  // of the message, in its first entry only
  Reference principal{};
  std::vector<Reference> subjects;  // rising, at most kSubjectsMax
  uint32_t subjects_total = 0;
  Reference ticket{};
  std::optional<access::RegionIndex> forwarded_by;
  DecisionId peer_decision_id{};  // with forwarded_by only
  std::optional<access::RegionIndex> forwarded_to;
  bool pre_decided = false;  // S14
  bool ended_call = false;

  friend bool operator==(const DecisionEntry&, const DecisionEntry&) = default;

  // From what Decide was given and what it answered. Lists are cut to the bounds and the rest is
  // counted; everything that Decide did not see or say is left as it was. `direction` is that of
  // the facts; set it to kCall afterwards for a decision about no message.
  void SetCall(const access::CallFacts& facts);
  void SetRecord(const access::RecordFacts& facts);
  void SetAnswer(const access::RecordDecision& decision);
};

// The inputs of Decide once more, from an entry (P8). Borrows from the entry.
access::CallFacts ToCallFacts(const DecisionEntry& entry);
struct RecordInput {
  explicit RecordInput(const DecisionEntry& entry);
  RecordInput(const RecordInput&) = delete;
  RecordInput& operator=(const RecordInput&) = delete;
  std::vector<access::Grant> grants;
  access::RecordFacts facts;  // its spans point into `grants` and into the entry
};

struct SubjectsEntry {
  DecisionId decision_id{};
  Nonce nonce{};                    // of the DECISION that it continues
  uint32_t part = 1;                // 1, 2, ...
  std::vector<Reference> subjects;  // rising, 1 to kMoreSubjectsMax
  friend bool operator==(const SubjectsEntry&, const SubjectsEntry&) = default;
};

struct OutcomeEntry {
  static constexpr uint32_t kNeverAnswered = 17;
  DecisionId decision_id{};
  Nonce nonce{};
  uint32_t grpc_status = 0;                              // 0 to 16, or kNeverAnswered
  access::Reason reason = access::Reason::kUndecidable;  // when the call ended here
  bool forwarded = false;                                // at least one message went on
  uint32_t messages_forwarded = 0;
  uint32_t messages_released = 0;
  uint32_t homes_registered = 0;
  uint32_t records_stamped = 0;
  Bytes16 status_digest{};  // StatusDigest() of the upstream's error text
  DecisionId peer_decision_id{};
  friend bool operator==(const OutcomeEntry&, const OutcomeEntry&) = default;
};

struct AlertEntry {
  DecisionId decision_id{};                    // may be absent
  access::Alert level = access::Alert::kInfo;  // never kNone
  AlertCause cause = AlertCause::kRule;
  access::Reason reason = access::Reason::kUndecidable;
  access::RuleList rules;  // at most kRulesMax
  std::optional<access::RegionIndex> region;
  uint32_t count = 1;  // never 0
  friend bool operator==(const AlertEntry&, const AlertEntry&) = default;
};

struct Sibling {
  Bytes32 log{};  // SHA-256 of the origin line of its checkpoint
  uint64_t size = 0;
  Bytes32 root{};
  friend bool operator==(const Sibling&, const Sibling&) = default;
};
struct HeartbeatEntry {
  std::vector<Sibling> siblings;  // rising `log`, at most kSiblingsMax
  uint64_t calls_not_judged = 0;  // of methods with action none, since the last heartbeat
  uint64_t alerts_left_out = 0;
  friend bool operator==(const HeartbeatEntry&, const HeartbeatEntry&) = default;
};

struct ExceptionEntry {
  uint64_t exception = 0;  // never 0
  DecisionId decision_id{};
  Nonce nonce{};
  ExceptionState state = ExceptionState::kDraft;
  access::RegionSet origins;
  access::CategorySet categories;
  std::optional<access::PurposeIndex> purpose;
  std::optional<uint32_t> method;
  std::vector<access::QuorumIndex> quorums;  // rising, at most kQuorumsMax
  access::Jurisdictions jurisdictions;
  Reference principal{};
  bool merged = false;
  // Zero in a draft that a call opened; from the first fixed terms on, what was done to it.
  uint8_t event = 0;  // 0: one signature of several, or a draft
  uint32_t revision = 0;
  Reference actor{};           // who did it; absent: time alone
  Bytes32 terms_digest{};      // of the terms as they are now
  Bytes32 statement_digest{};  // SHA-256 of what an officer signed; absent: nobody signed
  uint64_t not_before_s = 0;   // Unix seconds
  uint64_t not_after_s = 0;
  uint64_t reads_max = 0;
  uint32_t subjects_max = 0;
  uint32_t subjects_named = 0;
  bool break_glass = false;
  friend bool operator==(const ExceptionEntry&, const ExceptionEntry&) = default;
};

// A command is about to change who lives where. An OUTCOME with its decision_id says what came of
// it.
struct HomeEntry {
  DecisionId decision_id{};
  Nonce nonce{};
  HomeCommand command = HomeCommand::kSetHome;
  // Who asked, and from where.
  access::Jurisdictions jurisdictions;
  access::RoleSet roles;
  Reference principal{};
  // Of kSetHome; else as they are here.
  Reference subject{};
  std::optional<access::RegionIndex> from;  // today's home; none, or no region of the policy
  std::optional<access::RegionIndex> to;    // always there
  uint32_t homes_before = 0;                // dated homes; 0: nobody knew the person
  uint32_t since_day = 0;                   // days since 1970 of the new home, UTC
  // Of kImport; else zero.
  uint32_t lines = 0;     // of data, in the file
  Bytes16 file_digest{};  // ImportDigest() of the file
  friend bool operator==(const HomeEntry&, const HomeEntry&) = default;
};

using Body = std::variant<ContextEntry, DecisionEntry, SubjectsEntry, OutcomeEntry, AlertEntry,
                          HeartbeatEntry, ExceptionEntry, HomeEntry>;

struct Entry {
  absl::Time time;       // whole milliseconds, after 1970 and before the year 287396
  uint64_t context = 0;  // log index of its CONTEXT; 0 in a CONTEXT
  Body body;
  friend bool operator==(const Entry&, const Entry&) = default;
};
// `context`, `decision`, `subjects`, `outcome`, `alert`, `heartbeat`, `exception`, `home`.
absl::string_view KindName(const Entry& entry);

absl::StatusOr<std::string> Encode(const Entry& entry);
absl::StatusOr<Entry> Decode(absl::string_view bytes);

// Fills `decision.subjects` and `subjects_total` from all references of its records, sorted, and
// gives the SUBJECTS entries that hold the rest.
std::vector<SubjectsEntry> SpreadSubjects(DecisionEntry& decision, std::vector<Reference> all);

}  // namespace domicile::audit

#endif  // DOMICILE_GATEWAY_AUDIT_ENTRY_H_
