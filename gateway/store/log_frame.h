// log_frame.h — the bytes of the log's files: segment headers, frames, and their names.
//
// Why: writer, recovery and reader must agree on what a whole frame is, since
// that alone tells a torn end from a broken log.
// Source: docs/audit-log.md, to the byte. Pure. Thread-safe.
// Errors: DataLoss for bytes that are no header; a frame that is none is nullopt.
#ifndef DOMICILE_GATEWAY_STORE_LOG_FRAME_H_
#define DOMICILE_GATEWAY_STORE_LOG_FRAME_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "gateway/audit/merkle_tree.h"

namespace domicile::store {

inline constexpr size_t kSegmentHeaderBytes = 84;
inline constexpr size_t kFrameHeaderBytes = 60;
// 1 MiB of a group, 1 MiB of one piece that did not fit into it, a head, with room.
inline constexpr size_t kFrameBytesMax = 3 << 20;
inline constexpr size_t kPieceEntriesMax = 1'024;
inline constexpr size_t kPieceBytesMax = 1 << 20;

struct SegmentHeader {
  uint64_t first_index = 0;
  audit::Hash previous{};  // hash of the frame or header before it; zeros in the first segment
  audit::Hash origin{};    // SHA-256 of the log's origin line
};
std::string FormatSegmentHeader(const SegmentHeader& header);
absl::StatusOr<SegmentHeader> ParseSegmentHeader(absl::string_view bytes);

// `00000000000000001234.segment`; nullopt for any other name.
std::string SegmentName(uint64_t first_index);
std::optional<uint64_t> ParseSegmentName(absl::string_view name);

// Views into the bytes that were parsed.
struct Frame {
  uint64_t first_index = 0;
  audit::Hash previous{};  // hash of the header or frame before
  absl::string_view head;  // signed note over the entries before this frame; may be empty
  std::vector<absl::string_view> entries;
  absl::string_view bytes;  // the whole frame
};
std::string FormatFrame(uint64_t first_index, const audit::Hash& previous, absl::string_view head,
                        absl::Span<const absl::string_view> entries);
// The frame at the front of `bytes`: nullopt when it is cut or its checksum does not hold.
std::optional<Frame> ParseFrame(absl::string_view bytes);

// What chains frames: SHA-256 of a frame's or header's bytes.
audit::Hash ChainHash(absl::string_view bytes);

// True when nothing but zeros follows: the unused part of a segment.
bool AllZero(absl::string_view bytes);
// True when a frame could stand in `bytes` behind a broken one: then what broke is not the end.
bool HoldsFrame(absl::string_view bytes);

}  // namespace domicile::store

#endif  // DOMICILE_GATEWAY_STORE_LOG_FRAME_H_
