// The reader of maps with fixed keys; see yaml.h.
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "gateway/base/yaml.h"
#include "gateway/base/yaml_tree.h"

namespace domicile::base {

std::string YamlMap::Quoted(absl::string_view key) { return absl::StrCat("`", key, "`"); }

YamlMap::YamlMap(YamlNode node, Issues& issues, absl::string_view what)
    : node_(node), issues_(&issues) {
  valid_ = node.IsMap();
  if (valid_) {
    asked_.resize(node_.value_->items.size());
  } else if (node.present()) {
    node.Problem(issues, absl::StrCat(what, " must be a map"));
  } else {
    node.Problem(issues, absl::StrCat(what, " is missing"));
  }
}

// The missing key was reported by Require at the outer map's line; a map inside one that is
// itself no map adds nothing.
YamlMap::YamlMap(YamlNode node, const YamlMap& outer, absl::string_view key)
    : node_(node), issues_(outer.issues_), valid_(node.IsMap()) {
  if (valid_) {
    asked_.resize(node_.value_->items.size());
  } else if (node.present()) {
    node.Problem(*issues_, absl::StrCat(Quoted(key), " must be a map"));
  }
}

YamlMap::YamlMap(YamlMap&& other) noexcept
    : node_(other.node_),
      issues_(other.issues_),
      valid_(std::exchange(other.valid_, false)),
      asked_(std::move(other.asked_)) {}

YamlMap::~YamlMap() {
  if (!valid_) return;
  const yaml_internal::Value& map = *node_.value_;
  for (size_t i = 0; i < map.items.size(); ++i) {
    if (!asked_[i]) {
      issues_->Add(*map.file, map.key_lines[i], absl::StrCat("unknown key `", map.keys[i], "`"));
    }
  }
}

YamlNode YamlMap::Get(absl::string_view key) {
  if (!valid_) return YamlNode();
  auto it = node_.value_->places.find(key);
  if (it == node_.value_->places.end()) return YamlNode();
  asked_[it->second] = true;
  return YamlNode(node_.value_->items[it->second]);
}

bool YamlMap::Has(absl::string_view key) {
  YamlNode node = Get(key);
  return node.present() && node.kind() != YamlNode::Kind::kNull;
}

YamlNode YamlMap::Require(absl::string_view key) {
  YamlNode node = Get(key);
  if (valid_ && !node.present()) {
    node_.Problem(*issues_, absl::StrCat("missing key `", key, "`"));
  }
  return node;
}

std::string YamlMap::Text(absl::string_view key) {
  YamlNode node = Require(key);
  if (!node.present()) return "";
  return node.Text(*issues_, Quoted(key)).value_or("");
}

std::vector<std::string> YamlMap::Texts(absl::string_view key) {
  YamlNode node = Require(key);
  if (!node.present()) return {};
  return node.Texts(*issues_, Quoted(key));
}

int64_t YamlMap::Int(absl::string_view key, int64_t min, int64_t max) {
  YamlNode node = Require(key);
  if (!node.present()) return min;
  return node.Int(*issues_, Quoted(key), min, max).value_or(min);
}

bool YamlMap::Bool(absl::string_view key) {
  YamlNode node = Require(key);
  return node.present() && node.Bool(*issues_, Quoted(key)).value_or(false);
}

absl::Duration YamlMap::Duration(absl::string_view key) {
  YamlNode node = Require(key);
  if (!node.present()) return absl::ZeroDuration();
  return node.Duration(*issues_, Quoted(key)).value_or(absl::ZeroDuration());
}

absl::Time YamlMap::Time(absl::string_view key) {
  YamlNode node = Require(key);
  if (!node.present()) return absl::InfinitePast();
  return node.Time(*issues_, Quoted(key)).value_or(absl::InfinitePast());
}

YamlMap YamlMap::Map(absl::string_view key) { return YamlMap(Require(key), *this, key); }

std::vector<YamlNode> YamlMap::List(absl::string_view key) {
  YamlNode node = Require(key);
  if (!node.present()) return {};
  return node.List(*issues_, Quoted(key));
}

std::vector<YamlEntry> YamlMap::Entries(absl::string_view key) {
  YamlNode node = Require(key);
  if (!node.present()) return {};
  return node.Entries(*issues_, Quoted(key));
}

std::optional<std::string> YamlMap::OptionalText(absl::string_view key) {
  YamlNode node = Get(key);
  if (!node.present()) return std::nullopt;
  return node.Text(*issues_, Quoted(key));
}

std::string YamlMap::OptionalText(absl::string_view key, absl::string_view otherwise) {
  return OptionalText(key).value_or(std::string(otherwise));
}

std::vector<std::string> YamlMap::OptionalTexts(absl::string_view key) {
  YamlNode node = Get(key);
  if (!node.present()) return {};
  return node.Texts(*issues_, Quoted(key));
}

std::optional<int64_t> YamlMap::OptionalInt(absl::string_view key, int64_t min, int64_t max) {
  YamlNode node = Get(key);
  if (!node.present()) return std::nullopt;
  return node.Int(*issues_, Quoted(key), min, max);
}

int64_t YamlMap::OptionalInt(absl::string_view key, int64_t min, int64_t max, int64_t otherwise) {
  return OptionalInt(key, min, max).value_or(otherwise);
}

std::optional<bool> YamlMap::OptionalBool(absl::string_view key) {
  YamlNode node = Get(key);
  if (!node.present()) return std::nullopt;
  return node.Bool(*issues_, Quoted(key));
}

bool YamlMap::OptionalBool(absl::string_view key, bool otherwise) {
  return OptionalBool(key).value_or(otherwise);
}

std::optional<absl::Duration> YamlMap::OptionalDuration(absl::string_view key) {
  YamlNode node = Get(key);
  if (!node.present()) return std::nullopt;
  return node.Duration(*issues_, Quoted(key));
}

absl::Duration YamlMap::OptionalDuration(absl::string_view key, absl::Duration otherwise) {
  return OptionalDuration(key).value_or(otherwise);
}

std::optional<absl::Time> YamlMap::OptionalTime(absl::string_view key) {
  YamlNode node = Get(key);
  if (!node.present()) return std::nullopt;
  return node.Time(*issues_, Quoted(key));
}

std::vector<YamlNode> YamlMap::OptionalList(absl::string_view key) {
  YamlNode node = Get(key);
  if (!node.present()) return {};
  return node.List(*issues_, Quoted(key));
}

std::vector<YamlEntry> YamlMap::OptionalEntries(absl::string_view key) {
  YamlNode node = Get(key);
  if (!node.present()) return {};
  return node.Entries(*issues_, Quoted(key));
}

void YamlMap::Problem(absl::string_view key, absl::string_view message) {
  YamlNode node = Get(key);
  (node.present() ? node : node_).Problem(*issues_, message);
}

void YamlMap::Warning(absl::string_view key, absl::string_view message) {
  YamlNode node = Get(key);
  (node.present() ? node : node_).Warning(*issues_, message);
}

void YamlMap::NotAChoice(YamlNode node, absl::string_view key, absl::string_view text,
                         absl::Span<const absl::string_view> words) {
  node.Problem(*issues_,
               absl::StrCat("`", key, "`: `", text, "` is none of ", absl::StrJoin(words, ", ")));
}

}  // namespace domicile::base
