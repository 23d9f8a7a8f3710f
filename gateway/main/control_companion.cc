#include "gateway/main/control_companion.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "gateway/base/bytes.h"
#include "gateway/base/file.h"
#include "gateway/base/limits.h"
#include "gateway/base/log.h"
#include "gateway/base/status_macros.h"
#include "gateway/main/build.h"
#include "gateway/services/control_server.h"
#include "gateway/store/homes_file.h"
#include "gateway/store/log_reader.h"

namespace domicile::main {
namespace {

// How often a follower of the log looks for more: people read it, not programs.
constexpr absl::Duration kFollowInterval = absl::Milliseconds(200);

// How long a reader waits, beyond audit.checkpoint, for the head over what was recorded before it
// asked: a sync or two on a slow disk.
constexpr absl::Duration kHeadPatience = absl::Seconds(5);

absl::Status ReadLog(const Gateway& gateway, services::LogScope scope,
                     absl::FunctionRef<bool(uint64_t, absl::string_view)> each,
                     const std::function<bool()>& stop) {
  // Who was shown a decision's id finds it. A log that fails shows what its last head covers.
  gateway.log().AwaitHead(gateway.config().checkpoint + kHeadPatience);
  std::unique_ptr<store::LogReader> reader;
  size_t at = scope == services::LogScope::kEverything ? 0 : gateway.log().shards().size() - 1;
  while (true) {
    const std::vector<store::ShardPlace> shards = gateway.log().shards();
    // Seen before it is read: then nothing comes to this one any more.
    const bool ended = at + 1 < shards.size();
    if (reader == nullptr) {
      store::LogReader::Options options;
      options.directory = shards[at].directory;
      options.keys = shards[at].keys;
      options.keys_now = [&gateway, at] { return gateway.log().shards()[at].keys; };
      DOMICILE_ASSIGN_OR_RETURN(reader, store::LogReader::Open(std::move(options)));
    }
    bool more = true;
    DOMICILE_RETURN_IF_ERROR(reader->Poll([&](uint64_t index, absl::string_view entry) {
      more = each(index, entry);
      return more;
    }));
    if (!more) return absl::OkStatus();
    if (ended) {
      ++at;
      reader = nullptr;
      continue;
    }
    if (scope != services::LogScope::kFollow || stop()) return absl::OkStatus();
    absl::SleepFor(kFollowInterval);  // no event: the writer may be another process
  }
}

class ControlCompanion final : public Companion {
 public:
  explicit ControlCompanion(std::unique_ptr<services::ControlServer> server)
      : server_(std::move(server)) {}

 private:
  std::unique_ptr<services::ControlServer> server_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<Companion>> StartControl(Gateway& gateway) {
  if (!gateway.config().control) return nullptr;
  services::ControlPorts ports;
  ports.config = &gateway.config();
  ports.clock = &gateway.clock();
  ports.trust_domains = [&gateway] { return gateway.material()->trust_domains; };
  ports.tls_version = [&gateway] { return gateway.material()->version; };
  ports.tls = [&gateway] {
    const std::shared_ptr<const Material> material = gateway.material();
    const ControlTls& tls = *material->control_tls;
    return services::ControlTls{tls.certificate, std::string(tls.key.view()), tls.roots};
  };
  ports.snapshot = [&gateway] { return gateway.snapshot(); };
  ports.methods = [&gateway] {
    std::vector<std::string> paths;
    for (const wire::MethodPlan& plan : gateway.serving()->schema->methods()) {
      paths.push_back(plan.method.path);
    }
    return paths;
  };
  ports.directory = &gateway.directory();
  ports.log = &gateway.log();
  ports.count_import = [](const std::string& csv) -> absl::StatusOr<uint64_t> {
    DOMICILE_ASSIGN_OR_RETURN(const auto rows, store::ParseHomesFile(csv, "import"));
    return rows.size();
  };
  ports.import = [&gateway](const std::string& csv, services::ImportCounts& done) {
    store::ImportReport report;
    const absl::Status status = gateway.directory().Import(csv, "import", report);
    done = {report.lines, report.added, report.unchanged};
    return status;
  };
  ports.set_home = [&gateway](const access::DataSubject& subject, const std::string& region,
                              absl::Time since) {
    return gateway.directory().SetHome({subject, region, since, {}});
  };
  ports.read_log = [&gateway](services::LogScope scope,
                              absl::FunctionRef<bool(uint64_t, absl::string_view)> each,
                              const std::function<bool()>& stop) {
    return ReadLog(gateway, scope, each, stop);
  };
  if (Exceptions* exceptions = gateway.exceptions()) {
    ports.exceptions = &exceptions->store();
    ports.exceptions_changed = [exceptions] { exceptions->Refresh(); };
    ports.first_officers = [exceptions] { return exceptions->first_officers(); };
  }
  ports.version = std::string(Version());
  ports.schema_digest = base::HexEncode(crypto::View(gateway.serving()->schema->digest()));
  ports.build_digest = base::HexEncode(crypto::View(BuildDigest()));
  DOMICILE_ASSIGN_OR_RETURN(std::unique_ptr<services::ControlServer> server,
                            services::ControlServer::Start(std::move(ports)));
  base::Log(base::LogLevel::kInfo, "control.ready", {{"port", server->port()}});
  DOMICILE_RETURN_IF_ERROR(base::WriteFileAtomically(gateway.config().data_dir + "/control.port",
                                                     absl::StrCat(server->port(), "\n"),
                                                     base::FileMode::kPublic));
  return std::make_unique<ControlCompanion>(std::move(server));
}

}  // namespace domicile::main
