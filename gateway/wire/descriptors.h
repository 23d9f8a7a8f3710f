// descriptors.h — descriptor sets, linked: names resolved, editions turned into what they mean.
//
// Why: labels hang on fields, and what a field means on the wire depends on its
// file's syntax or edition. protobuf 3.21 knows no editions; here their features
// are resolved and written as the proto2 descriptor that reads the same bytes.
// An edition that this gateway doesn't know is an error: guessing what it
// means on the wire would be an opening.
// Source: protobuf "Feature Settings for Editions"; editions 2023 and 2024.
// Errors: into Issues, by descriptor set's file name. Internal to wire/.
#ifndef DOMICILE_GATEWAY_WIRE_DESCRIPTORS_H_
#define DOMICILE_GATEWAY_WIRE_DESCRIPTORS_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "absl/types/span.h"
#include "gateway/base/issue.h"
#include "gateway/wire/schema.h"

namespace google::protobuf {
class DescriptorPool;
class FieldDescriptor;
class FileDescriptor;
class FileDescriptorProto;
}  // namespace google::protobuf

namespace domicile::wire {

// What an edition says and a proto2 descriptor can't: fields by full name.
struct EditionFeatures {
  absl::flat_hash_set<std::string> verify_utf8;
  absl::flat_hash_set<std::string> implicit_presence;
};

// Rewrites a file of `syntax = "editions"` as proto2. Others are left as they are.
// False, with an issue, when the edition or one of its features is unknown.
bool ResolveEdition(google::protobuf::FileDescriptorProto* file, const std::string& set_name,
                    EditionFeatures* features, base::Issues* issues);

class Descriptors {
 public:
  // nullptr when there is an error.
  static std::unique_ptr<Descriptors> Build(absl::Span<const SchemaFile> sets,
                                            base::Issues* issues);
  ~Descriptors();

  const google::protobuf::DescriptorPool& pool() const { return *pool_; }
  // Those of the sets, sorted by name.
  const std::vector<const google::protobuf::FileDescriptor*>& files() const { return files_; }
  // Parsers reject a string of this field that is no UTF-8.
  bool ChecksUtf8(const google::protobuf::FieldDescriptor& field) const;
  // A default value on the wire is a value.
  bool HasPresence(const google::protobuf::FieldDescriptor& field) const;

 private:
  Descriptors();

  std::unique_ptr<google::protobuf::DescriptorPool> pool_;
  std::vector<const google::protobuf::FileDescriptor*> files_;
  EditionFeatures features_;
};

}  // namespace domicile::wire

#endif  // DOMICILE_GATEWAY_WIRE_DESCRIPTORS_H_
