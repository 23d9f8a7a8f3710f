#include "gateway/main/facts.h"

#include <algorithm>
#include <utility>

#include "gateway/base/limits.h"
#include "gateway/control/trust_config.h"
#include "gateway/store/staff_file.h"
#include "gateway/store/tickets_file.h"

namespace domicile::main {
namespace {

constexpr size_t kProtectedFileBytesMax = 256 << 20;

template <class T>
std::shared_ptr<const T> Fresh(const store::WatchedFile<T>& file, absl::Time now,
                               absl::Duration max_age) {
  auto current = file.Current();
  return current.Fresh(now, max_age) == nullptr ? nullptr : current.content;
}

// Do they have the same keys that have not ended?
bool SameKeys(const crypto::KeyRing* a, const crypto::KeyRing* b, absl::Time now) {
  auto ids = [now](const crypto::KeyRing* ring) {
    std::vector<uint32_t> valid;
    if (ring == nullptr) return valid;
    for (const crypto::RingKey& key : ring->keys()) {
      if (key.ValidAt(now)) valid.push_back(key.id());
    }
    return valid;
  };
  return ids(a) == ids(b);
}

}  // namespace

Facts::Facts(const control::GatewayConfig& config, std::shared_ptr<const Material> material,
             const base::Clock& clock, base::Issues& issues)
    : config_(config), material_(std::move(material)), clock_(clock) {
  auto first = [&](store::Watched& file, const std::string& path) {
    const absl::Status read = file.Refresh();
    if (!read.ok()) issues.Add(path, 0, read.message());
  };
  if (config.staff.configured()) {
    const std::string path = config.staff.file;
    staff_ = std::make_unique<store::WatchedFile<identity::StaffDirectory>>(
        path, store::kStaffFileBytesMax, clock, [path](const std::string& content, absl::Time at) {
          return store::ParseStaffFile(content, path, at);
        });
    first(*staff_, path);
  }
  if (config.tickets.configured()) {
    const std::string path = config.tickets.file;
    tickets_ = std::make_unique<store::WatchedFile<identity::TicketList>>(
        path, store::kTicketsFileBytesMax, clock,
        [path](const std::string& content, absl::Time at) {
          return store::ParseTicketsFile(content, path, at);
        });
    first(*tickets_, path);
  }
  if (config.protected_people.configured()) {
    const std::string path = config.protected_people.file;
    protected_ = std::make_unique<store::WatchedFile<store::ProtectedSet>>(
        path, kProtectedFileBytesMax, clock,
        [this](const std::string& content, absl::Time at) { return ParseProtected(content, at); });
    first(*protected_, path);
  }
  for (const control::IssuerConfig& issuer : config.issuers) {
    keys_.push_back(std::make_unique<store::WatchedFile<identity::Jwks>>(
        issuer.jwks, base::limits::kSecretFileBytesMax, clock,
        [](const std::string& content, absl::Time) { return identity::Jwks::Parse(content); }));
    first(*keys_.back(), issuer.jwks);
  }
  RefreshHomeIndex(/*first=*/true, &issues);
  used_ = Current();
}

// The file does not say by which key it was hashed. So one that was not written anew keeps the keys
// that it was read under before, or a ring that lost one would leave everybody unprotected.
absl::StatusOr<store::ProtectedSet> Facts::ParseProtected(const std::string& content,
                                                          absl::Time at) {
  std::vector<std::string> keys = ValidSecrets(material_->protected_people.get(), clock_.Now());
  for (const std::string& before : protected_keys_) {
    const bool there = std::find(keys.begin(), keys.end(), before) != keys.end();
    if (at == protected_at_ && !there) keys.push_back(before);
  }
  absl::StatusOr<store::ProtectedSet> set =
      store::ProtectedSet::Parse(content, keys, config_.protected_people.file, at);
  if (set.ok()) {
    protected_keys_ = std::move(keys);
    protected_at_ = at;
  }
  return set;
}

// By whichever key of the ring it was made under: the ring gets a key before the index does.
absl::StatusOr<std::shared_ptr<const store::HomeIndex>> Facts::OpenHomeIndex(
    const Material& material) const {
  absl::StatusOr<std::shared_ptr<const store::HomeIndex>> opened =
      absl::FailedPreconditionError("home index: the index ring has no key");
  for (std::string& key : ValidSecrets(material.index.get(), clock_.Now())) {
    opened = store::HomeIndex::Open(config_.home_index, std::move(key));
    if (opened.ok() || !absl::IsFailedPrecondition(opened.status())) break;
  }
  return opened;
}

void Facts::Check(const Material& next, base::Issues& issues) const {
  if (config_.home_index.empty() ||
      SameKeys(material_->index.get(), next.index.get(), clock_.Now())) {
    return;
  }
  const absl::Status opened = OpenHomeIndex(next).status();
  if (absl::IsFailedPrecondition(opened)) issues.Add(config_.home_index, 0, opened.message());
}

void Facts::SetMaterial(std::shared_ptr<const Material> material) {
  const absl::Time now = clock_.Now();
  if (!SameKeys(material_->index.get(), material->index.get(), now)) index_stamp_ = {};
  const bool rehash =
      !SameKeys(material_->protected_people.get(), material->protected_people.get(), now);
  material_ = std::move(material);
  if (rehash && protected_ != nullptr) protected_->ParseAgain();
}

void Facts::RefreshHomeIndex(bool first, base::Issues* issues) {
  if (config_.home_index.empty()) return;
  absl::StatusOr<store::FileStamp> stamp = store::StampOf(config_.home_index);
  if (stamp.ok() && !first && *stamp == index_stamp_) return;
  absl::StatusOr<std::shared_ptr<const store::HomeIndex>> opened =
      stamp.ok() ? OpenHomeIndex(*material_)
                 : absl::StatusOr<std::shared_ptr<const store::HomeIndex>>(stamp.status());
  if (!opened.ok()) {
    if (issues != nullptr) {
      issues->Add(config_.home_index, 0, opened.status().message());
    } else {
      store::LogReloadFailed(config_.home_index, opened.status());
    }
    return;
  }
  index_stamp_ = *stamp;
  std::lock_guard<std::mutex> lock(mutex_);
  index_ = *std::move(opened);
}

std::vector<const void*> Facts::Current() const {
  const absl::Time now = clock_.Now();
  std::vector<const void*> current;
  if (staff_ != nullptr) current.push_back(Fresh(*staff_, now, config_.staff.max_age).get());
  if (tickets_ != nullptr) current.push_back(Fresh(*tickets_, now, config_.tickets.max_age).get());
  // The directory asks for this one itself; open streams must still be judged again.
  if (protected_ != nullptr) current.push_back(protected_people().get());
  for (size_t i = 0; i < keys_.size(); ++i) {
    current.push_back(Fresh(*keys_[i], now, config_.issuers[i].keys_max_age).get());
  }
  return current;
}

bool Facts::Refresh() {
  // A failure is logged where it happens; here only its result counts.
  if (staff_ != nullptr) staff_->Refresh().IgnoreError();
  if (tickets_ != nullptr) tickets_->Refresh().IgnoreError();
  if (protected_ != nullptr) protected_->Refresh().IgnoreError();
  for (auto& keys : keys_) keys->Refresh().IgnoreError();
  RefreshHomeIndex(/*first=*/false, nullptr);
  std::vector<const void*> current = Current();
  if (current == used_) return false;
  used_ = std::move(current);
  return true;
}

std::shared_ptr<const store::HomeIndex> Facts::home_index() const {
  std::lock_guard<std::mutex> lock(mutex_);
  return index_;
}

std::shared_ptr<const store::ProtectedSet> Facts::protected_people() const {
  return protected_ == nullptr ? nullptr
                               : Fresh(*protected_, clock_.Now(), config_.protected_people.max_age);
}

std::shared_ptr<const identity::Trust> Facts::MakeTrust(const Serving& serving,
                                                        uint64_t version) const {
  const absl::Time now = clock_.Now();
  auto trust = std::make_shared<identity::Trust>(control::BaseTrust(config_, *serving.policy));
  trust->version = version;
  trust->workloads = control::ToRegistry(material_->workloads);
  for (size_t i = 0; i < config_.issuers.size(); ++i) {
    identity::Issuer issuer = control::ToIssuer(config_.issuers[i]);
    issuer.keys = Fresh(*keys_[i], now, config_.issuers[i].keys_max_age);
    trust->issuers.push_back(std::move(issuer));
  }
  for (size_t i = 0; i < config_.peers.size(); ++i) {
    trust->peers.push_back({config_.peers[i].region, config_.peers[i].country,
                            config_.peers[i].spiffe, material_->peer_keys[i]});
  }
  trust->staff_configured = staff_ != nullptr;
  if (staff_ != nullptr) trust->staff = Fresh(*staff_, now, config_.staff.max_age);
  trust->staff_max_age = config_.staff.max_age;
  trust->tickets_configured = tickets_ != nullptr;
  if (tickets_ != nullptr) trust->tickets = Fresh(*tickets_, now, config_.tickets.max_age);
  return trust;
}

}  // namespace domicile::main
