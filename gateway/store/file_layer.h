// file_layer.h — what the log asks of a file system, so that a test can be the file system.
//
// Why: P2 rests on what reaches the disk and in which order. Tests replace this
// layer by one that drops unsynced writes, fails or cuts the n-th operation, and
// stops the world at any of them.
// Errors: an `error` of 0 is success, else an errno value of the operation.
// Thread-safety: thread-compatible; the log uses it from one thread at a time.
// Source: design 6.8; docs/audit-log.md sections 5 and 6. Units: bytes, from the file's start.
#ifndef DOMICILE_GATEWAY_STORE_FILE_LAYER_H_
#define DOMICILE_GATEWAY_STORE_FILE_LAYER_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace domicile::store {

struct IoResult {
  int error = 0;
  size_t bytes = 0;  // moved; fewer than asked is no error
};

class LogFile {
 public:
  virtual ~LogFile() = default;  // closes
  virtual IoResult ReadAt(uint64_t offset, char* to, size_t bytes) = 0;
  virtual IoResult WriteAt(uint64_t offset, absl::string_view bytes) = 0;
  virtual int Sync() = 0;  // fdatasync; an error is final
  virtual int Truncate(uint64_t size) = 0;
  virtual int Reserve(
      uint64_t size) = 0;  // makes it at least `size` long, with blocks, zeros at the end
  virtual int Size(uint64_t* size) = 0;
};

class FileLayer {
 public:
  virtual ~FileLayer() = default;
  virtual int Open(const std::string& path, bool writable, std::unique_ptr<LogFile>* file) = 0;
  virtual int Create(const std::string& path,
                     std::unique_ptr<LogFile>* file) = 0;  // EEXIST if there
  virtual int List(const std::string& directory, std::vector<std::string>* names) = 0;  // sorted
  virtual int Remove(const std::string& path) = 0;
  virtual int Rename(const std::string& from, const std::string& to) = 0;
  virtual int SyncDirectory(const std::string& directory) = 0;
  // Held until the returned object goes away; EWOULDBLOCK when another process holds it.
  virtual int Lock(const std::string& path, std::unique_ptr<LogFile>* lock) = 0;
};

// The real one. Never destroyed.
FileLayer& SystemFileLayer();

// What an errno means to a caller of the log: ResourceExhausted for a full disk or quota,
// Unavailable for the rest. Text: operation, what the system says; never a path's content.
absl::Status IoStatus(int error, absl::string_view operation);

}  // namespace domicile::store

#endif  // DOMICILE_GATEWAY_STORE_FILE_LAYER_H_
