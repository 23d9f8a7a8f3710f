#include "gateway/proxy/request_check.h"

#include "absl/strings/match.h"
#include "gateway/proxy/metadata.h"

namespace domicile::proxy {
namespace {

bool IsGrpcOverProtobuf(absl::string_view type) {
  // Parameters (`;charset=`) change nothing; another message format (`+json`) changes everything.
  type = type.substr(0, type.find(';'));
  while (!type.empty() && type.back() == ' ') type.remove_suffix(1);
  return type == "application/grpc" || type == "application/grpc+proto";
}

// "/package.Service/Method" and nothing that another parser could take for something else. Whether
// it exists is the schema's to say.
bool IsPlainPath(absl::string_view path) {
  if (path.size() < 4 || path[0] != '/') return false;
  size_t slashes = 0;
  for (char c : path) {
    if (c == '/') {
      ++slashes;
    } else if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                 c == '_' || c == '.')) {
      return false;
    }
  }
  return slashes == 2 && path.back() != '/' && path[1] != '/' && !absl::StrContains(path, "..");
}

// Takes a value that may come once. False: it came before.
bool Once(bool* seen, absl::string_view value, absl::string_view* out) {
  if (*seen) return false;
  *seen = true;
  *out = value;
  return true;
}

class Checker {
 public:
  Checker(const HeaderBlock& headers, bool from_peer, RequestHead* head)
      : headers_(headers), from_peer_(from_peer), head_(*head) {}

  RequestProblem Run() {
    // Grammar first: whatever is reported later is about a block that can be read in one way.
    if (CheckMetadata(headers_) != MetadataProblem::kNone) return RequestProblem::kMalformed;
    for (size_t i = 0; i < headers_.size(); ++i) {
      RequestProblem problem = Field(headers_.name(i), headers_.value(i));
      if (problem != RequestProblem::kNone) return problem;
    }
    if (method_ != "POST") return RequestProblem::kNotPost;
    if (!IsGrpcOverProtobuf(head_.content_type)) return RequestProblem::kNotGrpc;
    if (te_ != "trailers" || !IsPlainPath(head_.path)) return RequestProblem::kMalformed;
    if (scheme_ != "http" && scheme_ != "https") return RequestProblem::kMalformed;
    // `host` beside `:authority` must not say something else.
    if (seen_host_ && seen_authority_ && host_ != authority_) return RequestProblem::kMalformed;
    return late_;
  }

 private:
  RequestProblem Field(absl::string_view name, absl::string_view value) {
    if (absl::StartsWith(name, "domicile-")) return Ours(name, value);
    if (name[0] == ':') return Pseudo(name, value);
    bool once = true;
    if (name == "content-type") {
      once = Once(&seen_type_, value, &head_.content_type);
    } else if (name == "te") {
      once = Once(&seen_te_, value, &te_);
    } else if (name == "host") {
      once = Once(&seen_host_, value, &host_);
    } else if (name == "authorization") {
      if (!Once(&seen_authorization_, value, &head_.authorization)) {
        head_.authorization = {};  // of two people, nobody
        return RequestProblem::kRepeatedIdentity;
      }
    } else if (name == "grpc-timeout") {
      absl::string_view text;
      once = Once(&seen_timeout_, value, &text);
      head_.timeout = ParseTimeout(text);
      if (!head_.timeout.has_value()) return RequestProblem::kMalformed;
    } else if (name == "grpc-encoding") {
      absl::string_view text;
      once = Once(&seen_encoding_, value, &text);
      head_.gzip = text == "gzip";
      if (text != "gzip" && text != "identity") late_ = RequestProblem::kCompression;
    } else if (name == "connection" || name == "transfer-encoding" || name == "upgrade" ||
               name == "keep-alive" || name == "proxy-connection" || name == "http2-settings") {
      return RequestProblem::kMalformed;  // RFC 9113 section 8.2.2
    }
    return once ? RequestProblem::kNone : RequestProblem::kMalformed;
  }

  RequestProblem Pseudo(absl::string_view name, absl::string_view value) {
    bool once = false;
    if (name == ":method") once = Once(&seen_method_, value, &method_);
    if (name == ":path") once = Once(&seen_path_, value, &head_.path);
    if (name == ":scheme") once = Once(&seen_scheme_, value, &scheme_);
    if (name == ":authority") once = Once(&seen_authority_, value, &authority_);
    return once ? RequestProblem::kNone : RequestProblem::kMalformed;
  }

  RequestProblem Ours(absl::string_view name, absl::string_view value) {
    bool once = true;
    if (name == "domicile-purpose") {
      once = Once(&seen_purpose_, value, &head_.purpose);
    } else if (name == "domicile-ticket") {
      once = Once(&seen_ticket_, value, &head_.ticket);
    } else if (name == "domicile-exception") {
      once = Once(&seen_exception_, value, &head_.exception);
    } else if (name == "domicile-region") {
      once = Once(&seen_region_, value, &head_.region);
    } else if (name == "domicile-forward-bin" && from_peer_) {
      absl::string_view text;
      once = Once(&seen_forward_, value, &text);
      auto decoded = DecodeBinaryValue(text);
      if (!decoded.has_value() || decoded->empty()) return RequestProblem::kMalformed;
      head_.forward = *std::move(decoded);
    } else {
      return RequestProblem::kReserved;
    }
    return once ? RequestProblem::kNone : RequestProblem::kMalformed;
  }

  const HeaderBlock& headers_;
  const bool from_peer_;
  RequestHead& head_;
  RequestProblem late_ = RequestProblem::kNone;
  absl::string_view method_, scheme_, authority_, te_, host_;
  bool seen_method_ = false, seen_path_ = false, seen_scheme_ = false, seen_authority_ = false;
  bool seen_type_ = false, seen_te_ = false, seen_host_ = false, seen_timeout_ = false;
  bool seen_encoding_ = false, seen_authorization_ = false, seen_purpose_ = false;
  bool seen_ticket_ = false, seen_exception_ = false, seen_region_ = false, seen_forward_ = false;
};

}  // namespace

RequestProblem CheckRequest(const HeaderBlock& headers, bool from_peer, RequestHead* head) {
  return Checker(headers, from_peer, head).Run();
}

void CopyRequestMetadata(const HeaderBlock& from, bool to_peer, HeaderBlock* to) {
  for (size_t i = 0; i < from.size(); ++i) {
    absl::string_view name = from.name(i);
    if (IsHopHeader(name)) continue;
    if (IsSpoofable(name)) {
      bool clients_own = name == "domicile-purpose" || name == "domicile-ticket" ||
                         name == "domicile-exception" || name == "domicile-region";
      if (!to_peer || !clients_own) continue;
    }
    to->Add(name, from.value(i));
  }
}

access::Reason ReasonOf(RequestProblem problem) {
  switch (problem) {
    case RequestProblem::kReserved:
      return access::Reason::kMetadataReserved;
    case RequestProblem::kCompression:
      return access::Reason::kCompressionUnsupported;
    case RequestProblem::kRepeatedIdentity:
      return access::Reason::kTokenInvalid;
    default:
      return access::Reason::kRequestMalformed;
  }
}

}  // namespace domicile::proxy
