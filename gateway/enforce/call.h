// call.h — the product on one screen: identify, plan, pre-decide, locate, decide, record, release.
//
// One Call is one gRPC call. It does no I/O, reads no clock and holds no bytes of
// a message: `proxy/` turns what happens on the wire, in the store and in the log
// into events, and carries out the effects that come back, in order. Messages are
// handles that only the proxy can turn into bytes. The simulation drives the same
// object from a seeded random network.
//
// Promises kept here: P1 unknown is denied · P2 recorded before it happens · P3
// the home region decides · P6 revocation bites · P10 never a silent cut, never an
// oracle.
//
// What a grant opens is taken from the grant's limits first (Reserve), then recorded, then let go,
// and only while the replica knows that the grant stands: asked by the proxy right where bytes
// leave, and told to us (LetGo). So a limit is never overspent, and no entry says that something
// was let through which was not taken; what was taken and not let go stays taken. Until it has
// left, the call stays open, and an end of the grant ends it.
//
// INVARIANT: no ForwardRequest, SendHeaders of an upstream, ReleaseMessage or End
// with upstream text is emitted before the entry that P2 asks for was reported
// durable, and none at all after an End.
// INVARIANT: exactly one End is emitted, or none when the client went away first;
// after it only Append, Locate, OpenDraft, CancelUpstream and Done follow (a pre-decided call
// is recorded exactly after it was answered, S14), and, when that call was about
// somebody at home elsewhere, OpenUpstream of that region's gateway with the
// request, so that the home's log holds it too (docs/adr/0007). Done is last. At
// End the proxy forgets every message that it still holds, but for such a request.
//
// Lifetime: one Call for one stream, owned by its loop. Thread-compatible.
// Errors: none; whatever cannot be found out ends the call with its own reason.
#ifndef DOMICILE_GATEWAY_ENFORCE_CALL_H_
#define DOMICILE_GATEWAY_ENFORCE_CALL_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "gateway/access/finding.h"
#include "gateway/access/method.h"
#include "gateway/access/reason.h"
#include "gateway/enforce/grants.h"
#include "gateway/enforce/ports.h"
#include "gateway/enforce/snapshot.h"

