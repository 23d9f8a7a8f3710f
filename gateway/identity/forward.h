// forward.h — the statement with which one region's gateway hands a call to another's.
//
// Why: the home gateway decides on what it verified itself (P3). From a peer it
// takes the caller's token, which it verifies again, and this statement, which
// says through whom the call came. Each fact of it may only restrict: it adds
// jurisdictions and matches rules that deny or escalate.
// Source: design step 6. Header `domicile-forward-bin`: protobuf wire format, fields in order,
// none left out:
//   1 statement (bytes)  2 key id (string)  3 Ed25519 signature (64 bytes) over
//   "domicile-forward/v1\0" + statement
// statement: 1 region of the signer  2 its gateway id  3 region it is sent to
//   4 SHA-256 of the token, or empty  5 workload's SPIFFE ID  6 SHA-256 of the workload's
//   certificate  7 method path  8 SHA-256 of the client's metadata  9 nonce (16 bytes)
//   10 time, Unix milliseconds  11 decision id of the signer's entries (16 bytes)
//   12 the number 1 when the signer has answered the caller with a denial already, or left out
// Errors: InvalidArgument for form; Unauthenticated for key, signature, time, replay or
// a fact that differs from the call; ResourceExhausted when the replay window is full.
// Limits: 4 KiB; kForwardWindow old, kTokenSkew in the future.
#ifndef DOMICILE_GATEWAY_IDENTITY_FORWARD_H_
#define DOMICILE_GATEWAY_IDENTITY_FORWARD_H_

#include <array>
#include <cstdint>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "gateway/identity/token.h"

namespace domicile::identity {

inline constexpr absl::Duration kForwardWindow = absl::Seconds(30);

using ForwardNonce = std::array<uint8_t, 16>;
using ForwardDecisionId = std::array<uint8_t, 16>;

struct ForwardStatement {
  std::string region;              // of the gateway that signs
  std::string gateway;             // its id
  std::string target;              // region that it sends the call to
  Sha256Bytes token_hash{};        // zeros: the call carries no token
  std::string workload;            // SPIFFE ID of the process that called the entry gateway
  Sha256Bytes certificate_hash{};  // of that process's certificate; zeros: it had none
  std::string method;              // path
  Sha256Bytes metadata_digest{};   // ClientMetadataDigest
  ForwardNonce nonce{};
  absl::Time time = absl::InfinitePast();  // whole milliseconds
  ForwardDecisionId decision_id{};         // what the entry gateway's entries call this call
  // The caller has its answer, a denial (S14). The home gateway decides and records; it forwards
  // nothing, and nobody reads what it answers.
  bool answered = false;
  friend bool operator==(const ForwardStatement&, const ForwardStatement&) = default;
};

// Over the client's own `domicile-*` metadata, sorted by name: (name, value) pairs,
// each length-delimited. Both gateways compute it from what they pass on or received.
Sha256Bytes ClientMetadataDigest(
    absl::Span<const std::pair<absl::string_view, absl::string_view>> metadata);

// `sign` is Ed25519 by the gateway's forward key. Returns the header's bytes before base64.
absl::StatusOr<std::string> SealForward(
    const ForwardStatement& statement, absl::string_view key_id,
    absl::FunctionRef<absl::StatusOr<std::string>(absl::string_view message)> sign);

struct ForwardKey {
  std::string id;
  std::string public_key;  // Ed25519, 32 bytes
};

// Form and signature under one of `keys`; `region` must be the peer's own.
absl::StatusOr<ForwardStatement> OpenForward(absl::string_view header,
                                             absl::Span<const ForwardKey> keys,
                                             absl::string_view region);

// Remembers nonces for as long as a statement could be used again.
// Thread-safe; the mutex is held for one look-up. Two generations, so memory is at most
// 2 * capacity nonces; when one is full, calls are refused rather than replays let in.
class ReplayWindow {
 public:
  explicit ReplayWindow(size_t capacity) : capacity_(capacity) {}
  ReplayWindow(const ReplayWindow&) = delete;
  ReplayWindow& operator=(const ReplayWindow&) = delete;
  // Ok once for each nonce; Unauthenticated when seen or out of the window.
  absl::Status Accept(const ForwardNonce& nonce, absl::Time time, absl::Time now);

 private:
  std::mutex mutex_;  // guards the three below
  const size_t capacity_;
  absl::Time turned_at_ = absl::InfinitePast();
  absl::flat_hash_set<ForwardNonce> current_;
  absl::flat_hash_set<ForwardNonce> previous_;
};

}  // namespace domicile::identity

#endif  // DOMICILE_GATEWAY_IDENTITY_FORWARD_H_
