// reference.h — how an entry names a person without naming them.
//
// Why: the log can never be edited, and the right to erasure is not negotiable.
// A reference is a MAC under a key of the person that lives outside the log; who
// holds the key finds every entry about them and can show that none is missing;
// destroying the key unlinks them all while every proof holds (P7).
// Source: docs/audit-entry.md section 4; design 6.8.
// Pure. Thread-safe. Errors: none; an empty key gives the absent reference (zeros).
#ifndef DOMICILE_GATEWAY_AUDIT_REFERENCE_H_
#define DOMICILE_GATEWAY_AUDIT_REFERENCE_H_

#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"
#include "gateway/audit/entry.h"

namespace domicile::audit {

enum class Role : uint8_t { kPrincipal = 1, kDataSubject = 2, kTicket = 3 };

inline constexpr size_t kPersonKeyBytes = 32;

// HMAC-SHA256(person_key, role ‖ nonce), its first 16 bytes.
// REQUIRES: person_key is empty (destroyed: gives zeros) or kPersonKeyBytes long.
Reference MakeReference(absl::string_view person_key, Role role, const Nonce& nonce);

// Key of somebody without a directory row, under a key of the region's `reference` ring.
// `space` is the issuer for a principal, the namespace for a data subject, empty for a ticket.
// An empty ring key, when none is configured, gives an empty key: the entry then names nobody.
// REQUIRES: space and id are shorter than 64 KiB.
std::string DerivePersonKey(absl::string_view ring_key, Role role, absl::string_view space,
                            absl::string_view id);

// Nonce number `n` of a call, from its one draw of at least 16 random bytes.
Nonce DeriveNonce(absl::string_view seed, uint64_t n);

// For OutcomeEntry::status_digest; `sha256` is the plain digest of the upstream's text.
Bytes16 StatusDigest(absl::string_view ring_key, const Nonce& nonce, absl::string_view sha256);

// For HomeEntry::file_digest; `sha256` is the plain digest of the imported file. No ring key:
// zeros.
Bytes16 ImportDigest(absl::string_view ring_key, const Nonce& nonce, absl::string_view sha256);

}  // namespace domicile::audit

#endif  // DOMICILE_GATEWAY_AUDIT_REFERENCE_H_
