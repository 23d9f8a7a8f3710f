// bindings.h — reads bindings files: labels for schemas that can't be edited.
//
// Source: design 6.2; the format is in docs/schema-labels.md.
// Errors: into Issues with file and line. Internal to wire/.
#ifndef DOMICILE_GATEWAY_WIRE_BINDINGS_H_
#define DOMICILE_GATEWAY_WIRE_BINDINGS_H_

#include "absl/types/span.h"
#include "gateway/base/issue.h"
#include "gateway/wire/labels.h"
#include "gateway/wire/schema.h"

namespace domicile::wire {

// All files as one; the same element in two files is an issue.
Bindings ReadBindings(absl::Span<const SchemaFile> files, base::Issues* issues);

}  // namespace domicile::wire

#endif  // DOMICILE_GATEWAY_WIRE_BINDINGS_H_
