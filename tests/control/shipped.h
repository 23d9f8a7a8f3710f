// shipped.h — the policy that this repository ships, with the sample company's layer.
#ifndef DOMICILE_TESTS_CONTROL_SHIPPED_H_
#define DOMICILE_TESTS_CONTROL_SHIPPED_H_

#include <memory>

#include "gateway/policy/load.h"

namespace domicile::control {

inline const policy::Policy& Shipped() {
  static const std::shared_ptr<const policy::Policy> policy =
      policy::LoadPolicyDirectories(DOMICILE_SOURCE_DIR "/regions",
                                    DOMICILE_SOURCE_DIR "/tests/sample/policy")
          .policy;
  return *policy;
}

}  // namespace domicile::control

#endif  // DOMICILE_TESTS_CONTROL_SHIPPED_H_
