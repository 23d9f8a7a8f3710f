// A gateway in front of an echo service, for h2load: the CPU a call costs is that of this process.
//
//   proxy_bench_gateway LOG_DIRECTORY [loops]
//
// The log is the real one, in a directory that exists and is empty: on tmpfs it costs what it
// computes, on a disk also what the disk costs. Prints its port, its pid and a header file's worth
// of metadata for calls that are decided; runs until standard input ends. The echo service is a
// process of its own.

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "tests/proxy/peer.h"
#include "tests/proxy/world.h"
#include "tests/store/log_fixture.h"

int main(int argc, char** argv) {
  using namespace domicile::proxy;
  if (argc < 2) {
    fputs("usage: proxy_bench_gateway LOG_DIRECTORY [loops]\n", stderr);
    return 64;
  }
  int pipe_fds[2];
  if (pipe(pipe_fds) != 0) return 1;
  pid_t echo = fork();
  if (echo == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    TestUpstream upstream;
    uint16_t port = upstream.port();
    if (write(pipe_fds[1], &port, sizeof port) != sizeof port) return 1;
    pause();
    return 0;
  }
  uint16_t upstream = 0;
  if (read(pipe_fds[0], &upstream, sizeof upstream) != sizeof upstream) return 1;
  domicile::store::LogOptions log_options;
  log_options.directory = argv[1];
  log_options.origin = domicile::store::kLogOrigin;
  log_options.signer = domicile::store::LogSigner();
  auto log = domicile::store::LogSegments::Open(std::move(log_options));
  if (!log.ok()) {
    fprintf(stderr, "%s\n", log.status().ToString().c_str());
    return 1;
  }
  World world(
      upstream, [&](DataPlaneOptions& options) { options.loops = argc > 2 ? atoi(argv[2]) : 1; },
      log->get());
  printf("gateway %u pid %d upstream %u\nauthorization: %s\n", world.port(), getpid(), upstream,
         SupportToken().c_str());
  fflush(stdout);
  while (getchar() != EOF) {
  }
  kill(echo, SIGKILL);
  return 0;
}
