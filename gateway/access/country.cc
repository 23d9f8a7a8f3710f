#include "gateway/access/country.h"

namespace domicile::access {
namespace {

// The 249 officially assigned codes of ISO 3166-1, two letters each.
constexpr absl::string_view kAssigned =
    "ADAEAFAGAIALAMAOAQARASATAUAWAXAZBABBBDBEBFBGBHBI"
    "BJBLBMBNBOBQBRBSBTBVBWBYBZCACCCDCFCGCHCICKCLCMCN"
    "COCRCUCVCWCXCYCZDEDJDKDMDODZECEEEGEHERESETFIFJFK"
    "FMFOFRGAGBGDGEGFGGGHGIGLGMGNGPGQGRGSGTGUGWGYHKHM"
    "HNHRHTHUIDIEILIMINIOIQIRISITJEJMJOJPKEKGKHKIKMKN"
    "KPKRKWKYKZLALBLCLILKLRLSLTLULVLYMAMCMDMEMFMGMHMK"
    "MLMMMNMOMPMQMRMSMTMUMVMWMXMYMZNANCNENFNGNINLNONP"
    "NRNUNZOMPAPEPFPGPHPKPLPMPNPRPSPTPWPYQARERORSRURW"
    "SASBSCSDSESGSHSISJSKSLSMSNSOSRSSSTSVSXSYSZTCTDTF"
    "TGTHTJTKTLTMTNTOTRTTTVTWTZUAUGUMUSUYUZVAVCVEVGVI"
    "VNVUWFWSYEYTZAZMZW";
static_assert(kAssigned.size() == 249 * 2);

}  // namespace

const CountrySet& AssignedCountries() {
  static const CountrySet set = [] {
    CountrySet result;
    for (size_t i = 0; i < kAssigned.size(); i += 2) {
      result.Add(CountryCode::FromLetters(kAssigned[i], kAssigned[i + 1]));
    }
    return result;
  }();
  return set;
}

std::optional<CountryCode> CountryCode::Parse(absl::string_view text) {
  if (text.size() != 2) return std::nullopt;
  for (char c : text) {
    if (c < 'A' || c > 'Z') return std::nullopt;
  }
  const CountryCode code = FromLetters(text[0], text[1]);
  if (!code.unknown() && !AssignedCountries().Has(code)) return std::nullopt;
  return code;
}

}  // namespace domicile::access
