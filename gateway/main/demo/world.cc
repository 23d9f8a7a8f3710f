#include "gateway/main/demo/world.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <list>
#include <map>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "gateway/base/file.h"
#include "gateway/base/status_macros.h"
#include "gateway/crypto/digest.h"
#include "gateway/crypto/issue_certificate.h"
#include "gateway/crypto/key_ring.h"
#include "gateway/main/demo/people.h"
#include "gateway/main/demo/world_files.h"
#include "gateway/main/demo/world_officers.h"
#include "gateway/store/directory.h"
#include "gateway/store/home_index.h"
#include "nlohmann/json.hpp"

namespace domicile::demo {
namespace {

using base::Annotate;

constexpr absl::Duration kStartTimeout = absl::Seconds(60);  // a loaded machine, two cores
constexpr absl::Duration kCertificateLife = absl::Hours(48);
constexpr size_t kLogShownBytes = 3000;
constexpr size_t kFileBytesMax = 64 << 20;
// Below the ports that the kernel gives to connections, so that no stranger's connection takes
// one between our look and the gateway's bind.
constexpr int kFirstPort = 20'000, kPortCount = 12'000;

// A port that nobody else takes while this lives, though it is for our gateway to listen on: bound,
// and shared only with sockets of this user that ask to share.
class ReservedPort {
 public:
  ~ReservedPort() {
    if (fd_ >= 0) close(fd_);
  }
  // False when somebody has it.
  bool Take(int port) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<uint16_t>(port));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    fd_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    return fd_ >= 0 && bind(fd_, reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0;
  }
  bool Share() const {
    const int on = 1;
    return setsockopt(fd_, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on) == 0 &&
           setsockopt(fd_, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) == 0;
  }

 private:
  int fd_ = -1;
};

absl::StatusOr<int> FindPort(std::list<ReservedPort>& reserved) {
  uint32_t random = 0;
  crypto::RandomBytes(&random, sizeof(random));
  for (int i = 0; i < kPortCount; ++i) {
    int port = kFirstPort + static_cast<int>((random + static_cast<uint32_t>(i)) % kPortCount);
    ReservedPort& taken = reserved.emplace_back();
    if (taken.Take(port) && taken.Share()) return port;
    reserved.pop_back();
  }
  return absl::UnavailableError("no free port on loopback");
}

std::string LogEnd(const std::string& path) {
  auto text = base::ReadFile(path, kFileBytesMax);
  if (!text.ok()) return "";
  return text->size() <= kLogShownBytes ? *text : text->substr(text->size() - kLogShownBytes);
}

// Of a file that grows; 0 when it is not there.
int64_t SizeOf(const std::string& path) {
  std::error_code none;
  const auto size = std::filesystem::file_size(path, none);
  return none ? 0 : static_cast<int64_t>(size);
}

// The gateway's own word that data plane and control listener serve. Its ports are no sign: the
// data port takes connections before that, and the program without a control plane has one port.
bool SaysReady(const std::string& log, int64_t from) {
  std::ifstream file(log);
  file.seekg(from);
  return absl::StrContains(std::string(std::istreambuf_iterator<char>(file), {}), "gateway.ready");
}

absl::Status WriteSecret(const std::string& path, absl::string_view text) {
  DOMICILE_RETURN_IF_ERROR(base::WriteFileAtomically(path, text, base::FileMode::kSecret));
  return absl::OkStatus();
}

class LocalWorld final : public World {
 public:
  explicit LocalWorld(WorldOptions options) : options_(std::move(options)) {}
  // Gateways first: they must not report upstreams that we take away.
  ~LocalWorld() override {
    for (auto* processes : {&gateways_, &services_}) {
      for (auto& [region, process] : *processes) {
        if (process != nullptr) process->Signal(SIGTERM);
      }
      processes->clear();
    }
  }

  absl::Status MakeFiles() {
    for (const std::string& region : options_.regions) {
      if (CountryOf(region) == "ZZ") {
        return absl::InvalidArgumentError(absl::StrCat("world: no region ", region));
      }
      std::filesystem::create_directories(path(region + "/keys"));
      std::filesystem::create_directories(path(region + "/data"));
      DOMICILE_ASSIGN_OR_RETURN(ports_[region].data, FindPort(reserved_));
      DOMICILE_ASSIGN_OR_RETURN(ports_[region].control, FindPort(reserved_));
      DOMICILE_RETURN_IF_ERROR(MakeCertificates(region));
      DOMICILE_RETURN_IF_ERROR(MakeIssuers(region));
      DOMICILE_RETURN_IF_ERROR(MakeOfficers(options_, region, staff_issuers_[region]->url()));
    }
    DOMICILE_RETURN_IF_ERROR(MakeKeys());
    for (const std::string& region : options_.regions) {
      DOMICILE_RETURN_IF_ERROR(MakeDirectoryFacts(region));
    }
    DOMICILE_RETURN_IF_ERROR(WriteStaff(options_.staff));
    return WriteTickets(options_.tickets);
  }

