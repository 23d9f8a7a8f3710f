// model.h — a second, naive reading of what a policy means, to hold against the real one.
//
// Written from the page on policy semantics alone, sentence by sentence, with loops
// over everything and completions enumerated; it shares no code with gateway/policy
// but the definition that both read, and the nouns of access/. Slow on purpose.
#ifndef DOMICILE_TESTS_MODEL_MODEL_H_
#define DOMICILE_TESTS_MODEL_MODEL_H_

#include <bitset>
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "gateway/access/decision.h"
#include "gateway/access/vocabulary.h"
#include "gateway/policy/definition.h"

namespace domicile::model {

struct Answer {
  access::Effect effect = access::Effect::kDeny;
  access::Effect existence = access::Effect::kDeny;
  std::set<int> shown, masked, cleared;  // categories
  access::Reason reason = access::Reason::kUndecidable;
  std::vector<std::string> rules;
  std::string legal = "silent";
  std::string company = "no_rule";
  std::string legal_class;
  access::Alert alert = access::Alert::kNone;
  std::vector<std::string> alerts;
  uint64_t grant = 0;
};

struct PreAnswer {
  bool ends = false;
  access::Effect answer = access::Effect::kDeny;
  access::Effect hidden = access::Effect::kDeny;
};

class Model {
 public:
  // `names` gives the numbers that facts use.
  Model(const policy::Definition& definition, const access::Vocabulary& names);

  Answer Decide(const access::CallFacts& call, const access::RecordFacts& record) const;
  PreAnswer PreDecide(const access::CallFacts& call, access::CategorySet returnable,
                      const std::vector<access::Grant>& grants) const;

 private:
  struct Rule {
    std::string id;
    int region = 0;
    bool legal = false;
    access::Effect effect = access::Effect::kDeny;
    std::bitset<676> from;
    std::bitset<8> vias, kinds;
    std::bitset<16> actions;
    bool any_role = true, any_workload = true, any_category = true, any_purpose = true;
    std::bitset<64> roles, workloads, categories, purposes;
    policy::TicketCondition ticket = policy::TicketCondition::kAny;
    int covered = -1, us = -1, is_protected = -1, minor = -1, self = -1;  // -1: not named
    int quorum = -1;
    std::string legal_class;
    access::Alert alert = access::Alert::kNone;
  };
  struct Truth {
    bool covered, us, is_protected, minor;
  };
  struct Judged;

  std::bitset<676> Countries(const std::vector<std::string>& names) const;
  int QuorumNumber(const std::string& region, const std::string& name) const;
  void AddRule(const policy::RuleDefinition& from, const access::Vocabulary& names);
  bool Matches(const Rule& rule, const access::CallFacts& call, const access::RecordFacts& record,
               const Truth& truth, access::Jurisdiction v, int category) const;
  access::Effect Counted(const Rule& rule, const access::CallFacts& call) const;
  Judged Judge(const access::CallFacts& call, const access::RecordFacts& record,
               const access::Grant* grant) const;

  std::map<std::string, std::bitset<676>> sets_;
  std::map<std::pair<std::string, std::string>, int> quorums_;
  std::vector<std::string> regions_;
  std::vector<Rule> rules_;
};

}  // namespace domicile::model

#endif  // DOMICILE_TESTS_MODEL_MODEL_H_
