#include "shapes.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <utility>

namespace imagefeed {
namespace {

// The first row or column whose center does not lie before `place`, from 0 to `limit`.
int first_from(double place, int limit) {
    return static_cast<int>(std::clamp(std::ceil(place - 0.5), 0.0, static_cast<double>(limit)));
}

}  // namespace

void PolygonFiller::fill(std::uint8_t* out, int height, int width, const float* points, std::size_t count, std::uint8_t number) {
    crossings_.clear();
    for (std::size_t k = 0; k < count; ++k) {
        const std::size_t next = k + 1 < count ? k + 1 : 0;
        double x0 = points[2 * k], y0 = points[2 * k + 1], x1 = points[2 * next], y1 = points[2 * next + 1];
        if (y0 > y1) {  // one direction for both, so that neighbours that share an edge share its crossings
            std::swap(x0, x1);
            std::swap(y0, y1);
        }
        const int end = first_from(y1, height);
        for (int row = first_from(y0, height); row < end; ++row) {
            crossings_.push_back({row, x0 + (row + 0.5 - y0) * ((x1 - x0) / (y1 - y0))});
        }
    }
    std::sort(crossings_.begin(), crossings_.end(), [](const Crossing& a, const Crossing& b) { return a.row != b.row ? a.row < b.row : a.x < b.x; });
    for (std::size_t k = 0; k + 1 < crossings_.size(); k += 2) {  // every row has an even number of them
        const int begin = first_from(crossings_[k].x, width), end = first_from(crossings_[k + 1].x, width);
        if (begin < end) std::memset(out + static_cast<std::size_t>(crossings_[k].row) * static_cast<std::size_t>(width) + begin, number, static_cast<std::size_t>(end - begin));
    }
}

}  // namespace imagefeed
