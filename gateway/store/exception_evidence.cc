#include "gateway/store/exception_evidence.h"

#include <algorithm>
#include <utility>

#include "gateway/base/bytes.h"
#include "gateway/base/log.h"
#include "gateway/base/status_macros.h"
#include "gateway/crypto/digest.h"
#include "gateway/store/exception_file.h"

namespace domicile::store {
namespace {

using control::Challenge;
using control::StoredStatement;
using exceptions::ExceptionId;
using exceptions::OfficerKey;

// In the order of the SELECTs of keys.
OfficerKey ReadKey(const SqliteStatement& from) {
  return {.key_id = from.Bytes(0),
          .issuer = from.Bytes(1),
          .subject = from.Bytes(2),
          .region = from.Bytes(3),
          .public_key = from.Bytes(4),
          .from = FromColumn(from.Number(5)),
          .until = FromColumn(from.Number(6))};
}

// Everything that a key row says, each part with its length.
std::string SealedText(const OfficerKey& key) {
  std::string text("domicile-officer-key-seal/v1");
  text.push_back('\0');
  for (const std::string* part :
       {&key.key_id, &key.issuer, &key.subject, &key.region, &key.public_key}) {
    base::PutBigEndian32(static_cast<uint32_t>(part->size()), &text);
    text += *part;
  }
  base::PutBigEndian64(static_cast<uint64_t>(ToColumn(key.from)), &text);
  base::PutBigEndian64(static_cast<uint64_t>(ToColumn(key.until)), &text);
  return text;
}

absl::Status NoChallenge() { return absl::NotFoundError("exceptions: no such challenge"); }

}  // namespace

absl::StatusOr<std::unique_ptr<ExceptionEvidence>> ExceptionEvidence::Create(
    Sqlite& database, std::vector<std::string> seal_keys) {
  std::unique_ptr<ExceptionEvidence> evidence(new ExceptionEvidence(std::move(seal_keys)));
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
       "valid_until, seal) VALUES(?, ?, ?, ?, ?, ?, ?, ?)"},
      {&add_key_evidence_,
       "INSERT INTO officer_key_evidence(officer_key, key_id, signature, statement) "
       "VALUES(?, ?, ?, ?)"},
      {&keys_,
       "SELECT key_id, issuer, subject, region, public_key, valid_from, valid_until, seal "
       "FROM officer_key ORDER BY key_id"},
      {&find_key_,
       "SELECT key_id, issuer, subject, region, public_key, valid_from, valid_until, seal "
       "FROM officer_key WHERE key_id=?"},
      {&end_key_, "UPDATE officer_key SET valid_until=?, seal=? WHERE key_id=?"},
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

std::string ExceptionEvidence::SealOf(const OfficerKey& key) const {
  if (seal_keys_.empty()) return "";
  return crypto::ToString(crypto::HmacSha256(seal_keys_.front(), SealedText(key)));
}

bool ExceptionEvidence::IsSealed(const OfficerKey& key, const std::string& seal) const {
  const std::string text = SealedText(key);
  for (const std::string& seal_key : seal_keys_)
    if (crypto::ConstantTimeEqual(seal, crypto::ToString(crypto::HmacSha256(seal_key, text))))
      return true;
  return seal_keys_.empty();
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
                               .Blob(SealOf(key))
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
    OfficerKey key = ReadKey(*keys_);
    if (IsSealed(key, keys_->Bytes(7))) {
      all.push_back(std::move(key));
    } else {
      base::Log(base::LogLevel::kError, "exceptions.officer_key_not_sealed");
    }
  }
}

absl::StatusOr<bool> ExceptionEvidence::EndKey(const std::string& key_id, absl::Time at) {
  OfficerKey key;
  {
    const SqliteReading reading(*find_key_);
    DOMICILE_ASSIGN_OR_RETURN(bool found, find_key_->Begin().Text(key_id).Step());
    if (found) key = ReadKey(*find_key_);
    if (!found || !IsSealed(key, find_key_->Bytes(7)))
      return absl::NotFoundError("exceptions: no such officer key");
  }
  if (key.until <= at) return false;
  key.until = at;
  DOMICILE_RETURN_IF_ERROR(
      end_key_->Begin().Integer(ToColumn(at)).Blob(SealOf(key)).Text(key_id).Run());
  return true;
}

}  // namespace domicile::store
