// schema.h — from protobuf descriptors and labels to plans that a scan can follow.
//
// Why: the gateway must know, for every field of every message, what class of
// data it holds, without linking the service's code. A method or field that
// nobody labelled is unclassified, and unclassified is denied (P1).
// Labels come from extension 51500 (proto/domicile/v1/annotations.proto), from
// bindings files, and from foreign options that a bindings file maps to a
// category. docs/schema-labels.md has the rules; design 6.2 the contract.
// No generated code of ours and no gRPC: extensions are read by number.
// Errors: all problems at once, in Issues, each with the file, and the line or
// the full name of the element; with an error there is no schema.
// Thread-safety: a Schema is immutable. Lifetime: plans and names live as long as it.
#ifndef DOMICILE_GATEWAY_WIRE_SCHEMA_H_
#define DOMICILE_GATEWAY_WIRE_SCHEMA_H_

#include <array>
#include <cstdint>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "gateway/access/method.h"
#include "gateway/access/vocabulary.h"
#include "gateway/base/issue.h"
#include "gateway/wire/mask.h"

namespace domicile::wire {

class MessagePlan;  // plan.h: internal to scan and edit

// A file that was read by whoever calls: `content` is a serialised FileDescriptorSet or YAML.
struct SchemaFile {
  std::string name;  // for issues
  std::string content;
};
struct SchemaFiles {
  std::vector<SchemaFile> descriptor_sets;  // with their imports; a file may be in several if equal
  std::vector<SchemaFile> bindings;
};

struct MethodPlan {
  access::Method method;
  std::string service;       // "acme.profiles.v1.Profiles"
  std::string request_name;  // full names of its messages
  std::string response_name;
  // Never null. A method that is built in without descriptors (health, reflection) has plans
  // that know no field; its action is none, so that nobody scans it.
  const MessagePlan* request = nullptr;
  const MessagePlan* response = nullptr;
};

// One line of `domicile schema check`.
struct FieldLabel {
  std::string name;      // "acme.profiles.v1.Profile.last_ip"; with a path where a binding gave one
  std::string type;      // "string", "repeated acme.profiles.v1.Device"
  std::string category;  // name; "unclassified" when it has none
  std::string role;      // "", "data_subject_id", "record_id", "origin_tag", "lookup", "home"
  std::string
      source;  // "option", "bindings", "foreign option", "message default", "enclosing field", ""
};

class Schema {
 public:
  // nullptr when `issues` gets an error. Borrows nothing.
  static std::shared_ptr<const Schema> Load(const SchemaFiles& files,
                                            const access::Vocabulary& vocabulary,
                                            base::Issues* issues);
  ~Schema();
  Schema(const Schema&) = delete;
  Schema& operator=(const Schema&) = delete;

  // Byte for byte: "/package.Service/Method". nullptr: METHOD_UNKNOWN.
  const MethodPlan* FindMethod(absl::string_view path) const;
  // Sorted by path; a method's place is its access::Method::number.
  absl::Span<const MethodPlan> methods() const { return methods_; }
  // Every field that a method can reach, sorted by name.
  absl::Span<const FieldLabel> fields() const { return fields_; }
  // The plan of a message by full name, as it is at the top of a call that carries no labels of
  // its method; nullptr when no method reaches it.
  const MessagePlan* FindMessage(absl::string_view full_name) const;
  // SHA-256 over the sorted list of methods, fields, types and labels: equal for equal meaning,
  // whatever the order of files.
  const std::array<uint8_t, 32>& digest() const { return digest_; }
  // Fields whose category's mask can't be applied to their type, so that masking empties them.
  base::Issues CheckMasks(const access::Vocabulary& vocabulary, const Masks& masks) const;

 private:
  friend class SchemaCompiler;
  Schema();

  std::vector<MethodPlan> methods_;
  absl::flat_hash_map<absl::string_view, const MethodPlan*> by_path_;
  std::vector<FieldLabel> fields_;
  std::vector<std::unique_ptr<MessagePlan>> plans_;
  absl::flat_hash_map<std::string, const MessagePlan*> by_message_;
  access::NameList<access::RegionIndex> regions_;  // plans point to these two
  std::unique_ptr<std::set<std::string>> name_spaces_;
  std::array<uint8_t, 32> digest_{};
};

}  // namespace domicile::wire

#endif  // DOMICILE_GATEWAY_WIRE_SCHEMA_H_
