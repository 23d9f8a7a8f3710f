// form.h — one spelling for each value in the canonical JSON of terms and statements.
//
// Private to exceptions/. What is read is written again and compared, so this only has to
// find values: members that are missing, surplus, repeated or spelled otherwise all show.
// The form is that of RFC 8785 for what stands in it: members in the order of their bytes, no white
// space, whole numbers of at most 2^53 - 1, the shortest escapes.
// Source: RFC 8785, RFC 8259, RFC 3339; Unicode 14, categories Cc, Cf, Zl, Zp.
// Errors: InvalidArgument that names the member and holds nothing of the text.
#ifndef DOMICILE_GATEWAY_EXCEPTIONS_FORM_H_
#define DOMICILE_GATEWAY_EXCEPTIONS_FORM_H_

#include <algorithm>
#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "gateway/access/country.h"
#include "gateway/exceptions/terms.h"
#include "nlohmann/json.hpp"

namespace domicile::exceptions {

// Bytes that are no UTF-8 become U+FFFD; nothing that was checked has any.
std::string Write(const nlohmann::json& value);
// An object; at most `bytes_max` bytes.
absl::StatusOr<nlohmann::json> ReadObject(absl::string_view what, absl::string_view text,
                                          size_t bytes_max);
// `2026-11-24T14:00:00Z`. Times outside 1970 to 9999 are written in a way that is not read.
std::string TimeText(absl::Time time);
bool IsWholeSecond(absl::Time time);

// Text that every screen shows as it is: UTF-8 without control characters, without invisible ones
// and without those that change the direction of what follows (U+202E and its like).
bool IsPlainText(absl::string_view text, size_t bytes_max);
// The same, and line feeds.
bool IsPlainLines(absl::string_view text, size_t bytes_max);
// 1 to 64 bytes of a-z, 0-9, '_' and '-': regions, categories.
bool IsName(absl::string_view text);

template <class T>
void SortUnique(std::vector<T>& list) {
  std::sort(list.begin(), list.end());
  list.erase(std::unique(list.begin(), list.end()), list.end());
}
// Sorted, and nothing twice.
template <class T>
bool IsSortedUnique(const std::vector<T>& list) {
  return std::adjacent_find(list.begin(), list.end(),
                            [](const T& a, const T& b) { return !(a < b); }) == list.end();
}

// The members of one object; keeps the first error, and gives empty values from then on.
class Members {
 public:
  // `what`: "terms", for errors. Both outlive it.
  Members(absl::string_view what, const nlohmann::json& object) : what_(what), object_(object) {}

  std::string Text(const char* name);
  bool Flag(const char* name);
  uint64_t Number(const char* name, uint64_t max);
  absl::Time Time(const char* name);
  std::vector<std::string> Texts(const char* name, size_t count_max);
  std::vector<access::CountryCode> Countries(const char* name, size_t count_max);
  // Lower-case hex of exactly this many bytes.
  template <size_t kBytes>
  std::array<uint8_t, kBytes> Hex(const char* name) {
    std::array<uint8_t, kBytes> bytes{};
    if (!FromHex(Text(name), bytes.data(), kBytes)) Fail(name);
    return bytes;
  }
  const nlohmann::json& Object(const char* name);

  void Fail(const char* name);
  const absl::Status& status() const { return status_; }
  static bool FromHex(absl::string_view hex, uint8_t* out, size_t size_bytes);

 private:
  const nlohmann::json& Get(const char* name);

  absl::string_view what_;
  const nlohmann::json& object_;
  absl::Status status_;
};

// Of terms.h, as they stand inside a statement.
nlohmann::json ToJsonValue(const Terms& terms);
absl::StatusOr<Terms> TermsFrom(const nlohmann::json& object);

}  // namespace domicile::exceptions

#endif  // DOMICILE_GATEWAY_EXCEPTIONS_FORM_H_
