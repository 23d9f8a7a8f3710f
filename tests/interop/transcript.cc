#include "tests/interop/transcript.h"

#include <algorithm>
#include <fstream>
#include <set>
#include <sstream>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "gateway/main/demo/process.h"

namespace domicile::interop {
namespace {

using nlohmann::json;

// A whole suite takes a few seconds; a loaded machine may need much more.
constexpr absl::Duration kClientTimeout = absl::Minutes(4);
constexpr size_t kLogShown = 2000;

std::string ReadFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

absl::Status Failure(const std::string& what, const std::string& log) {
  std::string text = ReadFile(log);
  if (text.size() > kLogShown) text = text.substr(text.size() - kLogShown);
  return absl::UnavailableError(absl::StrCat(what, ":\n", text));
}

template <class List, class Value>
bool Holds(const List& list, const Value& value) {
  return std::find(list.begin(), list.end(), value) != list.end();
}

json Strip(json entry, const ListedDifferences& listed) {
  const bool wordless = Holds(listed.words_of_cases, entry["name"]);
  for (const char* part : {"initial", "trailing"}) {
    if (!entry.contains(part)) continue;
    json kept = json::array();
    for (const json& pair : entry[part]) {
      if (Holds(listed.metadata_keys, pair[0])) continue;
      if (wordless && pair[0] == "grpc-status-details-bin") continue;
      kept.push_back(pair);
    }
    entry[part] = kept;
  }
  if (wordless) entry.erase("text");
  return entry;
}

}  // namespace

absl::StatusOr<json> RunClient(const ClientRun& run, const json& cases) {
  const std::string case_file = run.directory + "/cases.json";
  const std::string out = run.directory + "/transcript.json";
  const std::string log = run.directory + "/client.log";
  std::ofstream(case_file) << cases.dump();
  demo::ProcessOptions options;
  options.command = run.program;
  for (const auto& [flag, value] :
       std::vector<std::pair<std::string, std::string>>{{"--target", run.target},
                                                        {"--cases", case_file},
                                                        {"--out", out},
                                                        {"--after", run.after},
                                                        {"--roots", run.roots},
                                                        {"--certificate", run.certificate},
                                                        {"--key", run.key}}) {
    if (value.empty()) continue;
    options.command.push_back(flag);
    options.command.push_back(value);
  }
  options.log_file = log;
  options.log_stdout = true;
  auto process = demo::Process::Start(options);
  if (!process.ok()) return process.status();
  absl::StatusOr<int> code = (*process)->Wait(kClientTimeout);
  if (!code.ok()) return Failure(absl::StrCat(run.program.back(), " hangs"), log);
  if (*code != 0) return Failure(absl::StrCat(run.program.back(), " exits ", *code), log);
  return json::parse(ReadFile(out));
}

std::vector<std::string> Differences(const json& left, const json& right,
                                     const ListedDifferences& listed) {
  std::vector<std::string> out;
  if (left.size() != right.size()) {
    return {absl::StrCat("number of cases: ", left.size(), " and ", right.size())};
  }
  for (size_t i = 0; i < left.size(); ++i) {
    const json a = Strip(left[i], listed), b = Strip(right[i], listed);
    std::set<std::string> keys;
    for (const json* entry : {&a, &b}) {
      for (const auto& item : entry->items()) keys.insert(item.key());
    }
    for (const std::string& key : keys) {
      const json in_a = a.value(key, json()), in_b = b.value(key, json());
      if (in_a == in_b) continue;
      out.push_back(absl::StrCat(a["name"].get<std::string>(), ", ", key, ": ",
                                 in_a.dump().substr(0, 300), " and ", in_b.dump().substr(0, 300)));
    }
  }
  return out;
}

}  // namespace domicile::interop
