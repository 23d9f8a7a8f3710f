// dsse.h — what a signature over a document is made of, so that none counts for another kind.
//
// Source: DSSE v1.0.2, github.com/secure-systems-lab/dsse, protocol.md: PAE(type, body) =
// "DSSEv1" SP LEN(type) SP type SP LEN(body) SP body, lengths in decimal ASCII.
// Pure. Errors: none.
#ifndef DOMICILE_GATEWAY_CRYPTO_DSSE_H_
#define DOMICILE_GATEWAY_CRYPTO_DSSE_H_

#include <string>

#include "absl/strings/string_view.h"

namespace domicile::crypto {

std::string PreAuthenticationEncoding(absl::string_view payload_type, absl::string_view payload);

}  // namespace domicile::crypto

#endif  // DOMICILE_GATEWAY_CRYPTO_DSSE_H_
