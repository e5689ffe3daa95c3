// The rows of an affine warp by the rules of SciPy's `ndimage.affine_transform`, for those who must have its pixels.
//
// The matrix maps indices to indices: output (row y, column k) reads row (m0 y + m1 k) + m2 and column
// (m3 y + m4 k) + m5 of the input, computed in double precision and in this order, since what lies beyond an edge
// hangs on the last bit. Two borders differ from those of the other warps: `constant` blends nothing beyond the centres of
// the outermost pixels, and `wrap` has a period of one pixel less than the picture (SciPy's grid-constant and grid-wrap
// are the other kind). `nearest` takes floor(index + 1/2). What is `exact` is computed in double precision throughout, for
// whoever goes on to cut the fractions off; so is what jumps.
#pragma once

#include "sampler.hpp"

namespace imagefeed {

void indexed_row(const Picture& in, const Warp& warp, int y, Planes out);

}  // namespace imagefeed
