// One record's warp, and which of a picture's columns its rows are summed over.
#pragma once

#include "image.hpp"
#include "kernels.hpp"
#include "resample.hpp"

namespace imagefeed {

// The matrix maps output to input, in continuous coordinates (a pixel's centre is at one half).
struct Warp {
    double matrix[9];
    int height, width;
    Interpolation interpolation;
    Border border;
    bool antialias;
    float fill[kMaxChannels];
    bool indexed;  // the matrix is SciPy's: see indexed.hpp
};

inline bool is_aligned(const double* m) { return m[1] == 0 && m[3] == 0 && m[6] == 0 && m[7] == 0 && m[8] == 1; }

// A row of vertical sums is laid out from column `row_first` on. Columns [first, last) are summed; those of
// [x.lowest, x.highest) outside come from the border, which reads among the summed ones.
struct SummedColumns {
    int row_first, first, last;

    int count() const { return last - first; }
    // How many columns the row holds.
    int row_count(const AxisWeights& x) const { return (x.highest > last ? x.highest : last) - row_first; }
};

SummedColumns summed_columns(const Picture& in, const AxisWeights& x, Border border);

}  // namespace imagefeed
