// Terms and statements come from officers' and requesters' machines and from the store, and what
// they say opens data. The first byte says how the rest is read:
//   T  terms
//   S  a statement, in which 64 '@' stand for the digest of the terms in it
//   .  both, as they came
// What is read must be what would be written, and what is let through must be within its limits.

#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "gateway/base/bytes.h"
#include "gateway/crypto/digest.h"
#include "gateway/exceptions/statement.h"
#include "gateway/exceptions/terms.h"

namespace {

using domicile::exceptions::CheckComplete;
using domicile::exceptions::CheckNarrower;
using domicile::exceptions::CheckStatement;
using domicile::exceptions::CheckTerms;
using domicile::exceptions::Statement;
using domicile::exceptions::Summary;
using domicile::exceptions::Terms;
using domicile::exceptions::TermsLimits;

constexpr absl::string_view kPlaceholder =
    "@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@";

void Must(bool holds) {
  if (!holds) __builtin_trap();
}

std::string WithDigest(absl::string_view text) {
  std::string whole(text);
  const size_t from = text.find("\"terms\":"), to = text.find(",\"terms_sha256\":\"");
  const size_t at = text.find(kPlaceholder);
  if (from == text.npos || to == text.npos || at == text.npos || from + 8 > to) return whole;
  const auto digest = domicile::crypto::Sha256(text.substr(from + 8, to - from - 8));
  return whole.replace(at, kPlaceholder.size(),
                       domicile::base::HexEncode(domicile::crypto::View(digest)));
}

void OneTerms(absl::string_view text) {
  absl::StatusOr<Terms> terms = domicile::exceptions::ParseTerms(text);
  if (!terms.ok()) return;
  Must(ToJson(*terms) == text);
  Must(IsNormal(*terms));
  Terms next = *terms;
  if (++next.revision != 0) Must(CheckNarrower(*terms, next).ok());
  const bool complete = CheckComplete(*terms).ok();
  Must(!CheckTerms(*terms, {}).ok());
  const TermsLimits none, some = {absl::Hours(8), 50, absl::Minutes(30)};
  Must(!CheckTerms(*terms, std::vector<TermsLimits>(terms->origins.size(), none)).ok());
  if (CheckTerms(*terms, std::vector<TermsLimits>(terms->origins.size(), some)).ok()) {
    Must(complete && terms->exception != 0 && terms->reads_max > 0);
    Must(terms->not_before < terms->not_after &&
         terms->not_after - terms->not_before <= absl::Hours(8));
    Must(terms->subjects.size() <= 50 && terms->distinct_subjects_max <= 50);
    Must(!terms->break_glass || terms->not_after - terms->not_before <= absl::Minutes(30));
  }
  Must(!complete || Summary(*terms).find('\n') == std::string::npos);
}

void OneStatement(absl::string_view text) {
  absl::StatusOr<Statement> statement = domicile::exceptions::ParseStatement(text);
  if (!statement.ok()) return;
  Must(ToJson(*statement) == text);
  Must(CheckStatement(*statement).ok() && CheckComplete(statement->terms).ok());
  Must(statement->expires_at - statement->issued_at <= absl::Minutes(5));
  Must(domicile::exceptions::Fingerprint(text).size() == 19);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const absl::string_view bytes(reinterpret_cast<const char*>(data), size);
  if (bytes.empty()) return 0;
  switch (bytes[0]) {
    case 'T':
      OneTerms(bytes.substr(1));
      break;
    case 'S':
      OneStatement(WithDigest(bytes.substr(1)));
      break;
    default:
      OneTerms(bytes);
      OneStatement(bytes);
  }
  return 0;
}
