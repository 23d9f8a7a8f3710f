#include "gateway/access/principal.h"

#include <algorithm>

namespace domicile::access {

void AddJurisdiction(Jurisdictions& set, Jurisdiction jurisdiction) {
  auto place = std::lower_bound(set.begin(), set.end(), jurisdiction);
  if (place != set.end() && *place == jurisdiction) return;
  set.insert(place, jurisdiction);
}

}  // namespace domicile::access
