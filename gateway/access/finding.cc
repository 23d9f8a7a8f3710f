#include "gateway/access/finding.h"

namespace domicile::access {

bool Edit::Changes(const Findings& findings) const {
  if (strip_unknown_fields && findings.unknown_fields > 0) return true;
  for (const RecordEdit& record : records) {
    if (record.remove || !record.masked.empty() || !record.cleared.empty()) return true;
  }
  for (const std::string& stamp : stamps) {
    if (!stamp.empty()) return true;
  }
  return false;
}

}  // namespace domicile::access
