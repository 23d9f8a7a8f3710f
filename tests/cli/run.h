// run.h — runs the program `domicile` and keeps what it said.
#ifndef DOMICILE_TESTS_CLI_RUN_H_
#define DOMICILE_TESTS_CLI_RUN_H_

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "gateway/main/demo/process.h"
#include "gateway/main/demo/world.h"
#include "tests/support/temp_dir.h"

namespace domicile::cli {

// The words, and after them where the gateway is and who asks; the caller's secrets lie in `own`.
inline std::vector<std::string> WithConnection(const support::TempDir& own,
                                               const std::string& address,
                                               const demo::Credentials& credentials,
                                               const std::string& token,
                                               std::vector<std::string> words) {
  auto secret = [&](const std::string& name, const std::string& text) {
    const std::string path = own.Write(name, text);
    std::filesystem::permissions(
        path, std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
    return path;
  };
  for (const std::string& word :
       {std::string("--gateway"), address, std::string("--certificate"),
        secret("client.pem", credentials.certificate_chain), std::string("--key"),
        secret("client.key", credentials.private_key), std::string("--roots"),
        secret("roots.pem", credentials.roots), std::string("--token-file"),
        secret("token", token)}) {
    words.push_back(word);
  }
  return words;
}

struct Said {
  int code = -1;
  std::string out, err;
};

inline std::string Slurp(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

inline Said RunDomicile(const std::vector<std::string>& arguments, absl::Duration timeout) {
  support::TempDir folder;
  demo::ProcessOptions options;
  options.command = {DOMICILE_PROGRAM};
  options.command.insert(options.command.end(), arguments.begin(), arguments.end());
  options.log_file = folder.Path("stderr");
  Said said;
  auto process = demo::Process::Start(options);
  if (!process.ok()) {
    said.err = process.status().ToString();
    return said;
  }
  while (true) {
    auto line = (*process)->ReadLine(timeout);
    if (!line.ok()) break;
    said.out += *line + "\n";
  }
  auto code = (*process)->Wait(timeout);
  said.code = code.ok() ? *code : -1;
  said.err = Slurp(options.log_file);
  return said;
}

inline Said RunDomicile(const std::vector<std::string>& arguments) {
  return RunDomicile(arguments, absl::Seconds(60));
}

}  // namespace domicile::cli

#endif  // DOMICILE_TESTS_CLI_RUN_H_
