#include "gateway/store/exceptions.h"

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>
#include <utility>

#include "gateway/base/check.h"
#include "gateway/base/status_macros.h"
#include "gateway/store/exception_file.h"
#include "gateway/store/exception_tables.h"
#include "gateway/store/sqlite.h"

namespace domicile::store {
namespace {

using control::Challenge;
using control::ExceptionChange;
using control::ExceptionDetail;
using control::ExceptionFeed;
using control::ExceptionRow;
using exceptions::ExceptionId;
using exceptions::OfficerKey;

// How long a call may wait for another replica's transaction, which takes milliseconds.
constexpr absl::Duration kBusyMax = absl::Seconds(2);
// Questions of one transaction: one sync for all, and no caller waits behind more.
constexpr size_t kBatchMax = 64;

// A question, its kind erased.
struct Question {
  bool writes = false;
  absl::AnyInvocable<absl::Status(ExceptionTables&)> run;
  // Answers: with what `run` found, or with why that does not count.
  absl::AnyInvocable<void(const absl::Status& transaction)> answer;
};

template <class T>
Question MakeQuestion(bool writes, absl::AnyInvocable<absl::StatusOr<T>(ExceptionTables&)> work,
                      control::ExceptionStore::Done<T> done) {
  auto result = std::make_shared<absl::StatusOr<T>>(absl::UnavailableError("exceptions: not run"));
  return {.writes = writes,
          .run =
              [work = std::move(work), result](ExceptionTables& tables) mutable {
                *result = work(tables);
                return result->status();
              },
          .answer =
              [done = std::move(done), result](const absl::Status& transaction) mutable {
                if (!transaction.ok()) *result = transaction;
                done(std::move(*result));
              }};
}

}  // namespace

class SqliteExceptions::Impl {
 public:
  Impl(ExceptionsOptions options, std::unique_ptr<Sqlite> database,
       std::unique_ptr<ExceptionTables> tables, uint64_t grants)
      : options_(std::move(options)),
        database_(std::move(database)),
        tables_(std::move(tables)),
        grants_(grants) {
    thread_ = std::thread([this] { Run(); });
  }
  ~Impl() {
    {
      std::lock_guard<std::mutex> lock(mutex_);
      stopping_ = true;
      work_.notify_one();
    }
    thread_.join();
  }

  template <class T>
  void Read(control::ExceptionStore::Done<T> done,
            absl::AnyInvocable<absl::StatusOr<T>(ExceptionTables&)> work) {
    Enqueue(MakeQuestion<T>(/*writes=*/false, std::move(work), std::move(done)));
  }
  template <class T>
  void Write(control::ExceptionStore::Done<T> done,
             absl::AnyInvocable<absl::StatusOr<T>(ExceptionTables&)> work) {
    Enqueue(MakeQuestion<T>(/*writes=*/true, std::move(work), std::move(done)));
  }
  const base::Clock* clock() const { return options_.clock; }

 private:
  void Enqueue(Question question) {
    absl::Status status;
    {
      std::lock_guard<std::mutex> lock(mutex_);
      if (stopping_) {
        status = absl::UnavailableError("exceptions: closed");
      } else if (queue_.size() >= options_.queue_max) {
        status = absl::ResourceExhaustedError("exceptions: too many questions wait");
      } else {
        queue_.push_back(std::move(question));
        work_.notify_one();
        return;
      }
    }
    question.answer(status);
  }

  void Run() {
    for (;;) {
      std::vector<Question> batch;
      {
        std::unique_lock<std::mutex> lock(mutex_);
        while (queue_.empty()) {
          if (stopping_) return;
          work_.wait(lock);
        }
        // In their order: neighbours that write share a transaction, one that reads has its own
        // state to look at.
        do {
          batch.push_back(std::move(queue_.front()));
          queue_.pop_front();
        } while (batch[0].writes && batch.size() < kBatchMax && !queue_.empty() &&
                 queue_.front().writes);
      }
      if (batch[0].writes) {
        WriteAll(batch);
      } else {
        const absl::Status status = InSnapshot(*database_, [&] { return batch[0].run(*tables_); });
        batch[0].answer(status);
      }
    }
  }

  // One commit for the batch; one question's trouble undoes only that question.
  void WriteAll(std::vector<Question>& batch) {
    std::vector<absl::Status> results(batch.size());
    const absl::Status all = InTransaction(*database_, [&] {
      for (size_t i = 0; i < batch.size(); ++i) {
        DOMICILE_RETURN_IF_ERROR(database_->Execute("SAVEPOINT question"));
        results[i] = batch[i].run(*tables_);
        if (!results[i].ok()) DOMICILE_RETURN_IF_ERROR(database_->Execute("ROLLBACK TO question"));
        DOMICILE_RETURN_IF_ERROR(database_->Execute("RELEASE question"));
      }
      return absl::OkStatus();
    });
    if (all.ok()) TellOfGrants();
    for (size_t i = 0; i < batch.size(); ++i) batch[i].answer(all.ok() ? results[i] : all);
  }

