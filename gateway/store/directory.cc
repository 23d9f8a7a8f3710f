#include "gateway/store/directory.h"

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <future>
#include <mutex>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "gateway/base/bytes.h"
#include "gateway/base/status_macros.h"
#include "gateway/store/homes_file.h"
#include "gateway/store/homes_table.h"
#include "gateway/store/person_cache.h"
#include "gateway/store/sqlite.h"

namespace domicile::store {
namespace {

using access::DataSubject;
using access::Tri;
using enforce::LocateResult;
using enforce::SubjectFacts;

constexpr size_t kSubjectsMax = 10'000;  // of one question (enforce/ports.h)
// Questions of one transaction: one sync for all writes, and no caller waits behind more.
constexpr size_t kBatchMax = 256;
constexpr size_t kImportRowsPerCommit = 1'000;  // look-ups go on between two commits

struct LocateQuestion {
  std::vector<DataSubject> subjects;
  absl::AnyInvocable<void(LocateResult)> done;
};
struct RegisterQuestion {
  std::vector<DataSubject> subjects;
  std::string region;
  absl::Time since;
  absl::AnyInvocable<void(absl::Status)> done;
};
using Command = absl::AnyInvocable<void()>;

Tri Either(Tri a, Tri b) {
  if (a == Tri::kTrue || b == Tri::kTrue) return Tri::kTrue;
  return a == Tri::kFalse && b == Tri::kFalse ? Tri::kFalse : Tri::kUnknown;
}

// A journalist under her cat's name is one: any name of a person counts for all.
void SetProtection(const DirectoryOptions& options, const KnownPerson& known, SubjectFacts& facts) {
  if (options.protected_set) {
    std::shared_ptr<const ProtectedSet> set = options.protected_set();
    if (set == nullptr) return;  // both unknown
    facts.protected_person = facts.minor = Tri::kFalse;
    for (const DataSubject& name : known.names) {
      Protection protection = set->Find(name);
      facts.protected_person = Either(facts.protected_person, protection.protected_person);
      facts.minor = Either(facts.minor, protection.minor);
    }
    return;
  }
  facts.protected_person = facts.minor = Tri::kFalse;
}

template <class Q>
std::vector<Q> TakeBatch(std::deque<Q>& queue) {
  size_t count = std::min(queue.size(), kBatchMax);
  std::vector<Q> batch(std::make_move_iterator(queue.begin()),
                       std::make_move_iterator(queue.begin() + count));
  queue.erase(queue.begin(), queue.begin() + count);
  return batch;
}

}  // namespace

class SqliteDirectory::Impl {
 public:
  Impl(DirectoryOptions options, std::unique_ptr<Sqlite> database,
       std::unique_ptr<HomesTable> table)
      : options_(std::move(options)), database_(std::move(database)), table_(std::move(table)) {
    thread_ = std::thread([this] { Run(); });
  }
  ~Impl() {
    {
      std::lock_guard<std::mutex> lock(mutex_);
      stopping_ = true;
      work_.notify_one();
    }
    thread_.join();
    base::Zeroise(&options_.reference_ring_key);
  }

  void SetReferenceRingKey(std::string key) {
    std::lock_guard<std::mutex> lock(mutex_);
    options_.reference_ring_key.swap(key);
    base::Zeroise(&key);
  }

  void Locate(LocateQuestion question) {
    absl::Status status = CheckSubjects(question.subjects);
    if (status.ok()) {
      std::optional<LocateResult> known = FromMemory(question.subjects);
      if (known) return question.done(*std::move(known));
    }
    if (status.ok()) status = Enqueue(locates_, question);
    if (!status.ok()) question.done(LocateResult{.status = status, .subjects = {}});
  }
  void Register(RegisterQuestion question) {
    absl::Status status = CheckSubjects(question.subjects);
    if (status.ok() && !IsRegionCode(question.region))
      status = absl::InvalidArgumentError("directory: region is not a region code");
    if (status.ok()) status = Enqueue(registers_, question);
    if (!status.ok()) question.done(status);
  }

  // Runs `command` in a transaction on the directory's thread and waits for it.
  absl::Status RunCommand(absl::AnyInvocable<absl::Status(HomesTable&)> command) {
    return RunAndWait([&] {
      const absl::Status status = InTransaction(*database_, [&] { return command(*table_); });
      cache_.ForgetAll();  // whether it was committed or not: nobody has been told yet
      return status;
    });
  }

