#include "tests/sample/server/profiles_service.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "tests/sample/server/status.h"

namespace domicile::sample {

using grpc::ServerContext;
using grpc::Status;
using grpc::StatusCode;
namespace pb = acme::profiles::v1;

namespace {

constexpr int kPageMax = 100;
constexpr int kPageDefault = 20;
// How long a Watch sleeps before it looks whether its caller has gone.
constexpr absl::Duration kCancelCheck = absl::Milliseconds(50);

int64_t NowMs() { return absl::ToUnixMillis(absl::Now()); }
int PageSize(int asked) { return asked <= 0 ? kPageDefault : std::min(asked, kPageMax); }

Status Missing(const char* field) {
  return Status(StatusCode::INVALID_ARGUMENT, absl::StrCat(field, " is empty"));
}

// A stored row as its message; DATA_LOSS when the bytes are not one.
template <class Message>
Status Read(const absl::StatusOr<std::string>& row, Message* message) {
  if (!row.ok()) return ToGrpc(row.status());
  if (!message->ParseFromString(*row)) return Status(StatusCode::DATA_LOSS, "a row is broken");
  return Status::OK;
}

template <class Field>
Status ReadAll(const absl::StatusOr<std::vector<std::string>>& rows, Field* field) {
  if (!rows.ok()) return ToGrpc(rows.status());
  for (const std::string& row : *rows) {
    if (!field->Add()->ParseFromString(row))
      return Status(StatusCode::DATA_LOSS, "a row is broken");
  }
  return Status::OK;
}

ProfileSearch TermsOf(const pb::Profile& profile) {
  return {profile.email(), profile.phone(), profile.display_name()};
}

}  // namespace

Status ProfilesService::Get(ServerContext*, const pb::GetRequest* request, pb::Profile* response) {
  if (request->user_id().empty()) return Missing("user_id");
  return Read(database_.Get(Table::kProfiles, {request->user_id(), ""}), response);
}

Status ProfilesService::List(ServerContext*, const pb::ListRequest* request,
                             pb::ListResponse* response) {
  int size = PageSize(request->page_size());
  Status status =
      ReadAll(database_.PageOfProfiles(request->page_token(), size), response->mutable_profiles());
  if (status.ok() && response->profiles_size() == size) {
    response->set_next_page_token(response->profiles(size - 1).user_id());
  }
  return status;
}

Status ProfilesService::Search(ServerContext*, const pb::SearchRequest* request,
                               pb::SearchResponse* response) {
  ProfileSearch terms{request->email(), request->phone(), request->display_name_prefix()};
  if (terms.email.empty() && terms.phone.empty() && terms.name_prefix.empty()) {
    return Status(StatusCode::INVALID_ARGUMENT, "nothing to search for");
  }
  return ReadAll(database_.SearchProfiles(terms, PageSize(request->page_size())),
                 response->mutable_profiles());
}

Status ProfilesService::Create(ServerContext*, const pb::Profile* request, pb::Profile* response) {
  if (request->user_id().empty()) return Missing("user_id");
  *response = *request;
  response->set_updated_at_ms(NowMs());
  absl::Status status = database_.Together([&]() -> absl::Status {
    absl::Status inserted =
        database_.Insert(Table::kProfiles, {request->user_id(), ""}, response->SerializeAsString());
    if (!inserted.ok()) return inserted;
    return database_.IndexProfile(request->user_id(), TermsOf(*response));
  });
  if (!status.ok()) return ToGrpc(status);
  Changed(request->user_id());
  return Status::OK;
}

Status ProfilesService::Update(ServerContext*, const pb::Profile* request, pb::Profile* response) {
  if (request->user_id().empty()) return Missing("user_id");
  *response = *request;
  response->set_updated_at_ms(NowMs());
  absl::Status status = database_.Together([&]() -> absl::Status {
    absl::Status replaced = database_.Replace(Table::kProfiles, {request->user_id(), ""},
                                              response->SerializeAsString());
    if (!replaced.ok()) return replaced;
    return database_.IndexProfile(request->user_id(), TermsOf(*response));
  });
  if (!status.ok()) return ToGrpc(status);
  Changed(request->user_id());
  return Status::OK;
}

Status ProfilesService::Delete(ServerContext*, const pb::DeleteRequest* request,
                               pb::DeleteResponse*) {
  if (request->user_id().empty()) return Missing("user_id");
  absl::Status status = database_.Forget(request->user_id());
  if (status.ok()) Changed(request->user_id());
  return ToGrpc(status);
}

Status ProfilesService::Watch(ServerContext* context, const pb::WatchRequest* request,
                              grpc::ServerWriter<pb::Profile>* writer) {
  if (request->user_id().empty()) return Missing("user_id");
  while (true) {
    int64_t seen = VersionOf(request->user_id());
    pb::Profile profile;
    Status status = Read(database_.Get(Table::kProfiles, {request->user_id(), ""}), &profile);
    if (!status.ok()) return status;
    if (!writer->Write(profile) || !AwaitChange(*context, request->user_id(), seen)) {
      counter_.Cancelled("/acme.profiles.v1.Profiles/Watch");
      return Status(StatusCode::CANCELLED, "the caller has gone");
    }
  }
}

Status ProfilesService::ListSessions(ServerContext*, const pb::ListSessionsRequest* request,
                                     pb::ListSessionsResponse* response) {
  if (request->user_id().empty()) return Missing("user_id");
  return ReadAll(database_.RowsOf(Table::kSessions, request->user_id()),
                 response->mutable_sessions());
}

absl::Status ProfilesService::StorePost(const pb::Post& post) {
  if (post.user_id().empty() || post.post_id().empty()) {
    return absl::InvalidArgumentError("user_id or post_id is empty");
  }
  return database_.Insert(Table::kPosts, {post.user_id(), post.post_id()},
                          post.SerializeAsString());
}

Status ProfilesService::CreatePost(ServerContext*, const pb::Post* request, pb::Post* response) {
  *response = *request;
  response->set_created_at_ms(NowMs());
  return ToGrpc(StorePost(*response));
}

Status ProfilesService::ListPosts(ServerContext*, const pb::ListPostsRequest* request,
                                  pb::ListPostsResponse* response) {
  if (request->user_id().empty()) return Missing("user_id");
  return ReadAll(database_.RowsOf(Table::kPosts, request->user_id()), response->mutable_posts());
}

Status ProfilesService::BulkUpload(ServerContext*, grpc::ServerReader<pb::Post>* reader,
                                   pb::BulkUploadResponse* response) {
  pb::Post post;
  while (reader->Read(&post)) {
    if (post.created_at_ms() == 0) post.set_created_at_ms(NowMs());
    absl::Status status = StorePost(post);
    if (!status.ok()) return ToGrpc(status);
    response->set_stored(response->stored() + 1);
  }
  return Status::OK;
}

Status ProfilesService::Chat(ServerContext*,
                             grpc::ServerReaderWriter<pb::ChatMessage, pb::ChatMessage>* stream) {
  pb::ChatMessage message;
  while (stream->Read(&message)) {
    if (message.user_id().empty()) return Missing("user_id");
    std::string record_id = absl::StrCat(absl::ToUnixNanos(absl::Now()), "-", message.sequence());
    absl::Status status = database_.Put(Table::kMessages, {message.user_id(), record_id},
                                        message.SerializeAsString());
    if (!status.ok()) return ToGrpc(status);
    pb::ChatMessage answer = message;
    answer.set_text(absl::StrCat("got it: ", message.text()));
    if (!stream->Write(answer)) {
      counter_.Cancelled("/acme.profiles.v1.Profiles/Chat");
      return Status(StatusCode::CANCELLED, "the caller has gone");
    }
  }
  return Status::OK;
}

Status ProfilesService::GetFeatures(ServerContext*, const pb::GetFeaturesRequest* request,
                                    pb::Features* response) {
  if (request->user_id().empty()) return Missing("user_id");
  return Read(database_.Get(Table::kFeatures, {request->user_id(), ""}), response);
}

Status ProfilesService::ListTopics(ServerContext*, const pb::ListTopicsRequest*,
                                   pb::ListTopicsResponse* response) {
  for (const char* topic : {"bread", "cats", "cycling", "music", "news"}) {
    response->add_topics(topic);
  }
  return Status::OK;
}

void ProfilesService::Changed(const std::string& user_id) {
  absl::MutexLock lock(&mutex_);
  ++versions_[user_id];
}

int64_t ProfilesService::VersionOf(const std::string& user_id) const {
  absl::MutexLock lock(&mutex_);
  auto it = versions_.find(user_id);
  return it == versions_.end() ? 0 : it->second;
}

bool ProfilesService::AwaitChange(ServerContext& context, const std::string& user_id,
                                  int64_t seen) const {
  while (!context.IsCancelled()) {
    absl::MutexLock lock(&mutex_);
    auto changed = [&]() ABSL_NO_THREAD_SAFETY_ANALYSIS {
      auto it = versions_.find(user_id);
      return (it == versions_.end() ? 0 : it->second) > seen;
    };
    if (mutex_.AwaitWithTimeout(absl::Condition(&changed), kCancelCheck)) return true;
  }
  return false;
}

}  // namespace domicile::sample
