// yaml.h — strict YAML: an immutable tree that knows its lines, and readers of it.
//
// Why: `NO` read as "false" would take Norway out of a rule; a duplicate key would
// hide the rule that a reviewer read; an unknown key would be a condition that was
// meant and isn't there. Here each of these is an issue with its line, and reading
// goes on, so that all problems come at once.
//
// A subset of YAML 1.2: one document of maps with text keys, lists and scalars.
// Issues: anchors, aliases, tags, several documents, duplicate keys, keys that are
// no text, control characters, bytes that are no UTF-8, and in every text position
// an unquoted word that YAML 1.1 takes for a boolean or a null (yes no on off y n
// true false ~ null, in any case). Nothing is converted but what a reader asks for.
//
//   base::Issues issues;
//   base::YamlDocument document = base::YamlDocument::Parse(text, "us.yaml", issues);
//   base::YamlMap region(document.root(), issues);
//   std::string code = region.Text("region");                  // required
//   std::vector<std::string> countries = region.Texts("countries");
//   if (region.Has("exceptions")) {
//     base::YamlMap exceptions = region.Map("exceptions");
//     absl::Duration window = exceptions.OptionalDuration("max_window", absl::Hours(8));
//   }                                                          // ~YamlMap: unknown keys
//
// Errors: into Issues, never thrown. A reader that reports returns an empty or
// default value; don't use what was read unless `issues.ok()`.
// Limits: kYamlFileBytesMax, kYamlDepthMax, kYamlNodesMax.
// Thread-safety: documents are immutable; Issues and YamlMap are thread-compatible.
// Lifetime: nodes and maps borrow from the document, maps also from Issues.
// Source: design 6.1; YAML 1.2, and 1.1 for the words that must be quoted.
#ifndef DOMICILE_GATEWAY_BASE_YAML_H_
#define DOMICILE_GATEWAY_BASE_YAML_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/attributes.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "gateway/base/issue.h"

namespace domicile::base {

namespace yaml_internal {
struct Value;
struct Tree;
}  // namespace yaml_internal

struct YamlEntry;

// A view of one node, cheap to copy. Default-constructed: absent.
class YamlNode {
 public:
  enum class Kind { kAbsent = 0, kNull, kScalar, kList, kMap };

  YamlNode() = default;

  Kind kind() const;
  bool present() const { return kind() != Kind::kAbsent; }
  bool IsScalar() const { return kind() == Kind::kScalar; }
  bool IsList() const { return kind() == Kind::kList; }
  bool IsMap() const { return kind() == Kind::kMap; }
  // From 1; 0 when absent.
  int line() const;
  const std::string& file() const;
  // Text of a scalar as it stands, "" for every other kind. Prefer the readers.
  const std::string& raw() const;
  // A scalar in quotes, or of block style.
  bool quoted() const;

  // Typed readers. Report what is wrong, named `what` ("`count`"), and give nullopt.
  std::optional<std::string> Text(Issues& issues, absl::string_view what) const;
  std::optional<int64_t> Int(Issues& issues, absl::string_view what, int64_t min,
                             int64_t max) const;
  // `true` or `false`, unquoted.
  std::optional<bool> Bool(Issues& issues, absl::string_view what) const;
  // One whole number and one unit: 250us 50ms 30s 15m 8h 7d.
  std::optional<absl::Duration> Duration(Issues& issues, absl::string_view what) const;
  // `2027-01-31` (its first instant in UTC) or RFC 3339 with zone.
  std::optional<absl::Time> Time(Issues& issues, absl::string_view what) const;
  // A list of texts; elements that are none are reported and left out.
  std::vector<std::string> Texts(Issues& issues, absl::string_view what) const;

  // Elements of a list; reports and gives none when it is no list.
  std::vector<YamlNode> List(Issues& issues, absl::string_view what) const;
  // Entries of a map whose keys are names that the writer chooses, in file order.
  std::vector<YamlEntry> Entries(Issues& issues, absl::string_view what) const;

  // Adds `message` at this node's file and line.
  void Problem(Issues& issues, absl::string_view message) const;
  void Warning(Issues& issues, absl::string_view message) const;

 private:
  friend class YamlDocument;
  friend class YamlMap;
  explicit YamlNode(const yaml_internal::Value* value) : value_(value) {}
  const yaml_internal::Value* value_ = nullptr;
};

struct YamlEntry {
  std::string key;
  int line = 0;  // of the key
  YamlNode value;
};

class YamlDocument {
 public:
  // Never fails: what can't be read is in `issues` and the tree is empty or partial.
  // `file` stands in messages only.
  static YamlDocument Parse(absl::string_view text, absl::string_view file, Issues& issues);
  // Reads the file first; a missing or too large one is an issue.
  static YamlDocument Load(const std::string& path, Issues& issues);

  YamlDocument(YamlDocument&&) noexcept;
  YamlDocument& operator=(YamlDocument&&) noexcept;
  ~YamlDocument();

