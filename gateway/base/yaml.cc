#include "gateway/base/yaml.h"

#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "gateway/base/file.h"
#include "gateway/base/limits.h"
#include "gateway/base/yaml_tree.h"

namespace domicile::base {
namespace {

using yaml_internal::Tree;
using yaml_internal::Value;

const std::string& EmptyText() {
  static const std::string* const empty = new std::string;
  return *empty;
}

}  // namespace

std::optional<absl::Duration> ParseDuration(absl::string_view text) {
  size_t digits = 0;
  while (digits < text.size() && text[digits] >= '0' && text[digits] <= '9') ++digits;
  int64_t count = 0;
  // Ten digits of days stay far from overflow; leading zeros would be a second spelling.
  if (digits == 0 || digits > 10 || (digits > 1 && text[0] == '0') ||
      !absl::SimpleAtoi(text.substr(0, digits), &count)) {
    return std::nullopt;
  }
  absl::string_view unit = text.substr(digits);
  if (unit == "us") return absl::Microseconds(count);
  if (unit == "ms") return absl::Milliseconds(count);
  if (unit == "s") return absl::Seconds(count);
  if (unit == "m") return absl::Minutes(count);
  if (unit == "h") return absl::Hours(count);
  if (unit == "d") return absl::Hours(24) * count;
  return std::nullopt;
}

std::optional<absl::Time> ParseTime(absl::string_view text) {
  // absl reads years of any length, `infinite-past`, and spaces around; these are no dates.
  if (text.size() < 10 || text[4] != '-' || text[7] != '-') return std::nullopt;
  for (size_t i : {0, 1, 2, 3, 5, 6, 8, 9}) {
    if (text[i] < '0' || text[i] > '9') return std::nullopt;
  }
  for (char c : text) {
    if (c == ' ' || c == '\t' || c == '\n') return std::nullopt;
  }
  absl::Time time;
  std::string error;
  const char* format = text.size() == 10 ? "%Y-%m-%d" : absl::RFC3339_full;
  if (!absl::ParseTime(format, text, &time, &error)) return std::nullopt;
  return time;
}

YamlNode::Kind YamlNode::kind() const { return value_ == nullptr ? Kind::kAbsent : value_->kind; }
int YamlNode::line() const { return value_ == nullptr ? 0 : value_->line; }
const std::string& YamlNode::file() const {
  return value_ == nullptr ? EmptyText() : *value_->file;
}
const std::string& YamlNode::raw() const { return value_ == nullptr ? EmptyText() : value_->text; }
bool YamlNode::quoted() const { return value_ != nullptr && value_->quoted; }

void YamlNode::Problem(Issues& issues, absl::string_view message) const {
  issues.Add(file(), line(), message);
}
void YamlNode::Warning(Issues& issues, absl::string_view message) const {
  issues.Warn(file(), line(), message);
}

std::optional<std::string> YamlNode::Text(Issues& issues, absl::string_view what) const {
  if (kind() == Kind::kNull) {
    Problem(issues, absl::StrCat(what, " is empty or null; a text is needed"));
    return std::nullopt;
  }
  if (!IsScalar()) {
    Problem(issues, absl::StrCat(what, " must be a text"));
    return std::nullopt;
  }
  if (!quoted() && yaml_internal::LooksBoolean(raw())) {
    Problem(issues,
            absl::StrCat(what, ": `", raw(),
                         "` without quotes reads as a boolean in YAML 1.1; write \"", raw(), "\""));
    return std::nullopt;
  }
  return raw();
}

std::optional<int64_t> YamlNode::Int(Issues& issues, absl::string_view what, int64_t min,
                                     int64_t max) const {
  std::string expected = absl::StrCat(what, " must be a whole number from ", min, " to ", max);
  int64_t value = 0;
  // The printed form must be the written one: no `+5`, ` 5`, `05`, `0x5`, `5_0`.
  if (!IsScalar() || quoted() || !absl::SimpleAtoi(raw(), &value) || absl::StrCat(value) != raw() ||
      value < min || value > max) {
    Problem(issues, expected);
    return std::nullopt;
  }
  return value;
}

std::optional<bool> YamlNode::Bool(Issues& issues, absl::string_view what) const {
  if (IsScalar() && !quoted() && raw() == "true") return true;
  if (IsScalar() && !quoted() && raw() == "false") return false;
  Problem(issues, absl::StrCat(what, " must be true or false"));
  return std::nullopt;
}

std::optional<absl::Duration> YamlNode::Duration(Issues& issues, absl::string_view what) const {
  std::optional<absl::Duration> duration;
  if (IsScalar()) duration = ParseDuration(raw());
  if (!duration)
    Problem(issues, absl::StrCat(what, " must be a duration such as 50ms, 15m, 8h, 7d"));
  return duration;
}

std::optional<absl::Time> YamlNode::Time(Issues& issues, absl::string_view what) const {
  std::optional<absl::Time> time;
  if (IsScalar()) time = ParseTime(raw());
  if (!time) {
    Problem(issues, absl::StrCat(what,
                                 " must be a date (2027-01-31) or a time with its zone "
                                 "(2027-01-31T12:00:00Z)"));
  }
  return time;
}

std::vector<std::string> YamlNode::Texts(Issues& issues, absl::string_view what) const {
  std::vector<std::string> texts;
  for (YamlNode item : List(issues, what)) {
    std::optional<std::string> text = item.Text(issues, absl::StrCat("an element of ", what));
    if (text) texts.push_back(*std::move(text));
  }
  return texts;
}

std::vector<YamlNode> YamlNode::List(Issues& issues, absl::string_view what) const {
  std::vector<YamlNode> items;
  if (!IsList()) {
    Problem(issues, absl::StrCat(what, " must be a list"));
    return items;
  }
  items.reserve(value_->items.size());
  for (const Value* item : value_->items) items.push_back(YamlNode(item));
  return items;
}

std::vector<YamlEntry> YamlNode::Entries(Issues& issues, absl::string_view what) const {
  std::vector<YamlEntry> entries;
  if (!IsMap()) {
    Problem(issues, absl::StrCat(what, " must be a map"));
    return entries;
  }
  entries.reserve(value_->items.size());
  for (size_t i = 0; i < value_->items.size(); ++i) {
    entries.push_back(YamlEntry{value_->keys[i], value_->key_lines[i], YamlNode(value_->items[i])});
  }
  return entries;
}

YamlDocument::YamlDocument() = default;
YamlDocument::YamlDocument(YamlDocument&&) noexcept = default;
YamlDocument& YamlDocument::operator=(YamlDocument&&) noexcept = default;
YamlDocument::~YamlDocument() = default;

YamlDocument YamlDocument::Parse(absl::string_view text, absl::string_view file, Issues& issues) {
  auto tree = std::make_unique<Tree>();
  tree->file = std::string(file);
  yaml_internal::ParseYaml(text, *tree, issues);
  YamlDocument document;
  document.tree_ = std::move(tree);
  return document;
}

YamlDocument YamlDocument::Load(const std::string& path, Issues& issues) {
  absl::StatusOr<std::string> text = ReadFile(path, limits::kYamlFileBytesMax);
  if (text.ok()) return Parse(*text, path, issues);
  issues.Add(path, 0, text.status().message());
  YamlDocument document;
  auto tree = std::make_unique<Tree>();
  tree->file = path;
  document.tree_ = std::move(tree);
  return document;
}

YamlNode YamlDocument::root() const { return YamlNode(tree_->root); }

}  // namespace domicile::base
