#include "tests/attacks/raw.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "gateway/base/check.h"

namespace domicile::attacks {
namespace {

uint32_t Get32(const std::string& bytes, size_t at) {
  uint32_t value = 0;
  for (size_t i = 0; i < 4; ++i) value = value << 8 | static_cast<unsigned char>(bytes[at + i]);
  return value;
}

}  // namespace

uint32_t RawFrame::error() const {
  size_t at = type == kGoaway ? 4 : 0;
  return payload.size() >= at + 4 ? Get32(payload, at) : 0;
}

std::string Put32(uint32_t value) {
  std::string out;
  for (int shift = 24; shift >= 0; shift -= 8)
    out.push_back(static_cast<char>(value >> shift & 0xff));
  return out;
}

std::string Frame(uint8_t type, uint8_t flags, uint32_t stream, const std::string& payload) {
  std::string out = Put32(static_cast<uint32_t>(payload.size())).substr(1);
  out.push_back(static_cast<char>(type));
  out.push_back(static_cast<char>(flags));
  return out + Put32(stream) + payload;
}

std::string Literal(const std::string& name, const std::string& value) {
  auto text = [](const std::string& bytes) {
    std::string out;
    size_t size = bytes.size();
    if (size < 127) {
      out.push_back(static_cast<char>(size));
    } else {
      out.push_back(127);
      for (size -= 127; size >= 128; size >>= 7) out.push_back(static_cast<char>(size % 128 + 128));
      out.push_back(static_cast<char>(size));
    }
    return out + bytes;
  };
  return std::string(1, '\0') + text(name) + text(value);
}

std::string Block(const Fields& fields) {
  std::string out;
  for (const auto& [name, value] : fields) out += Literal(name, value);
  return out;
}

Fields Call(const std::string& path) {
  return {{":method", "POST"},       {":scheme", "http"}, {":path", path},
          {":authority", "gateway"}, {"te", "trailers"},  {"content-type", "application/grpc"}};
}

std::string GrpcMessage(const std::string& bytes) {
  return std::string(1, '\0') + Put32(static_cast<uint32_t>(bytes.size())) + bytes;
}

std::string Indexed(std::string entry) {
  entry[0] = 0x40;
  return entry;
}

std::string AckSettings() { return Frame(kSettings, kAck, 0, ""); }

std::string Raw::Preface() {
  // SETTINGS_HEADER_TABLE_SIZE 0: every block of the gateway can be read by itself.
  return "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" +
         Frame(kSettings, 0, 0, std::string("\0\1", 2) + Put32(0));
}

Raw Raw::Connect(uint16_t port, bool preface) {
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  DOMICILE_CHECK(connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
  timeval limit{10, 0};
  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
  Raw raw(fd);
  if (preface) raw.Send(Preface());
  return raw;
}

Raw::~Raw() {
  if (fd_ >= 0) close(fd_);
}

bool Raw::Send(const std::string& bytes) {
  for (size_t sent = 0; sent < bytes.size();) {
    ssize_t size = send(fd_, bytes.data() + sent, bytes.size() - sent, MSG_NOSIGNAL);
    if (size <= 0) return false;
    sent += static_cast<size_t>(size);
  }
  return true;
}

bool Raw::Read(RawFrame* frame) {
  while (true) {
    if (buffer_.size() >= used_ + 9) {
      size_t size = Get32(buffer_, used_) >> 8;
      if (buffer_.size() >= used_ + 9 + size) {
        frame->type = static_cast<uint8_t>(buffer_[used_ + 3]);
        frame->flags = static_cast<uint8_t>(buffer_[used_ + 4]);
        frame->stream = Get32(buffer_, used_ + 5);
        frame->payload = buffer_.substr(used_ + 9, size);
        used_ += 9 + size;
        return true;
      }
    }
    buffer_.erase(0, used_);
    used_ = 0;
    char bytes[65536];
    ssize_t size = recv(fd_, bytes, sizeof bytes, 0);
    if (size <= 0) return false;
    buffer_.append(bytes, static_cast<size_t>(size));
  }
}

bool Raw::ReadUntil(const std::function<bool(const RawFrame&)>& wanted, RawFrame* frame) {
  while (Read(frame))
    if (wanted(*frame)) return true;
  return false;
}

Answer Raw::ReadAnswer(uint32_t stream) {
  Answer answer;
  RawFrame frame;
  while (Read(&frame)) {
    if (frame.type == kGoaway && frame.error() != 0) {
      answer.error = frame.error();
      return answer;
    }
    if (frame.stream != stream || stream == 0) continue;
    if (frame.type == kRstStream) {
      answer.end = Answer::End::kReset;
      answer.error = frame.error();
      return answer;
    }
    if (frame.type == kData) answer.body += frame.payload;
    if (frame.type == kHeaders) {
      auto fields = ReadBlock(frame.payload);
      DOMICILE_CHECK(fields.has_value());
      answer.fields.insert(answer.fields.end(), fields->begin(), fields->end());
    }
    if ((frame.type == kData || frame.type == kHeaders) && (frame.flags & kEndStream) != 0) {
      answer.end = Answer::End::kAnswered;
      return answer;
    }
  }
  return answer;
}

Answer Raw::AnswerIn(const std::string& plain, uint32_t stream) {
  Raw raw(-1);
  raw.buffer_ = plain;
  return raw.ReadAnswer(stream);
}

bool Raw::ReadToEnd(RawFrame* goaway) {
  RawFrame frame;
  while (Read(&frame))
    if (frame.type == kGoaway) *goaway = frame;
  char byte;
  return recv(fd_, &byte, 1, MSG_DONTWAIT) == 0 || errno != EAGAIN;
}

}  // namespace domicile::attacks
