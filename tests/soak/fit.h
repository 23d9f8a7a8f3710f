// fit.h — a straight line through samples, and how far its slope may be off.
//
// Samples of memory that follow each other are alike, so that they count for fewer than they are:
// the interval takes their number down by the correlation of neighbouring residuals, n (1-r)/(1+r)
// (Santer et al., J. Geophys. Res. 105, 2000).
// Pure. Errors: fewer than three samples, or as good as fewer, have an infinite interval.
#ifndef DOMICILE_TESTS_SOAK_FIT_H_
#define DOMICILE_TESTS_SOAK_FIT_H_

#include <vector>

namespace domicile::soak {

struct Point {
  double x = 0;
  double y = 0;
};

struct Line {
  double slope = 0;       // y for one x
  double at_zero = 0;     // y where x is 0
  double half_width = 0;  // slope +- this: 95 %
  double counted = 0;     // samples, taken down by how alike neighbours are
};

Line Fit(const std::vector<Point>& points);

}  // namespace domicile::soak

#endif  // DOMICILE_TESTS_SOAK_FIT_H_
