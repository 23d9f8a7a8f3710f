#include "gateway/base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "gateway/base/bytes.h"
#include "gateway/base/limits.h"
#include "gateway/base/status_macros.h"

namespace domicile::base {
namespace {

absl::Status ErrnoStatus(int error, absl::string_view what, absl::string_view path) {
  std::string message = absl::StrCat(what, " ", path, ": ", std::strerror(error));
  if (error == ENOENT) return absl::NotFoundError(message);
  if (error == EEXIST) return absl::AlreadyExistsError(message);
  return absl::UnavailableError(message);
}

// Owns a descriptor; closes it on every way out.
class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor() {
    if (fd_ >= 0) close(fd_);
  }
  Descriptor(Descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  int get() const { return fd_; }

 private:
  int fd_;
};

absl::StatusOr<std::string> ReadAll(int fd, const std::string& path, size_t bytes_max) {
  std::string content;
  char buffer[16384];
  for (;;) {
    ssize_t n = read(fd, buffer, sizeof buffer);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return ErrnoStatus(errno, "read", path);
    if (n == 0) break;
    content.append(buffer, static_cast<size_t>(n));
    if (content.size() > bytes_max) {
      Zeroise(&content);
      return absl::ResourceExhaustedError(
          absl::StrCat(path, ": larger than ", bytes_max, " bytes"));
    }
  }
  Zeroise(buffer, sizeof buffer);
  return content;
}

absl::Status WriteAll(int fd, absl::string_view content, const std::string& path) {
  while (!content.empty()) {
    ssize_t n = write(fd, content.data(), content.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return ErrnoStatus(errno, "write", path);
    content.remove_prefix(static_cast<size_t>(n));
  }
  if (fsync(fd) != 0) return ErrnoStatus(errno, "fsync", path);
  return absl::OkStatus();
}

std::string DirectoryOf(absl::string_view path) {
  size_t slash = path.rfind('/');
  if (slash == absl::string_view::npos) return ".";
  return slash == 0 ? "/" : std::string(path.substr(0, slash));
}

absl::Status SyncDirectory(const std::string& directory) {
  Descriptor fd(open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (fd.get() < 0) return ErrnoStatus(errno, "open directory", directory);
  if (fsync(fd.get()) != 0) return ErrnoStatus(errno, "fsync directory", directory);
  return absl::OkStatus();
}

// The text of the link behind `link`; FailedPrecondition when somebody else could have made it.
absl::StatusOr<std::string> OwnLinkTarget(int link, const struct stat& facts,
                                          const std::string& path) {
  if (facts.st_uid != 0 && facts.st_uid != geteuid()) {
    return absl::FailedPreconditionError(
        absl::StrCat(path, ": leads through a symbolic link of user ", facts.st_uid,
                     "; it must be root's or this process's user's"));
  }
  std::string target(PATH_MAX, '\0');
  const ssize_t size = readlinkat(link, "", target.data(), target.size());
  if (size < 0) return ErrnoStatus(errno, "read link", path);
  target.resize(static_cast<size_t>(size));
  return target;
}

// Opens for reading, one part of the path after the other, each through the descriptor of the one
// before: what was checked is what is opened, whatever is renamed meanwhile.
absl::StatusOr<Descriptor> OpenThroughOwnLinks(const std::string& path) {
  constexpr int kLinksMax = 40;  // as Linux
  std::string rest = path;
  Descriptor at(AT_FDCWD);
  for (int links = 0;;) {
    if (!rest.empty() && rest.front() == '/') at = Descriptor(open("/", O_PATH | O_CLOEXEC));
    rest.erase(0, rest.find_first_not_of('/'));
    const size_t end = std::min(rest.find('/'), rest.size());
    const std::string part = rest.empty() ? "." : rest.substr(0, end);
    Descriptor next(openat(at.get(), part.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC));
    struct stat facts;
    if (next.get() < 0) return ErrnoStatus(errno, "open", path);
    if (fstat(next.get(), &facts) != 0) return ErrnoStatus(errno, "stat", path);
    if (S_ISLNK(facts.st_mode)) {
      if (++links > kLinksMax) return ErrnoStatus(ELOOP, "open", path);
      DOMICILE_ASSIGN_OR_RETURN(const std::string target, OwnLinkTarget(next.get(), facts, path));
      rest = absl::StrCat(target, rest.substr(end));
      continue;
    }
    if (rest.find_first_not_of('/', end) == std::string::npos) {
      Descriptor file(
          openat(at.get(), part.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
      if (file.get() < 0) return ErrnoStatus(errno, "open", path);
      return file;
    }
    at = std::move(next);
    rest.erase(0, end);
    rest.erase(0, rest.find_first_not_of('/'));
  }
}

bool InGroup(gid_t group) {
  if (group == getegid()) return true;
  std::vector<gid_t> groups(NGROUPS_MAX);
  const int count = getgroups(static_cast<int>(groups.size()), groups.data());
  groups.resize(count < 0 ? 0 : static_cast<size_t>(count));
  return std::find(groups.begin(), groups.end(), group) != groups.end();
}

// OK when nobody but this process's user, root, and whom root put into its group can read it.
absl::Status CheckReaders(const struct stat& facts, const std::string& path) {
  const mode_t mode = facts.st_mode & 07777;
  if (facts.st_uid == geteuid()) {
    if (mode == 0600 || mode == 0400) return absl::OkStatus();
    return absl::FailedPreconditionError(
        absl::StrFormat("%s: mode is %04o; a secret must be 0600 or 0400 (chmod 600)", path, mode));
  }
  if (facts.st_uid != 0) {
    return absl::FailedPreconditionError(
        absl::StrCat(path, ": belongs to user ", facts.st_uid,
                     ", not to this process's user or root; chown it"));
  }
  if ((mode == 0640 || mode == 0440) && InGroup(facts.st_gid)) return absl::OkStatus();
  return absl::FailedPreconditionError(absl::StrFormat(
      "%s: belongs to root with mode %04o; a secret of root's must be 0640 or 0440 and of a group "
      "of this process",
      path, mode));
}

enum class Existing { kReplace, kKeep };

absl::Status Write(const std::string& path, absl::string_view content, FileMode mode,
                   Existing existing) {
  std::string temporary = absl::StrCat(path, ".XXXXXX");
  Descriptor fd(mkostemp(&temporary[0], O_CLOEXEC));
  if (fd.get() < 0) return ErrnoStatus(errno, "create beside", path);
  absl::Status status;
  // mkostemp makes 0600; a public file is opened up only before it has its name.
  if (fchmod(fd.get(), static_cast<mode_t>(mode)) != 0) status = ErrnoStatus(errno, "chmod", path);
  if (status.ok()) status = WriteAll(fd.get(), content, path);
  if (status.ok() && existing == Existing::kReplace) {
    if (rename(temporary.c_str(), path.c_str()) != 0)
      status = ErrnoStatus(errno, "rename to", path);
  } else if (status.ok()) {
    // link fails when the name is taken, where rename would replace.
    if (link(temporary.c_str(), path.c_str()) != 0) status = ErrnoStatus(errno, "create", path);
  }
  if (!status.ok() || existing == Existing::kKeep) unlink(temporary.c_str());
  DOMICILE_RETURN_IF_ERROR(status);
  return SyncDirectory(DirectoryOf(path));
}

}  // namespace

absl::StatusOr<std::string> ReadFile(const std::string& path, size_t bytes_max) {
  // O_NONBLOCK: opening a FIFO given by mistake must not hang; it is told apart below.
  Descriptor fd(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (fd.get() < 0) return ErrnoStatus(errno, "open", path);
  struct stat facts;
  if (fstat(fd.get(), &facts) != 0) return ErrnoStatus(errno, "stat", path);
  if (!S_ISREG(facts.st_mode)) {
    return absl::FailedPreconditionError(absl::StrCat(path, ": not a regular file"));
  }
  return ReadAll(fd.get(), path, bytes_max);
}

absl::StatusOr<std::string> ReadSecretFile(const std::string& path) {
  DOMICILE_ASSIGN_OR_RETURN(Descriptor fd, OpenThroughOwnLinks(path));
  struct stat facts;
  if (fstat(fd.get(), &facts) != 0) return ErrnoStatus(errno, "stat", path);
  if (!S_ISREG(facts.st_mode)) {
    return absl::FailedPreconditionError(absl::StrCat(path, ": not a regular file"));
  }
  DOMICILE_RETURN_IF_ERROR(CheckReaders(facts, path));
  return ReadAll(fd.get(), path, limits::kSecretFileBytesMax);
}

absl::Status WriteFileAtomically(const std::string& path, absl::string_view content,
                                 FileMode mode) {
  return Write(path, content, mode, Existing::kReplace);
}

absl::Status CreateFileAtomically(const std::string& path, absl::string_view content,
                                  FileMode mode) {
  return Write(path, content, mode, Existing::kKeep);
}

std::string ResolveBeside(absl::string_view base_file, absl::string_view path) {
  if (path.empty() || path[0] == '/') return std::string(path);
  size_t slash = base_file.rfind('/');
  if (slash == absl::string_view::npos) return std::string(path);
  return absl::StrCat(base_file.substr(0, slash + 1), path);
}

}  // namespace domicile::base
