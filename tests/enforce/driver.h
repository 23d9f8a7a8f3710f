// driver.h — one call, driven by hand: events in, a readable trace of effects out.
//
// The gateway is that of region eu. Its store and its log answer at once, unless a
// test holds them back or makes them fail; its policy is the small one of
// driver.cc, its tokens are real ones of an issuer made on the spot.
#ifndef DOMICILE_TESTS_ENFORCE_DRIVER_H_
#define DOMICILE_TESTS_ENFORCE_DRIVER_H_

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "gateway/audit/entry.h"
#include "gateway/crypto/signature.h"
#include "gateway/enforce/call.h"

namespace domicile::enforce {

struct Caller {
  std::string subject = "s-support";
  std::string kind = "staff";  // issuer: staff or user
  std::string residence = "IE";
  std::string location = "IE";
  std::string employer = "acme-ie";
  std::vector<std::string> roles = {"support"};
  std::string purpose = "support";
  std::string workload = "spiffe://eu.example/svc/web";
  bool token = true;
  // The call comes from the gateway of that region, with its statement.
  bool through_cn = false, through_us = false;
  bool answered_there = false;
};

// A grant, and what is left of it.
struct GrantOptions {
  uint64_t id = 7;
  std::string subject = "s-audit";  // staff of the issuer
  std::vector<std::string> people;  // that it lists; empty: any `people_max` of them
  std::vector<std::string> categories = {"contact"};
  std::vector<access::Action> actions = {access::Action::kRead};
  std::string purpose = "incident";
  std::vector<std::string> countries = {"CN"};
  std::vector<std::string> origins = {"eu"};
  absl::Duration begins = -absl::Hours(1), ends = absl::Hours(1);  // from now
  uint64_t reads_max = 1'000;
  size_t people_max = 10;
};

struct MethodOptions {
  access::Action action = access::Action::kRead;
  bool creates = false;
  bool client_streaming = false;
  bool server_streaming = false;
  access::Route route = access::Route::kDataSubject;
  access::Withheld withheld = access::Withheld::kEnd;
};

struct RecordOptions {
  std::vector<std::string> people;
  std::vector<std::string> categories;
  access::Placement placement = access::Placement::kMessage;
  int parent = -1;
  std::string home;                 // HOME field
  std::vector<std::string> tagged;  // regions of a genuine tag of this gateway's region
};

class Driver {
 public:
  Driver();

  // What the store says: homes by date, newest last.
  void SetHomes(const std::string& id, std::vector<std::string> homes);
  void SetProtected(const std::string& id) { directory_[id].protected_person = access::Tri::kTrue; }

  void ForgetKey(const std::string& id) { directory_[id].reference_key.clear(); }
  // The call is forgotten; what was taken of grants, and the log, stay.
  void Reset();

  void Open(const MethodOptions& method = {}, const Caller& caller = {});
  void Request(const std::vector<RecordOptions>& records);
  // What the transport found wrong with the headers; `caller` as far as they could be read.
  void OpenMalformed(access::Reason problem, const Caller& caller = {});
  void UnreadableRequest(access::Reason problem);
  void RequestEnd();
  void Headers() { Send(ResponseHeaders{now}); }
  void Response(const std::vector<RecordOptions>& records);
  void ResponseEnd(int status = 0);
  // What decisions rest on is swapped, as after a change of a file; also before a call opens.
  void Swap(const std::function<void(Snapshot&)>& change);
  void Send(Event event);

  // Grants of the snapshot, all at once, by a swap that changes nothing else.
  void SetGrants(const std::vector<GrantOptions>& grants);
  exceptions::VerifiedGrant MakeGrant(const GrantOptions& options) const;
  // What was taken of a grant.
  struct Taken {
    uint64_t reads = 0, reads_max = 0;
    std::set<exceptions::SubjectReference> people;
    size_t people_max = 0;
    bool revoked = false;
  };
  std::map<uint64_t, Taken> ledger;
  bool ledger_alive = true, ledger_fails = false, has_ledger = true;
  std::vector<DraftRequest> drafts;
  std::function<void(Handle)> left;  // bytes of a message under a grant go out

  // "locate u-1 u-2", "reserve 7 1 read 1 person", "draft", "append durable 2", "register eu u-1",
  // "open", "open us", "forward 1", "stamp 0", "forward-end", "headers", "release 1", "release 1
  // removes 0 masks 1", "drop 1", "end 7 NOT_PERMITTED", "end 0", "cancel", "done".
  std::vector<std::string> TakeTrace();
  bool Saw(const std::string& step) const;
  // Every entry that was appended and reported as durable, decoded.
  std::vector<audit::Entry> Entries() const;
  std::vector<audit::DecisionEntry> Decisions() const;
  const End* end() const { return end_ ? &*end_ : nullptr; }
  const Snapshot& snapshot() const { return *snapshot_; }
  access::CategorySet Categories(const std::vector<std::string>& names) const;

  void AnswerHeld();  // what was held back happens now
  void AnswerHeld(size_t place);
  size_t held() const { return held_.size(); }
  // How firmly a decision about this message is known to stand; nullopt: not at all yet.
  std::optional<Strength> RecordedAs(audit::Direction direction, uint64_t message) const;
  std::function<void(const Effect&)> watch;
  std::string randomness = std::string(kRandomBytes, '\x5a');  // of the next call
  bool hold_log = false, hold_store = false, hold_ledger = false, hold_wire = false;
  bool log_fails = false, store_fails = false;
  absl::Time now = absl::FromCivil(absl::CivilSecond(2026, 11, 24, 12, 0, 0), absl::UTCTimeZone());

 private:
  access::Findings MakeFindings(const std::vector<RecordOptions>& records, bool request);
  std::string Token(const Caller& caller) const;
  void Carry(Effects effects);
  void CarryOne(Effect effect);
  struct Given {
    crypto::SigningKey issuer_key;
    std::shared_ptr<const policy::Policy> policy;
  };
  static const Given& Shared();
  CallOpened Opened(const Caller& caller);
  // A certificate of the peer's gateway and its statement, in place of the caller's own
  // certificate.
  void ComeThroughPeer(const Caller& caller, CallOpened* opened);
  explicit Driver(const Given& given);
  void Answer(const Append& append);
  void Answer(const Register& reg);
  void Answer(const Locate& locate);
  void Answer(const Reserve& reserve);
  void Answer(const ReleaseMessage& release);
  void Answer(const ForwardRequest& forward);
  void Hold(Effect effect);

  crypto::SigningKey issuer_key_;
  identity::ReplayWindow replays_{16};
  std::shared_ptr<const Snapshot> snapshot_;
  std::unique_ptr<Call> call_;
  access::Method method_;
  std::map<std::string, SubjectFacts> directory_;
  std::vector<std::string> trace_;
  std::vector<std::string> all_;
  std::vector<std::string> durable_;
  std::vector<Strength> strengths_;
  std::vector<Effect> held_;
  std::deque<Event> pending_;
  bool pumping_ = false;
  std::optional<End> end_;
  std::deque<std::string> tags_;  // findings point into them
  Handle next_request_ = 1, next_response_ = 1;
};

}  // namespace domicile::enforce

#endif  // DOMICILE_TESTS_ENFORCE_DRIVER_H_
