// key_ring_text.h — the lines of a ring file (key_ring.h), read strictly.
//
// Private to crypto/. Errors: InvalidArgument with `file:line:`, FailedPrecondition
// for another use or region than expected. Material is moved into Secret at once.
#ifndef DOMICILE_GATEWAY_CRYPTO_KEY_RING_TEXT_H_
#define DOMICILE_GATEWAY_CRYPTO_KEY_RING_TEXT_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "gateway/crypto/key_ring.h"
#include "gateway/crypto/secret.h"

namespace domicile::crypto {

enum class RingForm { kSecret, kPublic };

struct RingLine {
  int line = 0;
  uint32_t id = 0;
  absl::Time from;
  std::optional<absl::Time> until;
  Secret material;  // 32 bytes
};
struct RingText {
  std::vector<RingLine> keys;  // at least one; rising `from`, distinct ids
};

absl::StatusOr<RingText> ReadRingText(absl::string_view text, absl::string_view file, RingForm form,
                                      KeyUse use, absl::string_view region);

std::string KeyIdText(uint32_t id);
uint32_t DeriveKeyId(KeyUse use, absl::string_view region, absl::string_view material);
// 2026-11-24T05:58:24Z
std::string FormatRingTime(absl::Time time);
// 1 to kRegionCodeBytesMax of a-z 0-9 -, beginning with a letter.
bool IsRingRegion(absl::string_view region);

}  // namespace domicile::crypto

#endif  // DOMICILE_GATEWAY_CRYPTO_KEY_RING_TEXT_H_
