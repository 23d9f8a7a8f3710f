// exception_verbs.h — `domicile exception ...` and `domicile officer ...` on the command line.
//
// Private to cli/. The words and their options; what they do is in exception.h.
// Source: design 6.10; docs/commands.md. Errors: those of CLI11. Called once.
#ifndef DOMICILE_GATEWAY_CLI_EXCEPTION_VERBS_H_
#define DOMICILE_GATEWAY_CLI_EXCEPTION_VERBS_H_

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "gateway/cli/exception.h"

namespace CLI {
class App;
}

namespace domicile::cli {

class ExceptionVerbs {
 public:
  // `output` and `place` are filled by the options that `add_remote` adds; `run` is what the chosen
  // verb leaves to be done. All outlive the parse, as does this object.
  ExceptionVerbs(const Output& output, const RemotePlace& place,
                 std::function<void(CLI::App*)> add_remote, std::function<int()>& run)
      : output_(output), place_(place), add_remote_(std::move(add_remote)), run_(run) {}
  void AddTo(CLI::App& app);

 private:
  CLI::App* Verb(CLI::App* noun, const std::string& name, const std::string& what,
                 std::function<int()> run);
  void AddRequester(CLI::App* noun);
  void AddSubmitOptions(CLI::App* verb);
  void AddLooking(CLI::App* noun);
  void AddSigning(CLI::App* noun);
  void AddOfficer(CLI::App& app);
  void AddExceptionId(CLI::App* verb, std::string& id);

  const Output& output_;
  const RemotePlace& place_;
  std::function<void(CLI::App*)> add_remote_;
  std::function<int()>& run_;
  std::string exception_;
  std::vector<std::string> states_;
  bool all_ = false;
  uint64_t position_ = 0;
  DraftOptions draft_;
  SubmitOptions submit_;
  SignOptions sign_;
  OfficerKeyOptions officer_;
};

}  // namespace domicile::cli

#endif  // DOMICILE_GATEWAY_CLI_EXCEPTION_VERBS_H_
