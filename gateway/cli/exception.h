// exception.h — commands about exceptions and officers, asked of a running gateway.
//
// The requester drafts, submits and withdraws; officers look, sign and revoke with their
// own key, which never leaves their machine. What an officer's command shows before it
// signs is read from the very bytes that it signs (docs/exceptions.md).
// Each returns an exit code of cli.h. Blocking. Thread-compatible.
// Source: design 6.6, 6.10; docs/commands.md. Errors: as exit codes, with the reason on stderr.
#ifndef DOMICILE_GATEWAY_CLI_EXCEPTION_H_
#define DOMICILE_GATEWAY_CLI_EXCEPTION_H_

#include <cstdint>
#include <string>
#include <vector>

#include "gateway/cli/output.h"
#include "gateway/cli/remote.h"

namespace domicile::cli {

struct DraftOptions {
  std::vector<std::string> categories, methods, actions;
  std::string purpose, ticket;
  // Or as that draft, which another gateway opened: the one that was called.
  std::string like, like_gateway;
};
int ExceptionDraft(const Output& output, const RemotePlace& place, const DraftOptions& options);

struct SubmitOptions {
  std::string exception, reason, legal_basis, licence, not_before;
  std::string window;                 // "4h", "30m"
  std::vector<std::string> subjects;  // NAMESPACE:ID
  std::vector<std::string> categories;
  uint32_t people = 0;
  uint64_t reads = 0;
  bool break_glass = false;
};
int ExceptionSubmit(const Output& output, const RemotePlace& place, const SubmitOptions& options);
int ExceptionWithdraw(const Output& output, const RemotePlace& place, const std::string& exception);
int ExceptionList(const Output& output, const RemotePlace& place,
                  const std::vector<std::string>& states, bool all);
int ExceptionShow(const Output& output, const RemotePlace& place, const std::string& exception);
// Until `exception` (if named) is decided, or for ever: one line a change.
int ExceptionWatch(const Output& output, const RemotePlace& place, const std::string& exception,
                   uint64_t position);
int ExceptionReads(const Output& output, const RemotePlace& place, const std::string& exception);

struct SignOptions {
  std::string exception;
  std::string verb;  // approve, deny, narrow, revoke, review
  std::string reason;
  std::string officer_key;      // PKCS#8 PEM under a passphrase
  std::string passphrase_file;  // "-" asks on the terminal
  bool yes = false;             // sign without asking
  // Of narrow.
  std::vector<std::string> categories;
  std::string window;
  uint64_t reads = 0;
  uint32_t people = 0;
};
int ExceptionSign(const Output& output, const RemotePlace& place, const SignOptions& options);

struct OfficerKeyOptions {
  std::string file, passphrase_file, issuer, subject, region;
  bool head = false;  // print the file's first lines, too
};
// Makes an officer's key on this machine; its public line goes to stdout.
int OfficerKeyNew(const OfficerKeyOptions& options);
int OfficerList(const Output& output, const RemotePlace& place);

}  // namespace domicile::cli

#endif  // DOMICILE_GATEWAY_CLI_EXCEPTION_H_
