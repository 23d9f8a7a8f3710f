#include "gateway/wire/descriptors.h"

#include <google/protobuf/any.pb.h>
#include <google/protobuf/descriptor.h>
#include <google/protobuf/descriptor.pb.h>
#include <google/protobuf/duration.pb.h>
#include <google/protobuf/empty.pb.h>
#include <google/protobuf/field_mask.pb.h>
#include <google/protobuf/struct.pb.h>
#include <google/protobuf/timestamp.pb.h>
#include <google/protobuf/wrappers.pb.h>

#include <map>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace domicile::wire {
namespace {

namespace pb = google::protobuf;

// Only options hang on it, and those are read without it.
constexpr char kAnnotations[] = "domicile/v1/annotations.proto";

struct NamedFile {
  pb::FileDescriptorProto proto;
  std::string set;
};
using Files = std::map<std::string, NamedFile>;

class ErrorsToIssues : public pb::DescriptorPool::ErrorCollector {
 public:
  ErrorsToIssues(const std::string& set, base::Issues* issues) : set_(set), issues_(*issues) {}
  void AddError(const std::string& file, const std::string& element, const pb::Message*,
                ErrorLocation, const std::string& message) override {
    issues_.Add(set_, 0, absl::StrCat(file, ": ", element, ": ", message));
  }

 private:
  const std::string& set_;
  base::Issues& issues_;
};

void ReadSet(const SchemaFile& set, Files* files, base::Issues* issues) {
  pb::FileDescriptorSet parsed;
  if (!parsed.ParseFromString(set.content)) {
    issues->Add(set.name, 0, "not a FileDescriptorSet; make it with protoc --descriptor_set_out");
    return;
  }
  for (pb::FileDescriptorProto& file : *parsed.mutable_file()) {
    file.clear_source_code_info();
    auto [it, added] = files->try_emplace(file.name());
    if (added) {
      it->second = {std::move(file), set.name};
    } else if (it->second.proto.SerializeAsString() != file.SerializeAsString()) {
      issues->Add(set.name, 0,
                  absl::StrCat("file `", file.name(), "` differs from the one in ", it->second.set,
                               "; build both sets from the same sources"));
    }
  }
}

// The files of protobuf's own types, where a set was made without --include_imports.
const pb::FileDescriptor* WellKnown(const std::string& name) {
  static const pb::FileDescriptor* const kFiles[] = {
      pb::Any::descriptor()->file(),         pb::Timestamp::descriptor()->file(),
      pb::Duration::descriptor()->file(),    pb::Empty::descriptor()->file(),
      pb::FieldMask::descriptor()->file(),   pb::Struct::descriptor()->file(),
      pb::StringValue::descriptor()->file(), pb::FileDescriptorProto::descriptor()->file()};
  for (const pb::FileDescriptor* file : kFiles) {
    if (file->name() == name) return file;
  }
  return nullptr;
}

class Linker {
 public:
  Linker(Files* files, pb::DescriptorPool* pool, EditionFeatures* features, base::Issues* issues)
      : files_(*files), pool_(*pool), features_(*features), issues_(*issues) {}

  // A file and, before it, what it imports. Import cycles end in the pool's own error.
  void Build(const std::string& name) {
    if (!seen_.insert(name).second) return;
    auto it = files_.find(name);
    if (it == files_.end()) return;
    NamedFile& file = it->second;
    if (!ResolveEdition(&file.proto, file.set, &features_, &issues_)) return;
    DropImport(kAnnotations, &file.proto);
    for (const std::string& import : file.proto.dependency()) Import(import, file);
    if (!issues_.ok()) return;
    ErrorsToIssues errors(file.set, &issues_);
    pool_.BuildFileCollectingErrors(file.proto, &errors);
  }

 private:
  void Import(const std::string& import, const NamedFile& by) {
    if (files_.count(import) == 0) {
      const pb::FileDescriptor* known = WellKnown(import);
      if (known == nullptr) {
        issues_.Add(by.set, 0,
                    absl::StrCat("`", by.proto.name(), "` imports `", import,
                                 "`, which is in no set; make sets with protoc "
                                 "--include_imports"));
        return;
      }
      NamedFile added;
      known->CopyTo(&added.proto);
      added.set = by.set;
      files_.emplace(import, std::move(added));
    }
    Build(import);
  }

  void DropImport(absl::string_view import, pb::FileDescriptorProto* file) {
    if (files_.count(std::string(import)) != 0) return;
    for (int i = 0; i < file->dependency_size(); ++i) {
      if (file->dependency(i) != import) continue;
      // Places in public_dependency and weak_dependency would move; an import that only
      // carries options is neither.
      if (file->public_dependency_size() + file->weak_dependency_size() > 0) return;
      file->mutable_dependency()->DeleteSubrange(i, 1);
      return;
    }
  }

  Files& files_;
  pb::DescriptorPool& pool_;
  EditionFeatures& features_;
  base::Issues& issues_;
  absl::flat_hash_set<std::string> seen_;
};

}  // namespace

Descriptors::Descriptors() : pool_(std::make_unique<pb::DescriptorPool>()) {}
Descriptors::~Descriptors() = default;

std::unique_ptr<Descriptors> Descriptors::Build(absl::Span<const SchemaFile> sets,
                                                base::Issues* issues) {
  Files files;
  for (const SchemaFile& set : sets) ReadSet(set, &files, issues);
  if (!issues->ok()) return nullptr;
  std::vector<std::string> names;
  for (const auto& [name, file] : files) names.push_back(name);
  auto result = std::unique_ptr<Descriptors>(new Descriptors());
  Linker linker(&files, result->pool_.get(), &result->features_, issues);
  for (const std::string& name : names) linker.Build(name);
  if (!issues->ok()) return nullptr;
  for (const std::string& name : names) {
    result->files_.push_back(result->pool_->FindFileByName(name));
  }
  return result;
}

bool Descriptors::ChecksUtf8(const pb::FieldDescriptor& field) const {
  if (field.type() != pb::FieldDescriptor::TYPE_STRING) return false;
  return field.file()->syntax() == pb::FileDescriptor::SYNTAX_PROTO3 ||
         features_.verify_utf8.contains(field.full_name());
}

bool Descriptors::HasPresence(const pb::FieldDescriptor& field) const {
  return field.has_presence() && !features_.implicit_presence.contains(field.full_name());
}

}  // namespace domicile::wire
