#include "resample.hpp"

#include <algorithm>
#include <cmath>

namespace imagefeed {
namespace {

constexpr double kPi = 3.14159265358979323846;
constexpr int kMostTaps = 1 << 16;

double sinc(double x) { return x == 0.0 ? 1.0 : std::sin(kPi * x) / (kPi * x); }

double box_kernel(double x) { return x > -0.5 && x <= 0.5 ? 1.0 : 0.0; }

double triangle_kernel(double x) { return std::max(0.0, 1.0 - std::fabs(x)); }

double hamming_kernel(double x) {
    x = std::fabs(x);
    return x < 1.0 ? sinc(x) * (0.54 + 0.46 * std::cos(kPi * x)) : 0.0;
}

// Keys, "Cubic convolution interpolation for digital image processing", 1981, with a = -1/2.
double cubic_kernel(double x) {
    constexpr double a = -0.5;
    x = std::fabs(x);
    if (x < 1.0) return ((a + 2.0) * x - (a + 3.0)) * x * x + 1.0;
    if (x < 2.0) return (((x - 5.0) * x + 8.0) * x - 4.0) * a;
    return 0.0;
}

double lanczos_kernel(double x) { return std::fabs(x) < 3.0 ? sinc(x) * sinc(x / 3.0) : 0.0; }

// How far from its center a kernel is not zero.
double support_of(Interpolation interpolation) {
    switch (interpolation) {
        case Interpolation::box: return 0.5;
        case Interpolation::bicubic: return 2.0;
        case Interpolation::lanczos: return 3.0;
        case Interpolation::nearest:
        case Interpolation::bilinear:
        case Interpolation::hamming: break;
    }
    return 1.0;
}

struct Taps {
    int first, last;  // [first, last)
};

// std::floor is a call where the instruction set is the oldest one. What is rounded here is below 1e9.
int whole_below(double x) {
    const int truncated = static_cast<int>(x);
    return truncated - (x < truncated);
}

Taps taps_around(double center, double support, int size, bool bounded) {
    // Truncation and floor agree inside the picture; outside, floor keeps the taps around the center.
    Taps taps{whole_below(center - support + 0.5), whole_below(center + support + 0.5)};
    if (bounded) {
        taps.first = std::clamp(taps.first, 0, size - 1);
        taps.last = std::clamp(taps.last, taps.first + 1, size);
    }
    taps.last = std::max(taps.last, taps.first + 1);
    return taps;
}

void nearest_weights(const AxisMap& map, bool bounded, AxisWeights& axis) {
    for (int i = map.begin; i < map.end; ++i) {
        const int at = static_cast<int>(std::floor(map.scale * (i + 0.5) + map.offset));
        axis.first.push_back(bounded ? std::clamp(at, 0, map.size - 1) : at);
    }
    axis.taps = 4;
    axis.weights.assign(axis.first.size() * 4, 0.0f);
    for (std::size_t i = 0; i < axis.first.size(); ++i) axis.weights[4 * i] = 1.0f;
}

// The kernel is a parameter of the type, so that it is inlined: it is most of the work.
template <double (*Kernel)(double)>
void smooth_weights(const AxisMap& map, double support, double stretch, bool bounded, AxisWeights& axis) {
    axis.taps = round_up(static_cast<int>(std::ceil(support)) * 2 + 1, 4);
    const auto taps = static_cast<std::size_t>(axis.taps);
    const auto outputs = static_cast<std::size_t>(map.end - map.begin);
    axis.weights.assign(outputs * taps, 0.0f);
    axis.exact.assign(axis.keeps_exact ? outputs * taps : taps, 0.0);
    float* weights = axis.weights.data();
    double* exact = axis.exact.data();
    for (int i = map.begin; i < map.end; ++i, weights += taps, exact += axis.keeps_exact ? taps : 0) {
        const double center = map.scale * (i + 0.5) + map.offset;
        const Taps span = taps_around(center, support, map.size, bounded);
        const int count = std::min(span.last - span.first, axis.taps);
        double total = 0;
        for (int k = 0; k < count; ++k) {
            exact[k] = Kernel((span.first + k + 0.5 - center) / stretch);
            total += exact[k];
        }
        axis.first.push_back(span.first);
        if (total == 0) {  // a center outside a bounded picture: its nearest pixel
            const int nearest = center < 0 ? 0 : count - 1;
            exact[nearest] = weights[nearest] = 1.0f;
            continue;
        }
        for (int k = 0; k < count; ++k) weights[k] = static_cast<float>(exact[k] /= total);
    }
}

void make_weights(const AxisRequest& request, double support, double stretch, AxisWeights& axis) {
    const AxisMap& map = request.map;
    const bool bounded = request.bounded;
    switch (request.interpolation) {
        case Interpolation::nearest: return nearest_weights(map, bounded, axis);
        case Interpolation::box: return smooth_weights<box_kernel>(map, support, stretch, bounded, axis);
        case Interpolation::bilinear: return smooth_weights<triangle_kernel>(map, support, stretch, bounded, axis);
        case Interpolation::hamming: return smooth_weights<hamming_kernel>(map, support, stretch, bounded, axis);
        case Interpolation::bicubic: return smooth_weights<cubic_kernel>(map, support, stretch, bounded, axis);
        case Interpolation::lanczos: return smooth_weights<lanczos_kernel>(map, support, stretch, bounded, axis);
    }
}

// Drops leading zero weights, finds what is read, and whether the axis only moves whole pixels.
void finish(AxisWeights& axis) {
    axis.unit = true;
    for (int i = 0; i < axis.count(); ++i) {
        int& first = axis.first[static_cast<std::size_t>(i)];
        float* const w = axis.weights.data() + static_cast<std::size_t>(i) * static_cast<std::size_t>(axis.taps);
        const int zeros = static_cast<int>(std::find_if(w, w + axis.taps - 1, [](float v) { return v != 0.0f; }) - w);
        if (zeros > 0) {
            std::copy(w + zeros, w + axis.taps, w);
            std::fill(w + axis.taps - zeros, w + axis.taps, 0.0f);
            if (axis.keeps_exact) {
                double* const exact = axis.exact.data() + (w - axis.weights.data());
                std::copy(exact + zeros, exact + axis.taps, exact);
                std::fill(exact + axis.taps - zeros, exact + axis.taps, 0.0);
            }
            first += zeros;
        }
        int end = axis.taps;
        while (end > 1 && w[end - 1] == 0.0f) --end;
        axis.lowest = i == 0 ? first : std::min(axis.lowest, first);
        axis.highest = i == 0 ? first + end : std::max(axis.highest, first + end);
        axis.unit = axis.unit && end == 1 && w[0] == 1.0f && first == axis.first[0] + i;
    }
    for (int& first : axis.first) first -= axis.lowest;
}

}  // namespace

bool make_axis_weights(const AxisMap& map, Interpolation interpolation, bool antialias, bool bounded,
                       AxisWeights& axis) {
    const AxisRequest request{map, interpolation, antialias, bounded, axis.keeps_exact};
    if (axis.made_for == request) return true;
    const double stretch = antialias ? std::max(1.0, std::fabs(map.scale)) : 1.0;
    const double support = support_of(interpolation) * stretch;
    const double reach = std::fabs(map.scale) * map.end + std::fabs(map.offset) + support;
    if (!(support < kMostTaps) || !(reach < 1e9)) return false;
    axis.made_for = {};
    axis.first.clear();
    make_weights(request, support, stretch, axis);
    finish(axis);
    axis.made_for = request;
    ++axis.version;
    return true;
}

int border_index(Border border, int i, int n) {
    if (i >= 0 && i < n) return i;
    switch (border) {
        case Border::constant: return -1;
        case Border::reflect: {
            const int period = 2 * n;
            const int folded = ((i % period) + period) % period;
            return folded < n ? folded : period - 1 - folded;
        }
        case Border::wrap: return ((i % n) + n) % n;
        case Border::none:
        case Border::replicate: break;
    }
    return i < 0 ? 0 : n - 1;
}

}  // namespace imagefeed
