#include "gateway/main/build.h"

#include <fstream>
#include <string>
#include <vector>

namespace domicile::main {

absl::string_view Version() { return DOMICILE_VERSION; }

const crypto::Digest& BuildDigest() {
  static const crypto::Digest digest = [] {
    std::ifstream self("/proc/self/exe", std::ios::binary);
    if (!self) return crypto::Digest{};
    crypto::Sha256Stream stream;
    std::vector<char> block(1 << 20);
    while (self.read(block.data(), static_cast<std::streamsize>(block.size())) ||
           self.gcount() > 0) {
      stream.Update(absl::string_view(block.data(), static_cast<size_t>(self.gcount())));
    }
    return stream.Finish();
  }();
  return digest;
}

}  // namespace domicile::main
