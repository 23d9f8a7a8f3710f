// calls.h — each kind of call that the soak's clients make, and the answer that is right for it.
//
// Errors: what cannot be set up ends the program; a call's own status is its result.
// Thread-safety: Kinds is constant; a Caller belongs to one thread.
#ifndef DOMICILE_TESTS_SOAK_CALLS_H_
#define DOMICILE_TESTS_SOAK_CALLS_H_

#include <grpcpp/grpcpp.h>

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "acme/profiles/v1/profiles.grpc.pb.h"
#include "gateway/main/demo/world.h"

namespace domicile::soak {

struct Result {
  grpc::Status status;
  std::string decision_id;  // 16 bytes
  std::string shown;        // whose record came back; "": nobody's
  bool broken = false;      // a stream that ended before we ended it
};

// One thread's connections and tokens.
class Caller {
 public:
  Caller(demo::World& world, std::string name) : world_(world), name_(std::move(name)) {}

  acme::profiles::v1::Profiles::Stub& Stub(const std::string& region, const std::string& service);
  // Deadline and fresh tokens.
  void AsUser(grpc::ClientContext& context, const std::string& region, const std::string& user_id);
  void AsSupport(grpc::ClientContext& context);
  // Never the same twice.
  std::string NewId();

 private:
  struct Token {
    std::string text;
    absl::Time made;
    int uses = 0;
  };
  void Authorize(grpc::ClientContext& context, const std::string& who,
                 const std::function<absl::StatusOr<std::string>()>& sign);

  demo::World& world_;
  const std::string name_;
  uint64_t ids_ = 0;
  std::map<std::string, std::unique_ptr<acme::profiles::v1::Profiles::Stub>> stubs_;
  std::map<std::string, Token> tokens_;
};

struct Kind {
  std::string name;
  std::string region, home;
  int weight = 0;  // of all kinds' sum
  int code = 0;    // and reason: of the answer that is right
  std::string reason;
  std::function<Result(Caller&)> call;
};

// Those that are made at a pace.
const std::vector<Kind>& Kinds();

// Streams that stay open until `messages` came, and are cancelled then.
struct Watch {
  std::string name, region, home;
  std::function<Result(Caller&, int messages)> call;
};
const std::vector<Watch>& Watches();

}  // namespace domicile::soak

#endif  // DOMICILE_TESTS_SOAK_CALLS_H_
