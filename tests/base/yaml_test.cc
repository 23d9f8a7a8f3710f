#include "gateway/base/yaml.h"

#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "gateway/base/limits.h"
#include "tests/support/temp_dir.h"

namespace domicile::base {
namespace {

using Kind = YamlNode::Kind;

// The problems of a text, one a line.
std::string ProblemsOf(absl::string_view text) {
  Issues issues;
  YamlDocument document = YamlDocument::Parse(text, "f.yaml", issues);
  return issues.ToString();
}

TEST(Yaml, KnowsTheLineOfEachNode) {
  Issues issues;
  YamlDocument document = YamlDocument::Parse(
      "region: eu\n"
      "countries: [AT,\n"
      "  BE]\n"
      "rules:\n"
      "  - id: a\n"
      "    when: {from: [cn]}\n"
      "  - 'quoted'\n"
      "empty:\n",
      "eu.yaml", issues);
  ASSERT_TRUE(issues.empty()) << issues.ToString();
  YamlNode root = document.root();
  ASSERT_TRUE(root.IsMap());
  EXPECT_EQ(root.file(), "eu.yaml");
  std::vector<YamlEntry> entries = root.Entries(issues, "root");
  ASSERT_EQ(entries.size(), 4u);
  EXPECT_EQ(entries[0].key, "region");
  EXPECT_EQ(entries[0].line, 1);
  EXPECT_EQ(entries[0].value.raw(), "eu");
  EXPECT_FALSE(entries[0].value.quoted());
  std::vector<YamlNode> countries = entries[1].value.List(issues, "countries");
  ASSERT_EQ(countries.size(), 2u);
  EXPECT_EQ(countries[0].line(), 2);
  EXPECT_EQ(countries[1].line(), 3);
  std::vector<YamlNode> rules = entries[2].value.List(issues, "rules");
  ASSERT_EQ(rules.size(), 2u);
  EXPECT_EQ(rules[0].line(), 5);
  EXPECT_EQ(rules[1].line(), 7);
  EXPECT_TRUE(rules[1].quoted());
  EXPECT_EQ(entries[3].line, 8);
  EXPECT_EQ(entries[3].value.kind(), Kind::kNull);
}

TEST(Yaml, AnAbsentNodeIsHarmless) {
  Issues issues;
  YamlNode node;
  EXPECT_FALSE(node.present());
  EXPECT_EQ(node.line(), 0);
  EXPECT_EQ(node.file(), "");
  EXPECT_EQ(node.raw(), "");
  EXPECT_FALSE(node.quoted());
  EXPECT_EQ(node.Text(issues, "x"), std::nullopt);
  YamlDocument empty = YamlDocument::Parse("", "e.yaml", issues);
  EXPECT_FALSE(empty.root().present());
  EXPECT_FALSE(YamlDocument::Parse("# only a comment\n", "e.yaml", issues).root().present());
}

TEST(Yaml, FindsEveryProblemAtOnce) {
  EXPECT_EQ(ProblemsOf("a: 1\n"
                       "b: &x 2\n"
                       "c: *x\n"
                       "a: 3\n"
                       "d: !!int 4\n"
                       "e: !mine {f: 1}\n"
                       "g: !!seq [1]\n"
                       "[h]: 1\n"
                       "~: 1\n"
                       "yes: 1\n"
                       "? {k: v}\n"
                       ": 1\n"),
            "f.yaml:2: an anchor; write the value out where it is used\n"
            "f.yaml:3: an alias; write the value out\n"
            "f.yaml:4: key `a` stands twice, first on line 1\n"
            "f.yaml:5: a tag; remove it\n"
            "f.yaml:6: a tag; remove it\n"
            "f.yaml:7: a tag; remove it\n"
            "f.yaml:8: a key that is no text\n"
            "f.yaml:9: a key that is no text\n"
            "f.yaml:10: key `yes` reads as a boolean in YAML 1.1; write \"yes\"\n"
            "f.yaml:11: a key that is no text\n");
}

TEST(Yaml, SaysTheFirstMistakeOfSyntaxWithItsLine) {
  const std::string problems = ProblemsOf("a: 1\nb: [1, 2\nc: }\n");
  EXPECT_EQ(problems.substr(0, 7), "f.yaml:") << problems;
  EXPECT_NE(problems.find(": "), std::string::npos);
  EXPECT_NE(ProblemsOf("a: 1\n b: 2\n"), "");
  EXPECT_NE(ProblemsOf("\t- a\n"), "");
  EXPECT_NE(ProblemsOf("a: %x\n%YAML 1.2\n"), "");
}

TEST(Yaml, NoticesAFileThatIsCutInsideQuotes) {
  for (const char* text : {"a: \"unclosed\n", "a: 'unclosed\n", "a: \"x\\\"\n", "a: 'it''s\n", "\"",
                           "'", "a: \"caf\xc3\xa9\"\nb: \"caf\xc3\xa9 \n",
                           "\xef\xbb\xbf"
                           "a: \"x\n"}) {
    EXPECT_NE(ProblemsOf(text).find("ends inside quotes"), std::string::npos) << text;
  }
  for (const char* text : {"a: \"x\"", "a: 'it''s'", "a: \"x\\\"\"\n", "a: '''x'''\n",
                           "a: |\n  \"x\n", "a: caf\xc3\xa9 \"x\n",
                           "\xef\xbb\xbf"
                           "a: \"x\"\n",
                           "a: ''\n", "a: \"\xc3\xa9\""}) {
    EXPECT_EQ(ProblemsOf(text), "") << text;
  }
}

TEST(Yaml, TakesOneDocumentOnly) {
  EXPECT_EQ(ProblemsOf("---\na: 1\n...\n"), "");
  EXPECT_EQ(ProblemsOf("a: 1\n---\nb: 2\n"), "f.yaml:2: a second document; one file holds one\n");
}

TEST(Yaml, TheFirstDocumentStaysTheRoot) {
  Issues issues;
  YamlDocument document = YamlDocument::Parse("a: 1\n---\nb: 2\n", "f.yaml", issues);
  EXPECT_EQ(document.root().Entries(issues, "root")[0].key, "a");
}

TEST(Yaml, EndsOnATextInWhichTheParserFindsDocumentsWithoutEnd) {
  EXPECT_NE(ProblemsOf(","), "");
  EXPECT_NE(ProblemsOf("a: 1\n---\n,"), "");
}

TEST(Yaml, TakesNoBytesThatAreNoText) {
  EXPECT_EQ(ProblemsOf("a: 1\nb: \xff\n"), "f.yaml:2: bytes that are no UTF-8\n");
  EXPECT_EQ(ProblemsOf(absl::string_view("a: 1\n\nb: \0\n", 11)),
            "f.yaml:3: a control character\n");
  EXPECT_EQ(ProblemsOf("a: \x7f\n"), "f.yaml:1: a control character\n");
  EXPECT_EQ(ProblemsOf("a: \x1b[0m\n"), "f.yaml:1: a control character\n");
  EXPECT_EQ(ProblemsOf("a: caf\xc3\xa9\r\nb: 1\t# comment\r\n"), "");
}

TEST(Yaml, HasLimits) {
  const std::string large = absl::StrCat("a: ", std::string(limits::kYamlFileBytesMax, 'x'));
  EXPECT_EQ(ProblemsOf(large), "f.yaml: larger than 4194304 bytes\n");

  auto nested = [](int depth) { return std::string(depth, '[') + std::string(depth, ']'); };
  EXPECT_EQ(ProblemsOf(nested(limits::kYamlDepthMax)), "");
  EXPECT_EQ(ProblemsOf(nested(limits::kYamlDepthMax + 1)), "f.yaml:1: nested deeper than 32\n");
  EXPECT_EQ(ProblemsOf(nested(limits::kYamlDepthMax + 5)), "f.yaml:1: nested deeper than 32\n");
  // Beyond its own limit yaml-cpp throws; that is one problem more, and no crash.
  EXPECT_NE(ProblemsOf(nested(100'000)), "");
  EXPECT_NE(ProblemsOf(std::string(100'000, '{')), "");

  std::string wide = "[";
  for (size_t i = 0; i < limits::kYamlNodesMax; ++i) wide += "a,";
  wide += "{b: c}]";
  EXPECT_EQ(ProblemsOf(wide), "f.yaml:1: more than 400000 values in one file\n");
}

TEST(Yaml, KeepsWhatIsInsideALimitAndDropsTheRest) {
  // A map value and a key over the depth limit leave the map in order.
  std::string text;
  for (int i = 0; i < limits::kYamlDepthMax - 1; ++i) text += "[";
  text += "{a: [x], b: {c: d}, ? [e] : f, g: h}";
  for (int i = 0; i < limits::kYamlDepthMax - 1; ++i) text += "]";
  const std::string problems = ProblemsOf(text);
  EXPECT_NE(problems.find("nested deeper than 32"), std::string::npos) << problems;
}

TEST(Yaml, LoadReportsWhatItCannotRead) {
  support::TempDir dir;
  Issues issues;
  YamlDocument missing = YamlDocument::Load(dir.Path("none.yaml"), issues);
  EXPECT_FALSE(missing.root().present());
  EXPECT_EQ(issues.error_count(), 1u);
  EXPECT_EQ(issues.list()[0].file, dir.Path("none.yaml"));
  Issues none;
  YamlDocument document = YamlDocument::Load(dir.Write("a.yaml", "a: 1\n"), none);
  EXPECT_TRUE(none.empty());
  YamlDocument moved = std::move(document);
  EXPECT_TRUE(moved.root().IsMap());
  moved = YamlDocument::Parse("[1]", "b.yaml", none);
  EXPECT_TRUE(moved.root().IsList());
}

}  // namespace
}  // namespace domicile::base
