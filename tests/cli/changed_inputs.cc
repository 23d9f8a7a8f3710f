#include "tests/cli/changed_inputs.h"

#include <google/protobuf/unknown_field_set.h>

#include <algorithm>
#include <functional>
#include <set>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"

namespace domicile::cli {
namespace {

namespace pb = google::protobuf;
using Bytes = pb::UnknownFieldSet;

constexpr int kLabel = 51500;  // annotations.proto, as are the numbers below
constexpr int kRole = 1, kCategory = 3, kAction = 1, kDefaultCategory = 1;

std::string Text(const Bytes& set, int number) {
  for (int i = 0; i < set.field_count(); ++i) {
    if (set.field(i).number() == number &&
        set.field(i).type() == pb::UnknownField::TYPE_LENGTH_DELIMITED) {
      return set.field(i).length_delimited();
    }
  }
  return "";
}

// The label of an element's options; false when it has none.
template <class Options>
bool ReadLabel(const Options& options, Bytes& label) {
  Bytes all;
  return all.ParseFromString(options.SerializeAsString()) && !Text(all, kLabel).empty() &&
         label.ParseFromString(Text(all, kLabel));
}

template <class Options>
void WriteLabel(Options* options, const Bytes& label) {
  Bytes all;
  all.ParseFromString(options->SerializeAsString());
  all.DeleteByNumber(kLabel);
  std::string bytes;
  label.SerializeToString(&bytes);
  all.AddLengthDelimited(kLabel, bytes);
  all.SerializeToString(&bytes);
  options->ParseFromString(bytes);
}

// With a dot before each.
std::set<std::string> Reached(const pb::FileDescriptorSet& set,
                              const std::vector<std::string>& methods) {
  std::set<std::string> names;
  for (const pb::FileDescriptorProto& file : set.file()) {
    for (const pb::ServiceDescriptorProto& service : file.service()) {
      for (const pb::MethodDescriptorProto& method : service.method()) {
        const std::string path =
            absl::StrCat("/", file.package(), ".", service.name(), "/", method.name());
        if (std::find(methods.begin(), methods.end(), path) == methods.end()) continue;
        names.insert(method.input_type());
        names.insert(method.output_type());
      }
    }
  }
  for (size_t before = 0; before != names.size();) {
    before = names.size();
    for (const pb::FileDescriptorProto& file : set.file()) {
      for (const pb::DescriptorProto& message : file.message_type()) {
        if (names.count(absl::StrCat(".", file.package(), ".", message.name())) == 0) continue;
        for (const pb::FieldDescriptorProto& field : message.field()) {
          if (!field.type_name().empty()) names.insert(field.type_name());
        }
      }
    }
  }
  return names;
}

class Changer {
 public:
  Changer(const std::string& bytes, const std::vector<std::string>& methods) : methods_(methods) {
    set_.ParseFromString(bytes);
    messages_ = Reached(set_, methods);
  }

  std::vector<LabelChange> Run() {
    for (pb::FileDescriptorProto& file : *set_.mutable_file()) {
      for (pb::DescriptorProto& message : *file.mutable_message_type()) {
        const std::string name = absl::StrCat(file.package(), ".", message.name());
        if (messages_.count("." + name) == 0) continue;
        Bytes record;
        ReadLabel(message.options(), record);
        for (pb::FieldDescriptorProto& field : *message.mutable_field()) {
          ChangeField(name, Text(record, kDefaultCategory), field);
        }
      }
      for (pb::ServiceDescriptorProto& service : *file.mutable_service()) {
        for (pb::MethodDescriptorProto& method : *service.mutable_method()) {
          const std::string name =
              absl::StrCat(file.package(), ".", service.name(), "/", method.name());
          if (std::find(methods_.begin(), methods_.end(), "/" + name) == methods_.end()) continue;
          Change(method.output_type().substr(1), name + ": no action", method.mutable_options(),
                 [](Bytes& label) { label.DeleteByNumber(kAction); });
        }
      }
    }
    return std::move(changes_);
  }

 private:
  template <class Options>
  void Change(const std::string& message, const std::string& name, Options* options,
              const std::function<void(Bytes&)>& edit) {
    const Options before = *options;
    Bytes label;
    ReadLabel(before, label);
    edit(label);
    WriteLabel(options, label);
    changes_.push_back({message, name, set_.SerializeAsString()});
    *options = before;
  }

  void ChangeField(const std::string& message, const std::string& otherwise,
                   pb::FieldDescriptorProto& field) {
    const std::string name = absl::StrCat(message, ".", field.name());
    if (!field.type_name().empty()) return;  // its own fields have labels
    Bytes label;
    const bool labelled = ReadLabel(field.options(), label);
    uint64_t role = 0;
    for (int i = 0; i < label.field_count(); ++i) {
      if (label.field(i).number() == kRole) role = label.field(i).varint();
    }
    if (role != 0) {
      Change(message, name + ": no role", field.mutable_options(),
             [](Bytes& bytes) { bytes.Clear(); });
      return;
    }
    const std::string own = labelled ? Text(label, kCategory) : otherwise;
    if (own.empty()) return;
    for (const char* category : {"health", "none"}) {
      if (own == category) continue;
      Change(message, absl::StrCat(name, ": ", category), field.mutable_options(),
             [&](Bytes& bytes) {
               bytes.DeleteByNumber(kCategory);
               bytes.AddLengthDelimited(kCategory, category);
             });
    }
  }

  const std::vector<std::string>& methods_;
  pb::FileDescriptorSet set_;
  std::set<std::string> messages_;
  std::vector<LabelChange> changes_;
};

}  // namespace

std::string WithoutRule(const std::string& text, const std::string& rule) {
  std::vector<std::string> kept;
  bool deleting = false;
  for (absl::string_view line : absl::StrSplit(text, '\n')) {
    if (absl::StartsWith(line, "  - ")) {
      deleting = line == "  - id: " + rule || absl::StartsWith(line, "  - {id: " + rule + ",");
    } else if (!line.empty() && line[0] != ' ') {
      deleting = false;
    }
    if (!deleting) kept.emplace_back(line);
  }
  return absl::StrJoin(kept, "\n");
}

std::vector<LabelChange> LabelChanges(const std::string& descriptor_set,
                                      const std::vector<std::string>& methods) {
  return Changer(descriptor_set, methods).Run();
}

bool Reaches(const std::string& descriptor_set, const std::string& method,
             const std::string& message) {
  pb::FileDescriptorSet set;
  set.ParseFromString(descriptor_set);
  return Reached(set, {method}).count("." + message) > 0;
}

std::string WithLabel(const std::string& descriptor_set, const std::vector<std::string>& methods,
                      const std::string& name) {
  for (LabelChange& change : LabelChanges(descriptor_set, methods)) {
    if (change.name == name) return std::move(change.descriptor_set);
  }
  return "";
}

}  // namespace domicile::cli
