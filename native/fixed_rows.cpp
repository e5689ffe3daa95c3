#include "fixed_rows.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "fixed.hpp"

namespace imagefeed {
namespace {

// 28 taps of a triangle: noise then comes out with errors of a deviation of 0.005 levels.
constexpr double kMostShrink = 14;

// Whole numbers that sum to kWeightOne. Rounding what is summed so far, and not each weight, keeps hundreds of small
// weights from all being rounded the same way.
void quantize(const float* weights, int taps, std::int16_t* out) {
    double sum = 0;
    long before = 0;
    for (int k = 0; k < taps; ++k) {
        sum += static_cast<double>(weights[k]);
        const long now = std::lrint(sum * kWeightOne);
        out[k] = static_cast<std::int16_t>(now - before);
        before = now;
    }
    // The float weights sum to one only nearly; what is missing is less than one in 32512.
    int last = taps;
    while (last > 1 && out[last - 1] == 0) --last;
    out[last - 1] = static_cast<std::int16_t>(out[last - 1] + kWeightOne - before);
}

int most_taps(const AxisWeights& axis) {
    int most = 1;
    for (int i = 0; i < axis.count(); ++i) most = std::max(most, axis.taps_used(i));
    return most;
}

}  // namespace

bool FixedRows::fits(double shrink_x, double shrink_y) { return std::max(std::fabs(shrink_x), std::fabs(shrink_y)) <= kMostShrink; }

bool FixedRows::fits(const Warp& warp) {
    return !warp.indexed && is_aligned(warp.matrix) && warp.interpolation != Interpolation::bicubic &&
           warp.interpolation != Interpolation::lanczos && (!warp.antialias || fits(warp.matrix[0], warp.matrix[4]));
}

bool FixedRows::fits(const Picture& in, const Warp& warp) {
    return (in.samples == Samples::color8x4 || (in.samples == Samples::levels8 && in.channels == 3)) && fits(warp);
}

FixedRows::FixedRows(const Picture& in, const Warp& warp, const AxisWeights& x, const AxisWeights& y, Memory& memory)
    : in_(in), warp_(warp), x_(x), y_(y), memory_(memory), columns_(summed_columns(in, x, warp.border)) {
    // Vertical sums begin at a pair.
    columns_.row_first -= (columns_.first - columns_.row_first) % 2;
    memory.rows.resize(static_cast<std::size_t>(y.taps) + 1);
    quantize_y();
    quantize_x();
    if (in.samples == Samples::levels8) prepare_ring();
    // Taps run past the end of a row by less than `pairs_`, vertical sums by less than 64 samples.
    const auto samples = checked_product(static_cast<std::size_t>(columns_.row_count(x)) + 2 * static_cast<std::size_t>(pairs_) + 16, 4);
    row_ = memory.row.reserve<std::int16_t>(samples);
    std::fill(row_, row_ + samples, std::int16_t{0});
    pixels_ = memory.pixels.reserve<float>(4 * static_cast<std::size_t>(round_up(x.count(), kBlock)));
}

void FixedRows::quantize_y() {
    if (memory_.y_version == y_.version) return;
    memory_.y_version = 0;  // until they are whole
    memory_.y_weights.resize(y_.weights.size());
    for (int i = 0; i < y_.count(); ++i) quantize(y_.row(i), y_.taps, memory_.y_weights.data() + (y_.row(i) - y_.row(0)));
    memory_.y_version = y_.version;
}

void FixedRows::quantize_x() {
    const int origin = x_.lowest - columns_.row_first;
    if (memory_.x_version == x_.version && memory_.x_origin == origin) {
        pairs_ = memory_.pairs;
        x_weights_ = memory_.x_weights.reserve<std::int16_t>(0);
        return;
    }
    memory_.x_version = 0;
    memory_.x_origin = origin;
    const int taps = most_taps(x_);
    pairs_ = (taps + 2) / 2;  // a tap may stand at the second place of its pair
    pairs_ = pairs_ <= kFewPairs ? kFewPairs : round_up(pairs_, kPairGroup);
    memory_.pairs = pairs_;
    const auto stride = static_cast<std::size_t>(pairs_ * kPairSamples);
    auto* out = memory_.x_weights.reserve<std::int16_t>(checked_product(stride, static_cast<std::size_t>(x_.count())));
    x_weights_ = out;
    memory_.first_pair.resize(static_cast<std::size_t>(x_.count()));
    std::vector<std::int16_t> exact(static_cast<std::size_t>(2 * pairs_));
    for (int i = 0; i < x_.count(); ++i, out += stride) {
        const int column = origin + x_.first[static_cast<std::size_t>(i)];
        memory_.first_pair[static_cast<std::size_t>(i)] = column / 2;
        std::fill(exact.begin(), exact.end(), std::int16_t{0});
        quantize(x_.row(i), std::min(taps, x_.taps), exact.data() + column % 2);
        for (int pair = 0; pair < pairs_; ++pair)
            for (int c = 0; c < 4; ++c) std::memcpy(out + pair * kPairSamples + 2 * c, exact.data() + 2 * pair, 2 * sizeof(std::int16_t));
    }
    memory_.x_version = x_.version;
}

std::int16_t& FixedRows::sample(int column, int channel) const {
    const int place = column - columns_.row_first;
    return row_[place / 2 * kPairSamples + 2 * channel + place % 2];
}

// A row of the constant border's color.
const std::uint8_t* FixedRows::fill_row() {
    const auto samples = static_cast<std::size_t>(round_up(4 * columns_.count(), 64));
    auto* const row = memory_.fill_row.reserve<std::uint8_t>(samples);
    for (std::size_t i = 0; i < samples; ++i) row[i] = static_cast<std::uint8_t>(warp_.fill[i % 4]);
    return row;
}

void FixedRows::fill_columns(int first, int last) {
    for (int column = first; column < last; ++column) {
        const int source = border_index(warp_.border, column, in_.width);
        for (int c = 0; c < 4; ++c)
            sample(column, c) = source < 0 ? static_cast<std::int16_t>(warp_.fill[c] * static_cast<float>(kRowLevel))
                                           : sample(std::clamp(source, columns_.first, columns_.last - 1), c);
    }
}

// The rows that an output row reads lie side by side, so that each has a place of its own; a periodic border's may not.
void FixedRows::prepare_ring() {
    const int rows = warp_.border == Border::wrap ? in_.held.height() : std::min(y_.taps, in_.held.height());
    memory_.in_ring.assign(static_cast<std::size_t>(rows), -1);
    // Vertical sums read less than 64 samples beyond a row.
    ring_pitch_ = 4 * static_cast<std::size_t>(columns_.count()) + 64;
    ring_ = memory_.ring.reserve<std::uint8_t>(checked_product(ring_pitch_, static_cast<std::size_t>(rows)));
}

// Row `held` of those in memory with four bytes a pixel, from column `columns_.first` on.
const std::uint8_t* FixedRows::held_row(int held) {
    const int before = columns_.first - in_.held.x0;
    const std::uint8_t* const row = in_.data + held * in_.row_stride;
    if (ring_ == nullptr) return row + 4 * before;
    const std::size_t place = static_cast<std::size_t>(held) % memory_.in_ring.size();
    std::uint8_t* const expanded = ring_ + place * ring_pitch_;
    if (memory_.in_ring[place] != held) {
        memory_.in_ring[place] = held;
        kernels().rgb_to_x4(row + 3 * before, columns_.count(), expanded);
    }
    return expanded;
}

// Fetches what output row y reads and no row before it: where rows are skipped, the processor does not foresee the next.
void FixedRows::prefetch_rows([[maybe_unused]] int y) const {
#if defined(__GNUC__)
    const auto end_of = [this](int row) { return y_.lowest + y_.first[static_cast<std::size_t>(row)] + y_.taps_used(row); };
    const int first = std::max(y_.lowest + y_.first[static_cast<std::size_t>(y)], end_of(y - 1));
    const std::uint8_t* row = in_.data + first * in_.row_stride + 3 * (columns_.first - in_.held.x0);
    for (int source = first; source < std::min(end_of(y), in_.held.y1); ++source, row += in_.row_stride)
        for (int at = 0; source >= in_.held.y0 && at < 3 * columns_.count(); at += 64) __builtin_prefetch(row + at);
#endif
}

// Sums columns [first, last) of the rows that output row y reads; `first` is one at which a pair begins.
void FixedRows::sum_rows(int y, int first, int last) {
    const std::int16_t* const weights = memory_.y_weights.data() + (y_.row(y) - y_.row(0));
    const int top = y_.lowest + y_.first[static_cast<std::size_t>(y)], taps = y_.taps_used(y);
    const std::uint8_t* fill = nullptr;
    for (int k = 0; k < taps; ++k) {
        const int source = border_index(warp_.border, top + k, in_.height);
        if (source < 0 && fill == nullptr) fill = fill_row();
        const int held = std::clamp(source, in_.held.y0, in_.held.y1 - 1) - in_.held.y0;
        memory_.rows[static_cast<std::size_t>(k)] = (source < 0 ? fill : held_row(held)) + 4 * (first - columns_.first);
    }
    memory_.rows[static_cast<std::size_t>(taps)] = memory_.rows[static_cast<std::size_t>(taps - 1)];
    if (ring_ != nullptr && y + 2 < y_.count()) prefetch_rows(y + 2);
    kernels().vertical_fixed(memory_.rows.data(), weights, taps, 4 * (last - first), row_ + 4 * (first - columns_.row_first));
}

const float* FixedRows::interleaved(int y) {
    sum_rows(y, columns_.first, columns_.last);
    fill_columns(x_.lowest, std::min(x_.highest, columns_.first));
    fill_columns(std::max(x_.lowest, columns_.last), x_.highest);
    kernels().horizontal_fixed(row_, memory_.first_pair.data(), x_weights_, pairs_, x_.count(), pixels_);
    return pixels_;
}

const float* FixedRows::interleaved(int y, const Span& wanted) {
    const auto begin = static_cast<std::size_t>(wanted.begin), last = static_cast<std::size_t>(wanted.end - 1);
    const int first = x_.lowest + x_.first[begin], end = x_.lowest + x_.first[last] + x_.taps_used(wanted.end - 1);
    // Taps may reach beyond what is held; the last column held then stands for what is not.
    const int from = std::clamp(first, columns_.first, columns_.last - 1), to = std::clamp(end, from + 1, columns_.last);
    sum_rows(y, from - (from - columns_.row_first) % 2, to);
    fill_columns(first, std::min(end, columns_.first));
    fill_columns(std::max(first, columns_.last), end);
    const auto stride = static_cast<std::size_t>(pairs_ * kPairSamples);
    kernels().horizontal_fixed(row_, memory_.first_pair.data() + begin, x_weights_ + begin * stride, pairs_,
                               wanted.end - wanted.begin, pixels_ + 4 * begin);
    return pixels_;
}

}  // namespace imagefeed
