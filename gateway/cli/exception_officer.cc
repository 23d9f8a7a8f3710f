// An officer's own machine: a key that never leaves it, and a signature over what was read here.
#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <iostream>
#include <string>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "gateway/base/bytes.h"
#include "gateway/base/file.h"
#include "gateway/cli/cli.h"
#include "gateway/cli/exception.h"
#include "gateway/cli/exception_print.h"
#include "gateway/cli/remote_channel.h"
#include "gateway/control/officers_file.h"
#include "gateway/crypto/dsse.h"
#include "gateway/crypto/secret.h"
#include "gateway/crypto/signature.h"
#include "gateway/exceptions/statement.h"

namespace domicile::cli {
namespace {

namespace v1 = domicile::v1;

// From a file of mode 0600, or typed without being shown. Empty: said why.
crypto::Secret ReadPassphrase(const std::string& file) {
  std::string text;
  if (file != "-") {
    if (!ReadOption(file, "--passphrase-file", /*secret=*/true, text)) return {};
    while (!text.empty() && (text.back() == '\n' || text.back() == '\r')) text.pop_back();
  } else if (char* typed = getpass("passphrase of the officer's key: "); typed != nullptr) {
    text = typed;
    base::Zeroise(typed, text.size());
  }
  if (text.empty()) Output::Say("the passphrase is empty");
  return crypto::Secret(std::move(text));
}

absl::StatusOr<crypto::SigningKey> OpenKey(const SignOptions& options) {
  std::string pem;
  if (!ReadOption(options.officer_key, "--officer-key", /*secret=*/true, pem)) {
    return absl::InvalidArgumentError("the officer's key cannot be read");
  }
  crypto::Secret passphrase = ReadPassphrase(options.passphrase_file);
  if (passphrase.empty()) return absl::InvalidArgumentError("the officer's key stays closed");
  return crypto::SigningKey::FromEncryptedPem(pem, std::move(passphrase));
}

v1::PrepareRequest ToRequest(const SignOptions& options, absl::Duration window) {
  v1::PrepareRequest request;
  request.set_exception(options.exception);
  request.set_verb(options.verb);
  request.set_reason(options.reason);
  for (const std::string& one : options.categories) request.add_categories(one);
  request.set_window_seconds(static_cast<uint64_t>(absl::ToInt64Seconds(window)));
  request.set_reads_max(options.reads);
  request.set_distinct_subjects_max(options.people);
  return request;
}

// What is about to be signed, from its very bytes. That they say in full what was shown above is
// for the officer to see: the sentence that follows is made of these bytes alone.
bool CheckStatement(const SignOptions& options, const v1::PrepareResponse& prepared,
                    const v1::ShowResponse& shown, const crypto::SigningKey& key,
                    exceptions::Statement& statement) {
  const absl::StatusOr<exceptions::Statement> parsed =
      exceptions::ParseStatement(prepared.statement());
  if (!parsed.ok()) {
    Output::Say("the gateway gave no statement to sign; nothing was signed");
    return false;
  }
  statement = *parsed;
  if (Name(statement.verb) != options.verb ||
      exceptions::ToText(statement.terms.exception) != shown.row().exception() ||
      (options.verb != "narrow" && statement.terms.revision != shown.terms().revision()) ||
      statement.reason != options.reason) {
    Output::Say("the statement is not about what was shown; nothing was signed");
    return false;
  }
  if (statement.key_id != exceptions::OfficerKeyId(key.public_key())) {
    Output::Say("the gateway knows another key as yours; `domicile officer list` has it");
    return false;
  }
  return true;
}

bool Confirm(const SignOptions& options, const exceptions::Statement& statement,
             const std::string& bytes) {
  std::fprintf(stderr, "\nYou sign, as %s: %s\n  %s\n", statement.officer_subject.c_str(),
               std::string(Name(statement.verb)).c_str(),
               exceptions::Summary(statement.terms).c_str());
  std::fprintf(stderr, "  from %s\n  until %s\n  fingerprint %s\n",
               BothTimes(statement.terms.not_before).c_str(),
               BothTimes(statement.terms.not_after).c_str(),
               exceptions::Fingerprint(bytes).c_str());
  if (options.yes) return true;
  std::fprintf(stderr, "Type yes to sign: ");
  std::string answer;
  std::getline(std::cin, answer);
  return absl::StripAsciiWhitespace(answer) == "yes";
}

}  // namespace

int ExceptionSign(const Output& output, const RemotePlace& place, const SignOptions& options) {
  absl::Duration window;
  if (!options.window.empty() && !absl::ParseDuration(options.window, &window)) {
    Output::Say("--window is a duration such as 4h or 30m");
    return kBadInput;
  }
  const absl::StatusOr<crypto::SigningKey> key = OpenKey(options);
  if (!key.ok()) {
    Output::Say(key.status().message());
    return kBadInput;
  }
  Remote remote(place);
  if (const int code = remote.Open(); code != kDone) return code;
  v1::ShowRequest ask;
  ask.set_exception(options.exception);
  v1::ShowResponse shown;
  grpc::ClientContext show_context;
  remote.Prepare(show_context);
  grpc::Status status = remote.exceptions().Show(&show_context, ask, &shown);
  if (!status.ok()) return Remote::Fail(status);
  if (!output.json) PrintShow(output, shown);
  v1::PrepareResponse prepared;
  grpc::ClientContext prepare_context;
  remote.Prepare(prepare_context);
  status = remote.exceptions().Prepare(&prepare_context, ToRequest(options, window), &prepared);
  if (!status.ok()) return Remote::Fail(status);
  exceptions::Statement statement;
  if (!CheckStatement(options, prepared, shown, *key, statement)) return kFailed;
  if (!Confirm(options, statement, prepared.statement())) {
    Output::Say("nothing was signed");
    return kFailed;
  }
  const absl::StatusOr<std::string> signature =
      key->Sign(crypto::PreAuthenticationEncoding(exceptions::kPayloadType, prepared.statement()));
  if (!signature.ok()) {
    Output::Say(signature.status().message());
    return kFailed;
  }
  v1::SignRequest sign;
  sign.set_statement(prepared.statement());
  sign.set_key_id(statement.key_id);
  sign.set_signature(*signature);
  v1::ExceptionResponse response;
  grpc::ClientContext sign_context;
  remote.Prepare(sign_context);
  status = remote.exceptions().Sign(&sign_context, sign, &response);
  if (!status.ok()) return Remote::Fail(status);
  PrintResponse(output, response);
  return kDone;
}

int OfficerKeyNew(const OfficerKeyOptions& options) {
  if (options.issuer.find(' ') != std::string::npos ||
      options.subject.find(' ') != std::string::npos) {
    Output::Say("--issuer and --subject are those of your token, and hold no space");
    return kBadInput;
  }
  if (std::filesystem::exists(options.file)) {
    Output::Say(absl::StrCat(options.file, " is there already; a key is never overwritten"));
    return kBadInput;
  }
  crypto::Secret passphrase = ReadPassphrase(options.passphrase_file);
  if (passphrase.empty()) return kBadInput;
  absl::StatusOr<crypto::SigningKey> key =
      crypto::SigningKey::Generate(crypto::SignatureAlgorithm::kEdDsa);
  absl::StatusOr<std::string> pem = key.ok() ? key->ToEncryptedPem(std::move(passphrase))
                                             : absl::StatusOr<std::string>(key.status());
  absl::Status written = pem.status();
  if (pem.ok()) {
    written = base::WriteFileAtomically(options.file, *pem, base::FileMode::kSecret);
  }
  if (!written.ok()) {
    Output::Say(written.message());
    return kFailed;
  }
  exceptions::OfficerKey officer;
  officer.public_key = key->public_key();
  officer.key_id = exceptions::OfficerKeyId(officer.public_key);
  officer.issuer = options.issuer;
  officer.subject = options.subject;
  officer.from = absl::FromUnixSeconds(absl::ToUnixSeconds(absl::Now()));
  if (options.head) std::fputs(control::OfficersHead(options.region).c_str(), stdout);
  std::fputs(control::OfficerLine(officer).c_str(), stdout);
  Output::Say(absl::StrCat("the key is in ", options.file,
                           "; the line is for the region's officers (docs/exceptions.md)"));
  return kDone;
}

}  // namespace domicile::cli
