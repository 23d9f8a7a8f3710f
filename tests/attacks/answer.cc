// answer.cc — header blocks of the gateway, read by hand (RFC 7541).

#include <cstdlib>

#include "tests/attacks/raw.h"

namespace domicile::attacks {
namespace {

// Appendix B: symbols by the length of their code, each length in the order of its codes, which
// are counted through. Longer codes stand for bytes that no field of the gateway holds.
struct Codes {
  int bits;
  const char* symbols;
  size_t count;
};
constexpr char kBits6[] = " %-./3456789=A_bdfghlmnpru";
constexpr char kBits7[] = ":BCDEFGHIJKLMNOPQRSTUVWYjkqvwxyz";
constexpr Codes kCodes[] = {
    {5, "012aceiost", 10}, {6, kBits6, 26}, {7, kBits7, 32},    {8, "&*,;XZ", 6}, {10, "!\"()?", 5},
    {11, "'+|", 3},        {12, "#>", 2},   {13, "\0$@[]~", 6}, {14, "^}", 2},    {15, "<`{", 3},
};
static_assert(sizeof kBits6 == 27 && sizeof kBits7 == 33);

// The symbol whose code the first bits of `code`, which has `bits` of them, are.
std::optional<char> Symbol(uint32_t code, int bits) {
  uint32_t first = 0;
  int length = 0;
  for (const Codes& codes : kCodes) {
    first <<= codes.bits - length;
    length = codes.bits;
    if (length == bits && code >= first && code - first < codes.count)
      return codes.symbols[code - first];
    first += static_cast<uint32_t>(codes.count);
  }
  return std::nullopt;
}

std::optional<std::string> Unpack(const std::string& bytes) {
  std::string out;
  uint32_t code = 0;
  int bits = 0;
  for (unsigned char byte : bytes) {
    for (int bit = 7; bit >= 0; --bit) {
      code = code << 1 | (byte >> bit & 1);
      auto symbol = Symbol(code, ++bits);
      if (bits > 15) return std::nullopt;
      if (!symbol.has_value()) continue;
      out.push_back(*symbol);
      code = 0;
      bits = 0;
    }
  }
  // What is left is padding: the first bits of the longest code.
  if (bits > 7 || code != (uint32_t{1} << bits) - 1) return std::nullopt;
  return out;
}

class Reader {
 public:
  explicit Reader(const std::string& bytes) : bytes_(bytes) {}
  bool done() const { return at_ == bytes_.size(); }
  unsigned char next() const { return static_cast<unsigned char>(bytes_[at_]); }
  // Section 5.1, with a prefix of so many bits.
  std::optional<size_t> Number(int prefix) {
    if (done()) return std::nullopt;
    const size_t most = (size_t{1} << prefix) - 1;
    size_t value = next() & most;
    ++at_;
    if (value < most) return value;
    for (int shift = 0; shift < 28 && !done(); shift += 7) {
      const unsigned char byte = next();
      ++at_;
      value += static_cast<size_t>(byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
    return std::nullopt;
  }
  // Section 5.2.
  std::optional<std::string> Text() {
    if (done()) return std::nullopt;
    const bool packed = (next() & 0x80) != 0;
    auto size = Number(7);
    if (!size.has_value() || *size > bytes_.size() - at_) return std::nullopt;
    std::string text = bytes_.substr(at_, *size);
    at_ += *size;
    return packed ? Unpack(text) : text;
  }

 private:
  const std::string& bytes_;
  size_t at_ = 0;
};

constexpr size_t kStatusFirst = 8, kStatusLast = 14;
std::string Name(size_t place) {
  if (place >= kStatusFirst && place <= kStatusLast) return ":status";
  return "#" + std::to_string(place);
}

}  // namespace

std::optional<Fields> ReadBlock(const std::string& block) {
  constexpr const char* kStatuses[] = {"200", "204", "206", "304", "400", "404", "500"};
  constexpr size_t kStaticEntries = 61;
  Fields fields;
  for (Reader reader(block); !reader.done();) {
    const unsigned char first = reader.next();
    const bool whole = (first & 0x80) != 0, resize = (first & 0xe0) == 0x20;
    auto place = reader.Number(whole ? 7 : (first & 0x40) != 0 ? 6 : resize ? 5 : 4);
    if (!place.has_value() || (!resize && *place > kStaticEntries)) return std::nullopt;
    if (resize) continue;
    if (whole) {
      const bool status = *place >= kStatusFirst && *place <= kStatusLast;
      fields.emplace_back(Name(*place), status ? kStatuses[*place - kStatusFirst] : "");
      continue;
    }
    auto name = *place == 0 ? reader.Text() : Name(*place);
    auto value = reader.Text();
    if (!name.has_value() || !value.has_value()) return std::nullopt;
    fields.emplace_back(*std::move(name), *std::move(value));
  }
  return fields;
}

std::string Answer::Get(const std::string& name) const {
  for (const auto& [key, value] : fields)
    if (key == name) return value;
  return "";
}

int Answer::grpc_status() const {
  const std::string text = Get("grpc-status");
  return text.empty() ? -1 : std::atoi(text.c_str());
}

}  // namespace domicile::attacks
