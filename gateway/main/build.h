// build.h — which program this is.
//
// Why: an entry's CONTEXT names the exact build that decided (P8).
// Thread-safe. Errors: none; an executable that cannot be read gives zeros.
// Source: design 6.8, CONTEXT. Units: SHA-256 of the executable.
#ifndef DOMICILE_GATEWAY_MAIN_BUILD_H_
#define DOMICILE_GATEWAY_MAIN_BUILD_H_

#include "absl/strings/string_view.h"
#include "gateway/crypto/digest.h"

namespace domicile::main {

// "0.1.0"
absl::string_view Version();
// SHA-256 of the running executable, computed once.
const crypto::Digest& BuildDigest();

}  // namespace domicile::main

#endif  // DOMICILE_GATEWAY_MAIN_BUILD_H_
