// remote.h — commands that ask a running gateway over its control service.
//
// Mutual TLS with the caller's certificate, and the caller's own token; the gateway
// decides. Each returns an exit code of cli.h. Blocking. Thread-compatible.
// Source: design 6.10. Errors: as exit codes, with the reason the gateway gave on stderr.
#ifndef DOMICILE_GATEWAY_CLI_REMOTE_H_
#define DOMICILE_GATEWAY_CLI_REMOTE_H_

#include <string>

#include "gateway/cli/output.h"

namespace domicile::cli {

// Where to ask, and as whom. Each may also come from the environment; see docs/commands.md.
struct RemotePlace {
  std::string address, certificate, key, roots;
  std::string token_file;  // "-" is standard input
  std::string purpose, ticket;
};

int RemoteVersion(const Output& output, const RemotePlace& place);
int SubjectImport(const Output& output, const RemotePlace& place, const std::string& file);
int SubjectSetHome(const Output& output, const RemotePlace& place, const std::string& subject,
                   const std::string& region, const std::string& since);
// `subject` is NAMESPACE:ID.
int SubjectShow(const Output& output, const RemotePlace& place, const std::string& subject);
struct TagQuestion {
  std::string tag;  // base64
  std::string subject, message_name, record_id;
};
int TagShow(const Output& output, const RemotePlace& place, const TagQuestion& question);
struct LogRange {
  uint64_t from = 0, limit = 0;
  bool follow = false;
};
int LogTail(const Output& output, const RemotePlace& place, const LogRange& range);
int Why(const Output& output, const RemotePlace& place, const std::string& decision_id);

}  // namespace domicile::cli

#endif  // DOMICILE_GATEWAY_CLI_REMOTE_H_