  void TellOfGrants() {
    absl::StatusOr<ExceptionSequence::Numbers> numbers = tables_->sequence().Read();
    if (numbers.ok() && numbers->grants == grants_) return;
    if (numbers.ok()) grants_ = numbers->grants;
    if (options_.grants_changed) options_.grants_changed();
  }

  const ExceptionsOptions options_;
  // The thread's own.
  std::unique_ptr<Sqlite> database_;
  std::unique_ptr<ExceptionTables> tables_;
  uint64_t grants_;

  std::mutex mutex_;  // guards the queue; held for a few moves, never over I/O
  std::condition_variable work_;
  std::deque<Question> queue_;
  bool stopping_ = false;
  std::thread thread_;
};

SqliteExceptions::SqliteExceptions(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
SqliteExceptions::~SqliteExceptions() = default;

absl::StatusOr<std::unique_ptr<SqliteExceptions>> SqliteExceptions::Open(
    ExceptionsOptions options) {
  DOMICILE_CHECK(options.clock != nullptr);
  DOMICILE_ASSIGN_OR_RETURN(std::unique_ptr<Sqlite> database,
                            OpenExceptionFile(options.path, kBusyMax));
  DOMICILE_ASSIGN_OR_RETURN(std::unique_ptr<ExceptionTables> tables,
                            ExceptionTables::Create(*database, options.seal_keys));
  DOMICILE_ASSIGN_OR_RETURN(ExceptionSequence::Numbers numbers, tables->sequence().Read());
  if (numbers.last < options.version_min)
    return absl::DataLossError("exceptions: the file is older than what is remembered of it");
  return std::unique_ptr<SqliteExceptions>(new SqliteExceptions(std::make_unique<Impl>(
      std::move(options), std::move(database), std::move(tables), numbers.grants)));
}

void SqliteExceptions::OpenDraft(ExceptionRow row, uint32_t per_hour_max, Done<ExceptionId> done) {
  impl_->Write<ExceptionId>(std::move(done),
                            [row = std::move(row), per_hour_max](ExceptionTables& tables) mutable {
                              return tables.OpenDraft(std::move(row), per_hour_max);
                            });
}

void SqliteExceptions::Get(ExceptionId id, Done<ExceptionDetail> done) {
  impl_->Read<ExceptionDetail>(std::move(done),
                               [id](ExceptionTables& tables) { return tables.Get(id); });
}

void SqliteExceptions::Changes(uint64_t position, uint32_t limit, Done<ExceptionFeed> done) {
  impl_->Read<ExceptionFeed>(std::move(done), [position, limit](ExceptionTables& tables) {
    return tables.Changes(position, limit);
  });
}

void SqliteExceptions::AddChallenge(Challenge challenge, Done<bool> done) {
  impl_->Write<bool>(std::move(done), [clock = impl_->clock(),
                                       challenge = std::move(challenge)](ExceptionTables& tables) {
    return tables.AddChallenge(challenge, clock->Now());
  });
}

void SqliteExceptions::GetChallenge(std::string nonce, Done<Challenge> done) {
  impl_->Read<Challenge>(
      std::move(done), [clock = impl_->clock(), nonce = std::move(nonce)](ExceptionTables& tables) {
        return tables.evidence().FindChallenge(nonce, clock->Now());
      });
}

void SqliteExceptions::Change(ExceptionChange change, Done<uint64_t> done) {
  impl_->Write<uint64_t>(std::move(done), [clock = impl_->clock(), change = std::move(change)](
                                              ExceptionTables& tables) mutable {
    return tables.Change(std::move(change), clock->Now());
  });
}

void SqliteExceptions::Grants(Done<std::vector<ExceptionDetail>> done) {
  impl_->Read<std::vector<ExceptionDetail>>(
      std::move(done), [](ExceptionTables& tables) { return tables.Grants(); });
}

void SqliteExceptions::AddOfficerKey(OfficerKey key,
                                     std::vector<exceptions::SignedStatement> evidence,
                                     Done<bool> done) {
  impl_->Write<bool>(std::move(done),
                     [key = std::move(key), evidence = std::move(evidence)](
                         ExceptionTables& tables) { return tables.AddOfficerKey(key, evidence); });
}

void SqliteExceptions::OfficerKeys(Done<std::vector<OfficerKey>> done) {
  impl_->Read<std::vector<OfficerKey>>(
      std::move(done), [](ExceptionTables& tables) { return tables.evidence().Keys(); });
}

void SqliteExceptions::DisableOfficerKey(std::string key_id, absl::Time at, Done<bool> done) {
  impl_->Write<bool>(std::move(done), [key_id = std::move(key_id), at](ExceptionTables& tables) {
    return tables.DisableOfficerKey(key_id, at);
  });
}

}  // namespace domicile::store
