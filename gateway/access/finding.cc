#include "gateway/access/finding.h"

namespace domicile::access {

bool Edit::Untouched(const Findings& findings) const {
  if (strip_unknown_fields && findings.unknown_fields > 0) return false;
  for (const RecordEdit& record : records) {
    if (record.remove || !record.masked.empty() || !record.cleared.empty()) return false;
  }
  for (const std::string& stamp : stamps) {
    if (!stamp.empty()) return false;
  }
  return true;
}

}  // namespace domicile::access
