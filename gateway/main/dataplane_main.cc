// The data plane alone, for builds that may not link gRPC: domicile-dataplane --config FILE

#include <cstdio>
#include <cstring>

#include "gateway/main/serve.h"

int main(int argc, char** argv) {
  if (argc != 3 || std::strcmp(argv[1], "--config") != 0) {
    std::fputs("usage: domicile-dataplane --config FILE\n", stderr);
    return 2;
  }
  return domicile::main::Serve(argv[2], {});
}
