// officers_file.h — the first officers of a region, by whom all later ones are enrolled.
//
// Why: whoever may name officers can open every flow of the region. So the first keys
// are put beside the gateway by a ceremony with witnesses (docs/exceptions.md), in a file
// that says its region and that the configuration names; nothing adds to it later.
//
// File, text, one LF after each line, nothing else in it:
//   domicile-officers/v1
//   region eu
//   officer 3f2a91bc04de7711 from 2026-11-24T05:58:24Z until - public <base64url of 32 bytes>
//   issuer
//     https://idp.eu.example subject o-104            (one line; no spaces in issuer and subject)
// `until -`: no end. The id is that of exceptions/evidence.h; a wrong one is an error.
// Source: design 6.6. Errors: InvalidArgument with the line. Pure.
// Limits: kOfficersMax.
#ifndef DOMICILE_GATEWAY_CONTROL_OFFICERS_FILE_H_
#define DOMICILE_GATEWAY_CONTROL_OFFICERS_FILE_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "gateway/exceptions/evidence.h"

namespace domicile::control {

inline constexpr size_t kOfficersMax = 1'000;

// FailedPrecondition when the file is another region's. `file` stands in messages only.
absl::StatusOr<std::vector<exceptions::OfficerKey>> ParseOfficers(absl::string_view text,
                                                                  absl::string_view file,
                                                                  absl::string_view region);
// One line of the file, with its LF.
std::string OfficerLine(const exceptions::OfficerKey& key);
// Everything before the first officer.
std::string OfficersHead(absl::string_view region);

}  // namespace domicile::control

#endif  // DOMICILE_GATEWAY_CONTROL_OFFICERS_FILE_H_
