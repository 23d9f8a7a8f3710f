// domicile_sample_server — the services of one region of Acme, an invented company.
//
//   domicile_sample_server --region us --listen 127.0.0.1:0 --database us.db --people 2000
//
// Prints one line of JSON with the address it listens on, then serves until stdin closes,
// SIGTERM comes or --max_lifetime passes, so that a forgotten server ends by itself.
// Exit codes: 0 stopped as asked, 2 bad flags, 1 cannot start.
#include <grpcpp/grpcpp.h>
#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <cstdio>
#include <fstream>
#include <iostream>
#include <memory>
#include <sstream>
#include <string>

#include "absl/flags/flag.h"
#include "absl/flags/parse.h"
#include "absl/flags/usage.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "nlohmann/json.hpp"
#include "tests/sample/server/call_counter.h"
#include "tests/sample/server/control_service.h"
#include "tests/sample/server/database.h"
#include "tests/sample/server/interop_service.h"
#include "tests/sample/server/orders_service.h"
#include "tests/sample/server/profiles_service.h"
#include "tests/sample/server/seed.h"

ABSL_FLAG(std::string, region, "", "region whose people live in the database: us, eu, cn, uk, sg");
ABSL_FLAG(std::string, listen, "127.0.0.1:0", "address; port 0 takes a free one");
ABSL_FLAG(std::string, database, "", "SQLite file; made and filled when it is not there");
ABSL_FLAG(uint64_t, seed, 2022, "equal seeds give equal people");
ABSL_FLAG(int, people, 2000, "generated people, beside the named ones");
ABSL_FLAG(std::string, tls_certificate, "", "PEM chain; without it the server speaks plaintext");
ABSL_FLAG(std::string, tls_key, "", "PEM key of --tls_certificate");
ABSL_FLAG(std::string, tls_client_roots, "", "PEM roots; clients must then show a certificate");
ABSL_FLAG(absl::Duration, max_lifetime, absl::Hours(1), "the server stops after this");

namespace domicile::sample {
namespace {

std::string ReadFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

std::shared_ptr<grpc::ServerCredentials> CredentialsFromFlags() {
  std::string certificate = absl::GetFlag(FLAGS_tls_certificate);
  if (certificate.empty()) return grpc::InsecureServerCredentials();
  grpc::SslServerCredentialsOptions options;
  options.pem_key_cert_pairs.push_back(
      {ReadFile(absl::GetFlag(FLAGS_tls_key)), ReadFile(certificate)});
  std::string roots = absl::GetFlag(FLAGS_tls_client_roots);
  if (!roots.empty()) {
    options.pem_root_certs = ReadFile(roots);
    options.client_certificate_request = GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY;
  }
  return grpc::SslServerCredentials(options);
}

// Blocked before any thread starts, so that every thread leaves it to the signalfd.
int TakeSignals() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGTERM);
  sigaddset(&set, SIGINT);
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
  return signalfd(-1, &set, SFD_CLOEXEC);
}

void WaitForTheEnd(int signals) {
  const absl::Time end = absl::Now() + absl::GetFlag(FLAGS_max_lifetime);
  while (absl::Now() < end) {
    pollfd entries[2] = {{.fd = 0, .events = POLLIN, .revents = 0},
                         {.fd = signals, .events = POLLIN, .revents = 0}};
    int64_t wait_ms = absl::ToInt64Milliseconds(end - absl::Now());
    if (poll(entries, 2, static_cast<int>(std::min<int64_t>(wait_ms, 60'000))) <= 0) continue;
    if (entries[1].revents != 0) return;
    char buffer[256];
    if (entries[0].revents != 0 && read(0, buffer, sizeof(buffer)) <= 0) return;
  }
}

int Fail(const absl::Status& status) {
  std::cerr << "domicile_sample_server: " << status.message() << std::endl;
  return 1;
}

int Run() {
  int signals = TakeSignals();
  auto database = Database::Open(absl::GetFlag(FLAGS_database));
  if (!database.ok()) return Fail(database.status());
  absl::Status seeded = Seed(**database, absl::GetFlag(FLAGS_region), absl::GetFlag(FLAGS_seed),
                             absl::GetFlag(FLAGS_people));
  if (!seeded.ok()) return Fail(seeded);

  CallCounter counter;
  ProfilesService profiles(**database, counter);
  OrdersService orders(**database);
  InteropService interop(counter);
  ControlService control(**database, counter);
  grpc::ServerBuilder builder;
  int port = 0;
  builder.AddListeningPort(absl::GetFlag(FLAGS_listen), CredentialsFromFlags(), &port);
  // A second server on the port must fail, not share it.
  builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
  for (grpc::Service* service :
       std::initializer_list<grpc::Service*>{&profiles, &orders, &interop, &control}) {
    builder.RegisterService(service);
  }
  std::vector<std::unique_ptr<grpc::experimental::ServerInterceptorFactoryInterface>> interceptors;
  interceptors.push_back(counter.Interceptor());
  builder.experimental().SetInterceptorCreators(std::move(interceptors));
  std::unique_ptr<grpc::Server> server = builder.BuildAndStart();
  if (server == nullptr) {
    return Fail(absl::UnavailableError(
        absl::StrCat("cannot listen on ", absl::GetFlag(FLAGS_listen), "; is it in use?")));
  }
  std::string listen = absl::GetFlag(FLAGS_listen);
  std::string address = absl::StrCat(listen.substr(0, listen.rfind(':')), ":", port);
  std::cout << nlohmann::json{{"listening", address},
                              {"port", port},
                              {"region", absl::GetFlag(FLAGS_region)}}
                   .dump()
            << std::endl;
  WaitForTheEnd(signals);
  server->Shutdown(std::chrono::system_clock::now() + std::chrono::seconds(1));
  return 0;
}

}  // namespace
}  // namespace domicile::sample

int main(int argc, char** argv) {
  absl::SetProgramUsageMessage("the sample services of one region; see --help for the flags");
  absl::ParseCommandLine(argc, argv);
  if (absl::GetFlag(FLAGS_database).empty() || absl::GetFlag(FLAGS_region).empty()) {
    std::cerr << "domicile_sample_server: --region and --database are needed" << std::endl;
    return 2;
  }
  return domicile::sample::Run();
}
