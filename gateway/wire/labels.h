// labels.h — labels as people write them, before they are resolved to a plan.
//
// Why: the same label comes from an option in a .proto, from a bindings file, or
// from an option of somebody else's; here they become one thing, so that the
// compiler can see when two of them disagree.
// Internal to wire/. Values.
// Errors: a problem in words, which the caller adds with its place.
#ifndef DOMICILE_GATEWAY_WIRE_LABELS_H_
#define DOMICILE_GATEWAY_WIRE_LABELS_H_

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "gateway/access/method.h"
#include "gateway/wire/plan.h"

namespace domicile::wire {

// Where a label stands, for issues. `file` may be the full name of an element.
struct Place {
  std::string file;
  int line = 0;
};

struct FieldLabels {
  std::optional<std::string> category;
  Role role = Role::kNone;
  std::string name_space;  // of kDataSubjectId
  std::string source;      // as in FieldLabel
  Place place;
};

enum class RecordKind : uint8_t { kAutomatic = 0, kRecord = 1, kPart = 2 };

struct MessageLabels {
  std::optional<std::string> default_category;
  bool stamp_unknown_field = false;
  RecordKind kind = RecordKind::kAutomatic;
  Place place;
};

struct MethodLabels {
  access::Action action = access::Action::kUnlabelled;
  access::Route route = access::Route::kDataSubject;
  access::Withheld withheld = access::Withheld::kEnd;
  bool creates = false;
  Place place;
};

// Labels by path: `devices.serial` is child `serial` of child `devices`.
struct LabelNode {
  std::optional<FieldLabels> label;
  std::map<std::string, std::unique_ptr<LabelNode>> children;
};

// What a bindings file says, all files together.
struct MessageBinding {
  MessageLabels labels;
  LabelNode fields;
};
struct MethodBinding {
  MethodLabels labels;
  LabelNode request;  // paths in the request message, in this method only
};
struct OptionBinding {
  std::string option;    // full name, or "debug_redact"
  std::string category;  // when set: for `true`, or for any value that is neither empty nor zero
  std::map<std::string, std::string> values;  // enum value's name or text -> category
  Place place;
};
struct Bindings {
  std::map<std::string, std::map<std::string, MethodBinding>> services;
  std::map<std::string, MessageBinding> messages;
  std::vector<OptionBinding> options;
};

// The value of one option field, read from serialised options: what a parser would have kept.
struct OptionValue {
  bool is_text = false;
  uint64_t number = 0;
  std::string text;
};
// Every occurrence of field `number` in `serialised`, in order; packed ones aren't unpacked.
std::vector<OptionValue> FindOption(absl::string_view serialised, uint32_t number);

// Labels of extension 51500 in serialised MethodOptions, MessageOptions or FieldOptions. nullopt
// when there are none. A label that this gateway doesn't know is a problem, in `*problem`.
std::optional<MethodLabels> ReadMethodLabels(absl::string_view options, std::string* problem);
std::optional<MessageLabels> ReadMessageLabels(absl::string_view options, std::string* problem);
std::optional<FieldLabels> ReadFieldLabels(absl::string_view options, std::string* problem);

}  // namespace domicile::wire

#endif  // DOMICILE_GATEWAY_WIRE_LABELS_H_
