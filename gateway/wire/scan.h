// scan.h — what is in a message: one forward pass over its bytes, exactly as protobuf reads them.
//
// Why: a decision on anything else than what the receiver will see is no
// decision. Peers that take the first of two ids where protobuf takes the last,
// or skip what they don't expect, are bypassed by four bytes. So the scan
// reads the wire format by its full rules, and denies what two parsers could
// read differently.
// Source: protobuf encoding specification; data-plane notes 4b and 4c, each row of
// which is a test in tests/wire.
//
// Denied (Findings::problem):
//   kMessageUnreadable    not a message of this type: truncated, bad tag, group or varint, UTF-8
//   kMessageAmbiguous     parsers may differ: a singular labelled field or a oneof given twice
//                         with different content, a known field with another wire type, a map
//                         with a key twice, an Any whose parts repeat
//   kMessageUnclassified  a request with a field that its type doesn't have (an upstream may)
//   kMessageTooLarge      over one of limits.h kScan*Max, or 2 GiB
//
// Data subject ids: text as it is, integers in decimal, bytes in lower-case hex. A default value
// of a field without presence names nobody. A record lists the data subjects that its own fields
// name; one that names none stands for those of its `parent`.
// record_id: text and bytes as they are, an integer as it is on the wire (one spelling only).
// Thread-safety: a Scanner is one thread's; plans are shared.
// Lifetime: Findings and Spans point into `message`, which must stay where it is, and into the
// schema.
// Limits: O(bytes). Once the Scanner and Spans have grown, it allocates only what Findings takes:
// ids over 15 bytes, more than one data subject a record. Measured 1.1 to 1.3 us for the 978-byte
// message of tests/wire/data with 9 ids (wire_bench, -O2, a busy two-core machine).
// Errors: as `problem` above; a message with one has no findings to rely on.
#ifndef DOMICILE_GATEWAY_WIRE_SCAN_H_
#define DOMICILE_GATEWAY_WIRE_SCAN_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "gateway/access/finding.h"

namespace domicile::wire {

class MessagePlan;
struct FieldPlan;

enum class Direction : uint8_t { kRequest = 0, kResponse = 1 };

// A piece of the message that an edit may change. In document order, parents before children.
struct Span {
  enum class Kind : uint8_t {
    kMessage,  // a sub-message, map entry or group: it may hold other spans
    kLeaf,     // a field with a judged category or a role
    kUnknown,  // a field that its type doesn't have
  };
  const FieldPlan* field = nullptr;  // nullptr: the whole message, or kUnknown
  uint32_t begin = 0;                // of the tag
  uint32_t body = 0;                 // after tag and length
  uint32_t body_end = 0;             // a group's end tag begins here
  uint32_t end = 0;
  int32_t parent = -1;  // place of the enclosing span
  int32_t record = -1;  // place in Findings::records that it belongs to, -1: none
  Kind kind = Kind::kLeaf;
};

// What an edit needs to know about a scanned message. Keep it beside its Findings.
struct Spans {
  struct Record {
    int32_t removal = 0;  // the span to cut when it is withheld
    int32_t body = 0;     // the span that holds its fields
    const MessagePlan* plan = nullptr;
  };
  std::vector<Span> list;       // list[0] is the message itself, when it was readable
  std::vector<Record> records;  // one for each of Findings::records
};

class Scanner {
 public:
  Scanner();
  ~Scanner();
  Scanner(const Scanner&) = delete;
  Scanner& operator=(const Scanner&) = delete;

  // Overwrites both results. On a problem `spans` is empty.
  void Scan(const MessagePlan& plan, Direction direction, absl::string_view message,
            access::Findings* findings, Spans* spans);

 private:
  class Pass;
  std::unique_ptr<Pass> pass_;
};

}  // namespace domicile::wire

#endif  // DOMICILE_GATEWAY_WIRE_SCAN_H_
