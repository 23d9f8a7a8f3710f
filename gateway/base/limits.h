// limits.h — every numeric limit of the gateway, its reason, and what it stops.
//
// One place, so that a reader can judge them together and a test can walk them.
// A limit that an operator may set stands here as its default. Sizes are bytes.
// Reaching one is a denial or an error with its own text, never a cut.
// Source: each limit names its own. Errors: none; constants.
#ifndef DOMICILE_GATEWAY_BASE_LIMITS_H_
#define DOMICILE_GATEWAY_BASE_LIMITS_H_

#include <cstddef>
#include <cstdint>

#include "absl/time/time.h"

namespace domicile::base::limits {

// --- What people write ---------------------------------------------------------------------------
// A policy, bindings or configuration file: the largest real ones are some 200 KiB. Stops a file
// that fills memory before a line of it is checked.
inline constexpr size_t kYamlFileBytesMax = 4 << 20;
// Our formats nest 8 deep. Stops stack exhaustion in the YAML parser (CVE-2018-20573 and kin).
inline constexpr int kYamlDepthMax = 32;
// Nodes of one document: a 4 MiB file of `[[],[],...]` would take 40 times its size in memory.
inline constexpr size_t kYamlNodesMax = 400'000;
// Problems shown at once: more is a wrong file, not a file with mistakes.
inline constexpr size_t kIssuesMax = 1'000;
// Secrets, certificates and key rings are a few KiB; stops a device or a log given by mistake.
inline constexpr size_t kSecretFileBytesMax = 256 << 10;

// --- Keys ----------------------------------------------------------------------------------------
// One key a month for ten years, with room. A ring is searched by id on each tag.
inline constexpr size_t kRingKeysMax = 128;
// RFC 7518 3.3 and NIST SP 800-131A: smaller RSA keys are no proof.
inline constexpr int kRsaKeyBitsMin = 2048;
// An attacker who may name a key must not make one check cost a second.
inline constexpr int kRsaKeyBitsMax = 8192;

// --- TLS -----------------------------------------------------------------------------------------
// leaf, two intermediates, root, and one more; stops chain-building as a CPU attack.
inline constexpr size_t kCertificateChainMax = 5;
// One certificate; a SPIFFE SVID is some 600 bytes.
inline constexpr size_t kCertificateBytesMax = 16 << 10;
// SPIFFE-ID section 2.3: implementations must take 2,048 bytes and may stop there.
inline constexpr size_t kSpiffeIdBytesMax = 2'048;
// Ciphertext that a peer may make us hold before its handshake is done: a full client chain
// of kCertificateChainMax certificates with room. Stops unauthenticated memory use.
inline constexpr size_t kTlsHandshakeBytesMax = 128 << 10;

// --- Origin tags ---------------------------------------------------------------------------------
// Regions in one tag (design 6.5).
inline constexpr size_t kTagRegionsMax = 8;
// A region code: lower-case letters, digits and `-`.
inline constexpr size_t kRegionCodeBytesMax = 16;
// Fixed part, issuer and 8 regions of 16 letters; a longer field is no tag. See docs/origin-tag.md.
inline constexpr size_t kTagBytesMax = 199;
// Moves of one person. A directory row with more is a broken import.
inline constexpr size_t kHomesPerPersonMax = 64;

// --- Data plane: HTTP/2 --------------------------------------------------------------------------
// Numbers of attacks are those of docs/data-plane.md.
// Fields of one header block, and their size as HPACK counts it (names, values, 32 each). gRPC's
// default is 8 KiB; tokens need more. A block over it ends its stream. Attack 11.
inline constexpr uint32_t kHeaderFieldsMax = 100;
inline constexpr uint32_t kHeaderBytesMax = 16 << 10;
// A block that far over is no mistake but a bomb: one byte of HPACK may stand for 4 KiB. The
// connection is closed in the middle of it. Attacks 2, 3 and 11.
inline constexpr uint32_t kHeaderFieldsClose = 1'000;
inline constexpr uint32_t kHeaderBytesClose = 64 << 10;
// Acknowledgements that we may owe before the peer reads: below the rates that follow, a peer who
// never reads would make us owe more for as long as it likes. Attacks 9 and 10.
inline constexpr size_t kUnsentAcksMax = 1'000;
// Entries in one SETTINGS frame; there are seven known ones. Attack 9.
inline constexpr size_t kSettingsEntriesMax = 32;
// How often a connection may do what costs us more than it: so many at once, and then so many a
// second. Bursts are several times what clients do at their busiest: gRPC pings once a round trip
// to measure bandwidth, and a client that is shut down resets all of its streams. Over one of the
// first five the connection is closed.
struct Rate {
  uint32_t burst;
  uint32_t per_second;
};
struct ConnectionRates {
  // Each is answered. Attack 10.
  Rate pings{1'000, 100};
  // Each is acknowledged, and may change every stream. Attack 9.
  Rate settings{100, 1};
  // Streams that the peer resets, or makes us reset (MadeYouReset, CVE-2025-8671): work that is
  // begun and thrown away. Less than `streams` closes clients that end in order. Attack 1.
  Rate resets{1'100, 100};
  // DATA without a byte and without an end.
  Rate empty_frames{1'000, 10};
  // PRIORITY, and frames that may not come where they do.
  Rate ignored_frames{1'000, 10};
  // Calls that we cancel on one connection to a service before it is given up. Servers count resets
  // as we do (nghttp2 1,000 and 33 a second, Netty 200 in 30 s) and then close the connection under
  // the calls of all other callers. Attacks 1 and 8.
  Rate cancels{150, 5};
};
// Stream objects kept for reuse by a session: what is in flight on a busy one. Attack 8.
inline constexpr size_t kFreeStreamsMax = 64;
// Memory for a header block that such an object keeps; twice what most blocks take.
inline constexpr size_t kFreeHeaderBytesMax = 1024;
// Between the two GOAWAYs of a drain: a round trip over the longest link between two regions.
inline constexpr absl::Duration kGoawayGap = absl::Milliseconds(500);
// Time for TCP, TLS, preface and SETTINGS together, and for one header block: some round trips on
// the worst of links. Attack 25 (slow prefaces, idle handshakes).
inline constexpr absl::Duration kReadyTimeout = absl::Seconds(10);
// Unsent bytes of a stream and nothing that takes them: longer than any network stutters, and as
// long as what is held for a caller who opens no window stays held. Attack 25.
inline constexpr absl::Duration kStalledTimeout = absl::Seconds(60);
// Open connections of one process; accepting pauses above it. Attack 13.
inline constexpr size_t kConnectionsMax = 20'000;

// --- Data plane: gRPC ----------------------------------------------------------------------------
// One message, also after gzip; gRPC's own default. Attack 4.
inline constexpr size_t kMessageBytesMax = 4 << 20;
// Bytes of messages held for scan and entry, in all and for one peer (design 5.9). Attack 25.
inline constexpr size_t kHeldBytesMax = 512 << 20;
inline constexpr size_t kHeldBytesPerPeerMax = 128 << 20;
// Request bytes kept so that a stream that the upstream never looked at can be sent again.
inline constexpr size_t kReplayBytesMax = 64 << 10;
// Times a call is sent again when the next hop says that it never looked at it.
inline constexpr int kSendsMax = 3;
// Longest deadline of a unary call that sets none: a call nobody waits for must not stay for ever.
inline constexpr absl::Duration kUnaryTimeMax = absl::Minutes(10);
// Calls that one loop is telling to data subjects' home gateways after they were answered, the
// bytes of their requests, and how long it waits for a home. A caller who floods the gateway with
// calls that are denied early must not make it hold them for ever; what is over these raises an
// alert here. The bytes are of no caller's budget: they must not notice.
inline constexpr size_t kToldHomeMax = 1'000;
inline constexpr size_t kToldHomeBytesMax = 32 << 20;
inline constexpr absl::Duration kToldHomeTimeMax = absl::Seconds(10);

// --- Messages ------------------------------------------------------------------------------------
// Nesting of messages, groups and map entries: protobuf's own default; stops stack exhaustion.
inline constexpr int kScanDepthMax = 100;
// Records in one message. More is an export, and belongs into a stream.
inline constexpr size_t kScanRecordsMax = 10'000;
// Distinct data subjects in one message: what one question to the directory may hold.
inline constexpr size_t kScanSubjectsMax = 10'000;
// Labelled fields and sub-messages in one message, 40 bytes each: stops a message of two-byte
// fields from taking twenty times its size.
inline constexpr size_t kScanSpansMax = 250'000;

}  // namespace domicile::base::limits

#endif  // DOMICILE_GATEWAY_BASE_LIMITS_H_
