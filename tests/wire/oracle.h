// oracle.h — what protobuf itself sees in a message, and what redaction of it must give.
//
// Written from docs/schema-labels.md over DynamicMessage and reflection alone: labels are read as
// messages, not by number; nothing of gateway/wire is used but the plain structs.
#ifndef DOMICILE_TESTS_WIRE_ORACLE_H_
#define DOMICILE_TESTS_WIRE_ORACLE_H_

#include <google/protobuf/message.h>

#include <map>
#include <string>
#include <vector>

#include "gateway/access/finding.h"
#include "gateway/wire/mask.h"
#include "gateway/wire/scan.h"
#include "tests/wire/test_schema.h"

namespace domicile::wire {

// One value of a labelled field: "devices[1].serial = x". Sorted.
using Leaves = std::vector<std::string>;

// One record as text: path, type, parent, placement, categories, data subjects, tag, record id.
struct Seen {
  Leaves leaves;
  std::vector<std::string> records;  // sorted
  friend bool operator==(const Seen&, const Seen&) = default;
};

// As protobuf reads it.
Seen OracleSees(EveryWorld& world, const google::protobuf::Message& message, Direction direction);
// As the scan reads it; each span is decoded by protobuf, by itself.
Seen ScanSees(EveryWorld& world, const std::string& bytes, const std::string& type,
              const access::Findings& findings, const Spans& spans);
// Path of each record in the order of the findings.
std::vector<std::string> RecordPaths(EveryWorld& world, const std::string& bytes,
                                     const std::string& type, const Spans& spans);

// Edits by record path.
struct PathEdit {
  access::RecordEdit edit;
  std::string stamp;
};
using PathEdits = std::map<std::string, PathEdit>;
void OracleRedact(EveryWorld& world, const PathEdits& edits, const std::vector<Mask>& masks,
                  const std::string& pseudonym_key, google::protobuf::Message* message);

// Text of a message with maps in the order of their keys and every readable Any opened.
std::string Dump(EveryWorld& world, const google::protobuf::Message& message);

}  // namespace domicile::wire

#endif  // DOMICILE_TESTS_WIRE_ORACLE_H_
