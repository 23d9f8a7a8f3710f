// exception_evidence.h — statements, challenges and officers' keys, as plain calls.
//
// Why: what was signed is kept to the byte and only added to, so that anybody can verify it
// again; a challenge is used once, and its row stays until it could not be used anyway.
// Private to store/; for exception_tables.cc. Inside a transaction or a snapshot of the caller's.
// Thread-compatible: the store's thread's.
// Errors: as sqlite.h; AlreadyExists and NotFound as control/exception_store.h says.
// Source: design 6.6; docs/files.md lists the tables.
#ifndef DOMICILE_GATEWAY_STORE_EXCEPTION_EVIDENCE_H_
#define DOMICILE_GATEWAY_STORE_EXCEPTION_EVIDENCE_H_

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "gateway/control/exception_store.h"
#include "gateway/store/sqlite.h"

namespace domicile::store {

// Challenges of one officer that are open at a time; one is asked for by each command that signs.
inline constexpr uint64_t kOpenChallengesMax = 256;

class ExceptionEvidence {
 public:
  // `seal_keys` as in ExceptionsOptions.
  static absl::StatusOr<std::unique_ptr<ExceptionEvidence>> Create(
      Sqlite& database, std::vector<std::string> seal_keys);

  absl::Status AddStatement(exceptions::ExceptionId exception,
                            const control::StoredStatement& statement);
  // In the order in which they came.
  absl::StatusOr<std::vector<control::StoredStatement>> Statements(
      exceptions::ExceptionId exception);

  // ResourceExhausted over kOpenChallengesMax.
  absl::Status AddChallenge(const control::Challenge& challenge, absl::Time now);
  // NotFound once it expired. One that was used is found.
  absl::StatusOr<control::Challenge> FindChallenge(const std::string& nonce, absl::Time now);
  // NotFound when it is unknown, expired, or about another exception.
  absl::Status UseChallenge(const std::string& nonce, exceptions::ExceptionId exception,
                            absl::Time now);
  // Forgets some that expired.
  absl::Status SweepChallenges(absl::Time now);

  absl::Status AddKey(const exceptions::OfficerKey& key,
                      const std::vector<exceptions::SignedStatement>& evidence);
  absl::StatusOr<std::vector<exceptions::OfficerKey>> Keys();
  // True when it ends earlier than before. NotFound for one whose seal does not hold, too.
  absl::StatusOr<bool> EndKey(const std::string& key_id, absl::Time at);

 private:
  explicit ExceptionEvidence(std::vector<std::string> seal_keys)
      : seal_keys_(std::move(seal_keys)) {}
  using Statement = std::unique_ptr<SqliteStatement>;
  std::string SealOf(const exceptions::OfficerKey& key) const;
  bool IsSealed(const exceptions::OfficerKey& key, const std::string& seal) const;
  absl::Status PrepareAll(Sqlite& database);

  const std::vector<std::string> seal_keys_;
  Statement add_statement_, statements_, add_challenge_, challenge_, open_challenges_,
      use_challenge_, sweep_, add_key_, add_key_evidence_, keys_, find_key_, end_key_;
};

}  // namespace domicile::store

#endif  // DOMICILE_GATEWAY_STORE_EXCEPTION_EVIDENCE_H_
