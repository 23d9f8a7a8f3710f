// Strict YAML: policies, configuration and bindings are all read through it. Every node is read in
// every way; nothing may crash.

#include <cstdint>
#include <string>
#include <utility>

#include "absl/strings/string_view.h"
#include "gateway/base/issue.h"
#include "gateway/base/yaml.h"

namespace {

using domicile::base::Issues;
using domicile::base::YamlDocument;
using domicile::base::YamlEntry;
using domicile::base::YamlMap;
using domicile::base::YamlNode;

void ReadAsMap(YamlNode node, Issues& issues, const std::string& key) {
  YamlMap map(node, issues);
  map.Has(key);
  map.Get(key);
  map.Text(key);
  map.Texts(key);
  map.Int(key, -5, 5);
  map.Bool(key);
  map.Duration(key);
  map.Time(key);
  map.List(key);
  map.Entries(key);
  map.OptionalText(key);
  map.OptionalText(key, "otherwise");
  map.OptionalTexts(key);
  map.OptionalInt(key, 0, 1 << 20);
  map.OptionalInt(key, 0, 9, 3);
  map.OptionalBool(key);
  map.OptionalBool(key, true);
  map.OptionalDuration(key);
  map.OptionalDuration(key, absl::Seconds(1));
  map.OptionalTime(key);
  map.OptionalList(key);
  map.OptionalEntries(key);
  map.Choice<int>(key, {{"deny", 0}, {"allow", 3}});
  map.OptionalChoice<int>(key, {{"deny", 0}, {"allow", 3}});
  map.Problem(key, "a problem");
  map.Warning(key, "a warning");
  YamlMap inner = map.Map(key);
  YamlMap moved = std::move(inner);
  moved.Require("required");
}

void ReadInEveryWay(YamlNode node, Issues& issues) {
  node.kind();
  node.line();
  node.file();
  node.quoted();
  node.raw();
  node.Text(issues, "text");
  node.Int(issues, "int", -100, 100);
  node.Bool(issues, "bool");
  node.Duration(issues, "duration");
  node.Time(issues, "time");
  node.Texts(issues, "texts");
  node.Problem(issues, "a problem");
  node.Warning(issues, "a warning");
  for (const YamlNode& element : node.List(issues, "list")) ReadInEveryWay(element, issues);
  for (const YamlEntry& entry : node.Entries(issues, "entries")) {
    if (entry.line < 1) __builtin_trap();
    ReadInEveryWay(entry.value, issues);
    ReadAsMap(node, issues, entry.key);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const absl::string_view text(reinterpret_cast<const char*>(data), size);
  Issues parsing;
  YamlDocument document = YamlDocument::Parse(text, "fuzz.yaml", parsing);
  YamlDocument moved = std::move(document);
  Issues reading;
  YamlDocument::Load("no such file", reading);
  ReadInEveryWay(moved.root(), reading);
  return 0;
}
