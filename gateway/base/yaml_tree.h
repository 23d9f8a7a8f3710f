// yaml_tree.h — the tree behind yaml.h, and the one place that knows yaml-cpp.
//
// Private to base/: yaml.h shows views of it. Built by ParseYaml, then never changed.
// Errors: into Issues, with lines; as yaml.h.
#ifndef DOMICILE_GATEWAY_BASE_YAML_TREE_H_
#define DOMICILE_GATEWAY_BASE_YAML_TREE_H_

#include <deque>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/string_view.h"
#include "gateway/base/issue.h"
#include "gateway/base/yaml.h"

namespace domicile::base::yaml_internal {

struct Value {
  YamlNode::Kind kind = YamlNode::Kind::kAbsent;
  int line = 0;
  bool quoted = false;
  const std::string* file = nullptr;
  std::string text;                                 // kScalar
  std::vector<const Value*> items;                  // kList elements, kMap values
  std::vector<std::string> keys;                    // kMap, beside items
  std::vector<int> key_lines;                       // kMap, beside items
  absl::flat_hash_map<std::string, size_t> places;  // kMap: key -> place in items
};

struct Tree {
  std::string file;
  std::deque<Value> values;  // stable addresses
  const Value* root = nullptr;
};

// Fills `tree` from the text. Catches everything that yaml-cpp throws.
void ParseYaml(absl::string_view text, Tree& tree, Issues& issues);

// A plain scalar that YAML 1.1 readers take for a boolean.
bool LooksBoolean(absl::string_view text);

}  // namespace domicile::base::yaml_internal

#endif  // DOMICILE_GATEWAY_BASE_YAML_TREE_H_
