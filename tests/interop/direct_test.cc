// Three unmodified clients against the sample services themselves: what a gateway must not
// change, and whether the three languages agree on it.
#include "gtest/gtest.h"
#include "tests/interop/cases.h"
#include "tests/interop/clients.h"
#include "tests/interop/transcript.h"

namespace domicile::interop {
namespace {

using nlohmann::json;

// What the libraries show their users differently for the same bytes, one reason each.
ListedDifferences BetweenLanguages() {
  return {
      .metadata_keys =
          {
              "accept-encoding",       // grpc++ shows it, the others don't
              "grpc-accept-encoding",  // grpc-js shows it, the others don't
              "content-type",          // grpc-js shows it
              "date",
              "x-echo-initial-twice",     // Node's HTTP/2 joins equal names with a comma
              "grpc-status-details-bin",  // grpc++ gives it as the status, the others as trailers
          },
      .words_of_cases = {// The texts of a client's own statuses are its library's.
                         "deadline_unary", "deadline_open_stream", "cancel_server_stream_by_client",
                         "cancel_bidi_by_client", "cancel_half_closed_bidi_by_client",
                         "cancel_bidi_by_server", "server_goes_away"}};
}

std::string Join(const std::vector<std::string>& lines) {
  std::string text;
  for (const std::string& line : lines) text += line + "\n";
  return text;
}

const json* Case(const json& transcript, const std::string& name) {
  for (const json& entry : transcript) {
    if (entry["name"] == name) return &entry;
  }
  return nullptr;
}

// So that equal transcripts are not three times the same nothing.
void ExpectWhatWasAsked(const json& transcript) {
  ASSERT_NE(Case(transcript, "unary"), nullptr);
  EXPECT_EQ((*Case(transcript, "unary"))["code"], 0);
  EXPECT_EQ((*Case(transcript, "server_stream"))["messages"].size(), 5u);
  EXPECT_EQ((*Case(transcript, "deadline_unary"))["code"], 4);
  EXPECT_EQ((*Case(transcript, "deadline_unary"))["after_code"], 0);
  EXPECT_EQ((*Case(transcript, "cancel_bidi_by_client"))["code"], 1);
  EXPECT_EQ((*Case(transcript, "cancel_bidi_by_client"))["after_code"], 0);
  EXPECT_GT((*Case(transcript, "four_megabytes_down"))["messages"][0]["bytes"], 4'000'000);
  EXPECT_EQ((*Case(transcript, "thousand_streams"))["outcomes"],
            (json{{"code 0, messages 1", 1000}}));
  EXPECT_EQ((*Case(transcript, "server_goes_away"))["code"], 14);
  EXPECT_GE((*Case(transcript, "metadata_unary"))["initial"].size(), 4u);
}

class DirectTest : public testing::Test {
 protected:
  void ExpectSameAsGrpcpp(Language language) {
    if (std::string why = WhyAbsent(language); !why.empty()) GTEST_SKIP() << why;
    auto reference = TranscriptDirect(Language::kGrpcpp, TransportCases({}));
    ASSERT_TRUE(reference.ok()) << reference.status();
    auto transcript = TranscriptDirect(language, TransportCases({}));
    ASSERT_TRUE(transcript.ok()) << transcript.status();
    ExpectWhatWasAsked(*transcript);
    EXPECT_EQ(Join(Differences(*reference, *transcript, BetweenLanguages())), "");
  }
};

TEST_F(DirectTest, GrpcppSeesWhatItAskedFor) {
  auto transcript = TranscriptDirect(Language::kGrpcpp, TransportCases({}));
  ASSERT_TRUE(transcript.ok()) << transcript.status();
  ExpectWhatWasAsked(*transcript);
}

TEST_F(DirectTest, PythonAgreesWithGrpcpp) { ExpectSameAsGrpcpp(Language::kPython); }

TEST_F(DirectTest, NodeAgreesWithGrpcpp) { ExpectSameAsGrpcpp(Language::kNode); }

}  // namespace
}  // namespace domicile::interop
