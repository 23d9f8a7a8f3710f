// file.h — whole small files: read with a cap, read as a secret, replaced in one step.
//
// Why: configuration and keys are read whole or not at all; a half-written file
// must never be seen, and a key that others can read is no key.
// Errors: NotFound; ResourceExhausted (over the cap); FailedPrecondition (a secret
// with the wrong owner or mode, or behind somebody else's link, or no regular file);
// Unavailable (everything that the file system says). Messages name the path, never
// the content.
// Blocking: not for an event loop.
// Source: design 6.1 (keys readable by others); ADR 0008.
#ifndef DOMICILE_GATEWAY_BASE_FILE_H_
#define DOMICILE_GATEWAY_BASE_FILE_H_

#include <cstddef>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace domicile::base {

// A regular file of at most `bytes_max` bytes.
absl::StatusOr<std::string> ReadFile(const std::string& path, size_t bytes_max);

// As ReadFile with kSecretFileBytesMax, and only if nobody else can read the file: it belongs to
// this process's effective user with mode 0600 or 0400, or to root with 0640 or 0440 and a group of
// this process, as Kubernetes mounts a secret for who isn't root. Checked on the open descriptor,
// so that nobody can swap it in between. Symbolic links are followed, anywhere in the path, if they
// belong to this user or to root: whoever made them could have read the file anyway.
// Wipe what you get when done (bytes.h). Source: ADR 0008.
absl::StatusOr<std::string> ReadSecretFile(const std::string& path);

enum class FileMode { kPublic = 0644, kSecret = 0600 };

// After OK the file holds exactly `content`, durably: temporary file in the same directory,
// fsync, rename, fsync of the directory. On an error the old file is untouched.
absl::Status WriteFileAtomically(const std::string& path, absl::string_view content, FileMode mode);

// As above, but AlreadyExists when there is one: for keys that must never be replaced.
absl::Status CreateFileAtomically(const std::string& path, absl::string_view content,
                                  FileMode mode);

// `path` itself when absolute, else below the directory of `base_file`.
std::string ResolveBeside(absl::string_view base_file, absl::string_view path);

}  // namespace domicile::base

#endif  // DOMICILE_GATEWAY_BASE_FILE_H_
