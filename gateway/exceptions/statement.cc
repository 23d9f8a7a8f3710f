#include "gateway/exceptions/statement.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "gateway/base/bytes.h"
#include "gateway/base/status_macros.h"
#include "gateway/crypto/digest.h"
#include "gateway/exceptions/form.h"

namespace domicile::exceptions {
namespace {

using nlohmann::json;

constexpr std::pair<Verb, absl::string_view> kVerbs[] = {{Verb::kApprove, "approve"},
                                                         {Verb::kDeny, "deny"},
                                                         {Verb::kNarrow, "narrow"},
                                                         {Verb::kRevoke, "revoke"},
                                                         {Verb::kReview, "review"}};

std::string Hex(const std::array<uint8_t, 32>& bytes) {
  return base::HexEncode({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
}

bool IsNormal(const Statement& statement) {
  return IsNormal(statement.terms) && IsSortedUnique(statement.officer_roles) &&
         IsSortedUnique(statement.officer_countries) && IsSortedUnique(statement.seats);
}

Verb VerbFrom(Members& members) {
  const std::string name = members.Text("verb");
  for (const auto& [verb, text] : kVerbs) {
    if (text == name) return verb;
  }
  members.Fail("verb");
  return Verb::kApprove;
}

absl::Status OfficerFrom(const json& object, Statement& statement) {
  Members members("statement: officer", object);
  statement.officer_countries = members.Countries("countries", kListMax);
  statement.officer_issuer = members.Text("issuer");
  statement.officer_roles = members.Texts("roles", kListMax);
  statement.officer_subject = members.Text("subject");
  return members.status();
}

absl::StatusOr<Statement> StatementFrom(const json& object) {
  Members members("statement", object);
  Statement statement;
  statement.expires_at = members.Time("expires_at");
  statement.facts_digest = members.Hex<32>("facts_sha256");
  statement.issued_at = members.Time("issued_at");
  statement.key_id = members.Text("key_id");
  statement.nonce = members.Hex<32>("nonce");
  const json& officer = members.Object("officer");
  statement.policy_digest = members.Hex<32>("policy_sha256");
  statement.reason = members.Text("reason");
  statement.seats = members.Texts("seats", kListMax);
  const json& terms = members.Object("terms");
  statement.verb = VerbFrom(members);
  DOMICILE_RETURN_IF_ERROR(members.status());
  DOMICILE_RETURN_IF_ERROR(OfficerFrom(officer, statement));
  DOMICILE_ASSIGN_OR_RETURN(statement.terms, TermsFrom(terms));
  return statement;
}

absl::Status Bad(absl::string_view member, absl::string_view rule) {
  return absl::InvalidArgumentError(absl::StrCat("statement: ", member, ": ", rule));
}

bool IsFilled(absl::string_view text) { return !text.empty() && IsPlainText(text, kTextBytesMax); }

bool AreFilled(const std::vector<std::string>& list) {
  return list.size() <= kListMax && std::all_of(list.begin(), list.end(), IsFilled);
}

bool NeedsReason(Verb verb) {
  return verb == Verb::kDeny || verb == Verb::kRevoke || verb == Verb::kReview;
}

bool IsKeyId(absl::string_view text) {
  return text.size() == 16 && base::HexDecode(text).has_value();
}

}  // namespace

absl::string_view Name(Verb verb) {
  for (const auto& [known, name] : kVerbs) {
    if (known == verb) return name;
  }
  return "?";
}

void Normalise(Statement& statement) {
  Normalise(statement.terms);
  SortUnique(statement.officer_roles);
  SortUnique(statement.officer_countries);
  SortUnique(statement.seats);
}

absl::Status CheckStatement(const Statement& statement) {
  if (!IsNormal(statement)) return Bad("lists", "sorted, and nothing twice");
  DOMICILE_RETURN_IF_ERROR(CheckComplete(statement.terms));
  if (Name(statement.verb) == "?") return Bad("verb", "approve, deny, narrow, revoke or review");
  if (!IsPlainLines(statement.reason, kReasonBytesMax)) {
    return Bad("reason", absl::StrCat("at most ", kReasonBytesMax, " bytes of plain text"));
  }
  if (NeedsReason(statement.verb) && statement.reason.empty()) {
    return Bad("reason", absl::StrCat("to ", Name(statement.verb), " needs one"));
  }
  if (!IsFilled(statement.officer_issuer) || !IsFilled(statement.officer_subject) ||
      statement.officer_issuer.find(' ') != std::string::npos) {
    return Bad("officer", "an issuer without spaces, and a subject");
  }
  if (!AreFilled(statement.officer_roles) || statement.officer_countries.size() > kListMax) {
    return Bad("officer", absl::StrCat("at most ", kListMax, " roles and countries"));
  }
  if (!AreFilled(statement.seats)) return Bad("seats", absl::StrCat("at most ", kListMax));
  if (!IsKeyId(statement.key_id)) return Bad("key_id", "16 lower-case hex digits");
  if (statement.nonce == decltype(statement.nonce){}) return Bad("nonce", "random bytes");
  if (!IsWholeSecond(statement.issued_at) || !IsWholeSecond(statement.expires_at) ||
      statement.issued_at < absl::UnixEpoch() ||
      statement.expires_at > absl::FromUnixSeconds(kLastSecond)) {
    return Bad("issued_at and expires_at", "whole seconds, from 1970 to 9999");
  }
  if (statement.expires_at <= statement.issued_at ||
      statement.expires_at - statement.issued_at > kStatementLifetime) {
    return Bad("expires_at", absl::StrCat("at most ", absl::FormatDuration(kStatementLifetime),
                                          " after issued_at"));
  }
  return absl::OkStatus();
}

std::string ToJson(const Statement& given) {
  Statement statement = given;
  Normalise(statement);
  std::vector<std::string> countries;
  for (access::CountryCode country : statement.officer_countries) {
    countries.push_back(country.ToString());
  }
  return Write({{"expires_at", TimeText(statement.expires_at)},
                {"facts_sha256", Hex(statement.facts_digest)},
                {"issued_at", TimeText(statement.issued_at)},
                {"key_id", statement.key_id},
                {"nonce", Hex(statement.nonce)},
                {"officer",
                 {{"countries", countries},
                  {"issuer", statement.officer_issuer},
                  {"roles", statement.officer_roles},
                  {"subject", statement.officer_subject}}},
                {"policy_sha256", Hex(statement.policy_digest)},
                {"reason", statement.reason},
                {"seats", statement.seats},
                {"terms", ToJsonValue(statement.terms)},
                {"terms_sha256", Hex(DigestOf(statement.terms))},
                {"verb", std::string(Name(statement.verb))}});
}

absl::StatusOr<Statement> ParseStatement(absl::string_view text) {
  DOMICILE_ASSIGN_OR_RETURN(json object, ReadObject("statement", text, kStatementBytesMax));
  DOMICILE_ASSIGN_OR_RETURN(Statement statement, StatementFrom(object));
  // terms_sha256 is in it, and has to be the terms'.
  if (ToJson(statement) != text) {
    return absl::InvalidArgumentError("statement: not in canonical form");
  }
  DOMICILE_RETURN_IF_ERROR(CheckStatement(statement));
  return statement;
}

std::string Fingerprint(absl::string_view statement_json) {
  const crypto::Digest digest = crypto::Sha256(statement_json);
  const std::string hex = base::HexEncode(crypto::View(digest).substr(0, 8));
  return absl::StrCat(hex.substr(0, 4), "-", hex.substr(4, 4), "-", hex.substr(8, 4), "-",
                      hex.substr(12, 4));
}

}  // namespace domicile::exceptions