  absl::Status Start() override {
    for (const std::string& region : options_.regions) {
      DOMICILE_RETURN_IF_ERROR(StartService(region));
    }
    for (const std::string& region : options_.regions) {
      std::string config = ConfigText(options_, region, ports_);
      if (options_.edit_config) config = options_.edit_config(region, std::move(config));
      DOMICILE_RETURN_IF_ERROR(base::WriteFileAtomically(path(region + "/gateway.yaml"), config,
                                                         base::FileMode::kPublic));
    }
    for (const std::string& region : options_.regions) {
      DOMICILE_RETURN_IF_ERROR(LaunchGateway(region));
    }
    for (const std::string& region : options_.regions) {
      DOMICILE_RETURN_IF_ERROR(AwaitGateway(region));
    }
    return absl::OkStatus();
  }

  absl::Status StartGateway(const std::string& region) override {
    DOMICILE_RETURN_IF_ERROR(LaunchGateway(region));
    return AwaitGateway(region);
  }

  absl::Status StartService(const std::string& region) override {
    services_[region].reset();
    // A restarted service keeps its address: the gateway's configuration names it.
    const std::string& known = ports_[region].service;
    ProcessOptions process;
    process.command = {
        options_.service_program,
        absl::StrCat("--region=", region),
        absl::StrCat("--listen=", known.empty() ? "127.0.0.1:0" : known),
        absl::StrCat("--database=", path(region + "/service.sqlite")),
        absl::StrCat("--people=", options_.people),
        absl::StrCat("--seed=", options_.seed),
        absl::StrCat("--max_lifetime=", absl::FormatDuration(options_.service_lifetime))};
    process.log_file = path(region + "/service.log");
    DOMICILE_ASSIGN_OR_RETURN(services_[region], Process::Start(process));
    auto line = services_[region]->ReadLine(kStartTimeout);
    if (!line.ok()) {
      return Annotate(line.status(), absl::StrCat("service ", region, " says nothing; ",
                                                  LogEnd(process.log_file)));
    }
    auto said = nlohmann::json::parse(*line, nullptr, /*allow_exceptions=*/false);
    if (!said.is_object() || !said.contains("listening")) {
      return absl::InternalError(absl::StrCat("service ", region, " said: ", *line));
    }
    ports_[region].service = said["listening"];
    return absl::OkStatus();
  }

  Process* gateway(const std::string& region) override { return gateways_[region].get(); }
  Process* service(const std::string& region) override { return services_[region].get(); }
  std::string gateway_address(const std::string& region) const override {
    return absl::StrCat("127.0.0.1:", ports_.at(region).data);
  }
  std::string control_address(const std::string& region) const override {
    return absl::StrCat("127.0.0.1:", ports_.at(region).control);
  }
  std::string service_address(const std::string& region) const override {
    return ports_.at(region).service;
  }
  const WorldOptions& options() const override { return options_; }
  std::string path(const std::string& relative) const override {
    return absl::StrCat(options_.directory, "/", relative);
  }

  absl::StatusOr<Credentials> CredentialsFor(const std::string& region,
                                             const std::string& spiffe) const override {
    DOMICILE_ASSIGN_OR_RETURN(crypto::IssuedCertificate leaf, IssueLeaf(region, spiffe));
    Credentials credentials{leaf.certificate_pem, leaf.private_key_pem, ""};
    for (const auto& [name, authority] : authorities_) {
      credentials.roots += authority->certificate_pem();
    }
    return credentials;
  }

  absl::StatusOr<std::string> StaffToken(
      const StaffMember& member, const std::function<void(TokenClaims&)>& change) const override {
    TokenClaims claims;
    claims.subject = member.id;
    claims.residence = member.residence;
    claims.employer = member.employer;
    claims.roles = member.roles;
    claims.us_person = member.us_person;
    claims.locations = member.locations;
    if (claims.locations.empty() && !member.without_location) {
      claims.locations = {{.source = "device", .country = member.residence}};
    }
    return Sign(staff_issuer(member.issuer_region), std::move(claims), change);
  }

  absl::StatusOr<std::string> UserToken(
      const std::string& region, const std::string& user_id, const std::string& country,
      const std::function<void(TokenClaims&)>& change) const override {
    TokenClaims claims;
    claims.subject = user_id;
    claims.residence = country;
    claims.locations = {{.source = "device", .country = country}};
    return Sign(login_issuer(region), std::move(claims), change);
  }