  // What was overwritten leaves the write-ahead file, too.
  absl::Status CleanUp() {
    return RunAndWait([&] { return database_->Execute("PRAGMA wal_checkpoint(TRUNCATE)"); });
  }

 private:
  static absl::Status CheckSubjects(const std::vector<DataSubject>& subjects) {
    if (subjects.size() > kSubjectsMax)
      return absl::InvalidArgumentError("directory: more than 10000 people in one question");
    return absl::OkStatus();
  }

  absl::Status RunAndWait(absl::AnyInvocable<absl::Status()> work) {
    // Shared: the waiter may be gone before set_value has returned.
    auto result = std::make_shared<std::promise<absl::Status>>();
    std::future<absl::Status> future = result->get_future();
    {
      std::lock_guard<std::mutex> lock(mutex_);
      commands_.push_back([result, &work] { result->set_value(work()); });
      work_.notify_one();
    }
    return future.get();
  }

  template <class Q>
  absl::Status Enqueue(std::deque<Q>& queue, Q& question) {
    std::lock_guard<std::mutex> lock(mutex_);
    if (stopping_) return absl::UnavailableError("directory: closed");
    if (locates_.size() + registers_.size() >= options_.queue_max)
      return absl::ResourceExhaustedError("directory: too many questions wait");
    queue.push_back(std::move(question));
    work_.notify_one();
    return absl::OkStatus();
  }

  void Run() {
    for (;;) {
      std::vector<LocateQuestion> locates;
      std::vector<RegisterQuestion> registers;
      std::vector<Command> commands;
      {
        std::unique_lock<std::mutex> lock(mutex_);
        while (locates_.empty() && registers_.empty() && commands_.empty()) {
          if (stopping_) return;
          work_.wait(lock);
        }
        locates = TakeBatch(locates_);
        registers = TakeBatch(registers_);
        commands = TakeBatch(commands_);
      }
      // Look-ups first: they do not wait for a sync.
      for (LocateQuestion& question : locates) question.done(Answer(question.subjects));
      if (!registers.empty()) RegisterAll(registers);
      for (Command& command : commands) command();
    }
  }

  // One commit for the batch; one person's trouble undoes only that question.
  void RegisterAll(std::vector<RegisterQuestion>& questions) {
    std::vector<absl::Status> results(questions.size());
    absl::Status all = InTransaction(*database_, [&] {
      for (size_t i = 0; i < questions.size(); ++i) {
        DOMICILE_RETURN_IF_ERROR(database_->Execute("SAVEPOINT question"));
        results[i] = RegisterOne(questions[i]);
        if (!results[i].ok()) DOMICILE_RETURN_IF_ERROR(database_->Execute("ROLLBACK TO question"));
        DOMICILE_RETURN_IF_ERROR(database_->Execute("RELEASE question"));
      }
      return absl::OkStatus();
    });
    for (const RegisterQuestion& question : questions)
      for (const DataSubject& subject : question.subjects) cache_.Forget(subject);
    for (size_t i = 0; i < questions.size(); ++i)
      questions[i].done(all.ok() ? std::move(results[i]) : Outward(all));
  }

  absl::Status RegisterOne(const RegisterQuestion& question) {
    for (const DataSubject& subject : question.subjects) {
      for (const enforce::DatedHome& home : HomesElsewhere(subject)) {
        if (home.region != question.region) return HomeElsewhere();
      }
      DOMICILE_ASSIGN_OR_RETURN(std::optional<PersonRow> person, table_->Find(subject));
      std::vector<enforce::DatedHome> homes;
      if (person) {
        // Found under another name: what is known under the rest of them changes as well.
        if (person->subject.id != subject.id) cache_.ForgetAll();
        DOMICILE_ASSIGN_OR_RETURN(homes, table_->Homes(*person));
      } else {
        DOMICILE_ASSIGN_OR_RETURN(person, table_->Add(subject));
      }
      for (const enforce::DatedHome& home : homes)
        if (home.region != question.region) return HomeElsewhere();
      if (!homes.empty()) continue;
      DOMICILE_RETURN_IF_ERROR(table_->AddHome(*person, question.region, question.since).status());
    }
    return absl::OkStatus();
  }

  static absl::Status HomeElsewhere() {
    return absl::AlreadyExistsError("directory: the person has another home");
  }

