// config_reader.h — the small readers that the configuration file needs beside those of YAML.
//
// For gateway_config.cc and its tests. Errors: into Issues. Pure.
#ifndef DOMICILE_GATEWAY_CONTROL_CONFIG_READER_H_
#define DOMICILE_GATEWAY_CONTROL_CONFIG_READER_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "gateway/access/country.h"
#include "gateway/base/yaml.h"

namespace domicile::control {

// Lower-case letters, digits and `-`, starting with a letter, at most 32: what may stand in paths
// and log origins.
bool IsName(absl::string_view text);
// A SPIFFE ID, or with `pattern` one that may end in `/*`.
bool IsSpiffe(absl::string_view text, bool pattern);
// "host:port" or "[v6]:port"; port 0 to 65535.
bool ParseHostPort(absl::string_view text, std::string& host, uint16_t& port);
// `subject.show`, `subject.*` or `*` of the control methods that exist.
bool IsControlPattern(absl::string_view pattern);
std::string ControlMethodList();
// Does any of the patterns cover this method?
bool ControlPatternMatches(absl::string_view pattern, absl::string_view method);

class ConfigReader {
 public:
  ConfigReader(std::string file, base::Issues& issues) : file_(std::move(file)), issues_(issues) {}

  // Required; resolved beside the configuration file.
  std::string Path(base::YamlMap& map, absl::string_view key);
  // "" when missing.
  std::string OptionalPath(base::YamlMap& map, absl::string_view key);
  // Required; an assigned country, not ZZ.
  access::CountryCode Country(base::YamlMap& map, absl::string_view key);
  std::vector<access::CountryCode> Countries(base::YamlMap& map, absl::string_view key);
  // Missing is none; more than `max` is a problem.
  std::vector<base::YamlNode> List(base::YamlMap& map, absl::string_view key, size_t max);

 private:
  std::string file_;
  base::Issues& issues_;
};

}  // namespace domicile::control

#endif  // DOMICILE_GATEWAY_CONTROL_CONFIG_READER_H_
