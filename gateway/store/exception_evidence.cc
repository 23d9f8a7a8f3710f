#include "gateway/store/exception_evidence.h"

#include <algorithm>
#include <utility>

#include "gateway/base/status_macros.h"
#include "gateway/store/exception_file.h"

namespace domicile::store {
namespace {

using control::Challenge;
using control::StoredStatement;
using exceptions::ExceptionId;
using exceptions::OfficerKey;

absl::Status NoChallenge() { return absl::NotFoundError("exceptions: no such challenge"); }

}  // namespace

absl::StatusOr<std::unique_ptr<ExceptionEvidence>> ExceptionEvidence::Create(Sqlite& database) {
  std::unique_ptr<ExceptionEvidence> evidence(new ExceptionEvidence);
  DOMICILE_RETURN_IF_ERROR(evidence->PrepareAll(database));
  return evidence;
}

absl::Status ExceptionEvidence::PrepareAll(Sqlite& database) {
  const std::pair<Statement*, const char*> statements[] = {
      {&add_statement_,
       "INSERT INTO statement(exception, verb, revision, at, key_id, signature, statement) "
       "VALUES(?, ?, ?, ?, ?, ?, ?)"},
      {&statements_,
       "SELECT verb, revision, at, key_id, signature, statement FROM statement "
       "WHERE exception=? ORDER BY number"},
      {&add_challenge_,
       "INSERT INTO challenge(nonce, exception, officer, expires_at, used, statement) "
       "VALUES(?, ?, ?, ?, 0, ?)"},
      {&challenge_,
       "SELECT exception, officer, expires_at, used, statement FROM challenge WHERE nonce=?"},
      {&open_challenges_, "SELECT count(*) FROM challenge WHERE officer=? AND expires_at>?"},
      {&use_challenge_, "UPDATE challenge SET used=1 WHERE nonce=?"},
      {&sweep_,
       "DELETE FROM challenge WHERE nonce IN "
       "(SELECT nonce FROM challenge WHERE expires_at<=? LIMIT 64)"},
      {&add_key_,
       "INSERT INTO officer_key(key_id, issuer, subject, region, public_key, valid_from, "
       "valid_until) VALUES(?, ?, ?, ?, ?, ?, ?)"},
      {&add_key_evidence_,
       "INSERT INTO officer_key_evidence(officer_key, key_id, signature, statement) "
       "VALUES(?, ?, ?, ?)"},
      {&keys_,
       "SELECT key_id, issuer, subject, region, public_key, valid_from, valid_until "
       "FROM officer_key ORDER BY key_id"},
      {&find_key_, "SELECT valid_until FROM officer_key WHERE key_id=?"},
      {&end_key_, "UPDATE officer_key SET valid_until=? WHERE key_id=?"},
  };
  for (const auto& [statement, sql] : statements) {
    DOMICILE_ASSIGN_OR_RETURN(*statement, database.Prepare(sql));
  }
  return absl::OkStatus();
}

absl::Status ExceptionEvidence::AddStatement(ExceptionId exception,
                                             const StoredStatement& statement) {
  return add_statement_->Begin()
      .Integer(ToColumn(exception))
      .Integer(static_cast<int64_t>(statement.verb))
      .Integer(statement.revision)
      .Integer(ToColumn(statement.at))
      .Text(statement.evidence.key_id)
      .Blob(statement.evidence.signature)
      .Blob(statement.evidence.statement)
      .Run();
}

absl::StatusOr<std::vector<StoredStatement>> ExceptionEvidence::Statements(ExceptionId exception) {
  const SqliteReading reading(*statements_);
  std::vector<StoredStatement> all;
  statements_->Begin().Integer(ToColumn(exception));
  for (;;) {
    DOMICILE_ASSIGN_OR_RETURN(bool more, statements_->Step());
    if (!more) return all;
    all.push_back({.evidence = {.statement = statements_->Bytes(5),
                                .key_id = statements_->Bytes(3),
                                .signature = statements_->Bytes(4)},
                   .verb = static_cast<exceptions::Verb>(statements_->Number(0)),
                   .revision = static_cast<uint32_t>(statements_->Number(1)),
                   .at = FromColumn(statements_->Number(2))});
  }
}

absl::Status ExceptionEvidence::AddChallenge(const Challenge& challenge, absl::Time now) {
  {
    const SqliteReading reading(*open_challenges_);
    DOMICILE_ASSIGN_OR_RETURN(
        bool row, open_challenges_->Begin().Text(challenge.officer).Integer(ToColumn(now)).Step());
    if (row && static_cast<uint64_t>(open_challenges_->Number(0)) >= kOpenChallengesMax)
      return absl::ResourceExhaustedError("exceptions: an officer has 256 open challenges");
  }
  return add_challenge_->Begin()
      .Blob(challenge.nonce)
      .Integer(ToColumn(challenge.exception))
      .Text(challenge.officer)
      .Integer(ToColumn(challenge.expires_at))
      .Blob(challenge.statement)
      .Run();
}

absl::StatusOr<Challenge> ExceptionEvidence::FindChallenge(const std::string& nonce,
                                                           absl::Time now) {
  const SqliteReading reading(*challenge_);
  DOMICILE_ASSIGN_OR_RETURN(bool found, challenge_->Begin().Blob(nonce).Step());
  if (!found || FromColumn(challenge_->Number(2)) <= now) return NoChallenge();
  return Challenge{.nonce = nonce,
                   .statement = challenge_->Bytes(4),
                   .exception = static_cast<ExceptionId>(challenge_->Number(0)),
                   .officer = challenge_->Bytes(1),
                   .expires_at = FromColumn(challenge_->Number(2))};
}

absl::Status ExceptionEvidence::UseChallenge(const std::string& nonce, ExceptionId exception,
                                             absl::Time now) {
  {
    const SqliteReading reading(*challenge_);
    DOMICILE_ASSIGN_OR_RETURN(bool found, challenge_->Begin().Blob(nonce).Step());
    if (!found || FromColumn(challenge_->Number(2)) <= now ||
        static_cast<ExceptionId>(challenge_->Number(0)) != exception)
      return NoChallenge();
    if (challenge_->Number(3) != 0)
      return absl::AlreadyExistsError("exceptions: the challenge was used");
  }
  return use_challenge_->Begin().Blob(nonce).Run();
}

absl::Status ExceptionEvidence::SweepChallenges(absl::Time now) {
  return sweep_->Begin().Integer(ToColumn(now)).Run();
}

absl::Status ExceptionEvidence::AddKey(const OfficerKey& key,
                                       const std::vector<exceptions::SignedStatement>& evidence) {
  DOMICILE_RETURN_IF_ERROR(add_key_->Begin()
                               .Text(key.key_id)
                               .Text(key.issuer)
                               .Text(key.subject)
                               .Text(key.region)
                               .Blob(key.public_key)
                               .Integer(ToColumn(key.from))
                               .Integer(ToColumn(key.until))
                               .Run());
  for (const exceptions::SignedStatement& statement : evidence) {
    DOMICILE_RETURN_IF_ERROR(add_key_evidence_->Begin()
                                 .Text(key.key_id)
                                 .Text(statement.key_id)
                                 .Blob(statement.signature)
                                 .Blob(statement.statement)
                                 .Run());
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<OfficerKey>> ExceptionEvidence::Keys() {
  const SqliteReading reading(*keys_);
  std::vector<OfficerKey> all;
  keys_->Begin();
  for (;;) {
    DOMICILE_ASSIGN_OR_RETURN(bool more, keys_->Step());
    if (!more) return all;
    all.push_back({.key_id = keys_->Bytes(0),
                   .issuer = keys_->Bytes(1),
                   .subject = keys_->Bytes(2),
                   .region = keys_->Bytes(3),
                   .public_key = keys_->Bytes(4),
                   .from = FromColumn(keys_->Number(5)),
                   .until = FromColumn(keys_->Number(6))});
  }
}

absl::StatusOr<bool> ExceptionEvidence::EndKey(const std::string& key_id, absl::Time at) {
  {
    const SqliteReading reading(*find_key_);
    DOMICILE_ASSIGN_OR_RETURN(bool found, find_key_->Begin().Text(key_id).Step());
    if (!found) return absl::NotFoundError("exceptions: no such officer key");
    if (FromColumn(find_key_->Number(0)) <= at) return false;
  }
  DOMICILE_RETURN_IF_ERROR(end_key_->Begin().Integer(ToColumn(at)).Text(key_id).Run());
  return true;
}

}  // namespace domicile::store