  // What a caller of the ports may see (enforce/ports.h).
  static absl::Status Outward(const absl::Status& status) {
    if (absl::IsDataLoss(status) || absl::IsResourceExhausted(status)) return status;
    return absl::UnavailableError(status.message());
  }

  // Of people who were all asked for just now; on the caller's thread.
  std::optional<LocateResult> FromMemory(const std::vector<DataSubject>& subjects) {
    const PersonCache::Clock::time_point now = PersonCache::Clock::now();
    LocateResult result;
    result.subjects.reserve(subjects.size());
    for (const DataSubject& subject : subjects) {
      const std::shared_ptr<const KnownPerson> known = cache_.Find(subject, now);
      if (known == nullptr) return std::nullopt;
      result.subjects.push_back(FactsOf(subject, *known));
    }
    return result;
  }

  LocateResult Answer(const std::vector<DataSubject>& subjects) {
    LocateResult result;
    result.subjects.reserve(subjects.size());
    std::string ring_key;
    {
      std::lock_guard<std::mutex> lock(mutex_);
      ring_key = options_.reference_ring_key;
    }
    for (const DataSubject& subject : subjects) {
      absl::StatusOr<std::shared_ptr<const KnownPerson>> person =
          ReadPerson(*table_, subject, ring_key);
      if (!person.ok()) return LocateResult{.status = Outward(person.status()), .subjects = {}};
      cache_.Put(subject, *person, PersonCache::Clock::now());
      result.subjects.push_back(FactsOf(subject, **person));
    }
    return result;
  }

  // What is known of the person now; lists and index are asked each time.
  SubjectFacts FactsOf(const DataSubject& subject, const KnownPerson& known) const {
    SubjectFacts facts;
    facts.homes = HomesElsewhere(subject);
    facts.homes.insert(facts.homes.end(), known.homes.begin(), known.homes.end());
    facts.reference_key = known.reference_key;
    SetProtection(options_, known, facts);
    return facts;
  }

  // By the index of other regions, which has no dates.
  std::vector<enforce::DatedHome> HomesElsewhere(const DataSubject& subject) const {
    std::shared_ptr<const HomeIndex> index;
    if (options_.home_index) index = options_.home_index();
    std::vector<enforce::DatedHome> homes;
    if (index == nullptr) return homes;
    for (const std::string& region : index->Find(subject))
      homes.push_back({.region = region, .since = absl::InfinitePast()});
    return homes;
  }

  DirectoryOptions options_;
  // The thread's own.
  std::unique_ptr<Sqlite> database_;
  std::unique_ptr<HomesTable> table_;

  PersonCache cache_;  // filled by the thread alone

