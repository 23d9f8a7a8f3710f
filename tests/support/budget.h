// budget.h — a measured number beside the one that the design allows, on one line.
//
// Budgets stand in design section 7 and in docs/performance.md. A bench prints and asserts
// nothing: a shared machine may be slow, and who reads decides.
#ifndef DOMICILE_TESTS_SUPPORT_BUDGET_H_
#define DOMICILE_TESTS_SUPPORT_BUDGET_H_

#include <cstdio>

namespace domicile::support {

inline void Budget(const char* what, double measured, double limit, const char* unit) {
  std::printf("budget: %-52s %10.1f %-6s  at most %8.1f  %s\n", what, measured, unit, limit,
              measured <= limit ? "met" : "NOT MET");
}

}  // namespace domicile::support

#endif  // DOMICILE_TESTS_SUPPORT_BUDGET_H_
