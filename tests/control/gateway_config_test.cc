#include "gateway/control/gateway_config.h"

#include <gtest/gtest.h>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "gateway/base/file.h"
#include "gateway/control/config_reader.h"

namespace domicile::control {
namespace {

constexpr char kGood[] = R"(
gateway: {id: us-1, region: us, country: US, data_dir: data, dev: true}
listen:
  data:    {address: "127.0.0.1:8443", tls: {certificate: us.pem, key: us.key}}
  control: {address: "127.0.0.1:0", tls: {certificate: us.pem, key: us.key}}
policy:    {legal: regions/, company: policy/}
schemas:   [{descriptor_set: acme.binpb}, {bindings: acme.bindings.yaml}]
identity:
  trust_domains: [{name: us.example, roots: us-ca.pem}, {name: eu.example, roots: eu-ca.pem}]
  workloads:
    - {spiffe: "spiffe://us.example/svc/*", country: US, principal: human}
    - {spiffe: "spiffe://us.example/job/features", country: US, principal: service}
  issuers:
    - {issuer: "https://idp.example", country: US, kind: staff, audience: domicile, jwks: idp.jwks.json, max_age: 15m,
       asserts: {countries: [US, IE, "NO"], roles: [support, engineer]},
       claims: {residence: residence, location: loc, location_time: loc_at, employer: entity, roles: roles}}
    - {issuer: "https://login.example", country: US, kind: user, jwks: /etc/login.jwks.json, subject: uid, namespace: acme.user}
  staff:     {file: staff.csv, max_age: 24h}
  tickets:   {file: tickets.jsonl}
  protected: {file: protected.jsonl}
upstreams: [{services: [acme.profiles.v1.Profiles], endpoints: ["dns:localhost:50051", "[::1]:50052"], holds: [us], untagged: directory}]
peers:     [{region: eu, country: IE, endpoints: ["gateway.eu.example:8443"], spiffe: "spiffe://eu.example/domicile", forward_keys: eu-forward.pub}]
homes:     {index: homes.idx}
store:     {url: sqlite}
keys:      {tag: keys/tag, reference: keys/ref, index: keys/index, forward: keys/forward, log: keys/log, protected: keys/protected}
control:   {roles: {compliance_officer: ["exception.*", why], auditor: ["log.*", "report.*"]}}
limits:    {}
audit:     {checkpoint: 50ms, cross_border: integrated}
)";

ConfigResult Parse(const std::string& text) { return ParseGatewayConfig(text, "etc/us.yaml"); }

// The good one with one piece replaced.
ConfigResult With(const std::string& piece, const std::string& by) {
  EXPECT_TRUE(absl::StrContains(kGood, piece)) << piece;
  return Parse(absl::StrReplaceAll(kGood, {{piece, by}}));
}

testing::AssertionResult Rejects(const ConfigResult& result, const std::string& part, int line) {
  for (const base::Issue& issue : result.issues.list()) {
    if (absl::StrContains(issue.message, part) && issue.severity == base::Severity::kError &&
        (line == 0 || issue.line == line)) {
      return result.config ? testing::AssertionFailure() << "an error, and a configuration"
                           : testing::AssertionSuccess();
    }
  }
  return testing::AssertionFailure() << result.issues.ToString();
}

TEST(GatewayConfig, ReadsEveryKeyOfTheDesign) {
  const ConfigResult result = Parse(kGood);
  ASSERT_TRUE(result.config.has_value()) << result.issues.ToString();
  const GatewayConfig& c = *result.config;
  EXPECT_EQ(c.id, "us-1");
  EXPECT_EQ(c.data_dir, "etc/data");
  EXPECT_EQ(c.data.port, 8443);
  EXPECT_EQ(c.data.tls->key, "etc/us.key");
  EXPECT_EQ(c.control->port, 0);
  EXPECT_EQ(c.schemas.bindings, std::vector<std::string>{"etc/acme.bindings.yaml"});
  ASSERT_EQ(c.issuers.size(), 2u);
  EXPECT_EQ(c.issuers[0].max_age, absl::Minutes(15));
  EXPECT_EQ(c.issuers[0].asserted_countries.size(), 3u);
  EXPECT_EQ(c.issuers[1].subject, "uid");
  EXPECT_EQ(c.issuers[1].jwks, "/etc/login.jwks.json");
  EXPECT_EQ(c.issuers[1].audience, "domicile");
  EXPECT_EQ(c.issuers[1].name_space, "acme.user");
  EXPECT_TRUE(c.workloads[1].service);
  EXPECT_EQ(c.upstreams[0].endpoints[0].ToString(), "dns:localhost:50051");
  EXPECT_EQ(c.upstreams[0].endpoints[1].ToString(), "[::1]:50052");
  EXPECT_EQ(c.upstreams[0].untagged, access::Untagged::kDirectory);
  EXPECT_EQ(c.peers[0].spiffe, "spiffe://eu.example/domicile");
  EXPECT_EQ(c.control_roles.at("auditor"), (std::vector<std::string>{"log.*", "report.*"}));
  EXPECT_EQ(c.UpstreamOf("acme.profiles.v1.Profiles"), &c.upstreams[0]);
  EXPECT_EQ(c.UpstreamOf("acme.profiles.v1.Other"), nullptr);
}

TEST(GatewayConfig, ShowsAllProblemsAtOnceWithTheirLines) {
  const ConfigResult result = Parse(R"(gateway: {id: US 1, region: us, country: us, data_dir: d}
listen:
  data: {address: 0.0.0.0}
  colour: red
policy: {legal: regions}
keys: {tag: a, reference: a, log: c}
identity: {}
store: {url: oracle}
)");
  EXPECT_TRUE(Rejects(result, "`id` must be", 1));
  EXPECT_TRUE(Rejects(result, "country code", 1));
  EXPECT_TRUE(Rejects(result, "HOST:PORT", 3));
  EXPECT_TRUE(Rejects(result, "`tls` is missing", 3));
  EXPECT_TRUE(Rejects(result, "colour", 4));
  EXPECT_TRUE(Rejects(result, "without a signed manifest", 5));
  EXPECT_TRUE(Rejects(result, "one file for two uses", 6));
  EXPECT_TRUE(Rejects(result, "`url` is `sqlite`", 8));
}

TEST(GatewayConfig, AnEmptyOrBrokenFileIsNoConfiguration) {
  for (const char* text : {"", "[]", "x", "{", "gateway: {}\n---\ngateway: {}", "\xff",
                           "gateway: &a {id: x}\nlisten: *a"}) {
    const ConfigResult result = Parse(text);
    EXPECT_FALSE(result.config.has_value()) << text;
    EXPECT_FALSE(result.issues.ok()) << text;
  }
}

TEST(GatewayConfig, UnquotedNorwayIsAProblem) {
  EXPECT_TRUE(Rejects(With("\"NO\"", "NO"), "NO", 0));
}

TEST(GatewayConfig, WhatThisVersionCannotHonourIsAnError) {
  EXPECT_TRUE(Rejects(With("policy:    {", "policy:    {manifest: p.dsse, "), "manifest", 0));
  EXPECT_TRUE(Rejects(With("listen:\n", "listen:\n  console: {address: \"127.0.0.1:1\"}\n"),
                      "`console`", 0));
  EXPECT_TRUE(Rejects(With("listen:\n", "listen:\n  metrics: {address: \"127.0.0.1:1\"}\n"),
                      "`metrics`", 0));
  EXPECT_TRUE(Rejects(With("cross_border: integrated", "cross_border: witnessed"), "witness", 0));
  EXPECT_TRUE(Rejects(With("cross_border: integrated", "witnesses: w.txt"), "witness", 0));
  EXPECT_TRUE(Rejects(With("jwks: idp.jwks.json", "jwks: \"https://idp.example/jwks\""),
                      "read from files", 0));
  EXPECT_TRUE(Rejects(
      Parse(std::string(kGood) + "enforcement: {Profiles: {mode: observe, until: 2027-01-31}}\n"),
      "observe mode", 0));
}

TEST(GatewayConfig, PlaintextNeedsDevAndLoopback) {
  const std::string tls = "tls: {certificate: us.pem, key: us.key}}\n  control";
  const std::string none = "}\n  control";
  // Peers are mutual; without them a plaintext data listener is a matter of dev alone.
  std::string text = absl::StrReplaceAll(kGood, {{", " + tls, none}});
  EXPECT_TRUE(Rejects(Parse(text), "peers need `listen.data.tls`", 0));
  text = absl::StrReplaceAll(
      text, {{text.substr(text.find("peers:"), text.find("homes:") - text.find("peers:")), ""}});
  EXPECT_TRUE(Rejects(Parse(text), "dev_workload", 0));
  text = absl::StrReplaceAll(
      text, {{"dev: true", "dev: true, dev_workload: \"spiffe://us.example/svc/dev\""}});
  EXPECT_TRUE(Parse(text).config.has_value()) << Parse(text).issues.ToString();
  EXPECT_TRUE(Rejects(Parse(absl::StrReplaceAll(text, {{"127.0.0.1:8443", "10.0.0.1:8443"}})),
                      "loopback", 0));
}

TEST(GatewayConfig, DevIsForLoopbackOnly) {
  EXPECT_TRUE(Rejects(With("127.0.0.1:8443", "0.0.0.0:8443"), "must be on loopback", 0));
  EXPECT_TRUE(Rejects(With("dev: true", "dev: false"), "without a signed manifest", 0));
}

TEST(GatewayConfig, TheControlListenerHasNoPlaintextForm) {
  EXPECT_TRUE(
      Rejects(With("control: {address: \"127.0.0.1:0\", tls: {certificate: us.pem, key: us.key}}",
                   "control: {address: \"127.0.0.1:0\"}"),
              "no plaintext form", 0));
}

TEST(GatewayConfig, PlaintextToAnUpstreamStaysOnThisMachine) {
  EXPECT_TRUE(
      Rejects(With("dns:localhost:50051", "profiles.us.svc:50051"), "would leave this machine", 0));
  EXPECT_TRUE(Rejects(With("dns:localhost:50051", "127.evil.example:50051"),
                      "would leave this machine", 0));
  bool warned = false;
  const ConfigResult good = Parse(kGood);
  for (const base::Issue& issue : good.issues.list()) {
    warned = warned || absl::StrContains(issue.message, "plaintext to an upstream");
  }
  EXPECT_TRUE(warned);
}

TEST(GatewayConfig, NamesStandOnce) {
  EXPECT_TRUE(Rejects(With("name: eu.example", "name: us.example"), "stands twice", 0));
  EXPECT_TRUE(Rejects(With("job/features\"", "svc/*\""), "stands twice", 0));
  EXPECT_TRUE(Rejects(With("https://login.example", "https://idp.example"), "stands above", 0));
  EXPECT_TRUE(Rejects(With("[acme.profiles.v1.Profiles]", "[a.B, a.B]"), "has an upstream", 0));
  EXPECT_TRUE(Rejects(With("keys/ref", "keys/tag"), "one file for two uses", 0));
}

TEST(GatewayConfig, PeersAreOthersAndProven) {
  EXPECT_TRUE(Rejects(With("region: eu", "region: us"), "of another region", 0));
  EXPECT_TRUE(Rejects(With("spiffe://eu.example/domicile", "spiffe://sg.example/domicile"),
                      "trust domain", 0));
  EXPECT_TRUE(Rejects(With("spiffe://eu.example/domicile", "spiffe://eu.example/*"), "exact", 0));
  EXPECT_TRUE(Rejects(With("forward: keys/forward, ", ""), "keys.forward", 0));
  EXPECT_TRUE(Rejects(With("index: keys/index, ", ""), "go together", 0));
  EXPECT_TRUE(Rejects(With(", protected: keys/protected", ""), "keys.protected", 0));
}

TEST(GatewayConfig, AUserHasNoRolesAndStaffNoNamespace) {
  EXPECT_TRUE(Rejects(With("namespace: acme.user", "claims: {roles: roles}"), "neither", 0));
  EXPECT_TRUE(
      Rejects(With("max_age: 15m,", "max_age: 15m, namespace: acme.user,"), "data subject", 0));
}

TEST(GatewayConfig, LimitsFitTogether) {
  EXPECT_TRUE(
      Rejects(With("limits:    {}", "limits: {message_bytes: 1048576, hold_bytes: 1048575}"),
              "hold_bytes", 0));
  EXPECT_TRUE(
      Rejects(With("limits:    {}", "limits: {hold_bytes_peer: 1048576}"), "message_bytes <=", 0));
  EXPECT_TRUE(Rejects(With("limits:    {}", "limits: {colour: 1}"), "colour", 0));
  EXPECT_TRUE(Rejects(With("limits:    {}", "limits: {ready_time: 10ms}"), "from 100ms", 0));
  EXPECT_TRUE(Rejects(With("limits:    {}", "limits: {stalled_time: 1h}"), "to 10m", 0));
  EXPECT_TRUE(Rejects(With("limits:    {}", "limits: {connections: 0}"), "connections", 0));
  const ConfigResult set =
      With("limits:    {}", "limits: {connections: 7, ready_time: 1s, stalled_time: 2s}");
  ASSERT_TRUE(set.config.has_value());
  EXPECT_EQ(set.config->limits.connections, 7u);
  EXPECT_EQ(set.config->limits.ready_time, absl::Seconds(1));
  EXPECT_EQ(set.config->limits.stalled_time, absl::Seconds(2));
  EXPECT_TRUE(Rejects(With("checkpoint: 50ms", "checkpoint: 0s"), "from 1ms", 0));
}

TEST(GatewayConfig, RatesOfAConnectionHaveABurstAndAPace) {
  const ConfigResult unset = With("limits:    {}", "limits: {}");
  ASSERT_TRUE(unset.config.has_value());
  EXPECT_EQ(unset.config->limits.rates.pings.burst, 1000u);
  const ConfigResult set = With("limits:    {}",
                                "limits: {rates: {pings: {burst: 1, per_second: 2}, "
                                "settings: {burst: 3}, resets: {per_second: 4}, "
                                "empty_frames: {burst: 5}, ignored_frames: {burst: 6}, "
                                "cancels: {burst: 7}}}");
  ASSERT_TRUE(set.config.has_value());
  const base::limits::ConnectionRates& rates = set.config->limits.rates;
  EXPECT_EQ(rates.pings.burst, 1u);
  EXPECT_EQ(rates.pings.per_second, 2u);
  EXPECT_EQ(rates.settings.burst, 3u);
  EXPECT_EQ(rates.settings.per_second, 1u);
  EXPECT_EQ(rates.resets.burst, 1'100u);
  EXPECT_EQ(rates.resets.per_second, 4u);
  EXPECT_EQ(rates.empty_frames.burst, 5u);
  EXPECT_EQ(rates.ignored_frames.burst, 6u);
  EXPECT_EQ(rates.cancels.burst, 7u);
  for (const char* wrong : {"{pings: {burst: 0}}", "{resets: {burst: 1000001}}",
                            "{cancels: {per_second: 0}}", "{settings: {per_second: 100001}}"})
    EXPECT_TRUE(
        Rejects(With("limits:    {}", absl::StrCat("limits: {rates: ", wrong, "}")), "must be", 0))
        << wrong;
  EXPECT_TRUE(Rejects(With("limits:    {}", "limits: {rates: {pongs: {burst: 1}}}"), "pongs", 0));
  EXPECT_TRUE(Rejects(With("limits:    {}", "limits: {rates: {pings: {bursts: 1}}}"), "bursts", 0));
}

TEST(GatewayConfig, AControlMethodThatNobodyServesIsAWarning) {
  const ConfigResult result = Parse(kGood);
  EXPECT_TRUE(result.config.has_value());
  bool warned = false;
  for (const base::Issue& issue : result.issues.list()) {
    warned = warned || absl::StrContains(issue.message, "report.*");
  }
  EXPECT_TRUE(warned);
}

TEST(GatewayConfig, TheExampleOfTheManualIsOne) {
  const std::string manual =
      base::ReadFile(DOMICILE_SOURCE_DIR "/docs/configuration.md", 1 << 20).value();
  const size_t start = manual.find("```yaml\n") + 8;
  const ConfigResult result = Parse(manual.substr(start, manual.find("```", start) - start));
  EXPECT_TRUE(result.config.has_value()) << result.issues.ToString();
}

TEST(HostPort, ReadsOneSpellingOfEach) {
  std::string host;
  uint16_t port = 0;
  EXPECT_TRUE(ParseHostPort("localhost:0", host, port));
  EXPECT_TRUE(ParseHostPort("[::1]:65535", host, port));
  EXPECT_EQ(host, "::1");
  for (const char* bad : {"", ":1", "a", "a:", "a:65536", "a:-1", "a:+1", "a: 1", "::1:80", "[::1]",
                          "[a]:1", "a b:1", "a/b:1", "a:1x", "http://a:1"}) {
    EXPECT_FALSE(ParseHostPort(bad, host, port)) << bad;
  }
}

TEST(Loopback, IsAnAddressAndNotAPrefix) {
  for (const char* yes : {"127.0.0.1", "127.1.2.3", "::1", "localhost"})
    EXPECT_TRUE(IsLoopback(yes));
  for (const char* no : {"127.example.com", "127.0.0.1.evil.example", "10.0.0.1", "",
                         "::", "localhost.example", "0.0.0.0", "127.0.0"}) {
    EXPECT_FALSE(IsLoopback(no)) << no;
  }
}

TEST(ControlPattern, CoversWhatItSays) {
  EXPECT_TRUE(ControlPatternMatches("*", "why"));
  EXPECT_TRUE(ControlPatternMatches("subject.*", "subject.show"));
  EXPECT_TRUE(ControlPatternMatches("why", "why"));
  EXPECT_FALSE(ControlPatternMatches("subject.*", "subjects.show"));
  EXPECT_FALSE(ControlPatternMatches("subject*", "subject.show"));
  EXPECT_FALSE(ControlPatternMatches("", "why"));
  EXPECT_FALSE(ControlPatternMatches("log.tail", "log.tailored"));
}

}  // namespace
}  // namespace domicile::control