  std::mutex mutex_;  // guards the queues; held for a few moves, never over I/O
  std::condition_variable work_;
  std::deque<LocateQuestion> locates_;
  std::deque<RegisterQuestion> registers_;
  std::deque<Command> commands_;
  bool stopping_ = false;
  std::thread thread_;
};

SqliteDirectory::SqliteDirectory(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
SqliteDirectory::~SqliteDirectory() = default;

absl::StatusOr<std::unique_ptr<SqliteDirectory>> SqliteDirectory::Open(DirectoryOptions options) {
  DOMICILE_ASSIGN_OR_RETURN(std::unique_ptr<Sqlite> database, Sqlite::Open(options.path));
  DOMICILE_ASSIGN_OR_RETURN(std::unique_ptr<HomesTable> table, HomesTable::Create(*database));
  return std::unique_ptr<SqliteDirectory>(new SqliteDirectory(
      std::make_unique<Impl>(std::move(options), std::move(database), std::move(table))));
}

void SqliteDirectory::Locate(std::vector<DataSubject> subjects,
                             absl::AnyInvocable<void(LocateResult)> done) {
  impl_->Locate({.subjects = std::move(subjects), .done = std::move(done)});
}

void SqliteDirectory::Register(std::vector<DataSubject> subjects, std::string region,
                               absl::Time since, absl::AnyInvocable<void(absl::Status)> done) {
  impl_->Register({.subjects = std::move(subjects),
                   .region = std::move(region),
                   .since = since,
                   .done = std::move(done)});
}

namespace {

// Adds what is new of a row; true when anything was.
absl::StatusOr<bool> AddRow(HomesTable& table, const HomeRow& row) {
  DOMICILE_ASSIGN_OR_RETURN(std::optional<PersonRow> person, table.Find(row.subject));
  if (!person) {
    DOMICILE_ASSIGN_OR_RETURN(person, table.Add(row.subject));
  }
  DOMICILE_ASSIGN_OR_RETURN(bool added, table.AddHome(*person, row.region, row.since));
  for (const std::string& alias : row.aliases) {
    DOMICILE_ASSIGN_OR_RETURN(bool new_alias, table.AddAlias(*person, alias));
    added |= new_alias;
  }
  return added;
}

}  // namespace

void SqliteDirectory::SetReferenceRingKey(std::string key) {
  impl_->SetReferenceRingKey(std::move(key));
}

absl::StatusOr<bool> SqliteDirectory::SetHome(const HomeRow& row) {
  DOMICILE_RETURN_IF_ERROR(CheckHomeRow(row));
  bool added = false;
  DOMICILE_RETURN_IF_ERROR(impl_->RunCommand([&](HomesTable& table) -> absl::Status {
    DOMICILE_ASSIGN_OR_RETURN(added, AddRow(table, row));
    return absl::OkStatus();
  }));
  return added;
}

absl::StatusOr<ImportReport> SqliteDirectory::Import(absl::string_view csv,
                                                     absl::string_view file) {
  ImportReport report;
  DOMICILE_RETURN_IF_ERROR(Import(csv, file, report));
  return report;
}

absl::Status SqliteDirectory::Import(absl::string_view csv, absl::string_view file,
                                     ImportReport& report) {
  report = {};
  DOMICILE_ASSIGN_OR_RETURN(std::vector<ImportedRow> rows, ParseHomesFile(csv, file));
  for (size_t begin = 0; begin < rows.size(); begin += kImportRowsPerCommit) {
    size_t end = std::min(rows.size(), begin + kImportRowsPerCommit);
    uint64_t added = 0;
    absl::Status status = impl_->RunCommand([&](HomesTable& table) -> absl::Status {
      for (size_t i = begin; i < end; ++i) {
        absl::StatusOr<bool> is_new = AddRow(table, rows[i].row);
        if (!is_new.ok())
          return base::Annotate(is_new.status(), absl::StrCat(file, ":", rows[i].line));
        added += *is_new ? 1 : 0;
      }
      return absl::OkStatus();
    });
    if (!status.ok()) return status;
    report.added += added;
    report.lines += end - begin;
    report.unchanged = report.lines - report.added;
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<HomeRow>> SqliteDirectory::Show(const DataSubject& subject) {
  std::vector<HomeRow> rows;
  DOMICILE_RETURN_IF_ERROR(impl_->RunCommand([&](HomesTable& table) -> absl::Status {
    DOMICILE_ASSIGN_OR_RETURN(std::optional<PersonRow> person, table.Find(subject));
    if (!person) return absl::OkStatus();
    DOMICILE_ASSIGN_OR_RETURN(std::vector<std::string> aliases, table.Aliases(*person));
    DOMICILE_ASSIGN_OR_RETURN(std::vector<enforce::DatedHome> homes, table.Homes(*person));
    for (const enforce::DatedHome& home : homes)
      rows.push_back({.subject = person->subject,
                      .region = home.region,
                      .since = home.since,
                      .aliases = aliases});
    return absl::OkStatus();
  }));
  return rows;
}

absl::Status SqliteDirectory::DestroyReferenceKey(const DataSubject& subject) {
  DOMICILE_RETURN_IF_ERROR(impl_->RunCommand([&](HomesTable& table) -> absl::Status {
    DOMICILE_ASSIGN_OR_RETURN(std::optional<PersonRow> person, table.Find(subject));
    if (!person) return absl::NotFoundError("directory: no such person");
    return table.DestroyKey(*person);
  }));
  return impl_->CleanUp();
}

absl::StatusOr<std::vector<std::pair<DataSubject, std::string>>> SqliteDirectory::AllHomes() {
  std::vector<std::pair<DataSubject, std::string>> all;
  DOMICILE_RETURN_IF_ERROR(impl_->RunCommand([&](HomesTable& table) -> absl::Status {
    DOMICILE_ASSIGN_OR_RETURN(all, table.All());
    return absl::OkStatus();
  }));
  return all;
}

}  // namespace domicile::store
