// check.h — stops the process when the program itself is wrong.
//
// Why: a broken invariant in the core may not turn into released data; a dead
// gateway denies. Only for mistakes of a programmer that no input can cause:
// never on network, file, configuration or clock facts (those give a Status).
// Always on, in every build. Prints one line without any value of the data at hand.
// Source: P1. Errors: none; what fails ends the process.
#ifndef DOMICILE_GATEWAY_BASE_CHECK_H_
#define DOMICILE_GATEWAY_BASE_CHECK_H_

namespace domicile::base {

[[noreturn]] void CheckFailed(const char* file, int line, const char* condition);

}  // namespace domicile::base

#define DOMICILE_CHECK(condition)                                    \
  do {                                                               \
    if (__builtin_expect(!(condition), 0)) {                         \
      ::domicile::base::CheckFailed(__FILE__, __LINE__, #condition); \
    }                                                                \
  } while (false)

#endif  // DOMICILE_GATEWAY_BASE_CHECK_H_
