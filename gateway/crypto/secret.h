// secret.h — bytes that are wiped when nobody needs them.
//
// Why: a core dump or a reused page must not hold a key longer than the process
// needs it. Move-only, so that there is one copy.
// Thread-compatible. Errors: none.
// Source: design 6.1 (keys).
#ifndef DOMICILE_GATEWAY_CRYPTO_SECRET_H_
#define DOMICILE_GATEWAY_CRYPTO_SECRET_H_

#include <string>
#include <utility>

#include "absl/base/attributes.h"
#include "absl/strings/string_view.h"
#include "gateway/base/bytes.h"

namespace domicile::crypto {

class Secret {
 public:
  Secret() = default;
  explicit Secret(std::string bytes) : bytes_(std::move(bytes)) { base::Zeroise(&bytes); }
  ~Secret() { base::Zeroise(&bytes_); }
  // A short string is moved by copying, so the source is wiped too.
  Secret(Secret&& other) noexcept : bytes_(std::move(other.bytes_)) {
    base::Zeroise(&other.bytes_);
  }
  Secret& operator=(Secret&& other) noexcept {
    if (this != &other) {
      base::Zeroise(&bytes_);
      bytes_ = std::move(other.bytes_);
      base::Zeroise(&other.bytes_);
    }
    return *this;
  }
  Secret(const Secret&) = delete;
  Secret& operator=(const Secret&) = delete;

  absl::string_view view() const ABSL_ATTRIBUTE_LIFETIME_BOUND { return bytes_; }
  bool empty() const { return bytes_.empty(); }

 private:
  std::string bytes_;
};

}  // namespace domicile::crypto

#endif  // DOMICILE_GATEWAY_CRYPTO_SECRET_H_
