// shard_folders.h — the folders of a log's shards: their names, and how they are made.
//
// Internal to the room, for log_shards.cc. Source: docs/audit-log.md, Shards.
// Errors: Unavailable from the file system. Thread-safety: any.
#ifndef DOMICILE_GATEWAY_STORE_SHARD_FOLDERS_H_
#define DOMICILE_GATEWAY_STORE_SHARD_FOLDERS_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace domicile::store {

// Names of the shards there, rising.
absl::StatusOr<std::vector<std::string>> ListShards(const std::string& directory);

// Made, and its name on disk: the files in it are synced, and must not be lost with it.
absl::Status MakeShardFolder(const std::string& path);

}  // namespace domicile::store

#endif  // DOMICILE_GATEWAY_STORE_SHARD_FOLDERS_H_
