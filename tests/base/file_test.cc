#include "gateway/base/file.h"

#include <grp.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <functional>

#include "gateway/base/clock.h"
#include "gateway/base/limits.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temp_dir.h"

namespace domicile::base {
namespace {

using absl::StatusCode;
using support::TempDir;

TEST(ReadFile, GivesAllOrNothing) {
  TempDir dir;
  const std::string path = dir.Write("a", std::string("with\0nul", 8));
  ASSERT_OK_AND_ASSIGN(std::string content, ReadFile(path, 8));
  EXPECT_EQ(content, std::string("with\0nul", 8));
  EXPECT_STATUS(StatusCode::kResourceExhausted, "larger than 7", ReadFile(path, 7));
  EXPECT_STATUS(StatusCode::kNotFound, dir.Path("none"), ReadFile(dir.Path("none"), 8));
  EXPECT_STATUS(StatusCode::kFailedPrecondition, "regular file", ReadFile(dir.path(), 8));
}

TEST(ReadFile, DoesNotHangOnAPipe) {
  TempDir dir;
  ASSERT_EQ(mkfifo(dir.Path("pipe").c_str(), 0600), 0);
  EXPECT_STATUS(StatusCode::kFailedPrecondition, "regular file", ReadFile(dir.Path("pipe"), 8));
  EXPECT_STATUS(StatusCode::kFailedPrecondition, "regular file", ReadSecretFile(dir.Path("pipe")));
}

TEST(ReadSecretFile, TakesOnlyWhatNobodyElseCanRead) {
  TempDir dir;
  const std::string path = dir.Write("key", "secret");
  for (mode_t mode : {0600, 0400}) {
    ASSERT_EQ(chmod(path.c_str(), mode), 0);
    EXPECT_OK(ReadSecretFile(path)) << std::oct << mode;
  }
  for (mode_t mode : {0644, 0640, 0604, 0660, 0700, 0500, 0200, 04600, 01600}) {
    ASSERT_EQ(chmod(path.c_str(), mode), 0);
    absl::StatusOr<std::string> secret = ReadSecretFile(path);
    EXPECT_FALSE(secret.ok()) << std::oct << mode;
    if (geteuid() == 0) {
      EXPECT_STATUS(StatusCode::kFailedPrecondition, "chmod 600", secret);
    }
  }
  EXPECT_STATUS(StatusCode::kNotFound, "none", ReadSecretFile(dir.Path("none")));
}

// What Kubernetes mounts: key -> ..data/key, ..data -> ..2026_11_24/.
std::string Mount(const TempDir& dir, const std::string& version, const std::string& content) {
  std::filesystem::create_directories(dir.Path(version));
  EXPECT_EQ(chmod(dir.Write(version + "/key", content).c_str(), 0400), 0);
  EXPECT_EQ(symlink(version.c_str(), dir.Path("..next").c_str()), 0);
  EXPECT_EQ(rename(dir.Path("..next").c_str(), dir.Path("..data").c_str()), 0);
  if (!std::filesystem::exists(dir.Path("key"))) {
    EXPECT_EQ(symlink("..data/key", dir.Path("key").c_str()), 0);
  }
  return dir.Path("key");
}

TEST(ReadSecretFile, FollowsTheLinksOfAMountedSecretToItsNewestVersion) {
  TempDir dir;
  const std::string path = Mount(dir, "..2026_11_24", "one");
  ASSERT_OK_AND_ASSIGN(std::string first, ReadSecretFile(path));
  EXPECT_EQ(first, "one");
  EXPECT_EQ(Mount(dir, "..2026_11_25", "two"), path);
  ASSERT_OK_AND_ASSIGN(std::string second, ReadSecretFile(path));
  EXPECT_EQ(second, "two");
  ASSERT_OK_AND_ASSIGN(
      std::string same,
      ReadSecretFile(dir.Path("../" + dir.path().substr(dir.path().rfind('/') + 1) + "//./key")));
  EXPECT_EQ(same, "two");
}

TEST(ReadSecretFile, JudgesTheFileBehindALinkAsItself) {
  TempDir dir;
  const std::string path = Mount(dir, "..2026_11_24", "one");
  ASSERT_EQ(chmod(dir.Path("..2026_11_24/key").c_str(), 0444), 0);
  EXPECT_STATUS(StatusCode::kFailedPrecondition, "mode is 0444", ReadSecretFile(path));
  EXPECT_STATUS(StatusCode::kFailedPrecondition, "regular file",
                ReadSecretFile(dir.Path("..data")));
  ASSERT_EQ(symlink("loop", dir.Path("loop").c_str()), 0);
  EXPECT_STATUS(StatusCode::kUnavailable, "levels of symbolic links",
                ReadSecretFile(dir.Path("loop")));
  ASSERT_EQ(symlink("nowhere", dir.Path("dangling").c_str()), 0);
  EXPECT_STATUS(StatusCode::kNotFound, "dangling", ReadSecretFile(dir.Path("dangling")));
}

TEST(ReadSecretFile, FollowsNoLinkOfSomebodyElse) {
  if (geteuid() != 0) GTEST_SKIP() << "giving a link away needs root";
  for (const char* link : {"key", "..data"}) {
    TempDir dir;
    const std::string path = Mount(dir, "..2026_11_24", "one");
    ASSERT_EQ(lchown(dir.Path(link).c_str(), 65534, 65534), 0);
    EXPECT_STATUS(StatusCode::kFailedPrecondition, "symbolic link of user 65534",
                  ReadSecretFile(path));
  }
}

// Runs `work` as user and group 65534 in a process of its own; its answer is that process's.
bool AsNobody(gid_t group, const std::function<bool()>& work) {
  const pid_t child = fork();
  if (child == 0) {
    if (setgroups(1, &group) != 0 || setgid(65534) != 0 || setuid(65534) != 0) _exit(2);
    _exit(work() ? 0 : 1);
  }
  int status = -1;
  waitpid(child, &status, 0);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) < 2);
  return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

TEST(ReadSecretFile, TakesRootsFileOfThisProcesssGroupAndNoOtherOfRoots) {
  if (geteuid() != 0) GTEST_SKIP() << "becoming somebody else needs root";
  TempDir dir;
  ASSERT_EQ(chmod(dir.path().c_str(), 0755), 0);
  const std::string path = Mount(dir, "..2026_11_24", "one");
  const std::string file = dir.Path("..2026_11_24/key");
  auto reads = [&](gid_t group) {
    return AsNobody(group, [&] { return ReadSecretFile(path).ok(); });
  };
  ASSERT_EQ(chown(file.c_str(), 0, 2000), 0);  // fsGroup: 2000
  for (mode_t mode : {0440, 0640}) {
    ASSERT_EQ(chmod(file.c_str(), mode), 0);
    EXPECT_TRUE(reads(2000)) << std::oct << mode;
    EXPECT_FALSE(reads(2001)) << std::oct << mode;
  }
  for (mode_t mode : {0444, 0644, 0660, 0404}) {
    ASSERT_EQ(chmod(file.c_str(), mode), 0);
    EXPECT_FALSE(reads(2000)) << std::oct << mode;
    EXPECT_FALSE(reads(2001)) << std::oct << mode;
  }
}

TEST(ReadSecretFile, TakesNoFileOfSomebodyElse) {
  if (geteuid() != 0) GTEST_SKIP() << "giving a file away needs root";
  TempDir dir;
  const std::string path = dir.Write("key", "secret");
  for (mode_t mode : {0600, 0640}) {
    ASSERT_EQ(chmod(path.c_str(), mode), 0);
    ASSERT_EQ(chown(path.c_str(), 65534, 65534), 0);
    EXPECT_STATUS(StatusCode::kFailedPrecondition, "belongs to user 65534", ReadSecretFile(path));
  }
}

TEST(ReadSecretFile, HasACap) {
  TempDir dir;
  const std::string path = dir.Write("key", std::string(limits::kSecretFileBytesMax + 1, 'x'));
  ASSERT_EQ(chmod(path.c_str(), 0600), 0);
  EXPECT_STATUS(StatusCode::kResourceExhausted, "larger", ReadSecretFile(path));
}

mode_t ModeOf(const std::string& path) {
  struct stat facts {};
  EXPECT_EQ(stat(path.c_str(), &facts), 0);
  return facts.st_mode & 07777;
}

TEST(WriteFileAtomically, ReplacesInOneStepAndLeavesNothingBehind) {
  TempDir dir;
  const std::string path = dir.Path("file");
  EXPECT_OK(WriteFileAtomically(path, "one", FileMode::kPublic));
  EXPECT_EQ(ModeOf(path), 0644u);
  EXPECT_OK(WriteFileAtomically(path, "two", FileMode::kSecret));
  EXPECT_EQ(ModeOf(path), 0600u);
  EXPECT_EQ(*ReadFile(path, 10), "two");
  EXPECT_OK(ReadSecretFile(path));
  size_t files = 0;
  for (const auto& entry : std::filesystem::directory_iterator(dir.path())) {
    static_cast<void>(entry);
    ++files;
  }
  EXPECT_EQ(files, 1u);
  EXPECT_FALSE(WriteFileAtomically(dir.Path("no/dir"), "x", FileMode::kPublic).ok());
  ASSERT_EQ(mkdir(dir.Path("sub").c_str(), 0700), 0);
  EXPECT_FALSE(WriteFileAtomically(dir.Path("sub"), "x", FileMode::kPublic).ok());
}

TEST(CreateFileAtomically, NeverReplacesAKey) {
  TempDir dir;
  const std::string path = dir.Path("key");
  EXPECT_OK(CreateFileAtomically(path, "first", FileMode::kSecret));
  EXPECT_STATUS(StatusCode::kAlreadyExists, path,
                CreateFileAtomically(path, "second", FileMode::kSecret));
  EXPECT_EQ(*ReadFile(path, 10), "first");
}

TEST(ResolveBeside, FindsFilesNextToTheOneThatNamesThem) {
  EXPECT_EQ(ResolveBeside("conf/gateway.yaml", "us.pem"), "conf/us.pem");
  EXPECT_EQ(ResolveBeside("gateway.yaml", "us.pem"), "us.pem");
  EXPECT_EQ(ResolveBeside("conf/gateway.yaml", "/keys/us.pem"), "/keys/us.pem");
  EXPECT_EQ(ResolveBeside("conf/gateway.yaml", ""), "");
}

TEST(SystemClock, NeverGoesBackWhereItMatters) {
  SystemClock clock;
  absl::Duration before = clock.Steady();
  EXPECT_LE(before, clock.Steady());
  EXPECT_GT(clock.Now(), absl::FromUnixSeconds(1700000000));
}

}  // namespace
}  // namespace domicile::base
