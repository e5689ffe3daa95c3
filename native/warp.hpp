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
    bool exact;    // and sampled in double precision
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

// Pixels laid around a picture, so that a warp reads its border as it reads the picture.
struct Margin {
    int left = 0, top = 0, right = 0, bottom = 0;
};

// The margin in which an affine warp finds all that it samples outside a picture of this size. None where the warp is
// aligned (its rows have a border of their own), shrinks the picture first, or looks further than one more picture.
Margin border_margin(const Warp& warp, int height, int width);

// Fills the margin around an eight-bit picture of four-byte pixels whose memory has room for it, and counts it as held.
void lay_border(Picture& picture, const Margin& margin, const Warp& warp);

// How much a warp shrinks along the source's axes at the centre of the output; at least one.
void shrink_factors(const Warp& warp, double& fx, double& fy);
int shrunk_size(int size, double factor);

}  // namespace imagefeed
