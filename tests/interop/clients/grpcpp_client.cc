// grpcpp_client.cc — the interop client on grpc++; see README.md beside it.
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/grpcpp.h>
#include <openssl/sha.h>

#include <algorithm>
#include <fstream>
#include <iostream>
#include <map>
#include <memory>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "nlohmann/json.hpp"

namespace {

using nlohmann::json;

constexpr size_t kShownBytes = 1024;

std::string ReadFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

std::string FromBase64(const std::string& text) {
  std::string bytes;
  if (!absl::Base64Unescape(text, &bytes)) std::abort();  // the runner writes the cases
  return bytes;
}

std::string Sha256Hex(const std::string& bytes) {
  unsigned char digest[SHA256_DIGEST_LENGTH];
  SHA256(reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size(), digest);
  return absl::BytesToHexString(
      absl::string_view(reinterpret_cast<const char*>(digest), sizeof(digest)));
}

grpc::ByteBuffer ToBuffer(const std::string& bytes) {
  grpc::Slice slice(bytes);
  return grpc::ByteBuffer(&slice, 1);
}

std::string FromBuffer(const grpc::ByteBuffer& buffer) {
  std::vector<grpc::Slice> slices;
  if (!buffer.Dump(&slices).ok()) return "";
  std::string bytes;
  for (const grpc::Slice& slice : slices) {
    bytes.append(reinterpret_cast<const char*>(slice.begin()), slice.size());
  }
  return bytes;
}

json MetadataJson(const std::multimap<grpc::string_ref, grpc::string_ref>& metadata) {
  std::vector<std::pair<std::string, std::string>> pairs;
  for (const auto& [key, value] : metadata) {
    std::string name(key.data(), key.size()), text(value.data(), value.size());
    if (absl::EndsWith(name, "-bin")) text = absl::Base64Escape(text);
    pairs.emplace_back(name, text);
  }
  std::sort(pairs.begin(), pairs.end());
  return json(pairs);
}

json MessageJson(const std::string& bytes) {
  json out = {{"bytes", bytes.size()}, {"sha256", Sha256Hex(bytes)}};
  if (bytes.size() <= kShownBytes) out["base64"] = absl::Base64Escape(bytes);
  return out;
}

// One call, driven step by step. Every kind of method is the same on the wire, and grpc++'s
// generic stub gives them all as a stream in both directions.
class Call {
 public:
  Call(grpc::GenericStub& stub, const json& test, grpc::CompletionQueue& queue)
      : test_(test), queue_(queue) {
    for (const json& pair : test.value("metadata", json::array())) {
      std::string key = pair[0], value = pair[1];
      context_.AddMetadata(key, absl::EndsWith(key, "-bin") ? FromBase64(value) : value);
    }
    if (int deadline_ms = test.value("deadline_ms", 0); deadline_ms > 0) {
      context_.set_deadline(std::chrono::system_clock::now() +
                            std::chrono::milliseconds(deadline_ms));
    }
    if (test.value("gzip", false)) context_.set_compression_algorithm(GRPC_COMPRESS_GZIP);
    stream_ = stub.PrepareCall(&context_, test.at("path").get<std::string>(), &queue_);
  }

  // The Start... calls put one event each into the queue; the others also wait for it.
  void StartCall() { stream_->StartCall(this); }
  void StartSend(size_t index) {
    stream_->Write(ToBuffer(FromBase64(test_["messages"][index])), this);
  }
  void StartRead() { stream_->Read(&buffer_, this); }
  void StartClose() { stream_->WritesDone(this); }
  void StartFinish() { stream_->Finish(&status_, this); }

  bool Wait() {
    void* tag = nullptr;
    bool ok = false;
    queue_.Next(&tag, &ok);
    return ok;
  }

  bool Read() {
    StartRead();
    if (!Wait()) return false;
    messages_.push_back(FromBuffer(buffer_));
    return true;
  }

  void Step(const json& step) {
    const std::string op = step.at("op");
    if (op == "send") {
      StartSend(step.at("message"));
      Wait();
    } else if (op == "read") {
      for (int i = step.at("count"); i > 0; --i) Read();
    } else if (op == "read_all") {
      while (Read()) {
      }
    } else if (op == "close") {
      StartClose();
      Wait();
    } else if (op == "cancel") {
      context_.TryCancel();
    } else if (op == "await_initial") {
      stream_->ReadInitialMetadata(this);
      Wait();
    } else {
      std::abort();
    }
  }

