// sample.h — terms, statements, officers and their keys for tests.
#ifndef DOMICILE_TESTS_EXCEPTIONS_SAMPLE_H_
#define DOMICILE_TESTS_EXCEPTIONS_SAMPLE_H_

#include <string>
#include <vector>

#include "absl/time/time.h"
#include "gateway/crypto/signature.h"
#include "gateway/exceptions/evidence.h"
#include "gateway/exceptions/statement.h"
#include "gateway/exceptions/terms.h"

namespace domicile::exceptions {

// Complete, in normal form, within kSampleLimits; the example of docs/exceptions.md.
Terms SampleTerms();
TermsLimits SampleLimits();

access::CountryCode Country(const char* code);

// An officer with a key, who signs as the gateway and their own program would have it.
struct Officer {
  Officer(const std::string& subject, std::vector<std::string> roles, const std::string& region);

  Statement Prepare(Verb verb, const Terms& terms) const;
  SignedStatement Sign(const Statement& statement) const;
  SignedStatement Sign(Verb verb, const Terms& terms) const { return Sign(Prepare(verb, terms)); }

  crypto::SigningKey signer;
  OfficerKey key;
  std::vector<std::string> roles;
};

}  // namespace domicile::exceptions

#endif  // DOMICILE_TESTS_EXCEPTIONS_SAMPLE_H_
