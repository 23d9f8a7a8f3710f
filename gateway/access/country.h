// country.h — ISO 3166-1 alpha-2 country codes, with ZZ for "unknown" (S1).
//
// Upper case only: `cn` is a region or a group, `CN` a country. ZZ is in `from`
// of every deny and escalate rule and of no allow or mask rule (S6).
// Source: ISO 3166-1; ZZ is one of its user-assigned codes.
// Pure, immutable values.
// Errors: Parse gives nullopt for what is no assigned code and not ZZ.
#ifndef DOMICILE_GATEWAY_ACCESS_COUNTRY_H_
#define DOMICILE_GATEWAY_ACCESS_COUNTRY_H_

#include <array>
#include <cstdint>
#include <optional>
#include <string>

#include "absl/strings/string_view.h"

namespace domicile::access {

class CountryCode {
 public:
  constexpr CountryCode() = default;  // ZZ: an unset country is an unknown one

  // Two letters A to Z, assigned in ISO 3166-1 or ZZ; anything else is nullopt.
  static std::optional<CountryCode> Parse(absl::string_view text);
  // Two letters A to Z, not checked against the list of assigned codes.
  static constexpr CountryCode FromLetters(char first, char second) {
    return CountryCode(static_cast<uint16_t>((first - 'A') * 26 + (second - 'A')));
  }
  // 0 to 675. REQUIRES: ordinal < kCount.
  static constexpr CountryCode FromOrdinal(uint16_t ordinal) { return CountryCode(ordinal); }

  static constexpr uint16_t kCount = 26 * 26;
  constexpr uint16_t ordinal() const { return ordinal_; }
  constexpr bool unknown() const { return ordinal_ == kCount - 1; }
  std::string ToString() const {
    return {static_cast<char>('A' + ordinal_ / 26), static_cast<char>('A' + ordinal_ % 26)};
  }

  friend constexpr bool operator==(CountryCode, CountryCode) = default;
  friend constexpr auto operator<=>(CountryCode, CountryCode) = default;

 private:
  constexpr explicit CountryCode(uint16_t ordinal) : ordinal_(ordinal) {}
  uint16_t ordinal_ = kCount - 1;
};

inline constexpr CountryCode kUnknownCountry{};

// A set of countries; ZZ may be in it.
class CountrySet {
 public:
  constexpr void Add(CountryCode c) {
    words_[c.ordinal() / 64] |= uint64_t{1} << (c.ordinal() % 64);
  }
  constexpr void Remove(CountryCode c) {
    words_[c.ordinal() / 64] &= ~(uint64_t{1} << (c.ordinal() % 64));
  }
  constexpr bool Has(CountryCode c) const {
    return (words_[c.ordinal() / 64] >> (c.ordinal() % 64) & 1) != 0;
  }
  constexpr CountrySet& operator|=(const CountrySet& other) {
    for (size_t i = 0; i < words_.size(); ++i) words_[i] |= other.words_[i];
    return *this;
  }
  bool empty() const {
    for (uint64_t word : words_)
      if (word != 0) return false;
    return true;
  }
  friend bool operator==(const CountrySet&, const CountrySet&) = default;

 private:
  std::array<uint64_t, (CountryCode::kCount + 63) / 64> words_{};
};

// All assigned codes of ISO 3166-1, without ZZ: what `all_but` subtracts from.
const CountrySet& AssignedCountries();

}  // namespace domicile::access

#endif  // DOMICILE_GATEWAY_ACCESS_COUNTRY_H_
