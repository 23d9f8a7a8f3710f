// Readers of maps and values: what a format's reading code relies on.
#include <gtest/gtest.h>

#include <utility>

#include "gateway/base/yaml.h"

namespace domicile::base {
namespace {

struct Parsed {
  explicit Parsed(absl::string_view text) : document(YamlDocument::Parse(text, "f.yaml", issues)) {}
  Issues issues;
  YamlDocument document;
  YamlMap Map() { return YamlMap(document.root(), issues, "the file"); }
};

// The problems when `key: value` is read by `read`.
template <class Read>
std::string Problems(absl::string_view text, Read read) {
  Parsed parsed(text);
  {
    YamlMap map = parsed.Map();
    read(map);
  }
  return parsed.issues.ToString();
}

TEST(YamlMap, ReadsAFormat) {
  Parsed parsed(
      "name: eu\n"
      "countries: [AT, \"NO\"]\n"
      "count: 3\n"
      "dev: true\n"
      "window: 8h\n"
      "until: 2027-01-31\n"
      "inner: {a: b}\n"
      "list: [1, 2]\n"
      "open: {x: 1, z: 2}\n"
      "effect: deny\n");
  {
    YamlMap map = parsed.Map();
    EXPECT_TRUE(map.valid());
    EXPECT_EQ(map.line(), 1);
    EXPECT_TRUE(map.node().IsMap());
    EXPECT_EQ(&map.issues(), &parsed.issues);
    EXPECT_EQ(map.Text("name"), "eu");
    EXPECT_EQ(map.Texts("countries"), (std::vector<std::string>{"AT", "NO"}));
    EXPECT_EQ(map.Int("count", 1, 5), 3);
    EXPECT_TRUE(map.Bool("dev"));
    EXPECT_EQ(map.Duration("window"), absl::Hours(8));
    EXPECT_EQ(map.Time("until"), absl::FromUnixSeconds(1801353600));
    YamlMap inner = map.Map("inner");
    EXPECT_EQ(inner.Text("a"), "b");
    EXPECT_EQ(map.List("list").size(), 2u);
    std::vector<YamlEntry> open = map.Entries("open");
    ASSERT_EQ(open.size(), 2u);
    EXPECT_EQ(open[1].key, "z");
    EXPECT_EQ(map.Choice<int>("effect", {{"deny", 0}, {"allow", 3}}), 0);
    EXPECT_TRUE(map.Has("name"));
    EXPECT_FALSE(map.Has("none"));
  }
  EXPECT_TRUE(parsed.issues.empty()) << parsed.issues.ToString();
}

TEST(YamlMap, ReadsOptionalKeysOrTheirDefaults) {
  Parsed parsed(
      "text: a\ntexts: [b]\nint: 4\nbool: false\nduration: 50ms\ntime: 2026-11-24T12:00:00+02:00\n"
      "list: [c]\nopen: {d: e}\nchoice: allow\n");
  {
    YamlMap map = parsed.Map();
    EXPECT_EQ(map.OptionalText("text"), "a");
    EXPECT_EQ(map.OptionalText("text", "z"), "a");
    EXPECT_EQ(map.OptionalTexts("texts"), std::vector<std::string>{"b"});
    EXPECT_EQ(map.OptionalInt("int", 0, 9), 4);
    EXPECT_EQ(map.OptionalInt("int", 0, 9, 7), 4);
    EXPECT_EQ(map.OptionalBool("bool"), false);
    EXPECT_FALSE(map.OptionalBool("bool", true));
    EXPECT_EQ(map.OptionalDuration("duration"), absl::Milliseconds(50));
    EXPECT_EQ(map.OptionalDuration("duration", absl::Hours(1)), absl::Milliseconds(50));
    EXPECT_EQ(map.OptionalTime("time"), absl::FromUnixSeconds(1795514400));
    EXPECT_EQ(map.OptionalList("list").size(), 1u);
    EXPECT_EQ(map.OptionalEntries("open").size(), 1u);
    EXPECT_EQ(map.OptionalChoice<int>("choice", {{"deny", 0}, {"allow", 3}}), 3);

    EXPECT_EQ(map.OptionalText("x"), std::nullopt);
    EXPECT_EQ(map.OptionalText("x", "z"), "z");
    EXPECT_TRUE(map.OptionalTexts("x").empty());
    EXPECT_EQ(map.OptionalInt("x", 0, 9), std::nullopt);
    EXPECT_EQ(map.OptionalInt("x", 0, 9, 7), 7);
    EXPECT_EQ(map.OptionalBool("x"), std::nullopt);
    EXPECT_TRUE(map.OptionalBool("x", true));
    EXPECT_EQ(map.OptionalDuration("x"), std::nullopt);
    EXPECT_EQ(map.OptionalDuration("x", absl::Hours(1)), absl::Hours(1));
    EXPECT_EQ(map.OptionalTime("x"), std::nullopt);
    EXPECT_TRUE(map.OptionalList("x").empty());
    EXPECT_TRUE(map.OptionalEntries("x").empty());
    EXPECT_EQ(map.OptionalChoice<int>("x", {{"deny", 0}}), std::nullopt);
  }
  EXPECT_TRUE(parsed.issues.empty()) << parsed.issues.ToString();
}

TEST(YamlMap, ReportsEachKeyThatNobodyAskedFor) {
  EXPECT_EQ(Problems("a: 1\nform: [cn]\n\"\": 2\n", [](YamlMap& map) { map.Get("a"); }),
            "f.yaml:2: unknown key `form`\nf.yaml:3: unknown key ``\n");
}

TEST(YamlMap, ReportsEachMissingKeyAtTheMapsLine) {
  EXPECT_EQ(Problems("\n\na: 1\n",
                     [](YamlMap& map) {
                       map.Get("a");
                       EXPECT_EQ(map.Text("t"), "");
                       EXPECT_TRUE(map.Texts("ts").empty());
                       EXPECT_EQ(map.Int("i", 2, 5), 2);
                       EXPECT_FALSE(map.Bool("b"));
                       EXPECT_EQ(map.Duration("d"), absl::ZeroDuration());
                       EXPECT_EQ(map.Time("w"), absl::InfinitePast());
                       EXPECT_FALSE(map.Map("m").valid());
                       EXPECT_TRUE(map.List("l").empty());
                       EXPECT_TRUE(map.Entries("e").empty());
                       EXPECT_EQ(map.Choice<int>("c", {{"deny", 0}}), std::nullopt);
                     }),
            "f.yaml:3: missing key `t`\nf.yaml:3: missing key `ts`\nf.yaml:3: missing key `i`\n"
            "f.yaml:3: missing key `b`\nf.yaml:3: missing key `d`\nf.yaml:3: missing key `w`\n"
            "f.yaml:3: missing key `m`\nf.yaml:3: missing key `l`\nf.yaml:3: missing key `e`\n"
            "f.yaml:3: missing key `c`\n");
}

TEST(YamlMap, ReportsANodeThatIsNoMapOnceAndThenStaysSilent) {
  auto read_all = [](YamlMap& map) {
    EXPECT_FALSE(map.valid());
    EXPECT_FALSE(map.Has("a"));
    map.Text("a");
    map.Int("b", 0, 1);
    YamlMap inner = map.Map("c");
    inner.Text("d");
  };
  EXPECT_EQ(Problems("[a]\n", read_all), "f.yaml:1: the file must be a map\n");
  EXPECT_EQ(Problems("", read_all), "the file is missing\n");
  EXPECT_EQ(Problems("m: [a]\n", [](YamlMap& map) { map.Map("m").Text("x"); }),
            "f.yaml:1: `m` must be a map\n");
}

TEST(YamlMap, ReportsAgainstAKeyOrTheMap) {
  EXPECT_EQ(Problems("\na: 1\nb: 2\n",
                     [](YamlMap& map) {
                       map.Problem("b", "odd");
                       map.Problem("c", "absent");
                       map.Warning("a", "old");
                       map.Warning("c", "absent");
                     }),
            "f.yaml:3: odd\nf.yaml:2: absent\nf.yaml:2: warning: old\nf.yaml:2: warning: absent\n");
}

TEST(YamlMap, MovesItsDutyToReport) {
  Parsed parsed("a: 1\n");
  {
    YamlMap first = parsed.Map();
    YamlMap second = std::move(first);
  }
  EXPECT_EQ(parsed.issues.error_count(), 1u);
}

TEST(YamlText, NorwayIsACountryAndNoBoolean) {
  for (const char* word : {"NO", "no", "No", "yes", "Y", "n", "on", "OFF", "true", "False"}) {
    Parsed parsed(absl::string_view(std::string("a: [AT, ") + word + ", BE]\n"));
    {
      YamlMap map = parsed.Map();
      EXPECT_EQ(map.Texts("a"), (std::vector<std::string>{"AT", "BE"}));
    }
    EXPECT_EQ(parsed.issues.ToString(),
              std::string("f.yaml:1: an element of `a`: `") + word +
                  "` without quotes reads as a boolean in YAML 1.1; write \"" + word + "\"\n");
  }
  Parsed quoted("a: ['NO', \"yes\", norway, nothing]\n");
  {
    YamlMap map = quoted.Map();
    EXPECT_EQ(map.Texts("a"), (std::vector<std::string>{"NO", "yes", "norway", "nothing"}));
  }
  EXPECT_TRUE(quoted.issues.ok());
}

TEST(YamlText, NullAndContainersAreNoText) {
  for (const char* text : {"a: ~\n", "a: null\n", "a:\n", "a: NULL\n"}) {
    EXPECT_EQ(Problems(text, [](YamlMap& map) { EXPECT_EQ(map.Text("a"), ""); }),
              "f.yaml:1: `a` is empty or null; a text is needed\n");
  }
  EXPECT_EQ(Problems("a: [b]\n", [](YamlMap& map) { map.Text("a"); }),
            "f.yaml:1: `a` must be a text\n");
  EXPECT_EQ(Problems("a: \"\"\n", [](YamlMap& map) { EXPECT_EQ(map.Text("a"), ""); }), "");
  EXPECT_EQ(Problems("a: ~\n", [](YamlMap& map) { EXPECT_FALSE(map.Has("a")); }), "");
  EXPECT_EQ(Problems("a: b\n", [](YamlMap& map) { map.Texts("a"); }),
            "f.yaml:1: `a` must be a list\n");
  EXPECT_EQ(Problems("a: b\n", [](YamlMap& map) { map.Entries("a"); }),
            "f.yaml:1: `a` must be a map\n");
}

TEST(YamlInt, TakesPlainWholeNumbersInRange) {
  auto read = [](YamlMap& map) { map.Int("a", -5, 100); };
  for (const char* text : {"a: 0", "a: 100", "a: -5", "a: 7"}) EXPECT_EQ(Problems(text, read), "");
  for (const char* text : {"a: 101", "a: -6", "a: 1.0", "a: 1e1", "a: 0x5", "a: 05", "a: +5",
                           "a: 5_0", "a: \"5\"", "a: five", "a: [5]", "a: 99999999999999999999"}) {
    EXPECT_EQ(Problems(text, read), "f.yaml:1: `a` must be a whole number from -5 to 100\n")
        << text;
  }
}

TEST(YamlBool, IsTrueOrFalseAndNothingElse) {
  auto read = [](YamlMap& map) { map.Bool("a"); };
  EXPECT_EQ(Problems("a: true", read), "");
  EXPECT_EQ(Problems("a: false", read), "");
  for (const char* text :
       {"a: yes", "a: TRUE", "a: \"true\"", "a: 'false'", "a: 1", "a: on", "a:"}) {
    EXPECT_EQ(Problems(text, read), "f.yaml:1: `a` must be true or false\n") << text;
  }
}

TEST(YamlDuration, IsOneNumberAndOneUnit) {
  EXPECT_EQ(ParseDuration("250us"), absl::Microseconds(250));
  EXPECT_EQ(ParseDuration("50ms"), absl::Milliseconds(50));
  EXPECT_EQ(ParseDuration("30s"), absl::Seconds(30));
  EXPECT_EQ(ParseDuration("15m"), absl::Minutes(15));
  EXPECT_EQ(ParseDuration("8h"), absl::Hours(8));
  EXPECT_EQ(ParseDuration("7d"), absl::Hours(168));
  EXPECT_EQ(ParseDuration("0s"), absl::ZeroDuration());
  for (const char* text : {"", "8", "h", "8 h", "08h", "-8h", "1h30m", "1.5h", "8H", "8hours", "8w",
                           "10000000000000s", "+8h"}) {
    EXPECT_EQ(ParseDuration(text), std::nullopt) << text;
  }
  EXPECT_EQ(Problems("a: soon", [](YamlMap& map) { map.Duration("a"); }),
            "f.yaml:1: `a` must be a duration such as 50ms, 15m, 8h, 7d\n");
  EXPECT_NE(Problems("a: [8h]", [](YamlMap& map) { map.OptionalDuration("a"); }), "");
}

TEST(YamlTime, IsADateOrATimeWithItsZone) {
  EXPECT_EQ(ParseTime("1970-01-02"), absl::FromUnixSeconds(86400));
  EXPECT_EQ(ParseTime("2026-11-24T00:00:00Z"), absl::FromUnixSeconds(1795478400));
  EXPECT_EQ(ParseTime("2026-11-24T01:00:00+01:00"), absl::FromUnixSeconds(1795478400));
  for (const char* text : {"",
                           "2026",
                           "2026-11-24T00:00:00",
                           "2026-13-01",
                           "2026-02-30",
                           "26-11-24",
                           "2026-1-2",
                           "infinite-past",
                           "2026-11-24 ",
                           " 2026-11-24",
                           "2026-11-24T00:00:00 Z",
                           "02026-11-24",
                           "2026-11-24Z",
                           "abcd-ef-gh",
                           "20a6-11-24",
                           "202{-11-24",
                           "2026-11-24T00:00:00\tZ",
                           "2026-11-24T00:00:00Z\n",
                           "2026/11/24",
                           "2026-11/24"}) {
    EXPECT_EQ(ParseTime(text), std::nullopt) << text;
  }
  EXPECT_EQ(Problems("a: tomorrow", [](YamlMap& map) { map.Time("a"); }),
            "f.yaml:1: `a` must be a date (2027-01-31) or a time with its zone "
            "(2027-01-31T12:00:00Z)\n");
  EXPECT_NE(Problems("a: {}", [](YamlMap& map) { map.OptionalTime("a"); }), "");
}

TEST(YamlChoice, NamesAllThatIsPossible) {
  EXPECT_EQ(Problems("a: permit",
                     [](YamlMap& map) {
                       map.Choice<int>("a", {{"deny", 0}, {"allow", 1}});
                     }),
            "f.yaml:1: `a`: `permit` is none of deny, allow\n");
  EXPECT_EQ(Problems("a: [deny]",
                     [](YamlMap& map) {
                       map.Choice<int>("a", {{"deny", 0}});
                     }),
            "f.yaml:1: `a` must be a text\n");
}

}  // namespace
}  // namespace domicile::base
