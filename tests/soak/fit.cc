#include "tests/soak/fit.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace domicile::soak {
namespace {

// Two-sided 95 % of Student's t, by the expansion of Abramowitz and Stegun 26.7.5; within 1 % from
// three degrees of freedom on.
double StudentT95(double freedom) {
  constexpr double kZ = 1.959964;
  const double z3 = std::pow(kZ, 3), z5 = std::pow(kZ, 5), z7 = std::pow(kZ, 7);
  return kZ + (z3 + kZ) / (4 * freedom) + (5 * z5 + 16 * z3 + 3 * kZ) / (96 * freedom * freedom) +
         (3 * z7 + 19 * z5 + 17 * z3 - 15 * kZ) / (384 * freedom * freedom * freedom);
}

// Of each residual with the next; what is below zero counts as none.
double Correlation(const std::vector<double>& residuals) {
  double all = 0, next = 0;
  for (size_t i = 0; i < residuals.size(); ++i) {
    all += residuals[i] * residuals[i];
    if (i > 0) next += residuals[i] * residuals[i - 1];
  }
  return all > 0 ? std::clamp(next / all, 0.0, 0.9999) : 0;
}

}  // namespace

Line Fit(const std::vector<Point>& points) {
  Line line;
  const double n = static_cast<double>(points.size());
  line.half_width = std::numeric_limits<double>::infinity();
  if (points.size() < 3) return line;
  double mean_x = 0, mean_y = 0;
  for (const Point& point : points) {
    mean_x += point.x / n;
    mean_y += point.y / n;
  }
  double xx = 0, xy = 0;
  for (const Point& point : points) {
    xx += (point.x - mean_x) * (point.x - mean_x);
    xy += (point.x - mean_x) * (point.y - mean_y);
  }
  if (xx <= 0) return line;
  line.slope = xy / xx;
  line.at_zero = mean_y - line.slope * mean_x;
  std::vector<double> residuals;
  double squares = 0;
  for (const Point& point : points) {
    residuals.push_back(point.y - line.at_zero - line.slope * point.x);
    squares += residuals.back() * residuals.back();
  }
  const double alike = Correlation(residuals);
  line.counted = n * (1 - alike) / (1 + alike);
  if (line.counted < 3) return line;
  const double freedom = line.counted - 2;
  line.half_width = StudentT95(freedom) * std::sqrt(squares / freedom / xx);
  return line;
}

}  // namespace domicile::soak