  void Run() {
    StartCall();
    Wait();
    for (const json& step : test_.at("steps")) Step(step);
    StartFinish();
    Wait();
  }

  void KeepMessage() { messages_.push_back(FromBuffer(buffer_)); }
  size_t message_count() const { return messages_.size(); }
  const grpc::Status& status() const { return status_; }

  json Transcript() const {
    json out = {{"name", test_.at("name")},
                {"initial", MetadataJson(context_.GetServerInitialMetadata())},
                {"trailing", MetadataJson(context_.GetServerTrailingMetadata())},
                {"code", status_.error_code()},
                {"text", status_.error_message()}};
    out["messages"] = json::array();
    for (const std::string& message : messages_) out["messages"].push_back(MessageJson(message));
    return out;
  }

 private:
  const json& test_;
  grpc::CompletionQueue& queue_;
  grpc::ClientContext context_;
  std::unique_ptr<grpc::GenericClientAsyncReaderWriter> stream_;
  grpc::ByteBuffer buffer_;
  std::vector<std::string> messages_;
  grpc::Status status_;
};

// Does `start` on every call, then waits for as many events.
template <class Start>
std::map<Call*, bool> Together(const std::vector<std::unique_ptr<Call>>& calls,
                               grpc::CompletionQueue& queue, Start start) {
  for (const auto& call : calls) start(*call);
  std::map<Call*, bool> outcome;
  for (size_t i = 0; i < calls.size(); ++i) {
    void* tag = nullptr;
    bool ok = false;
    queue.Next(&tag, &ok);
    outcome[static_cast<Call*>(tag)] = ok;
  }
  return outcome;
}

json RunParallel(grpc::GenericStub& stub, const json& test) {
  grpc::CompletionQueue queue;
  std::vector<std::unique_ptr<Call>> calls;
  for (int i = test.at("parallel"); i > 0; --i) {
    calls.push_back(std::make_unique<Call>(stub, test, queue));
  }
  Together(calls, queue, [](Call& call) { call.StartCall(); });
  Together(calls, queue, [](Call& call) { call.StartSend(0); });
  for (auto [call, ok] : Together(calls, queue, [](Call& call) { call.StartRead(); })) {
    if (ok) call->KeepMessage();
  }
  Together(calls, queue, [](Call& call) { call.StartClose(); });
  for (auto [call, ok] : Together(calls, queue, [](Call& call) { call.StartRead(); })) {
    if (ok) call->KeepMessage();
  }
  Together(calls, queue, [](Call& call) { call.StartFinish(); });
  std::map<std::string, int> outcomes;
  for (const auto& call : calls) {
    ++outcomes[absl::StrCat("code ", call->status().error_code(), ", messages ",
                            call->message_count())];
  }
  return {{"name", test.at("name")}, {"outcomes", outcomes}};
}

json RunCase(grpc::GenericStub& stub, grpc::GenericStub* after, const json& test) {
  if (test.value("parallel", 0) > 0) return RunParallel(stub, test);
  grpc::CompletionQueue queue;
  Call call(stub, test, queue);
  call.Run();
  json out = call.Transcript();
  if (test.contains("after") && after != nullptr) {
    Call question(*after, test["after"], queue);
    question.Run();
    out["after_code"] = question.status().error_code();
  }
  return out;
}

}  // namespace

int main(int argc, char** argv) {
  std::map<std::string, std::string> flags;
  for (int i = 1; i + 1 < argc; i += 2) flags[argv[i]] = argv[i + 1];
  std::shared_ptr<grpc::ChannelCredentials> credentials = grpc::InsecureChannelCredentials();
  if (flags.count("--roots") > 0) {
    credentials = grpc::SslCredentials(
        {ReadFile(flags["--roots"]), ReadFile(flags["--key"]), ReadFile(flags["--certificate"])});
  }
  grpc::GenericStub stub(grpc::CreateChannel(flags["--target"], credentials));
  std::unique_ptr<grpc::GenericStub> after;
  if (flags.count("--after") > 0) {
    after = std::make_unique<grpc::GenericStub>(
        grpc::CreateChannel(flags["--after"], grpc::InsecureChannelCredentials()));
  }
  json transcript = json::array();
  const json cases = json::parse(ReadFile(flags["--cases"]));
  for (const json& test : cases) transcript.push_back(RunCase(stub, after.get(), test));
  std::ofstream(flags["--out"]) << transcript.dump(1) << "\n";
  return 0;
}
