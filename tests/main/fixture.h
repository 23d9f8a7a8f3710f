// fixture.h — one region's files, and a whole gateway on them as an object of the test.
#ifndef DOMICILE_TESTS_MAIN_FIXTURE_H_
#define DOMICILE_TESTS_MAIN_FIXTURE_H_

#include <gtest/gtest.h>

#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/time/clock.h"
#include "gateway/main/demo/world.h"
#include "gateway/main/gateway.h"
#include "gateway/store/log_reader.h"
#include "tests/support/fake_clock.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temp_dir.h"

namespace domicile::main {

// The region us, whose service runs and whose gateway has run: a gateway in this process goes on
// with its files and its log. Null when something failed.
inline std::unique_ptr<demo::World> MakeWorld(
    const support::TempDir& dir, const std::function<void(demo::WorldOptions&)>& change = nullptr) {
  const std::string source = DOMICILE_SOURCE_DIR;
  demo::WorldOptions options;
  options.directory = dir.path();
  options.gateway_command = {DOMICILE_PROGRAM, "gateway"};
  options.service_program = DOMICILE_SERVICE;
  options.legal_directory = source + "/regions";
  std::filesystem::copy(source + "/tests/sample/policy", dir.Path("company"));
  options.company_directory = dir.Path("company");
  options.descriptor_set = DOMICILE_DESCRIPTORS;
  options.bindings = dir.Path("bindings.yaml");
  std::filesystem::copy(source + "/tests/sample/acme.bindings.yaml", options.bindings);
  options.regions = {"us"};
  options.people = 1;
  if (change) change(options);
  auto world = demo::World::Create(std::move(options));
  EXPECT_OK(world);
  if (!world.ok()) return nullptr;
  const absl::Status started = (*world)->Start();
  EXPECT_OK(started);
  if (!started.ok()) return nullptr;
  EXPECT_EQ((*world)->gateway("us")->Stop(absl::Seconds(30)), 0);
  return *std::move(world);
}

inline std::unique_ptr<Gateway> StartGateway(const demo::World& world, const base::Clock& clock) {
  control::ConfigResult loaded = control::LoadGatewayConfig(world.path("us/gateway.yaml"));
  EXPECT_TRUE(loaded.config.has_value()) << loaded.issues.ToString();
  if (!loaded.config) return nullptr;
  base::Issues issues;
  auto gateway = Gateway::Create(*std::move(loaded.config), clock, issues);
  EXPECT_OK(gateway) << issues.ToString();
  if (!gateway.ok()) return nullptr;
  (*gateway)->Start();
  return *std::move(gateway);
}

// Every entry of a shard that a head covers; heads are verified.
inline std::vector<audit::Entry> ReadShard(const store::ShardPlace& place,
                                           std::string* head = nullptr) {
  std::vector<audit::Entry> entries;
  auto reader = store::LogReader::Open({.directory = place.directory, .keys = place.keys});
  EXPECT_OK(reader);
  if (!reader.ok()) return entries;
  EXPECT_OK((*reader)->Poll([&](uint64_t, absl::string_view bytes) {
    entries.push_back(*audit::Decode(bytes));
    return true;
  }));
  if (head != nullptr) *head = (*reader)->head();
  return entries;
}

}  // namespace domicile::main

#endif  // DOMICILE_TESTS_MAIN_FIXTURE_H_
