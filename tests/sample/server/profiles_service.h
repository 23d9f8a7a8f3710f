// profiles_service.h — acme.profiles.v1.Profiles over the region's database.
//
// An ordinary gRPC service: it knows nothing of regions, rules or the gateway. It keeps the
// `origin` field that it is given and gives it back, which is all that tagging asks of it.
// Thread-safety: thread-safe.
#ifndef DOMICILE_TESTS_SAMPLE_SERVER_PROFILES_SERVICE_H_
#define DOMICILE_TESTS_SAMPLE_SERVER_PROFILES_SERVICE_H_

#include <map>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "acme/profiles/v1/profiles.grpc.pb.h"
#include "tests/sample/server/call_counter.h"
#include "tests/sample/server/database.h"

namespace domicile::sample {

class ProfilesService final : public acme::profiles::v1::Profiles::Service {
 public:
  ProfilesService(Database& database, CallCounter& counter)
      : database_(database), counter_(counter) {}

  grpc::Status Get(grpc::ServerContext* context, const acme::profiles::v1::GetRequest* request,
                   acme::profiles::v1::Profile* response) override;
  grpc::Status List(grpc::ServerContext* context, const acme::profiles::v1::ListRequest* request,
                    acme::profiles::v1::ListResponse* response) override;
  grpc::Status Search(grpc::ServerContext* context,
                      const acme::profiles::v1::SearchRequest* request,
                      acme::profiles::v1::SearchResponse* response) override;
  grpc::Status Create(grpc::ServerContext* context, const acme::profiles::v1::Profile* request,
                      acme::profiles::v1::Profile* response) override;
  grpc::Status Update(grpc::ServerContext* context, const acme::profiles::v1::Profile* request,
                      acme::profiles::v1::Profile* response) override;
  grpc::Status Delete(grpc::ServerContext* context,
                      const acme::profiles::v1::DeleteRequest* request,
                      acme::profiles::v1::DeleteResponse* response) override;
  grpc::Status Watch(grpc::ServerContext* context, const acme::profiles::v1::WatchRequest* request,
                     grpc::ServerWriter<acme::profiles::v1::Profile>* writer) override;
  grpc::Status ListSessions(grpc::ServerContext* context,
                            const acme::profiles::v1::ListSessionsRequest* request,
                            acme::profiles::v1::ListSessionsResponse* response) override;
  grpc::Status CreatePost(grpc::ServerContext* context, const acme::profiles::v1::Post* request,
                          acme::profiles::v1::Post* response) override;
  grpc::Status ListPosts(grpc::ServerContext* context,
                         const acme::profiles::v1::ListPostsRequest* request,
                         acme::profiles::v1::ListPostsResponse* response) override;
  grpc::Status BulkUpload(grpc::ServerContext* context,
                          grpc::ServerReader<acme::profiles::v1::Post>* reader,
                          acme::profiles::v1::BulkUploadResponse* response) override;
  grpc::Status Chat(grpc::ServerContext* context,
                    grpc::ServerReaderWriter<acme::profiles::v1::ChatMessage,
                                             acme::profiles::v1::ChatMessage>* stream) override;
  grpc::Status GetFeatures(grpc::ServerContext* context,
                           const acme::profiles::v1::GetFeaturesRequest* request,
                           acme::profiles::v1::Features* response) override;
  grpc::Status ListTopics(grpc::ServerContext* context,
                          const acme::profiles::v1::ListTopicsRequest* request,
                          acme::profiles::v1::ListTopicsResponse* response) override;

 private:
  absl::Status StorePost(const acme::profiles::v1::Post& post);
  void Changed(const std::string& user_id);
  int64_t VersionOf(const std::string& user_id) const;
  // False when the call ended before the person's version passed `seen`.
  bool AwaitChange(grpc::ServerContext& context, const std::string& user_id, int64_t seen) const;

  Database& database_;
  CallCounter& counter_;
  mutable absl::Mutex mutex_;                                        // held for one look-up
  std::map<std::string, int64_t> versions_ ABSL_GUARDED_BY(mutex_);  // for Watch
};

}  // namespace domicile::sample

#endif  // DOMICILE_TESTS_SAMPLE_SERVER_PROFILES_SERVICE_H_
