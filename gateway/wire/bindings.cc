#include "gateway/wire/bindings.h"

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "gateway/base/yaml.h"

namespace domicile::wire {
namespace {

class Reader {
 public:
  Reader(Bindings* bindings, base::Issues* issues) : bindings_(*bindings), issues_(*issues) {}

  void Read(const SchemaFile& file);

 private:
  void Services(const std::vector<base::YamlEntry>& services);
  void Method(const base::YamlEntry& entry, std::map<std::string, MethodBinding>* methods);
  void Messages(const std::vector<base::YamlEntry>& messages);
  void Options(const std::vector<base::YamlNode>& options);
  void Fields(base::YamlMap& map, LabelNode* root);
  void DataSubjects(base::YamlMap& map, LabelNode* root);
  // The label at `path`, made when it isn't there.
  FieldLabels& At(LabelNode* root, const std::string& path, base::YamlNode node);
  void SetRole(LabelNode* root, const std::string& path, Role role, base::YamlNode node);
  void SetCategory(LabelNode* root, const std::string& path, const std::string& category,
                   base::YamlNode node);

  Bindings& bindings_;
  base::Issues& issues_;
  std::string name_space_;  // the file's default
};

Place PlaceOf(base::YamlNode node) { return {node.file(), node.line()}; }

FieldLabels& Reader::At(LabelNode* root, const std::string& path, base::YamlNode node) {
  LabelNode* at = root;
  for (absl::string_view part : absl::StrSplit(path, '.')) {
    std::unique_ptr<LabelNode>& child = at->children[std::string(part)];
    if (child == nullptr) child = std::make_unique<LabelNode>();
    at = child.get();
  }
  if (!at->label) {
    at->label.emplace();
    at->label->source = "bindings";
    at->label->place = PlaceOf(node);
  }
  return *at->label;
}

void Reader::SetRole(LabelNode* root, const std::string& path, Role role, base::YamlNode node) {
  FieldLabels& label = At(root, path, node);
  if (label.role != Role::kNone && label.role != role) {
    node.Problem(issues_, absl::StrCat("field `", path, "` has two roles: ", Name(label.role),
                                       " and ", Name(role)));
  }
  label.role = role;
}

void Reader::SetCategory(LabelNode* root, const std::string& path, const std::string& category,
                         base::YamlNode node) {
  FieldLabels& label = At(root, path, node);
  if (label.category && *label.category != category) {
    node.Problem(issues_, absl::StrCat("field `", path, "` has two categories: ", *label.category,
                                       " and ", category));
  }
  label.category = category;
}

// `data_subject: [user_id]` under the namespace of the message or file, or
// `data_subject: {user_id: acme.user}`.
void Reader::DataSubjects(base::YamlMap& map, LabelNode* root) {
  const std::string name_space = map.OptionalText("namespace", name_space_);
  base::YamlNode node = map.Get("data_subject");
  if (!node.present()) return;
  if (node.IsMap()) {
    for (const base::YamlEntry& entry : node.Entries(issues_, "`data_subject`")) {
      std::optional<std::string> space = entry.value.Text(issues_, "a namespace");
      if (!space) continue;
      SetRole(root, entry.key, Role::kDataSubjectId, entry.value);
      At(root, entry.key, entry.value).name_space = *space;
    }
    return;
  }
  for (const std::string& path : node.Texts(issues_, "`data_subject`")) {
    SetRole(root, path, Role::kDataSubjectId, node);
    At(root, path, node).name_space = name_space;
  }
}

void Reader::Fields(base::YamlMap& map, LabelNode* root) {
  DataSubjects(map, root);
  constexpr std::pair<absl::string_view, Role> kSingle[] = {
      {"record_id", Role::kRecordId}, {"origin_tag", Role::kOriginTag}, {"home", Role::kHome}};
  for (const auto& [key, role] : kSingle) {
    if (std::optional<std::string> path = map.OptionalText(key)) {
      SetRole(root, *path, role, map.Get(key));
    }
  }
  for (const base::YamlEntry& entry : map.OptionalEntries("categories")) {
    if (std::optional<std::string> category = entry.value.Text(issues_, "a category")) {
      SetCategory(root, entry.key, *category, entry.value);
    }
  }
  for (const base::YamlEntry& entry : map.OptionalEntries("lookup")) {
    if (std::optional<std::string> category = entry.value.Text(issues_, "a category")) {
      SetRole(root, entry.key, Role::kLookup, entry.value);
      SetCategory(root, entry.key, *category, entry.value);
    }
  }
}

void Reader::Method(const base::YamlEntry& entry, std::map<std::string, MethodBinding>* methods) {
  auto [it, added] = methods->try_emplace(entry.key);
  if (!added) {
    issues_.Add(entry.value.file(), entry.line,
                absl::StrCat("method `", entry.key, "` is bound twice, first at ",
                             it->second.labels.place.file, ":", it->second.labels.place.line));
    return;
  }
  base::YamlMap map(entry.value, issues_, "a method");
  MethodLabels& labels = it->second.labels;
  labels.place = {entry.value.file(), entry.line};
  const std::string action = map.Text("action");
  if (!action.empty() && !access::Parse(action, &labels.action)) {
    map.Problem("action", absl::StrCat("`", action,
                                       "` is no action: read, search, write, create, delete, "
                                       "export, aggregate or none"));
  }
  labels.route =
      map.OptionalChoice<access::Route>("route", {{"data_subject", access::Route::kDataSubject},
                                                  {"caller", access::Route::kCaller},
                                                  {"requested", access::Route::kRequested}})
          .value_or(access::Route::kDataSubject);
  labels.withheld =
      map.OptionalChoice<access::Withheld>(
             "withheld", {{"end", access::Withheld::kEnd}, {"skip", access::Withheld::kSkip}})
          .value_or(access::Withheld::kEnd);
  labels.creates = map.OptionalBool("creates", false);
  Fields(map, &it->second.request);
}

void Reader::Services(const std::vector<base::YamlEntry>& services) {
  for (const base::YamlEntry& service : services) {
    for (const base::YamlEntry& method : service.value.Entries(issues_, "a service")) {
      Method(method, &bindings_.services[service.key]);
    }
  }
}

void Reader::Messages(const std::vector<base::YamlEntry>& messages) {
  for (const base::YamlEntry& entry : messages) {
    auto [it, added] = bindings_.messages.try_emplace(entry.key);
    MessageLabels& labels = it->second.labels;
    if (!added) {
      issues_.Add(entry.value.file(), entry.line,
                  absl::StrCat("message `", entry.key, "` is bound twice, first at ",
                               labels.place.file, ":", labels.place.line));
      continue;
    }
    base::YamlMap map(entry.value, issues_, "a message");
    labels.place = {entry.value.file(), entry.line};
    labels.default_category = map.OptionalText("default_category");
    labels.stamp_unknown_field = map.OptionalBool("stamp_unknown_field", false);
    if (std::optional<bool> record = map.OptionalBool("record")) {
      labels.kind = *record ? RecordKind::kRecord : RecordKind::kPart;
    }
    Fields(map, &it->second.fields);
  }
}

void Reader::Options(const std::vector<base::YamlNode>& options) {
  for (base::YamlNode node : options) {
    base::YamlMap map(node, issues_, "an option");
    OptionBinding binding;
    binding.place = PlaceOf(node);
    binding.option = map.Text("option");
    binding.category = map.OptionalText("category", "");
    for (const base::YamlEntry& entry : map.OptionalEntries("values")) {
      if (std::optional<std::string> category = entry.value.Text(issues_, "a category")) {
        binding.values[entry.key] = *category;
      }
    }
    if (binding.category.empty() == binding.values.empty()) {
      node.Problem(issues_, "an option needs either `category` or `values`");
    }
    bindings_.options.push_back(std::move(binding));
  }
}

void Reader::Read(const SchemaFile& file) {
  base::YamlDocument document = base::YamlDocument::Parse(file.content, file.name, issues_);
  base::YamlMap map(document.root(), issues_, "a bindings file");
  name_space_ = map.OptionalText("namespace", "");
  Services(map.OptionalEntries("services"));
  Messages(map.OptionalEntries("messages"));
  Options(map.OptionalList("options"));
}

}  // namespace

Bindings ReadBindings(absl::Span<const SchemaFile> files, base::Issues* issues) {
  Bindings bindings;
  for (const SchemaFile& file : files) Reader(&bindings, issues).Read(file);
  return bindings;
}

}  // namespace domicile::wire
