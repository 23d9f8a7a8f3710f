#include "gateway/wire/gzip.h"

#include <zlib.h>

#include <algorithm>
#include <cstdint>

#include "absl/strings/str_cat.h"

namespace domicile::wire {
namespace {

constexpr int kGzipOnly = 15 + 16;  // window bits; +16: gzip header, never zlib or raw
constexpr size_t kChunkBytes = 16 << 10;

class Inflater {
 public:
  Inflater() { ready_ = inflateInit2(&stream_, kGzipOnly) == Z_OK; }
  ~Inflater() {
    if (ready_) inflateEnd(&stream_);
  }
  Inflater(const Inflater&) = delete;
  Inflater& operator=(const Inflater&) = delete;
  bool ready() const { return ready_; }
  z_stream& stream() { return stream_; }

 private:
  z_stream stream_{};
  bool ready_ = false;
};

// ISIZE, the last four bytes of a member: how long it is when it is inflated, modulo 2^32.
size_t SaidSize(absl::string_view compressed) {
  size_t said = 0;
  for (size_t i = 1; i <= 4 && i <= compressed.size(); ++i)
    said = said << 8 | static_cast<unsigned char>(compressed[compressed.size() - i]);
  return said;
}

Bytef* AsBytes(const char* p) { return reinterpret_cast<Bytef*>(const_cast<char*>(p)); }

}  // namespace

absl::StatusOr<std::string> Gunzip(absl::string_view compressed, size_t output_bytes_max) {
  if (compressed.size() > UINT32_MAX) {
    return absl::ResourceExhaustedError("gzip input is over 4 GiB");
  }
  Inflater inflater;
  if (!inflater.ready()) return absl::ResourceExhaustedError("no memory to decompress");
  z_stream& stream = inflater.stream();
  stream.next_in = AsBytes(compressed.data());
  stream.avail_in = static_cast<uInt>(compressed.size());
  // Room is taken once, for what the trailer says: growing towards the cap would hold three times
  // as much at its end. What says that it is over the cap is only counted.
  const size_t said = SaidSize(compressed);
  const bool kept = said <= output_bytes_max;
  std::string out;
  if (kept) out.reserve(said + 1);
  size_t used = 0;
  for (;;) {
    // One byte beyond tells "exactly" from "more".
    const size_t room = std::min(kChunkBytes, (kept ? said : output_bytes_max) + 1 - used);
    const size_t at = kept ? used : 0;
    out.resize(at + room);
    stream.next_out = AsBytes(out.data() + at);
    stream.avail_out = static_cast<uInt>(room);
    const int result = inflate(&stream, Z_NO_FLUSH);
    used += room - stream.avail_out;
    if (used > output_bytes_max) {
      return absl::ResourceExhaustedError(
          absl::StrCat("decompressed message is over the limit of ", output_bytes_max, " bytes"));
    }
    if (result == Z_STREAM_END) break;
    if ((kept && used > said) || result != Z_OK ||
        (stream.avail_in == 0 && stream.avail_out != 0)) {
      return absl::InvalidArgumentError("not a whole gzip member");
    }
  }
  // A member that ended in order is as long as its trailer says (RFC 1952 section 2.3.1), so this
  // is what `said` was not read from.
  if (stream.avail_in != 0 || used != said) {
    return absl::InvalidArgumentError("bytes after the first gzip member");
  }
  out.resize(used);
  return out;
}

absl::StatusOr<std::string> Gzip(absl::string_view bytes) {
  if (bytes.size() > UINT32_MAX) return absl::ResourceExhaustedError("gzip input is over 4 GiB");
  z_stream stream{};
  if (deflateInit2(&stream, Z_DEFAULT_COMPRESSION, Z_DEFLATED, kGzipOnly, 8, Z_DEFAULT_STRATEGY) !=
      Z_OK) {
    return absl::ResourceExhaustedError("no memory to compress");
  }
  std::string out(deflateBound(&stream, bytes.size()), '\0');
  stream.next_in = AsBytes(bytes.data());
  stream.avail_in = static_cast<uInt>(bytes.size());
  stream.next_out = AsBytes(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  const int result = deflate(&stream, Z_FINISH);
  out.resize(out.size() - stream.avail_out);
  deflateEnd(&stream);
  if (result != Z_STREAM_END) return absl::InternalError("gzip did not finish");
  return out;
}

}  // namespace domicile::wire
