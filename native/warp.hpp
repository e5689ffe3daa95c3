// One record's warp, and which of a picture's columns its rows are summed over.
#pragma once

#include <vector>

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

// The margin in which a slanted warp that does not shrink finds all that it samples outside a picture of this size. False
// where it is no affine one, or looks further than one more picture.
bool border_margin(const Warp& warp, int height, int width, Margin& margin);

// Fills the margin around a picture of interleaved pixels whose memory has room for it, and counts it as held.
void lay_border(Picture& picture, const Margin& margin, const Warp& warp);

// Of every row of a picture that is held, the columns that such a warp samples, and those that its margin is laid from;
// from the first column held on.
void columns_needed(const Picture& picture, const Margin& margin, const Warp& warp, std::vector<Span>& spans);

// Whether a warp is made of a picture that is shrunk first, and to what size.
bool shrinks_first(const Warp& warp, int height, int width, int& shrunk_height, int& shrunk_width);
// A warp as it is made of a picture of another size, to which one of this size was shrunk.
Warp after_shrinking(const Warp& warp, int height, int width, int shrunk_height, int shrunk_width);

}  // namespace imagefeed
