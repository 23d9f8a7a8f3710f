// finding.h — what was found in one message, and what is to be done to it.
//
// `wire/` scans a message into Findings; `enforce/` answers with an Edit that
// names records by their place in it; `wire/` carries the Edit out. The bytes
// stay outside as a handle, so that the core never copies them.
// Borrowed: every string_view points into the message's bytes, which must outlive
// the Findings.
// Source: design 5.8, policy-semantics S13. Errors: `problem` says why a message was not read.
#ifndef DOMICILE_GATEWAY_ACCESS_FINDING_H_
#define DOMICILE_GATEWAY_ACCESS_FINDING_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/container/inlined_vector.h"
#include "absl/strings/string_view.h"
#include "gateway/access/index.h"
#include "gateway/access/reason.h"

namespace domicile::access {

// The person the data is about, as a service names them. Personal data.
struct DataSubject {
  std::string
      name_space;  // "acme.user"; part of every reference, so that ids of two systems differ
  std::string id;  // text or decimal form of the field's value
  friend bool operator==(const DataSubject&, const DataSubject&) = default;
  friend auto operator<=>(const DataSubject&, const DataSubject&) = default;
  template <class H>
  friend H AbslHashValue(H h, const DataSubject& s) {
    return H::combine(std::move(h), s.name_space, s.id);
  }
};

// Where a record stands in its parent, which decides what withholding it means (S13).
enum class Placement : uint8_t {
  kMessage = 0,    // the message itself: withholding ends the call, or skips the stream message
  kRemovable = 1,  // element of a repeated or map field, or singular field of another record
  kSingular = 2,   // any other singular field: withholding ends the call
};

struct RecordFinding {
  int32_t parent = -1;  // place of the enclosing record in Findings::records, -1: none
  Placement placement = Placement::kMessage;
  CategorySet categories;                     // judged categories present; `none` never, E implied
  absl::InlinedVector<uint32_t, 1> subjects;  // places in Findings::subjects
  absl::string_view origin_tag;               // raw bytes; empty: none present
  absl::string_view record_id;                // raw RECORD_ID value; empty: none
  absl::string_view message_name;             // full protobuf name; outlives the schema snapshot
  std::optional<RegionIndex> home;            // HOME field of a created record
  bool home_unknown = false;                  // a HOME field that names no region of the policy
  bool stampable = false;                     // has an ORIGIN_TAG field or opted into field 51501
};

struct Findings {
  // kRule when readable; otherwise why not (kMessageUnreadable, kMessageAmbiguous,
  // kMessageUnclassified, kMessageTooLarge) and the rest is empty.
  Reason problem = Reason::kUndecidable;
  std::vector<DataSubject> subjects;  // distinct, in order of first occurrence
  // Parents before children. In a request the message itself is always records[0].
  std::vector<RecordFinding> records;
  uint32_t unknown_fields = 0;  // stripped from responses and counted
  bool readable() const { return problem == Reason::kRule; }
};

struct RecordEdit {
  bool remove = false;
  CategorySet masked;  // fields of these categories are rewritten with their category's mask
  // Fields of these categories are emptied instead (S10: a grant's field still at escalate).
  CategorySet cleared;
};

struct Edit {
  std::vector<RecordEdit> records;  // one for each of Findings::records; empty with AsIs()
  // New ORIGIN_TAG bytes by record; empty: leave as is.
  std::vector<std::string> stamps;  // empty, or one for each of Findings::records
  bool strip_unknown_fields = false;
  // The bytes go on unchanged. Zero memory says so: what passes without being judged passes whole.
  bool AsIs() const { return records.empty() && stamps.empty() && !strip_unknown_fields; }
  // Whether carrying this out would change the message that it was made for.
  bool Changes(const Findings& findings) const;
};

}  // namespace domicile::access

#endif  // DOMICILE_GATEWAY_ACCESS_FINDING_H_
