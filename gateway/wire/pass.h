// pass.h — the state of one scan. Internal to scan.cc and its parts.
//
// Invariants: spans are appended in document order, parents before children; records likewise.
// Every reader takes the place after a tag and returns the place after the field, or nullptr
// with problem_ set (unset means unreadable).
// Source: as scan.h. Errors: `problem_`, as Findings::problem.
#ifndef DOMICILE_GATEWAY_WIRE_PASS_H_
#define DOMICILE_GATEWAY_WIRE_PASS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/strings/string_view.h"
#include "gateway/access/finding.h"
#include "gateway/access/reason.h"
#include "gateway/base/limits.h"
#include "gateway/wire/plan.h"
#include "gateway/wire/scan.h"

namespace domicile::wire {

class Scanner::Pass {
 public:
  void Run(const MessagePlan& plan, Direction direction, absl::string_view message,
           access::Findings* findings, Spans* spans);

 private:
  // Where a message body stands.
  struct Where {
    int32_t span = 0;     // of the message itself
    int32_t record = -1;  // that its fields belong to
    int32_t removal = 0;  // span to cut when a record that begins here is withheld
    int depth = 0;
  };

  const char* Body(const MessagePlan& plan, const char* p, const char* end, uint32_t group,
                   const Where& where);
  const char* Known(const MessagePlan& plan, const FieldPlan& field, uint32_t wire, const char* tag,
                    const char* p, const char* end, const Where& where);
  const char* Leaf(const FieldPlan& field, uint32_t wire, const char* tag, const char* p,
                   const char* end, const Where& where);
  const char* SubMessage(const MessagePlan& outer, const FieldPlan& field, const char* tag,
                         const char* p, const char* end, const Where& where);
  const char* Unknown(uint32_t number, uint32_t wire, const char* tag, const char* p,
                      const char* end, const Where& where);
  bool Any(const MessagePlan& plan, const char* p, const char* end, const Where& where);
  bool AnyParts(const char* p, const char* end, absl::string_view* type_url,
                absl::string_view* value);
  bool UnreadableAny(const char* p, const char* end, const Where& where);
  const MessagePlan* AnyType(const MessagePlan& plan, absl::string_view type_url) const;

  bool Present(const FieldPlan& field, int32_t record);
  bool Watch(const MessagePlan& plan, const FieldPlan& field, uint64_t* seen);
  // Begins a record if the message does; gives where its fields belong to.
  bool EnterRecord(const MessagePlan& plan, Where* where);
  bool NewRecord(const MessagePlan& plan, const Where& where);
  bool OneOf(absl::string_view* known, absl::string_view value);

  bool TakeRole(const FieldPlan& field, uint32_t wire, absl::string_view body, int32_t record);
  bool TakeSubject(const FieldPlan& field, absl::string_view body, int32_t record);
  bool TakeSubjects(const FieldPlan& field, absl::string_view packed, int32_t record);
  bool TakeRecordId(const FieldPlan& field, absl::string_view body, int32_t record);
  bool TakeHome(const FieldPlan& field, absl::string_view body, int32_t record);
  bool AddSubject(const std::string& name_space, absl::string_view id, int32_t record);
  bool Push(const Span& span) {
    if (spans_->list.size() >= base::limits::kScanSpansMax) {
      return Fail(access::Reason::kMessageTooLarge);
    }
    spans_->list.push_back(span);
    return true;
  }

  // After the whole message was read.
  bool CheckDuplicates();
  bool CheckMapKeys();
  int32_t Canonical(int32_t span) const {
    return canonical_.empty() ? span : canonical_[static_cast<size_t>(span)];
  }
  void Settle();
  void DropFirstRecord();

  bool Fail(access::Reason problem) {
    problem_ = problem;
    return false;
  }
  const char* FailAt(access::Reason problem) {
    problem_ = problem;
    return nullptr;
  }
  uint32_t At(const char* p) const { return static_cast<uint32_t>(p - base_); }
  access::RecordFinding& Record(int32_t place) {
    return findings_->records[static_cast<size_t>(place)];
  }

  struct MapKey {
    int32_t parent;
    const FieldPlan* field;
    uint64_t key;
  };

  Direction direction_ = Direction::kRequest;
  const char* base_ = nullptr;
  access::Findings* findings_ = nullptr;
  Spans* spans_ = nullptr;
  access::Reason problem_ = access::Reason::kMessageUnreadable;
  std::vector<MapKey> map_keys_;
  bool duplicates_ = false;         // a singular watched field came twice
  std::vector<int32_t> canonical_;  // by span: the first of the occurrences that protobuf merges
  absl::flat_hash_map<std::string, uint32_t> subject_places_;  // only when there are many
  absl::flat_hash_set<uint64_t> record_subjects_;
  std::string id_text_;
  const MessagePlan* root_ = nullptr;
  const char* group_end_ = nullptr;  // begin of the end tag read last
};

}  // namespace domicile::wire

#endif  // DOMICILE_GATEWAY_WIRE_PASS_H_
