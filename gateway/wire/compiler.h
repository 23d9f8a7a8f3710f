// compiler.h — from linked descriptors and labels to plans.
//
// How a leaf's category is found, first hit wins (docs/schema-labels.md):
//   1 a label on the field itself: option, bindings path, or mapped foreign option; if two of
//     them differ, that is an issue
//   2 a role of DATA_SUBJECT_ID, RECORD_ID, ORIGIN_TAG or HOME without a category: `none` (S5)
//   3 the label of the field that encloses its message
//   4 the default of the message that declares it; also for the entries of its maps and for
//     protobuf's own value types (Timestamp, Duration, wrappers, FieldMask)
//   5 `unclassified`
// A message type is compiled once for each set of labels that reach it from outside.
// Internal to wire/.
// Errors: into Issues, with the element and the line of its label.
#ifndef DOMICILE_GATEWAY_WIRE_COMPILER_H_
#define DOMICILE_GATEWAY_WIRE_COMPILER_H_

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <tuple>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "gateway/access/vocabulary.h"
#include "gateway/base/issue.h"
#include "gateway/wire/descriptors.h"
#include "gateway/wire/labels.h"
#include "gateway/wire/plan.h"
#include "gateway/wire/schema.h"

namespace google::protobuf {
class Descriptor;
class FieldDescriptor;
}  // namespace google::protobuf

namespace domicile::wire {

class PlanCompiler {
 public:
  // Borrowed: all of them. `types` and `regions` are kept in plans.
  PlanCompiler(const Descriptors& descriptors, const Bindings& bindings,
               const access::Vocabulary& vocabulary,
               const absl::flat_hash_map<std::string, const MessagePlan*>* types,
               const access::NameList<access::RegionIndex>* regions, base::Issues* issues);
  ~PlanCompiler();

  // The message as the root of a call; `extra`: labels of one method, or nullptr.
  MessagePlan* Root(const google::protobuf::Descriptor& message, const LabelNode* extra);
  // Reports labels that name nothing.
  void CheckBindings();

  std::vector<std::unique_ptr<MessagePlan>>& plans() { return plans_; }
  std::vector<FieldLabel>& labels() { return labels_; }
  // Owns the namespaces that plans point to.
  std::unique_ptr<std::set<std::string>> TakeNameSpaces() { return std::move(name_spaces_); }

 private:
  using Nodes = std::vector<const LabelNode*>;
  // What reaches a message type from outside.
  struct Outside {
    Nodes nodes;
    std::optional<access::CategoryIndex> enclosing;  // label of the enclosing field
    std::optional<access::CategoryIndex> fallback;   // default in place of the message's own
    std::string path;  // how it was reached, for the list of labels; no part of the key
    auto Key() const { return std::tie(nodes, enclosing, fallback); }
    bool plain() const { return nodes.empty() && !enclosing && !fallback; }
  };
  using Key =
      std::tuple<const google::protobuf::Descriptor*, Nodes, std::optional<access::CategoryIndex>,
                 std::optional<access::CategoryIndex>>;
  struct Scope;  // one message under compilation

  MessagePlan* Compile(const google::protobuf::Descriptor& message, const Outside& outside);
  FieldPlan CompileField(const google::protobuf::FieldDescriptor& field, Scope* scope);
  void CompileLeaf(const google::protobuf::FieldDescriptor& field, const FieldLabels& label,
                   Scope* scope, FieldPlan* plan);
  void CompileMessageField(const google::protobuf::FieldDescriptor& field, const FieldLabels& label,
                           const Nodes& below, Scope* scope, FieldPlan* plan);
  FieldLabels Labels(const google::protobuf::FieldDescriptor& field, Scope* scope, Nodes* below);
  void Merge(const FieldLabels& from, absl::string_view name, FieldLabels* into);
  std::optional<FieldLabels> ForeignLabel(const google::protobuf::FieldDescriptor& field,
                                          const std::string& options);
  void ReadOwnLabels(const google::protobuf::Descriptor& message, const Outside& outside,
                     Scope* scope);
  bool BeginsRecord(const google::protobuf::Descriptor& message, const Scope& scope);
  void CheckRole(const google::protobuf::FieldDescriptor& field, const FieldLabels& label,
                 const Scope& scope);
  void AddTagField(const Scope& scope, MessagePlan* plan);
  void Finish(MessagePlan* plan, const google::protobuf::Descriptor& message);
  std::optional<access::CategoryIndex> Category(const std::string& name, const Place& place,
                                                absl::string_view element);
  const std::string* NameSpace(const FieldLabels& label, absl::string_view element);
  const LabelNode* WrapperNode(const FieldLabels& label);
  void List(const google::protobuf::FieldDescriptor& field, const FieldPlan& plan,
            absl::string_view source, const Scope& scope);
  void CheckPaths(const google::protobuf::Descriptor& message, const LabelNode& node,
                  const std::string& path);

  const Descriptors& descriptors_;
  const Bindings& bindings_;
  const access::Vocabulary& vocabulary_;
  const absl::flat_hash_map<std::string, const MessagePlan*>* types_;
  const access::NameList<access::RegionIndex>* regions_;
  base::Issues& issues_;
  std::map<Key, MessagePlan*> by_key_;
  std::vector<std::unique_ptr<MessagePlan>> plans_;
  std::vector<std::unique_ptr<LabelNode>> wrapper_nodes_;
  std::vector<FieldLabel> labels_;
  std::unique_ptr<std::set<std::string>> name_spaces_;
  std::set<std::string> reported_;  // elements whose own labels were complained about
};

// Fills what depends on all plans together: may_judge, map_matters, no_merge, pure, watch bits.
void CloseOver(absl::Span<const std::unique_ptr<MessagePlan>> plans);

}  // namespace domicile::wire

#endif  // DOMICILE_GATEWAY_WIRE_COMPILER_H_
