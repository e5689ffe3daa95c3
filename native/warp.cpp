#include "warp.hpp"

#include <algorithm>

namespace imagefeed {

SummedColumns summed_columns(const Picture& in, const AxisWeights& x, Border border) {
    SummedColumns columns{0, std::max(x.lowest, in.held.x0), std::min(x.highest, in.held.x1)};
    const auto is_summed = [&](int column) {
        const int source = border_index(border, column, in.width);
        return source < 0 || (source >= columns.first && source < columns.last);
    };
    bool enough = columns.first < columns.last;
    for (int column = x.lowest; enough && column < columns.first; ++column) enough = is_summed(column);
    for (int column = columns.last; enough && column < x.highest; ++column) enough = is_summed(column);
    if (!enough) {
        columns.first = in.held.x0;
        columns.last = in.held.x1;
    }
    columns.row_first = std::min(x.lowest, columns.first);
    return columns;
}

}  // namespace imagefeed
