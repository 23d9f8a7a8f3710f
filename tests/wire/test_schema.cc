#include "tests/wire/test_schema.h"

#include <google/protobuf/compiler/importer.h>
#include <google/protobuf/descriptor.pb.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>
#include <google/protobuf/stubs/logging.h>
#include <gtest/gtest.h>

#include <fstream>
#include <set>
#include <sstream>

namespace domicile::wire {
namespace {

namespace pb = google::protobuf;

class MemoryTree : public pb::compiler::SourceTree {
 public:
  explicit MemoryTree(const std::map<std::string, std::string>& files) : files_(files) {}
  pb::io::ZeroCopyInputStream* Open(const std::string& name) override {
    auto it = files_.find(name);
    if (it == files_.end()) return nullptr;
    return new pb::io::ArrayInputStream(it->second.data(), static_cast<int>(it->second.size()));
  }

 private:
  const std::map<std::string, std::string>& files_;
};

class Errors : public pb::compiler::MultiFileErrorCollector {
 public:
  void AddError(const std::string& file, int line, int, const std::string& text) override {
    ADD_FAILURE() << file << ":" << line + 1 << ": " << text;
  }
};

std::string ReadFile(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  EXPECT_TRUE(in.good()) << path;
  std::stringstream out;
  out << in.rdbuf();
  return out.str();
}

void CopyWithImports(const pb::FileDescriptor& file, std::set<std::string>* seen,
                     pb::FileDescriptorSet* set) {
  if (!seen->insert(file.name()).second) return;
  for (int i = 0; i < file.dependency_count(); ++i) {
    CopyWithImports(*file.dependency(i), seen, set);
  }
  file.CopyTo(set->add_file());
}

}  // namespace

std::string ReadData(const std::string& name) {
  return ReadFile(std::string(DOMICILE_SOURCE_DIR) + "/tests/wire/data/" + name);
}

std::string CompileProtos(const std::map<std::string, std::string>& files) {
  std::map<std::string, std::string> all = files;
  all.emplace("domicile/v1/annotations.proto",
              ReadFile(std::string(DOMICILE_SOURCE_DIR) + "/proto/domicile/v1/annotations.proto"));
  for (const char* name : {"any", "descriptor", "duration", "empty", "field_mask", "struct",
                           "timestamp", "wrappers"}) {
    const std::string path = std::string("google/protobuf/") + name + ".proto";
    const pb::FileDescriptor* known = pb::DescriptorPool::generated_pool()->FindFileByName(path);
    if (known != nullptr) all.emplace(path, known->DebugString());
  }
  MemoryTree tree(all);
  Errors errors;
  pb::compiler::Importer importer(&tree, &errors);
  pb::FileDescriptorSet set;
  std::set<std::string> seen;
  for (const auto& [name, text] : files) {
    const pb::FileDescriptor* file = importer.Import(name);
    if (file == nullptr) return "";
    CopyWithImports(*file, &seen, &set);
  }
  return set.SerializeAsString();
}

const access::Vocabulary& TestVocabulary() {
  static const access::Vocabulary& vocabulary = *[] {
    auto* v = new access::Vocabulary();
    v->categories = *access::NameList<access::CategoryIndex>::Create(
        {"contact", "device_identifier", "network_identifier", "profile"},
        {"none", "existence", "unclassified"});
    v->regions = *access::NameList<access::RegionIndex>::Create({"eu", "us"});
    return v;
  }();
  return vocabulary;
}

access::CategoryIndex CategoryNamed(const std::string& name) {
  return TestVocabulary().categories.Find(name).value();
}

namespace {
SchemaFiles Files(const std::string& set, const std::string& bindings) {
  SchemaFiles files;
  files.descriptor_sets.push_back({"test.binpb", set});
  if (!bindings.empty()) files.bindings.push_back({"test.bindings.yaml", bindings});
  return files;
}
}  // namespace

std::shared_ptr<const Schema> LoadOrDie(const std::string& set, const std::string& bindings) {
  base::Issues issues;
  std::shared_ptr<const Schema> schema =
      Schema::Load(Files(set, bindings), TestVocabulary(), &issues);
  EXPECT_TRUE(issues.ok()) << issues.ToString();
  return schema;
}

std::string LoadProblems(const std::string& set, const std::string& bindings) {
  base::Issues issues;
  std::shared_ptr<const Schema> schema =
      Schema::Load(Files(set, bindings), TestVocabulary(), &issues);
  EXPECT_EQ(schema == nullptr, !issues.ok());
  return issues.ToString();
}

const pb::Descriptor& EveryWorld::Type(const std::string& full_name) const {
  return *pool.FindMessageTypeByName(full_name);
}

std::unique_ptr<pb::Message> EveryWorld::New(const pb::Descriptor& type) {
  return std::unique_ptr<pb::Message>(factory.GetPrototype(&type)->New());
}

EveryWorld& Every() {
  static EveryWorld& world = *[] {
    // protobuf says on stderr what it thinks of every damaged text.
    pb::SetLogHandler(nullptr);
    auto* w = new EveryWorld();
    w->set = CompileProtos({{"everything.proto", ReadData("everything.proto")},
                            {"legacy.proto", ReadData("legacy.proto")}});
    w->schema = LoadOrDie(w->set);
    pb::FileDescriptorSet parsed;
    parsed.ParseFromString(w->set);
    for (const pb::FileDescriptorProto& file : parsed.file()) w->pool.BuildFile(file);
    return w;
  }();
  return world;
}

}  // namespace domicile::wire