  const Issuer& staff_issuer(const std::string& region) const override {
    return *staff_issuers_.at(region);
  }
  const Issuer& login_issuer(const std::string& region) const override {
    return *login_issuers_.at(region);
  }

  absl::Status WriteStaff(const std::vector<StaffMember>& staff) override {
    return WriteEverywhere("/staff.csv", StaffText(staff));
  }
  absl::Status WriteTickets(const std::vector<TicketRow>& tickets) override {
    return WriteEverywhere("/tickets.jsonl", TicketsText(tickets, absl::Now()));
  }

 private:
  absl::Status WriteEverywhere(const std::string& name, const std::string& text) {
    for (const std::string& region : options_.regions) {
      DOMICILE_RETURN_IF_ERROR(WriteSecret(path(region + name), text));
    }
    return absl::OkStatus();
  }

  absl::StatusOr<std::string> Sign(const Issuer& issuer, TokenClaims claims,
                                   const std::function<void(TokenClaims&)>& change) const {
    claims.audience = {"domicile"};
    for (const std::string& region : options_.regions) {
      claims.audience.push_back("domicile:" + region);
    }
    if (change) change(claims);
    return issuer.Sign(claims);
  }

  absl::StatusOr<crypto::IssuedCertificate> IssueLeaf(const std::string& region,
                                                      const std::string& spiffe) const {
    crypto::LeafOptions leaf;
    leaf.uris = {spiffe};
    leaf.dns_names = {"localhost"};
    leaf.ip_addresses = {"127.0.0.1"};
    leaf.not_before = absl::Now() - absl::Minutes(5);
    leaf.not_after = absl::Now() + kCertificateLife;
    return authorities_.at(region)->Issue(leaf);
  }

  absl::Status MakeCertificates(const std::string& region) {
    DOMICILE_ASSIGN_OR_RETURN(authorities_[region],
                              crypto::CertificateAuthority::Create(
                                  absl::StrCat("Acme ", region, " CA"),
                                  absl::Now() - absl::Minutes(5), absl::Now() + kCertificateLife));
    DOMICILE_ASSIGN_OR_RETURN(
        crypto::IssuedCertificate leaf,
        IssueLeaf(region, absl::StrCat("spiffe://", TrustDomainOf(region), "/domicile")));
    DOMICILE_RETURN_IF_ERROR(base::WriteFileAtomically(path(region + "/ca.pem"),
                                                       authorities_[region]->certificate_pem(),
                                                       base::FileMode::kPublic));
    DOMICILE_RETURN_IF_ERROR(base::WriteFileAtomically(
        path(region + "/gateway.pem"), leaf.certificate_pem, base::FileMode::kPublic));
    return WriteSecret(path(region + "/gateway.key"), leaf.private_key_pem);
  }

  absl::Status MakeIssuers(const std::string& region) {
    const std::string domain = TrustDomainOf(region);
    // Three algorithms, so that each is used on every run.
    const SigningAlgorithm staff = region == "us"   ? SigningAlgorithm::kRs256
                                   : region == "eu" ? SigningAlgorithm::kEs256
                                                    : SigningAlgorithm::kEdDsa;
    DOMICILE_ASSIGN_OR_RETURN(staff_issuers_[region],
                              Issuer::Create("https://staff." + domain, staff));
    DOMICILE_ASSIGN_OR_RETURN(login_issuers_[region],
                              Issuer::Create("https://login." + domain, SigningAlgorithm::kEdDsa));
    DOMICILE_RETURN_IF_ERROR(base::WriteFileAtomically(path(region + "/staff.jwks.json"),
                                                       staff_issuers_[region]->Jwks(),
                                                       base::FileMode::kPublic));
    return base::WriteFileAtomically(path(region + "/login.jwks.json"),
                                     login_issuers_[region]->Jwks(), base::FileMode::kPublic);
  }