namespace domicile::enforce {

// A message that the proxy holds, numbered from 1 in each direction.
using Handle = uint64_t;

// Fresh random bytes that CallOpened needs: 16 decision id, 16 nonce seed, 16 forward nonce.
inline constexpr size_t kRandomBytes = 48;

// ---- What happens (events) ----------------------------------------------------------------

// The request headers were read.
struct CallOpened {
  // What the transport found wrong with them (kMethodUnknown, kRequestMalformed, ...): the call is
  // denied with it, and recorded. `method` is empty then, and `evidence` holds what could be read.
  access::Reason problem = access::Reason::kRule;
  access::Method method;   // from the schema that belongs to the snapshot
  UpstreamFacts upstream;  // of the upstream that serves it here
  CallEvidence evidence;   // certificate, token, the client's four metadata, forward statement
  std::string randomness;  // kRandomBytes fresh random bytes
  // Of the loop; outlive the Call. Null: nothing is remembered, and no forwarded call accepted.
  identity::TokenCache* tokens = nullptr;
  identity::ReplayWindow* replays = nullptr;
  // Whether what a grant opens can be reserved at all; without, no grant applies.
  bool has_ledger = false;
  absl::Time now;  // UTC wall clock
};
// One request or response message was scanned under the call's plan. The views in `findings`
// point into bytes that the proxy keeps until it was told to forward, release or drop the handle.
struct RequestMessage {
  Handle handle;
  access::Findings findings;
  absl::Time now;
};
struct RequestEnded {  // client's END_STREAM
  absl::Time now;
};
struct Located {
  uint32_t question;
  LocateResult result;
  absl::Time now;
};
struct Registered {
  uint32_t question;
  absl::Status status;
  absl::Time now;
};
struct Appended {
  uint32_t question;
  AppendResult result;
  absl::Time now;
};
struct Reserved {  // GrantLedger's status; Unavailable when its lease has run out
  uint32_t question;
  absl::Status status;
  absl::Time now;
};
// What became of a message that was let go under a grant: kRule when all of its bytes have left, or
// why none of it did. What is late behind a slow reader is still ours.
struct LetGo {
  Handle handle;
  bool request;
  access::Reason problem;
  absl::Time now;
};
struct ResponseHeaders {  // not for trailers-only answers
  absl::Time now;
  // `domicile-decision-id` of the home gateway that answers, lower-case hex; "" of an upstream.
  std::string peer_decision_id = {};
};
struct ResponseMessage {
  Handle handle;
  access::Findings findings;  // ignored for a call that was forwarded to its home gateway
  absl::Time now;
};
struct ResponseEnded {        // trailers, or a trailers-only answer
  int grpc_status;            // 0 to 16; anything else is the proxy's UpstreamFailed
  std::string status_digest;  // SHA-256 of the upstream's text, 32 bytes; empty when it had none
  absl::Time now;
  std::string peer_decision_id = {};  // as in ResponseHeaders, of a trailers-only answer
};
struct UpstreamFailed {   // could not connect, reset, broke the protocol, went away
  access::Reason reason;  // kUpstreamUnavailable, kUpstreamInvalid or kPeerUnavailable
  absl::Time now;
};
struct ClientCancelled {  // RST_STREAM, connection lost
  absl::Time now;
};
struct LimitHit {  // transport limits, drain, deadline, undecodable body: end the call
  access::Reason reason;
  absl::Time now;
};
struct SnapshotChanged {  // policy, trust, staff facts or grants were swapped
  std::shared_ptr<const Snapshot> snapshot;
  access::Method method;  // the same path in the new schema
  absl::Time now;
};
struct TimerFired {
  absl::Time now;
};
using Event = std::variant<CallOpened, RequestMessage, RequestEnded, Located, Registered, Appended,
                           Reserved, LetGo, ResponseHeaders, ResponseMessage, ResponseEnded,
                           UpstreamFailed, ClientCancelled, LimitHit, SnapshotChanged, TimerFired>;

// ---- What is to be done (effects) ----------------------------------------------------------

struct Locate {
  uint32_t question;
  std::vector<access::DataSubject> subjects;
};
struct Register {
  uint32_t question;
  std::vector<access::DataSubject> subjects;
  std::string region;
  absl::Time since;
};
struct Append {
  uint32_t question;
  std::vector<std::string> entries;
  Strength strength;
};
// Ask the GrantLedger. Empty uses: whether it is alive, no more.
struct Reserve {
  uint32_t question;
  std::vector<GrantUse> uses;
};
// Tell the store of drafts. Nobody waits for it.
struct OpenDraft {
  DraftRequest draft;
};
// Choose the next hop and send the request headers there: this region's upstream, or the gateway
// of `peer` with a fresh forwarding statement. After End its answer reaches nobody, and the
// caller's deadline does not hold: the proxy waits kToldHomeTimeMax for it.
struct OpenUpstream {
  std::optional<access::RegionIndex> peer;
  identity::ForwardStatement forward;  // filled when `peer` is set; the proxy signs it
};
struct ForwardRequest {
  Handle handle;
  access::Edit edit;  // records is empty: bytes go on as they are
  // A grant let this write through: sent on only while the ledger is alive, and LetGo says so.
  bool under_grant = false;
};
struct ForwardRequestEnd {};
// Send the upstream's allowed metadata as response headers, with domicile-decision-id.
struct SendHeaders {};
struct ReleaseMessage {
  Handle handle;
  access::Edit edit;
  bool under_grant = false;  // as above
};
struct DropMessage {  // forget a request or response message
  Handle handle;
  bool request;
};
// The end of the call for the client: trailers after SendHeaders, trailers-only before it.
struct End {
  int grpc_status = 14;
  std::string message;  // "" with an upstream's status whose text may pass
  std::string details;  // grpc-status-details-bin, serialised google.rpc.Status; may be empty
  // Upstream's own status text, details and trailing metadata may pass (method with action none, or
  // answered by the home gateway).
  bool upstream_text = false;
  // Request messages are kept: after Locate and Append they may be forwarded to the home gateway.
  bool keep_request = false;
  // Trailing metadata of ours: domicile-origin, domicile-withheld, domicile-masked,
  // domicile-complete.
  std::vector<std::pair<std::string, std::string>> trailers;
};
struct CancelUpstream {};  // RST_STREAM(CANCEL) to the next hop, if there is one
struct SetTimer {          // replaces the earlier one
  absl::Time at;
};
struct Done {};  // the Call may be destroyed
using Effect = std::variant<Locate, Register, Append, Reserve, OpenDraft, OpenUpstream,
                            ForwardRequest, ForwardRequestEnd, SendHeaders, ReleaseMessage,
                            DropMessage, End, CancelUpstream, SetTimer, Done>;
using Effects = std::vector<Effect>;

class CallState;

class Call {
 public:
  explicit Call(std::shared_ptr<const Snapshot> snapshot);
  ~Call();
  Call(const Call&) = delete;
  Call& operator=(const Call&) = delete;

  // Takes one event and appends what is to be done now. CallOpened comes first, once.
  void On(Event event, Effects& effects);

  // Lower-case hex, 32 characters; fixed from CallOpened on.
  const std::string& decision_id() const;

 private:
  std::unique_ptr<CallState> state_;
};

}  // namespace domicile::enforce

#endif  // DOMICILE_GATEWAY_ENFORCE_CALL_H_
