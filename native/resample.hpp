// Separable resampling: the weights of one axis. The kernels and the rule for the taps are those of Pillow's
// resize (Resample.c is the behaviour matched), so that an antialiased resize gives the picture people know.
#pragma once

#include <cstdint>
#include <vector>

#include "kernels.hpp"

namespace imagefeed {

enum class Interpolation : int { nearest, box, bilinear, hamming, bicubic, lanczos };

struct AxisMap {
    double scale = 1, offset = 0;  // output coordinate u lies at scale * u + offset
    int begin = 0, end = 0;        // outputs wanted
    int size = 0;                  // inputs there are
};

// All that weights follow from. Most records ask for the same ones as the record before.
struct AxisRequest {
    AxisMap map;
    Interpolation interpolation = Interpolation::nearest;
    bool antialias = false, bounded = false, exact = false;

    bool operator==(const AxisRequest& other) const {
        const AxisMap &a = map, &b = other.map;
        return a.scale == b.scale && a.offset == b.offset && a.begin == b.begin && a.end == b.end && a.size == b.size &&
               interpolation == other.interpolation && antialias == other.antialias && bounded == other.bounded && exact == other.exact;
    }
};

// How one axis is resampled: output i sums `taps` inputs from lowest + first[i] on. Taps are padded with zero weights.
struct AxisWeights {
    int taps = 0;                 // a multiple of four
    std::vector<int> first;
    std::vector<float> weights;   // first.size() rows of `taps`
    bool keeps_exact = false;     // set by who needs `exact`
    std::vector<double> exact;    // the weights before they were rounded to floats
    int lowest = 0, highest = 0;  // the inputs that are read: [lowest, highest)
    bool unit = false;            // output i is input lowest + i
    AxisRequest made_for;         // the last that was answered
    std::uint64_t version = 0;    // raised when the weights become others

    int count() const { return static_cast<int>(first.size()); }
    // How many of the taps of output i have a weight.
    int taps_used(int i) const {
        const float* const weight = row(i);
        int used = taps;
        while (used > 1 && weight[used - 1] == 0.0f) --used;
        return used;
    }
    const float* row(int i) const { return weights.data() + static_cast<std::size_t>(i) * static_cast<std::size_t>(taps); }
};

// With `bounded`, taps outside [0, size) are left out and the others weigh more; otherwise the caller provides what
// the border says. False where an output would need more taps than can be sensible.
bool make_axis_weights(const AxisMap& map, Interpolation interpolation, bool antialias, bool bounded,
                       AxisWeights& axis);

// The input index that a border reads for index i of an axis of n; -1 for a constant border's outside.
int border_index(Border border, int i, int n);

}  // namespace imagefeed
