// `domicile demo --once` holds, and stops holding when what it rests on is taken away.
#include <google/protobuf/descriptor.pb.h>
#include <google/protobuf/unknown_field_set.h>
#include <gtest/gtest.h>

#include "absl/strings/match.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "tests/cli/run.h"

namespace domicile::cli {
namespace {

namespace pb = google::protobuf;

const std::string kSource = DOMICILE_SOURCE_DIR;

Said Demo(const std::vector<std::string>& more) {
  std::vector<std::string> words = {"demo", "--once"};
  words.insert(words.end(), more.begin(), more.end());
  return RunDomicile(words, absl::Seconds(120));
}

std::string Differences(const Said& said) {
  std::vector<std::string> lines;
  for (absl::string_view line : absl::StrSplit(said.out, '\n')) {
    if (absl::StrContains(line, "DIFFERS") || absl::StrContains(line, "came out")) {
      lines.emplace_back(line);
    }
  }
  return absl::StrJoin(lines, "\n") + said.err;
}

// A rule's item out of a list of them: from its `- id:` to the next item or the end of the list.
bool DeleteRule(const std::string& file, const std::string& rule) {
  std::vector<std::string> kept;
  bool deleting = false, found = false;
  for (absl::string_view line : absl::StrSplit(Slurp(file), '\n')) {
    if (absl::StartsWith(line, "  - ")) {
      deleting = line == "  - id: " + rule || absl::StartsWith(line, "  - {id: " + rule + ",");
      found = found || deleting;
    } else if (!line.empty() && line[0] != ' ') {
      deleting = false;
    }
    if (!deleting) kept.emplace_back(line);
  }
  std::ofstream(file) << absl::StrJoin(kept, "\n");
  return found;
}

TEST(Demo, HoldsAsTheScenarioFileSays) {
  const Said said = Demo({});
  EXPECT_EQ(said.code, 0) << Differences(said);
  EXPECT_TRUE(absl::StrContains(said.out, "[1] ")) << said.out;
  EXPECT_TRUE(absl::StrContains(said.out, "What the logs kept"));
}

struct Deleted {
  const char* folder;
  const char* file;
  const char* rule;
};

class DemoWithout : public testing::TestWithParam<Deleted> {};

TEST_P(DemoWithout, OneRuleThatItsCallsRestOnFails) {
  support::TempDir policy;
  std::filesystem::copy(kSource + "/regions", policy.Path("regions"),
                        std::filesystem::copy_options::recursive);
  std::filesystem::copy(kSource + "/tests/sample/policy", policy.Path("company"),
                        std::filesystem::copy_options::recursive);
  const Deleted& deleted = GetParam();
  ASSERT_TRUE(
      DeleteRule(policy.Path(std::string(deleted.folder) + "/" + deleted.file), deleted.rule));
  const Said said = Demo({"--legal", policy.Path("regions"), "--company", policy.Path("company")});
  EXPECT_EQ(said.code, 1) << Differences(said);  // not 2: it ran, and a call came out otherwise
}

INSTANTIATE_TEST_SUITE_P(Rules, DemoWithout,
                         testing::Values(Deleted{"company", "us.yaml", "us.protected.home"},
                                         Deleted{"company", "us.yaml", "us.engineer"},
                                         Deleted{"company", "us.yaml", "us.features"},
                                         Deleted{"company", "eu.yaml", "eu.support.ip"},
                                         Deleted{"company", "eu.yaml", "eu.support.unknown"},
                                         Deleted{"company", "eu.yaml", "eu.cn.engineer"},
                                         Deleted{"company", "eu.yaml", "eu.in.trip.ip"},
                                         Deleted{"company", "eu.yaml", "eu.user.self"},
                                         Deleted{"company", "cn.yaml", "cn.engineer"},
                                         Deleted{"regions", "us.yaml", "us.dsp.domestic"},
                                         Deleted{"regions", "eu.yaml", "eu.cn.remote"}),
                         [](const auto& info) {
                           std::string name = info.param.rule;
                           std::replace(name.begin(), name.end(), '.', '_');
                           return name;
                         });

// Profile.last_ip called a phone number: what an engineer must not see would go out.
TEST(Demo, FailsWhenOneLabelIsFlipped) {
  pb::FileDescriptorSet set;
  ASSERT_TRUE(set.ParseFromString(Slurp(DOMICILE_DESCRIPTORS)));
  int flipped = 0;
  for (pb::FileDescriptorProto& file : *set.mutable_file()) {
    for (pb::DescriptorProto& message : *file.mutable_message_type()) {
      if (file.package() != "acme.profiles.v1" || message.name() != "Profile") continue;
      for (pb::FieldDescriptorProto& field : *message.mutable_field()) {
        if (field.name() != "last_ip") continue;
        std::string options = field.options().SerializeAsString();
        const std::string was = "network_identifier", is = "health";
        const size_t at = options.find(was);
        ASSERT_NE(at, std::string::npos);
        pb::UnknownFieldSet outer, label;
        ASSERT_TRUE(outer.ParseFromString(options));
        ASSERT_TRUE(label.ParseFromString(outer.field(0).length_delimited()));
        for (int i = 0; i < label.field_count(); ++i) {
          if (label.field(i).type() == pb::UnknownField::TYPE_LENGTH_DELIMITED &&
              label.field(i).length_delimited() == was) {
            *label.mutable_field(i)->mutable_length_delimited() = is;
            ++flipped;
          }
        }
        label.SerializeToString(outer.mutable_field(0)->mutable_length_delimited());
        outer.SerializeToString(&options);
        ASSERT_TRUE(field.mutable_options()->ParseFromString(options));
      }
    }
  }
  ASSERT_EQ(flipped, 1);
  support::TempDir folder;
  const std::string file = folder.Write("acme.binpb", set.SerializeAsString());
  const Said said = Demo({"--descriptor-set", file});
  EXPECT_EQ(said.code, 1) << Differences(said);
}

TEST(Demo, BadInputExitsWithTwoAndStartsNothing) {
  EXPECT_EQ(Demo({"--scenarios", "/nowhere.yaml"}).code, 2);
  EXPECT_EQ(Demo({"--descriptor-set", "/nowhere.binpb"}).code, 2);
  support::TempDir full;
  full.Write("something", "");
  EXPECT_EQ(Demo({"--directory", full.path()}).code, 1);
}

}  // namespace
}  // namespace domicile::cli