  absl::Status MakeKeys() {
    const absl::Time from = absl::FromUnixSeconds(absl::ToUnixSeconds(absl::Now()) - 3600);
    DOMICILE_ASSIGN_OR_RETURN(
        crypto::Secret index,
        crypto::GenerateKeyRing(crypto::KeyUse::kIndex, crypto::kSharedRegion, from));
    for (const std::string& region : options_.regions) {
      const std::string keys = path(region + "/keys/");
      DOMICILE_RETURN_IF_ERROR(WriteSecret(keys + "index", index.view()));
      for (crypto::KeyUse use :
           {crypto::KeyUse::kTag, crypto::KeyUse::kReference, crypto::KeyUse::kForward,
            crypto::KeyUse::kLog, crypto::KeyUse::kProtected}) {
        DOMICILE_ASSIGN_OR_RETURN(crypto::Secret ring, crypto::GenerateKeyRing(use, region, from));
        const std::string file = absl::StrCat(keys, crypto::Name(use));
        DOMICILE_RETURN_IF_ERROR(WriteSecret(file, ring.view()));
        if (!crypto::IsSigning(use)) continue;
        DOMICILE_ASSIGN_OR_RETURN(auto parsed,
                                  crypto::KeyRing::Parse(ring.view(), file, use, region));
        DOMICILE_RETURN_IF_ERROR(base::WriteFileAtomically(file + ".pub", parsed->PublicText(),
                                                           base::FileMode::kPublic));
      }
    }
    return absl::OkStatus();
  }

  absl::StatusOr<std::string> RingSecret(const std::string& region, crypto::KeyUse use) const {
    const std::string file = path(absl::StrCat(region, "/keys/", crypto::Name(use)));
    DOMICILE_ASSIGN_OR_RETURN(auto ring, crypto::KeyRing::Load(file, use, region));
    const crypto::RingKey* key = ring->Active(absl::Now());
    if (key == nullptr) return absl::InternalError(absl::StrCat(file, ": no active key"));
    return std::string(key->secret());
  }

  // Homes, the other regions' home index, and the protected set.
  absl::Status MakeDirectoryFacts(const std::string& region) {
    const std::vector<Person> people = PeopleOf(region, options_.seed, options_.people);
    const std::string homes = HomesText(people);
    DOMICILE_RETURN_IF_ERROR(WriteSecret(path(region + "/homes.csv"), homes));
    store::DirectoryOptions directory;
    directory.path = path(region + "/data/homes.sqlite");
    DOMICILE_ASSIGN_OR_RETURN(auto opened, store::SqliteDirectory::Open(std::move(directory)));
    auto imported = opened->Import(homes, region + "/homes.csv");
    if (!imported.ok()) return imported.status();
    DOMICILE_ASSIGN_OR_RETURN(std::string index_key, RingSecret(region, crypto::KeyUse::kIndex));
    DOMICILE_RETURN_IF_ERROR(store::WriteHomeIndex(path(region + "/homes.idx"), index_key,
                                                   HomesElsewhere(options_, region)));
    DOMICILE_ASSIGN_OR_RETURN(std::string protected_key,
                              RingSecret(region, crypto::KeyUse::kProtected));
    return WriteSecret(path(region + "/protected.jsonl"), ProtectedText(people, protected_key));
  }

  absl::Status LaunchGateway(const std::string& region) {
    gateways_[region].reset();
    ProcessOptions process;
    process.command = options_.gateway_command;
    process.command.push_back("--config");
    process.command.push_back(path(region + "/gateway.yaml"));
    process.log_file = path(region + "/gateway.log");
    process.log_stdout = true;
    log_begins_[region] = SizeOf(process.log_file);
    DOMICILE_ASSIGN_OR_RETURN(gateways_[region], Process::Start(process));
    return absl::OkStatus();
  }

  absl::Status AwaitGateway(const std::string& region) {
    const absl::Time deadline = absl::Now() + kStartTimeout;
    const std::string log = path(region + "/gateway.log");
    while (!SaysReady(log, log_begins_[region])) {
      std::optional<int> code = gateways_[region]->exit_code();
      if (code.has_value() || absl::Now() > deadline) {
        return absl::UnavailableError(absl::StrCat(
            "gateway ", region, code ? absl::StrCat(" ended with ", *code) : " is not ready",
            "; the end of its log:\n", LogEnd(log)));
      }
      absl::SleepFor(absl::Milliseconds(10));  // another process writes it; nothing else tells
    }
    return absl::OkStatus();
  }

  WorldOptions options_;
  std::map<std::string, RegionPorts> ports_;
  std::list<ReservedPort> reserved_;
  std::map<std::string, int64_t> log_begins_;  // bytes of a gateway's log from before its start
  std::map<std::string, std::unique_ptr<crypto::CertificateAuthority>> authorities_;
  std::map<std::string, std::unique_ptr<Issuer>> staff_issuers_, login_issuers_;
  std::map<std::string, std::unique_ptr<Process>> services_, gateways_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<World>> World::Create(WorldOptions options) {
  auto world = std::make_unique<LocalWorld>(std::move(options));
  DOMICILE_RETURN_IF_ERROR(world->MakeFiles());
  return world;
}

}  // namespace domicile::demo
