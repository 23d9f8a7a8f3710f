// The program `domicile`: hands the rooms to the command line, and nothing else.

#include <cstdlib>
#include <string>

#include "gateway/base/clock.h"
#include "gateway/cli/cli.h"
#include "gateway/main/build.h"
#include "gateway/main/control_companion.h"
#include "gateway/main/demo/demo.h"
#include "gateway/main/gateway.h"
#include "gateway/main/serve.h"

namespace {

using domicile::base::Issues;
using domicile::control::GatewayConfig;

const domicile::base::SystemClock& Clock() {
  static const domicile::base::SystemClock clock;
  return clock;
}

std::string Or(const std::string& given, const char* otherwise) {
  return given.empty() ? otherwise : given;
}

int Demo(const char* self, const domicile::cli::DemoOptions& options) {
  domicile::demo::DemoFiles files;
  files.directory = options.directory;
  files.legal = Or(options.legal, DOMICILE_DEMO_LEGAL);
  files.company = Or(options.company, DOMICILE_DEMO_COMPANY);
  files.scenarios = Or(options.scenarios, DOMICILE_DEMO_SCENARIOS);
  files.descriptor_set = Or(options.descriptor_set, DOMICILE_DEMO_DESCRIPTOR_SET);
  files.bindings = Or(options.bindings, DOMICILE_DEMO_BINDINGS);
  files.service_program = Or(options.service_program, DOMICILE_DEMO_SERVICE);
  files.gateway_command = {self, "gateway"};
  return domicile::demo::RunDemo(files, options.once);
}

}  // namespace

int main(int argc, char** argv) {
  domicile::cli::Assembly assembly;
  assembly.version = std::string(domicile::main::Version());
  assembly.serve = [](const std::string& config) {
    return domicile::main::Serve(config, domicile::main::StartControl);
  };
  assembly.check = [](const GatewayConfig& config, Issues& issues) {
    domicile::main::CheckGateway(config, Clock(), issues);
  };
  assembly.lint = [](const GatewayConfig& config, Issues& issues) {
    Issues ignored;  // `policy lint` has shown the policy's own problems already
    if (auto serving = domicile::main::LoadServing(config, ignored)) {
      domicile::main::LintServing(config, *serving, issues);
    }
  };
  // The kernel's name of this very program: argv[0] may be a name that PATH resolved.
  assembly.demo = [](const domicile::cli::DemoOptions& options) {
    return Demo("/proc/self/exe", options);
  };
  return domicile::cli::Run(argc, argv, assembly);
}
