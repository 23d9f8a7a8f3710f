#include "gateway/store/log_frame.h"

#include <zlib.h>

#include <algorithm>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/strip.h"
#include "gateway/base/bytes.h"
#include "gateway/base/check.h"
#include "gateway/crypto/digest.h"

namespace domicile::store {
namespace {

constexpr absl::string_view kSegmentMagic = "DOMLOG1\n";
constexpr absl::string_view kFrameMagic = "DFRM";
constexpr absl::string_view kSegmentSuffix = ".segment";
static_assert(kSegmentMagic.size() + 8 + 32 + 32 + 4 == kSegmentHeaderBytes);
static_assert(kFrameMagic.size() + 8 + 4 + 4 + 4 + 32 + 4 == kFrameHeaderBytes);
constexpr size_t kFrameCrcOffset = kFrameHeaderBytes - 4;

uint32_t Crc(absl::string_view a, absl::string_view b = {}) {
  uLong crc = 0;
  for (absl::string_view part : {a, b}) {
    // crc32_z takes a null pointer for "start anew", whatever the crc so far.
    if (!part.empty()) crc = crc32_z(crc, reinterpret_cast<const Bytef*>(part.data()), part.size());
  }
  return static_cast<uint32_t>(crc);
}

audit::Hash HashAt(absl::string_view bytes, size_t offset) {
  audit::Hash hash;
  std::copy_n(bytes.data() + offset, hash.size(), reinterpret_cast<char*>(hash.data()));
  return hash;
}

bool SplitEntries(absl::string_view body, uint32_t count, std::vector<absl::string_view>& entries) {
  entries.reserve(std::min<size_t>(count, body.size() / 3));
  while (!body.empty()) {
    if (body.size() < 2) return false;
    size_t length = base::GetBigEndian16(body.data());
    if (length == 0 || body.size() < 2 + length) return false;
    entries.push_back(body.substr(2, length));
    body.remove_prefix(2 + length);
  }
  return entries.size() == count;
}

}  // namespace

std::string FormatSegmentHeader(const SegmentHeader& header) {
  std::string bytes(kSegmentMagic);
  base::PutBigEndian64(header.first_index, &bytes);
  absl::StrAppend(&bytes, crypto::View(header.previous), crypto::View(header.origin));
  base::PutBigEndian32(Crc(bytes), &bytes);
  DOMICILE_CHECK(bytes.size() == kSegmentHeaderBytes);
  return bytes;
}

absl::StatusOr<SegmentHeader> ParseSegmentHeader(absl::string_view bytes) {
  bytes = bytes.substr(0, kSegmentHeaderBytes);
  if (bytes.size() < kSegmentHeaderBytes || !absl::StartsWith(bytes, kSegmentMagic) ||
      base::GetBigEndian32(bytes.data() + kSegmentHeaderBytes - 4) !=
          Crc(bytes.substr(0, kSegmentHeaderBytes - 4)))
    return absl::DataLossError("log: a segment's header is broken");
  return SegmentHeader{.first_index = base::GetBigEndian64(bytes.data() + 8),
                       .previous = HashAt(bytes, 16),
                       .origin = HashAt(bytes, 48)};
}

std::string SegmentName(uint64_t first_index) {
  return absl::StrFormat("%020d%s", first_index, kSegmentSuffix);
}

std::optional<uint64_t> ParseSegmentName(absl::string_view name) {
  uint64_t index = 0;
  absl::string_view digits = name;
  if (!absl::ConsumeSuffix(&digits, kSegmentSuffix) || !absl::SimpleAtoi(digits, &index) ||
      SegmentName(index) != name)
    return std::nullopt;
  return index;
}

std::string FormatFrame(uint64_t first_index, const audit::Hash& previous, absl::string_view head,
                        absl::Span<const absl::string_view> entries) {
  size_t body_bytes = 0;
  for (absl::string_view entry : entries) body_bytes += 2 + entry.size();
  std::string bytes;
  bytes.reserve(kFrameHeaderBytes + head.size() + body_bytes);
  absl::StrAppend(&bytes, kFrameMagic);
  base::PutBigEndian64(first_index, &bytes);
  base::PutBigEndian32(static_cast<uint32_t>(entries.size()), &bytes);
  base::PutBigEndian32(static_cast<uint32_t>(head.size()), &bytes);
  base::PutBigEndian32(static_cast<uint32_t>(body_bytes), &bytes);
  absl::StrAppend(&bytes, crypto::View(previous));
  bytes.append(4, '\0');
  absl::StrAppend(&bytes, head);
  for (absl::string_view entry : entries) {
    DOMICILE_CHECK(!entry.empty() && entry.size() <= 0xffff);
    base::PutBigEndian16(static_cast<uint16_t>(entry.size()), &bytes);
    absl::StrAppend(&bytes, entry);
  }
  DOMICILE_CHECK(bytes.size() <= kFrameBytesMax);
  absl::string_view whole = bytes;
  std::string crc;
  base::PutBigEndian32(Crc(whole.substr(0, kFrameCrcOffset), whole.substr(kFrameHeaderBytes)),
                       &crc);
  bytes.replace(kFrameCrcOffset, 4, crc);
  return bytes;
}

std::optional<Frame> ParseFrame(absl::string_view bytes) {
  if (bytes.size() < kFrameHeaderBytes || !absl::StartsWith(bytes, kFrameMagic))
    return std::nullopt;
  uint32_t count = base::GetBigEndian32(bytes.data() + 12);
  uint64_t head_bytes = base::GetBigEndian32(bytes.data() + 16);
  uint64_t body_bytes = base::GetBigEndian32(bytes.data() + 20);
  uint64_t size = kFrameHeaderBytes + head_bytes + body_bytes;
  if (size > kFrameBytesMax || size > bytes.size()) return std::nullopt;
  bytes = bytes.substr(0, size);
  if (base::GetBigEndian32(bytes.data() + kFrameCrcOffset) !=
      Crc(bytes.substr(0, kFrameCrcOffset), bytes.substr(kFrameHeaderBytes)))
    return std::nullopt;
  Frame frame;
  frame.first_index = base::GetBigEndian64(bytes.data() + 4);
  frame.previous = HashAt(bytes, 24);
  frame.head = bytes.substr(kFrameHeaderBytes, head_bytes);
  frame.bytes = bytes;
  if (!SplitEntries(bytes.substr(kFrameHeaderBytes + head_bytes), count, frame.entries))
    return std::nullopt;
  return frame;
}

audit::Hash ChainHash(absl::string_view bytes) { return crypto::Sha256(bytes); }

bool AllZero(absl::string_view bytes) {
  return bytes.find_first_not_of('\0') == absl::string_view::npos;
}

bool HoldsFrame(absl::string_view bytes) {
  for (size_t at = bytes.find(kFrameMagic); at != absl::string_view::npos;
       at = bytes.find(kFrameMagic, at + 1)) {
    if (ParseFrame(bytes.substr(at))) return true;
  }
  return false;
}

}  // namespace domicile::store
