// raw.h — HTTP/2 by hand: sockets and bytes, for what no library would send.
//
// Headers are HPACK literals without indexing and without Huffman coding, so that every byte of an
// attack stands in the test that makes it. What the gateway answers is read without a library too.
#ifndef DOMICILE_TESTS_ATTACKS_RAW_H_
#define DOMICILE_TESTS_ATTACKS_RAW_H_

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace domicile::attacks {

enum FrameType : uint8_t {
  kData = 0,
  kHeaders = 1,
  kPriority = 2,
  kRstStream = 3,
  kSettings = 4,
  kPing = 6,
  kGoaway = 7,
  kWindowUpdate = 8,
  kContinuation = 9,
};
enum FrameFlag : uint8_t { kEndStream = 1, kAck = 1, kEndHeaders = 4 };

struct RawFrame {
  uint8_t type = 0;
  uint8_t flags = 0;
  uint32_t stream = 0;
  std::string payload;
  uint32_t error() const;  // of RST_STREAM and GOAWAY
};

std::string Frame(uint8_t type, uint8_t flags, uint32_t stream, const std::string& payload);
std::string Put32(uint32_t value);
std::string Literal(const std::string& name, const std::string& value);
using Fields = std::vector<std::pair<std::string, std::string>>;
std::string Block(const Fields& fields);
// A gRPC request's fields.
Fields Call(const std::string& path = "/test.Echo/Unary");
std::string GrpcMessage(const std::string& bytes);
// `entry`, a Literal, as one that also goes into the dynamic table; kNewest names the last one.
std::string Indexed(std::string entry);
inline constexpr char kNewest = static_cast<char>(0x80 | 62);
// The fields of a header block from a gateway that was told to keep no dynamic table, as Connect
// does. A name of the static table other than `:status` reads "#" and its place. nullopt: no such
// block.
std::optional<Fields> ReadBlock(const std::string& block);

// What came back on a stream.
struct Answer {
  enum class End { kAnswered, kReset, kClosed };  // END_STREAM, RST_STREAM, no connection
  End end = End::kClosed;
  uint32_t error = 0;  // of RST_STREAM or GOAWAY
  Fields fields;       // of all header blocks
  std::string body;
  std::string Get(const std::string& name) const;
  // -1: there is none.
  int grpc_status() const;
};

// Acknowledges the gateway's SETTINGS, also before they came: only then its windows and its limit
// of streams hold for us.
std::string AckSettings();

// One end of a connection.
class Raw {
 public:
  explicit Raw(int fd) : fd_(fd) {}
  // Connects to loopback; sends preface and SETTINGS unless told otherwise.
  static Raw Connect(uint16_t port, bool preface = true);
  // What Connect sends: preface and SETTINGS.
  static std::string Preface();
  Raw(Raw&& other) noexcept
      : fd_(std::exchange(other.fd_, -1)),
        buffer_(std::move(other.buffer_)),
        used_(std::exchange(other.used_, 0)) {}
  ~Raw();
  // False when the other end is gone.
  bool Send(const std::string& bytes);
  // The next frame; false at the end of the connection or after ten seconds without a byte.
  bool Read(RawFrame* frame);
  // Skips to a frame for which `wanted` holds.
  bool ReadUntil(const std::function<bool(const RawFrame&)>& wanted, RawFrame* frame);
  // Reads to the end. True when the other end closed; `last` is the last GOAWAY, if any.
  bool ReadToEnd(RawFrame* goaway);
  // Reads until `stream` is over.
  Answer ReadAnswer(uint32_t stream);
  // Of bytes that came another way: `plain` is all that will come.
  static Answer AnswerIn(const std::string& plain, uint32_t stream);
  int fd() const { return fd_; }

 private:
  int fd_;
  std::string buffer_;
  size_t used_ = 0;  // of the buffer
};

}  // namespace domicile::attacks

#endif  // DOMICILE_TESTS_ATTACKS_RAW_H_
