// OpenSSL marks its low-level SHA-256 as deprecated in favour of EVP, which looks its algorithm up
// and allocates on each use: 4 times the cost of hashing a tag. The functions are there in all
// of 3.x.
#define OPENSSL_SUPPRESS_DEPRECATED

#include "gateway/crypto/digest.h"

#include <openssl/crypto.h>
#include <openssl/rand.h>
#include <openssl/sha.h>

#include <cstring>
#include <new>

#include "gateway/base/bytes.h"
#include "gateway/base/check.h"

namespace domicile::crypto {
namespace {

constexpr size_t kBlockBytes = 64;

SHA256_CTX* Context(unsigned char* state) {
  return std::launder(reinterpret_cast<SHA256_CTX*>(state));
}

}  // namespace

Sha256Stream::Sha256Stream() {
  static_assert(sizeof(SHA256_CTX) == sizeof state_ && alignof(SHA256_CTX) <= 8);
  new (state_) SHA256_CTX;
  SHA256_Init(Context(state_));
}

Sha256Stream::~Sha256Stream() { base::Zeroise(state_, sizeof state_); }

void Sha256Stream::Update(absl::string_view bytes) {
  SHA256_Update(Context(state_), bytes.data(), bytes.size());
}

Digest Sha256Stream::Finish() {
  Digest digest;
  SHA256_Final(digest.data(), Context(state_));
  SHA256_Init(Context(state_));
  return digest;
}

Digest Sha256(absl::string_view bytes) {
  Sha256Stream stream;
  stream.Update(bytes);
  return stream.Finish();
}

HmacKey::HmacKey(absl::string_view key) {
  unsigned char block[kBlockBytes] = {};
  if (key.size() > kBlockBytes) {
    Digest digest = Sha256(key);
    std::memcpy(block, digest.data(), digest.size());
    base::Zeroise(digest.data(), digest.size());
  } else if (!key.empty()) {
    std::memcpy(block, key.data(), key.size());
  }
  absl::string_view padded(reinterpret_cast<const char*>(block), sizeof block);
  for (unsigned char& byte : block) byte ^= 0x36;
  inner_.Update(padded);
  for (unsigned char& byte : block) byte ^= 0x36 ^ 0x5c;
  outer_.Update(padded);
  base::Zeroise(block, sizeof block);
}

Digest HmacKey::Mac(std::initializer_list<absl::string_view> parts) const {
  Sha256Stream inner = inner_;
  for (absl::string_view part : parts) inner.Update(part);
  Digest digest = inner.Finish();
  Sha256Stream outer = outer_;
  outer.Update(View(digest));
  return outer.Finish();
}

Digest HmacSha256(absl::string_view key, absl::string_view message) {
  return HmacKey(key).Mac(message);
}

bool ConstantTimeEqual(absl::string_view a, absl::string_view b) {
  return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

void RandomBytes(void* out, size_t size_bytes) {
  auto* to = static_cast<unsigned char*>(out);
  while (size_bytes > 0) {
    // RAND_bytes counts in int.
    size_t piece = size_bytes < (1u << 20) ? size_bytes : (1u << 20);
    DOMICILE_CHECK(RAND_bytes(to, static_cast<int>(piece)) == 1);
    to += piece;
    size_bytes -= piece;
  }
}

std::string RandomBytes(size_t size_bytes) {
  std::string bytes(size_bytes, '\0');
  RandomBytes(bytes.data(), bytes.size());
  return bytes;
}

}  // namespace domicile::crypto
