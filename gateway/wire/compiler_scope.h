// compiler_scope.h — what is known while one message is compiled, for the compiler's own files.
//
// Internal to wire/. Source: docs/schema-labels.md. Errors: none of its own.
#ifndef DOMICILE_GATEWAY_WIRE_COMPILER_SCOPE_H_
#define DOMICILE_GATEWAY_WIRE_COMPILER_SCOPE_H_

#include <optional>
#include <string>

#include "gateway/wire/compiler.h"

namespace domicile::wire {

struct PlanCompiler::Scope {
  const google::protobuf::Descriptor* message = nullptr;
  const Outside* outside = nullptr;
  Nodes nodes;                     // outside's and the message's own
  const LabelNode* own = nullptr;  // the message's own binding
  std::optional<access::CategoryIndex> fallback;
  std::string fallback_source;
  RecordKind kind = RecordKind::kAutomatic;
  bool stamp_unknown_field = false;
  bool role_of_record = false;  // a field's own option names a role that makes a record
  Place place;
  std::string path;
};

}  // namespace domicile::wire

#endif  // DOMICILE_GATEWAY_WIRE_COMPILER_SCOPE_H_
