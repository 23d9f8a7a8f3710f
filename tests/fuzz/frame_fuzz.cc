// The byte stream of a call, cut anywhere. However it is cut, the same messages must come out, none
// over the cap, and putting them back into frames must give the bytes that were read.
//
// The first byte is the size of the pieces; the rest is the stream. Compressed payloads are
// decompressed under a cap.

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "gateway/wire/frame.h"
#include "gateway/wire/gzip.h"

namespace {

constexpr size_t kCap = 1 << 10;

void Require(bool holds, const char* law) {
  if (holds) return;
  std::fprintf(stderr, "broken: %s\n", law);
  std::abort();
}

struct Outcome {
  std::string again;  // the messages, in frames once more
  bool error = false;
  bool finished = false;  // the stream ended between two messages
};

Outcome Read(absl::string_view stream, size_t piece) {
  domicile::wire::Deframer deframer(kCap);
  Outcome outcome;
  while (!stream.empty() && !outcome.error) {
    absl::string_view bytes = stream.substr(0, piece);
    stream.remove_prefix(bytes.size());
    domicile::wire::Frame frame;
    domicile::wire::Deframer::State state;
    while ((state = deframer.Next(&bytes, &frame)) == domicile::wire::Deframer::State::kFrame) {
      Require(frame.payload.size() <= kCap, "no message is over the cap");
      domicile::wire::AppendFrame(frame.payload, frame.compressed, &outcome.again);
      if (!frame.compressed) continue;
      const auto plain = domicile::wire::Gunzip(frame.payload, kCap);
      Require(!plain.ok() || plain->size() <= kCap, "no message grows over the cap");
      Require(!plain.ok() || *domicile::wire::Gunzip(*domicile::wire::Gzip(*plain), kCap) == *plain,
              "what was compressed comes back");
    }
    outcome.error = state == domicile::wire::Deframer::State::kError;
    Require(outcome.error || bytes.empty(), "all bytes are taken");
  }
  outcome.finished = deframer.Finish().ok();
  return outcome;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const absl::string_view stream(reinterpret_cast<const char*>(data) + 1, size - 1);
  const Outcome pieces = Read(stream, std::max<size_t>(1, data[0]));
  const Outcome whole = Read(stream, std::max<size_t>(1, stream.size()));
  Require(pieces.again == whole.again && pieces.error == whole.error,
          "the same messages come out however the stream is cut");
  Require(stream.substr(0, whole.again.size()) == whole.again,
          "frames are the bytes that were read");
  Require(whole.finished == (!whole.error && whole.again.size() == stream.size()) &&
              pieces.finished == whole.finished,
          "a stream that ends inside a message is broken, and no other");
  return 0;
}
