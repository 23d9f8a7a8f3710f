// The check of docs/exceptions.md, run as it stands there, by a shell and stock OpenSSL.
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <cstdlib>
#include <fstream>
#include <sstream>
#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "tests/exceptions/sample.h"
#include "tests/support/temp_dir.h"

namespace domicile::exceptions {
namespace {

// The lines of the page's one block of shell.
std::string CommandsOfPage() {
  std::ifstream page(DOMICILE_SOURCE_DIR "/docs/exceptions.md");
  std::string commands = "set -e\n";
  bool inside = false;
  for (std::string line; std::getline(page, line);) {
    if (inside && line == "```") break;
    if (inside) absl::StrAppend(&commands, line, "\n");
    if (line == "```sh") inside = true;
  }
  return commands;
}

struct Outcome {
  int status;
  std::string output;
};

class OpenSsl : public testing::Test {
 protected:
  OpenSsl() {
    Lay(officer_.Sign(Verb::kApprove, SampleTerms()));
    folder_.Write("public_key.bin", officer_.key.public_key);
  }

  void Lay(const SignedStatement& evidence) {
    folder_.Write("statement.json", evidence.statement);
    folder_.Write("signature.bin", evidence.signature);
  }

  Outcome Run(const std::string& script) const {
    folder_.Write("check.sh", script);
    const int status = std::system(
        absl::StrCat("cd '", folder_.path(), "' && sh ./check.sh >output 2>&1").c_str());
    std::ostringstream output;
    output << std::ifstream(folder_.Path("output")).rdbuf();
    return {WIFEXITED(status) ? WEXITSTATUS(status) : -1, output.str()};
  }
  Outcome Check() const { return Run(CommandsOfPage()); }

  support::TempDir folder_;
  Officer officer_{"e-12", {"compliance_officer"}, "eu"};
};

TEST_F(OpenSsl, IsThere) {
  EXPECT_EQ(Run("command -v openssl").status, 0)
      << "no `openssl` to check signatures with: ./dev installs it";
}

TEST_F(OpenSsl, VerifiesASignatureAsThePageSays) {
  const Outcome outcome = Check();
  EXPECT_EQ(outcome.status, 0) << outcome.output;
  EXPECT_TRUE(absl::StrContains(outcome.output, "Signature Verified Successfully"))
      << outcome.output;
}

TEST_F(OpenSsl, FailsOnOtherTermsAnotherKeyAndAnotherSignature) {
  const SignedStatement good = officer_.Sign(Verb::kApprove, SampleTerms());
  Statement other = *ParseStatement(good.statement);
  other.terms.reads_max = 1'000'000;
  Lay({ToJson(other), good.key_id, good.signature});
  Outcome outcome = Check();
  EXPECT_NE(outcome.status, 0) << outcome.output;
  EXPECT_TRUE(absl::StrContains(outcome.output, "Verification Failure")) << outcome.output;

  Lay({good.statement, good.key_id, std::string(64, '\1')});
  outcome = Check();
  EXPECT_NE(outcome.status, 0) << outcome.output;

  Lay(good);
  ASSERT_EQ(Check().status, 0);
  folder_.Write("public_key.bin", Officer("e-12", {}, "eu").key.public_key);
  outcome = Check();
  EXPECT_NE(outcome.status, 0) << outcome.output;
}

}  // namespace
}  // namespace domicile::exceptions
