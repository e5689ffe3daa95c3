#include "sampler.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "indexed.hpp"

namespace imagefeed {
namespace {

// Extended rows are bounded: a border that repeats a picture millions of times is a mistake in a matrix.
constexpr int kMostColumns = 1 << 20;

int clamp_to_row(const Picture& in, int y) { return std::clamp(y, in.held.y0, in.held.y1 - 1); }

// Pillow 13 (its Resample.c as observed): vertical sums come first where the height shrinks by much more than the width.
bool columns_first(const Warp& warp) {
    const double height = std::rint(std::fabs(warp.matrix[4]) * warp.height), width = std::rint(std::fabs(warp.matrix[0]) * warp.width);
    return height > warp.height && height - warp.height > 2 * (width - warp.width);
}

// The part of a resized axis that the part in memory can fill.
AxisMap shrink_map(int size, int shrunk, int held_begin, int held_end) {
    const double scale = static_cast<double>(size) / shrunk;
    AxisMap map;
    map.scale = scale;
    map.size = size;
    map.begin = std::min(shrunk - 1, static_cast<int>(std::floor(held_begin / scale)));
    map.end = std::max(map.begin + 1, std::min(shrunk, static_cast<int>(std::ceil(held_end / scale))));
    return map;
}

// Color, the common case: of a picture in `out`'s place, only what the warp `after` it samples is made, with a border around it.
void shrink_color(const Picture& in, const Warp& resize, const Warp& after, SamplerMemory& memory, Picture& out) {
    const int columns = out.held.width(), lines = out.held.height();
    Margin margin;
    const bool partly = border_margin(after, out.height, out.width, margin);
    if (partly) columns_needed(out, margin, after, memory.needed);
    else memory.needed.assign(static_cast<std::size_t>(lines), {0, columns});
    const auto samples = 4 * static_cast<std::size_t>(round_up(margin.left + columns + margin.right, kBlock));
    auto* const pixels = memory.shrunk.reserve<std::int16_t>(checked_product(samples, static_cast<std::size_t>(margin.top + lines + margin.bottom))) +
                         static_cast<std::size_t>(margin.top) * samples + 4 * static_cast<std::size_t>(margin.left);
    FixedRows rows(in, resize, memory.separable.x, memory.separable.y, memory.fixed);
    for (int line = 0; line < lines; ++line) {
        const Span& needed = memory.needed[static_cast<std::size_t>(line)];
        if (needed.begin >= needed.end) continue;
        const auto begin = 4 * static_cast<std::size_t>(needed.begin);
        kernels().round_to_fine(rows.interleaved(line, needed) + begin, 4 * (needed.end - needed.begin), pixels + static_cast<std::size_t>(line) * samples + begin);
    }
    out.samples = Samples::fine16x4;
    out.data = reinterpret_cast<std::uint8_t*>(pixels);
    out.row_stride = static_cast<std::ptrdiff_t>(samples * sizeof(std::int16_t));
    out.plane_stride = 0;
    if (partly) lay_border(out, margin, after);
}

// An intermediate picture of the size that the output needs, so that four neighbours are enough.
Status shrink(const Picture& in, const Warp& warp, int width, int height, SamplerMemory& memory, Picture& out) {
    const AxisMap x = shrink_map(in.width, width, in.held.x0, in.held.x1);
    const AxisMap y = shrink_map(in.height, height, in.held.y0, in.held.y1);
    Warp resize = warp;
    resize.interpolation = Interpolation::bilinear;
    resize.border = Border::none;
    resize.antialias = true;
    if (Status status = SeparableRows::prepare(in, x, y, resize, memory.separable); !status.is_ok()) return status;

    const int columns = x.end - x.begin, lines = y.end - y.begin;
    const auto padded = static_cast<std::size_t>(round_up(columns, kBlock)), count = static_cast<std::size_t>(lines);
    out = in;
    out.width = width;
    out.height = height;
    out.held = {x.begin, y.begin, x.end, y.end};
    if (in.samples == Samples::color8x4 && FixedRows::fits(x.scale, y.scale)) {
        shrink_color(in, resize, after_shrinking(warp, in.height, in.width, height, width), memory, out);
        return Status::ok();
    }
    SeparableRows rows(in, resize, memory.separable);
    const std::size_t plane = checked_product(padded, count);
    auto* const values = memory.shrunk.reserve<float>(checked_product(plane, static_cast<std::size_t>(in.channels)));
    for (int line = 0; line < lines; ++line)
        rows.planes(line, {values + static_cast<std::size_t>(line) * padded, static_cast<std::ptrdiff_t>(plane)});
    out.samples = Samples::planar_f32;
    out.data = reinterpret_cast<std::uint8_t*>(values);
    out.row_stride = static_cast<std::ptrdiff_t>(padded * sizeof(float));
    out.plane_stride = static_cast<std::ptrdiff_t>(plane * sizeof(float));
    return Status::ok();
}

}  // namespace

Status SeparableRows::prepare(const Picture& in, const AxisMap& x_map, const AxisMap& y_map, const Warp& warp,
                              Memory& memory) {
    const bool bounded = warp.border == Border::none;
    if (!make_axis_weights(x_map, warp.interpolation, warp.antialias, bounded, memory.x) ||
        !make_axis_weights(y_map, warp.interpolation, warp.antialias, bounded, memory.y) ||
        memory.x.highest - memory.x.lowest > kMostColumns + in.width) {
        return Status::fail(Fault::plan, "the warp shrinks a picture of " + std::to_string(in.width) + "x" +
                                             std::to_string(in.height) + " beyond any use");
    }
    return Status::ok();
}

SeparableRows::SeparableRows(const Picture& in, const Warp& warp, Memory& memory)
    : in_(in), warp_(warp), memory_(memory), pixel_samples_(in.samples == Samples::color8x4 ? 4 : 1),
      columns_(summed_columns(in, memory.x, warp.border)),
      clips_(warp.interpolation == Interpolation::bicubic || warp.interpolation == Interpolation::lanczos) {
    // Horizontal taps run past the end of a row by less than `taps` pixels, vertical sums by less than a block.
    const int columns = columns_.row_count(memory.x) + memory.x.taps + kBlock;
    const auto floats = checked_product(static_cast<std::size_t>(pixel_samples_), static_cast<std::size_t>(columns));
    row_ = memory.row.reserve<float>(floats);
    std::fill(row_, row_ + floats, 0.0f);
    resampled_ = memory.resampled.reserve<float>(4 * static_cast<std::size_t>(round_up(memory.x.count(), kBlock)));
    memory.rows.resize(static_cast<std::size_t>(memory.y.taps));
    if (clips_ && !columns_first(warp)) resize_all_rows();
}

const std::uint8_t* SeparableRows::held_row(int y, int channel) const {
    const auto sample_bytes = static_cast<std::ptrdiff_t>(in_.samples == Samples::planar_f32 ? sizeof(float) : 1);
    return in_.data + channel * in_.plane_stride + (clamp_to_row(in_, y) - in_.held.y0) * in_.row_stride +
           sample_bytes * pixel_samples_ * (columns_.first - in_.held.x0);
}

// A row of the constant border's color, as wide as the picture's own.
const std::uint8_t* SeparableRows::fill_row(int channel) {
    const auto samples = static_cast<std::size_t>(round_up(columns_.count() * pixel_samples_, kBlock));
    const auto color = [&](std::size_t i) { return warp_.fill[pixel_samples_ == 4 ? i % 4 : static_cast<std::size_t>(channel)]; };
    if (in_.samples == Samples::planar_f32) {
        float* const row = memory_.fill_row.reserve<float>(samples);
        for (std::size_t i = 0; i < samples; ++i) row[i] = color(i);
        return reinterpret_cast<const std::uint8_t*>(row);
    }
    auto* const row = memory_.fill_row.reserve<std::uint8_t>(samples);
    for (std::size_t i = 0; i < samples; ++i) row[i] = static_cast<std::uint8_t>(std::lrint(std::clamp(color(i), 0.0f, 255.0f)));
    return row;
}

void SeparableRows::sum_into_row(const std::uint8_t* const* rows, const float* weights, int taps) {
    const int count = columns_.count() * pixel_samples_;
    float* const out = row_ + static_cast<std::ptrdiff_t>(columns_.first - columns_.row_first) * pixel_samples_;
    if (in_.samples == Samples::planar_f32) {
        kernels().vertical_f32(reinterpret_cast<const float* const*>(rows), weights, taps, count, out);
    } else {
        kernels().vertical_u8(rows, weights, taps, count, out);
    }
    // What whole vectors wrote past the end came from beyond the row; zero weights must meet finite numbers there.
    std::fill(out + count, out + round_up(count, kBlock), 0.0f);
}

// One row of vertical sums over the columns in memory.
void SeparableRows::sum_rows(int y, int channel) {
    const AxisWeights& axis = memory_.y;
    const int first = axis.lowest + axis.first[static_cast<std::size_t>(y)];
    const int taps = axis.taps_used(y);
    for (int k = 0; k < taps; ++k) {
        const int source = border_index(warp_.border, first + k, in_.height);
        memory_.rows[static_cast<std::size_t>(k)] = source < 0 ? fill_row(channel) : held_row(source, channel);
    }
    sum_into_row(memory_.rows.data(), axis.row(y), taps);
    if (clips_) clip(row_, columns_.last - columns_.row_first);
}

// Columns [first, last) of the row, from what the border says.
void SeparableRows::fill_columns(int first, int last, int channel) {
    const auto samples = static_cast<std::size_t>(pixel_samples_);
    for (int column = first; column < last; ++column) {
        const int source = border_index(warp_.border, column, in_.width);
        float* const to = row_ + static_cast<std::size_t>(column - columns_.row_first) * samples;
        if (source < 0) {
            for (std::size_t c = 0; c < samples; ++c) to[c] = warp_.fill[samples == 4 ? c : static_cast<std::size_t>(channel)];
        } else {
            const int held = std::clamp(source, columns_.first, columns_.last - 1) - columns_.row_first;
            std::memcpy(to, row_ + static_cast<std::size_t>(held) * samples, samples * sizeof(float));
        }
    }
}

// The row, complete, such that column x.lowest stands first.
const float* SeparableRows::with_border_columns(int channel) {
    const AxisWeights& x = memory_.x;
    fill_columns(x.lowest, std::min(x.highest, columns_.first), channel);
    fill_columns(std::max(x.lowest, columns_.last), x.highest, channel);
    return row_ + static_cast<std::ptrdiff_t>(x.lowest - columns_.row_first) * pixel_samples_;
}

const float* SeparableRows::resample_columns(const float* row, float* out) {
    const AxisWeights& x = memory_.x;
    if (x.unit && out == resampled_) return row;
    const auto kernel = pixel_samples_ == 4 ? kernels().horizontal_x4 : kernels().horizontal_x1;
    kernel(row, x.first.data(), x.weights.data(), x.taps, x.count(), out);
    if (clips_) clip(out, x.count());
    return out;
}

void SeparableRows::resize_all_rows() {
    const int channels = pixel_samples_ == 4 ? 1 : in_.channels, height = in_.held.height();
    const auto line = static_cast<std::size_t>(round_up(memory_.x.count() * pixel_samples_, kBlock) + kBlock);
    resized_rows_ = memory_.resized_rows.reserve<float>(
        checked_product(line, checked_product(static_cast<std::size_t>(height), static_cast<std::size_t>(channels))));
    const float one = 1.0f;
    float* out = resized_rows_;
    for (int channel = 0; channel < channels; ++channel) {
        for (int y = in_.held.y0; y < in_.held.y1; ++y, out += line) {
            const std::uint8_t* const row = held_row(y, channel);
            sum_into_row(&row, &one, 1);
            resample_columns(with_border_columns(channel), out);
        }
    }
}

// A row of vertical sums over rows that are resampled along x already.
const float* SeparableRows::sum_resized(int y, int channel) {
    const AxisWeights& axis = memory_.y;
    const int count = memory_.x.count() * pixel_samples_, first = axis.lowest + axis.first[static_cast<std::size_t>(y)];
    const int taps = axis.taps_used(y);
    const auto line = static_cast<std::size_t>(round_up(count, kBlock) + kBlock);
    const float* const plane = resized_rows_ + static_cast<std::size_t>(channel * in_.held.height()) * line;
    const float* fill = nullptr;
    for (int k = 0; k < taps; ++k) {
        const int source = border_index(warp_.border, first + k, in_.height);
        if (source < 0 && fill == nullptr) {
            float* const row = memory_.fill_row.reserve<float>(line);
            for (std::size_t i = 0; i < line; ++i) row[i] = warp_.fill[pixel_samples_ == 4 ? i % 4 : static_cast<std::size_t>(channel)];
            fill = row;
        }
        const float* const row = source < 0 ? fill : plane + static_cast<std::size_t>(clamp_to_row(in_, source) - in_.held.y0) * line;
        memory_.rows[static_cast<std::size_t>(k)] = reinterpret_cast<const std::uint8_t*>(row);
    }
    kernels().vertical_f32(reinterpret_cast<const float* const*>(memory_.rows.data()), axis.row(y), taps, count, resampled_);
    clip(resampled_, memory_.x.count());
    return resampled_;
}

void SeparableRows::clip(float* row, int columns) const {
    kernels().color_scale(row, 1.0f, 0.0f, 0.0f, 255.0f, columns * pixel_samples_);
}

// One finished row: of interleaved pixels, or of one channel.
const float* SeparableRows::line(int y, int channel) {
    if (resized_rows_ != nullptr) return sum_resized(y, channel);
    sum_rows(y, channel);
    return resample_columns(with_border_columns(channel), resampled_);
}

const float* SeparableRows::interleaved(int y) { return line(y, 0); }

void SeparableRows::planes(int y, Planes out) {
    if (in_.samples == Samples::color8x4) {
        kernels().x4_to_planes(interleaved(y), memory_.x.count(), out);
        return;
    }
    for (int channel = 0; channel < in_.channels; ++channel)
        std::memcpy(out.channel(channel), line(y, channel), static_cast<std::size_t>(memory_.x.count()) * sizeof(float));
}

Status Sampler::prepare(const Picture& in, const Warp& warp, SamplerMemory& memory, Picture& shrunk) {
    const double* const m = warp.matrix;
    shrunk = in;
    if (warp.indexed) return Status::ok();
    if (is_aligned(m)) {
        return SeparableRows::prepare(in, {m[0], m[2], 0, warp.width, in.width}, {m[4], m[5], 0, warp.height, in.height},
                                      warp, memory.separable);
    }
    int height, width;
    return shrinks_first(warp, in.height, in.width, height, width) ? shrink(in, warp, width, height, memory, shrunk) : Status::ok();
}

Sampler::Sampler(const Picture& in, const Warp& warp, SamplerMemory& memory, const Picture& shrunk)
    : warp_(warp), source_(!warp.indexed && is_aligned(warp.matrix) ? in : shrunk) {
    if (warp.indexed) return;
    if (is_aligned(warp.matrix)) {
        const AxisWeights &x = memory.separable.x, &y = memory.separable.y;
        const Region& held = in.held;
        moves_ = FixedRows::fits(in, warp) && x.unit && y.unit && x.lowest >= held.x0 && x.highest <= held.x1 &&
                 y.lowest >= held.y0 && y.highest <= held.y1;
        move_x_ = x.lowest - held.x0;
        move_y_ = y.lowest - held.y0;
        if (moves_) return;
        picks_ = in.samples == Samples::planar_f32 && warp.interpolation == Interpolation::nearest && x.lowest >= held.x0 &&
                 x.highest <= held.x1 && y.lowest >= held.y0 && y.highest <= held.y1;
        rows_ = &y;
        columns_ = &x;
        if (picks_) return;
        if (FixedRows::fits(in, warp)) {
            fixed_.emplace(in, warp, x, y, memory.fixed);
        } else {
            separable_.emplace(in, warp, memory.separable);
        }
        return;
    }
    const Warp after = after_shrinking(warp, in.height, in.width, source_.height, source_.width);
    std::copy(after.matrix, after.matrix + 9, matrix_);
}

void Sampler::row(int y, Planes out) {
    if (moves_) {
        const std::uint8_t* const row = source_.data + (y + move_y_) * source_.row_stride;
        if (source_.samples == Samples::levels8) return kernels().rgb_to_planes(row + 3 * move_x_, warp_.width, out);
        return kernels().u8x4_to_planes(row + 4 * move_x_, warp_.width, out);
    }
    if (picks_) {
        const std::uint8_t* const row = source_.data + (rows_->lowest + rows_->first[static_cast<std::size_t>(y)] - source_.held.y0) * source_.row_stride;
        const int* const columns = columns_->first.data();
        const int begin = columns_->lowest - source_.held.x0;
        for (int channel = 0; channel < source_.channels; ++channel) {
            const auto* const values = reinterpret_cast<const float*>(row + channel * source_.plane_stride) + begin;
            float* const to = out.channel(channel);
            for (int x = 0; x < warp_.width; ++x) to[x] = values[columns[x]];
        }
        return;
    }
    if (fixed_) return kernels().x4_to_planes(fixed_->interleaved(y), warp_.width, out);
    if (separable_) return separable_->planes(y, out);
    if (warp_.indexed) return indexed_row(source_, warp_, y, out);
    const double* const m = matrix_;
    const double v = y + 0.5;
    RowPath path;
    path.x = m[0] * 0.5 + m[1] * v + m[2];
    path.y = m[3] * 0.5 + m[4] * v + m[5];
    path.w = m[6] * 0.5 + m[7] * v + m[8];
    path.dx = m[0];
    path.dy = m[3];
    path.dw = m[6];
    path.perspective = m[6] != 0 || m[7] != 0 || m[8] != 1;
    if (warp_.interpolation == Interpolation::nearest) {
        kernels().warp_nearest(source_, path, warp_.border, warp_.fill, warp_.width, out);
        return;
    }
    // Index coordinates: half a pixel less, also under the division by w.
    path.x -= 0.5 * path.w;
    path.y -= 0.5 * path.w;
    path.dx -= 0.5 * path.dw;
    path.dy -= 0.5 * path.dw;
    kernels().warp_bilinear(source_, path, warp_.border, warp_.fill, warp_.width, out);
}

}  // namespace imagefeed
