// Messages come from clients and services, which may write anything. What the scan reads must be
// what protobuf reads, value by value; and whatever an edit makes of it must be readable, and hold
// nothing that was to be cleared.
//
// The first byte chooses the type and the direction, the rest is the message.

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>

#include "gateway/wire/edit.h"
#include "gateway/wire/scan.h"
#include "tests/wire/oracle.h"
#include "tests/wire/test_schema.h"

namespace {

using domicile::wire::Every;

constexpr const char* kTypes[] = {"every.v1.Person", "every.v1.Page", "every.v1.Envelope",
                                  "every.v1.GetRequest", "legacy.v1.Order"};

void Require(bool holds, const char* law) {
  if (holds) return;
  std::fprintf(stderr, "broken: %s\n", law);
  std::abort();
}

domicile::access::CategorySet Everything() {
  return domicile::access::CategorySet::FromBits(~uint64_t{0});
}

struct Reading {
  domicile::access::Findings findings;
  domicile::wire::Spans spans;
};

Reading Scan(const std::string& type, domicile::wire::Direction direction,
             const std::string& bytes) {
  static auto& scanner = *new domicile::wire::Scanner();
  Reading reading;
  scanner.Scan(*Every().schema->FindMessage(type), direction, bytes, &reading.findings,
               &reading.spans);
  return reading;
}

void CheckEdit(const std::string& type, const std::string& bytes, const Reading& reading) {
  domicile::access::Edit edit;
  edit.strip_unknown_fields = true;
  edit.records.resize(reading.findings.records.size());
  for (auto& record : edit.records) record.cleared = Everything();
  std::string out;
  Require(domicile::wire::ApplyEdit(bytes, reading.findings, reading.spans, edit, {}, &out).ok(),
          "every readable message can be cleared");
  const Reading again = Scan(type, domicile::wire::Direction::kResponse, out);
  Require(again.findings.readable(), "an edited message is readable");
  Require(again.findings.unknown_fields == 0, "unknown fields are gone");
  for (const domicile::wire::Span& span : again.spans.list) {
    // What is left of a labelled leaf is a required field's default.
    Require(span.kind != domicile::wire::Span::Kind::kUnknown, "no unknown field is left");
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const std::string type = kTypes[data[0] / 2 % std::size(kTypes)];
  const auto direction =
      data[0] % 2 == 0 ? domicile::wire::Direction::kResponse : domicile::wire::Direction::kRequest;
  const std::string bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  const Reading reading = Scan(type, direction, bytes);
  if (!reading.findings.readable()) {
    Require(reading.findings.records.empty() && reading.spans.list.empty(),
            "a message that is denied says nothing");
    return 0;
  }
  std::unique_ptr<google::protobuf::Message> parsed = Every().New(type);
  Require(parsed->ParsePartialFromString(bytes), "what the scan reads, protobuf reads");
  const domicile::wire::Seen oracle = OracleSees(Every(), *parsed, direction);
  const domicile::wire::Seen scan = ScanSees(Every(), bytes, type, reading.findings, reading.spans);
  Require(scan.leaves == oracle.leaves, "the scan sees every labelled value as protobuf does");
  if (direction == domicile::wire::Direction::kResponse) CheckEdit(type, bytes, reading);
  return 0;
}
