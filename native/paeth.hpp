// What a sample of a PNG is coded against where that is not one neighbor: the scalar definition.
#pragma once

#include <cstdlib>

namespace imagefeed {
namespace {

// The one of left, above and corner (above left) that is nearest to left + above - corner; of those that are equally near the
// first (PNG specification, 9.4).
[[maybe_unused]] inline int paeth(int left, int above, int corner) {
    const int to_left = std::abs(above - corner), to_above = std::abs(left - corner), to_corner = std::abs(above + left - 2 * corner);
    return to_left <= to_above && to_left <= to_corner ? left : to_above <= to_corner ? above : corner;
}

}  // namespace
}  // namespace imagefeed