  // Absent for an empty document.
  YamlNode root() const ABSL_ATTRIBUTE_LIFETIME_BOUND;

 private:
  YamlDocument();
  std::unique_ptr<const yaml_internal::Tree> tree_;
};

// Reads a map whose keys the format fixes. The destructor reports every key that was never
// asked for, so that an unknown key can't be forgotten by whoever writes the reading code.
// A node that is no map is reported once; all its keys then read as absent, silently.
class YamlMap {
 public:
  // An absent node is reported as missing. `what` names it in messages: "a rule".
  YamlMap(YamlNode node, Issues& issues ABSL_ATTRIBUTE_LIFETIME_BOUND,
          absl::string_view what = "a map");
  ~YamlMap();
  YamlMap(const YamlMap&) = delete;
  YamlMap& operator=(const YamlMap&) = delete;
  YamlMap(YamlMap&& other) noexcept;
  YamlMap& operator=(YamlMap&&) = delete;

  bool valid() const { return valid_; }
  int line() const { return node_.line(); }
  YamlNode node() const { return node_; }
  Issues& issues() const { return *issues_; }

  // Present, and not null. Counts as asked for.
  bool Has(absl::string_view key);
  // The raw value; absent when missing. Counts as asked for.
  YamlNode Get(absl::string_view key);
  // As Get, and reports a missing key.
  YamlNode Require(absl::string_view key);

  // Required. A missing or wrong value is reported and gives "" / {} / min / false / zero.
  std::string Text(absl::string_view key);
  std::vector<std::string> Texts(absl::string_view key);
  int64_t Int(absl::string_view key, int64_t min, int64_t max);
  bool Bool(absl::string_view key);
  absl::Duration Duration(absl::string_view key);
  absl::Time Time(absl::string_view key);  // InfinitePast when wrong
  YamlMap Map(absl::string_view key);
  std::vector<YamlNode> List(absl::string_view key);
  std::vector<YamlEntry> Entries(absl::string_view key);

  // Missing is no issue and gives the default; a wrong value is reported.
  std::optional<std::string> OptionalText(absl::string_view key);
  std::string OptionalText(absl::string_view key, absl::string_view otherwise);
  std::vector<std::string> OptionalTexts(absl::string_view key);
  std::optional<int64_t> OptionalInt(absl::string_view key, int64_t min, int64_t max);
  int64_t OptionalInt(absl::string_view key, int64_t min, int64_t max, int64_t otherwise);
  std::optional<bool> OptionalBool(absl::string_view key);
  bool OptionalBool(absl::string_view key, bool otherwise);
  std::optional<absl::Duration> OptionalDuration(absl::string_view key);
  absl::Duration OptionalDuration(absl::string_view key, absl::Duration otherwise);
  std::optional<absl::Time> OptionalTime(absl::string_view key);
  std::vector<YamlNode> OptionalList(absl::string_view key);
  std::vector<YamlEntry> OptionalEntries(absl::string_view key);

  // One of a closed set of words; a wrong one is reported with all that are possible.
  //   std::optional<Effect> e = rule.Choice<Effect>("effect", {{"deny", Effect::kDeny}, ...});
  template <class T>
  std::optional<T> Choice(absl::string_view key,
                          absl::Span<const std::pair<absl::string_view, T>> choices) {
    return FindChoice<T>(Require(key), key, choices);
  }
  template <class T>
  std::optional<T> OptionalChoice(absl::string_view key,
                                  absl::Span<const std::pair<absl::string_view, T>> choices) {
    return FindChoice<T>(Get(key), key, choices);
  }

  // Adds a problem at the key's line, or at the map's when the key is missing.
  void Problem(absl::string_view key, absl::string_view message);
  void Warning(absl::string_view key, absl::string_view message);

 private:
  template <class T>
  std::optional<T> FindChoice(YamlNode node, absl::string_view key,
                              absl::Span<const std::pair<absl::string_view, T>> choices) {
    if (!node.present()) return std::nullopt;
    std::optional<std::string> text = node.Text(*issues_, Quoted(key));
    if (!text) return std::nullopt;
    std::vector<absl::string_view> words;
    for (const auto& [word, value] : choices) {
      if (word == *text) return value;
      words.push_back(word);
    }
    NotAChoice(node, key, *text, words);
    return std::nullopt;
  }
  YamlMap(YamlNode node, const YamlMap& outer, absl::string_view key);
  static std::string Quoted(absl::string_view key);
  void NotAChoice(YamlNode node, absl::string_view key, absl::string_view text,
                  absl::Span<const absl::string_view> words);

  YamlNode node_;
  Issues* issues_;
  bool valid_ = false;
  std::vector<bool> asked_;  // by place in the map
};

// For command lines and tests: the same text forms as in YAML.
std::optional<absl::Duration> ParseDuration(absl::string_view text);
std::optional<absl::Time> ParseTime(absl::string_view text);

}  // namespace domicile::base

#endif  // DOMICILE_GATEWAY_BASE_YAML_H_
