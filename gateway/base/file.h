// file.h — whole small files: read with a cap, read as a secret, replaced in one step.
//
// Why: configuration and keys are read whole or not at all; a half-written file
// must never be seen, and a key that others can read is no key.
// Errors: NotFound; ResourceExhausted (over the cap); FailedPrecondition (a secret
// with the wrong owner or mode, or no regular file); Unavailable (everything that
// the file system says). Messages name the path, never the content.
// Blocking: not for an event loop.
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

// As ReadFile with kSecretFileBytesMax, and only if the file belongs to this process's
// effective user, its mode is 0600 or 0400, and it is no symbolic link. Checked on the open
// descriptor, so that nobody can swap it in between. Wipe what you get when done (bytes.h).
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
