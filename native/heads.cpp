#include "heads.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "levels.hpp"
#include "recompress.hpp"
#include "rows.hpp"

namespace imagefeed {
namespace {

using Kind = HeadSpec::Kind;

// How a row or column of nodes becomes a row or column of pixels: four weights for each, on nodes first[i] to first[i] + 3
// of those that lie one to the left of the first, to one to the right of the last.
void make_axis(int nodes, int count, bool smooth, AxisWeights& axis) {
    axis.taps = 4;
    axis.first.resize(static_cast<std::size_t>(count));
    axis.weights.resize(4 * static_cast<std::size_t>(count));
    for (int i = 0; i < count; ++i) {
        const double at = (i + 0.5) / count * (nodes - 1);
        const int node = std::min(static_cast<int>(at), std::max(nodes - 2, 0));
        const auto t = static_cast<float>(at - node);
        float* const w = axis.weights.data() + 4 * static_cast<std::size_t>(i);
        axis.first[static_cast<std::size_t>(i)] = node;
        if (!smooth) {
            w[0] = 0, w[1] = 1 - t, w[2] = t, w[3] = 0;
            continue;
        }
        const float u = 1 - t;
        w[0] = u * u * u / 6, w[3] = t * t * t / 6;
        w[1] = (3 * t * t * t - 6 * t * t + 4) / 6, w[2] = (3 * u * u * u - 6 * u * u + 4) / 6;
    }
}

float* plane_row(const Picture& picture, int channel, int y) {
    return const_cast<float*>(reinterpret_cast<const float*>(picture.data + channel * picture.plane_stride + y * picture.row_stride));
}

void scale_planes(const Picture& picture, float by) {
    for (int c = 0; c < picture.channels; ++c)
        for (int y = 0; y < picture.height; ++y)
            for (int x = 0; x < picture.width; ++x) plane_row(picture, c, y)[x] *= by;
}

}  // namespace

Status Head::prepare(Picture& in, JpegDecoder& decoder) {
    if (spec_.kind == Kind::none || !spec_.active(row_)) return Status::ok();
    switch (spec_.kind) {
        case Kind::none: break;
        case Kind::jpeg: return prepare_jpeg(in, decoder);
        case Kind::histogram: prepare_tables(in); break;
        case Kind::filter: prepare_filter(in); break;
        case Kind::remap: prepare_field(in); break;
        case Kind::fork:
            memory_.start = to_planes(in, 0, memory_.kept);
            memory_.total = to_planes(memory_.start, 0, memory_.sum);  // the picture may be the sum of an earlier fork
            scale_planes(memory_.total, *spec_.values.at(row_));
            in = memory_.start;
            break;
        case Kind::join: return add_branch(in);
        case Kind::median: {
            const std::int64_t side = *spec_.numbers.at(row_);
            if (side != 1 && side != 3 && side != 5 && side != 7) return Status::fail(Fault::plan, "a median is taken of 1, 3, 5 or 7 rows");
            in = to_levels(in, memory_.levels, memory_.row);
            source_ = in;
            reach_ = static_cast<int>(side) / 2;
            has_level_rows_ = side > 1;
            break;
        }
        case Kind::clahe:
            if (in.channels != 1 && in.channels != 3)
                return Status::fail(Fault::plan, "a luma is equalized, which takes 1 or 3 channels, but the picture has " + std::to_string(in.channels));
            in = adaptive_equalize(to_levels(in, memory_.levels, memory_.row), *spec_.values.at(row_), spec_.rows, spec_.columns, memory_.work, memory_.made);
            break;
    }
    return Status::ok();
}

void Head::row(int y, Planes out) {
    if (spec_.kind == Kind::filter) return filter_row(y, out);
    remap_row(y, out);
}

Status Head::add_branch(Picture& in) {
    const Picture& total = memory_.total;
    if (in.held.width() != total.width || in.held.height() != total.height || in.channels != total.channels)
        return Status::fail(Fault::plan, "the branches of a blend leave a picture's size as it is");
    const float weight = spec_.values.at(row_)[spec_.branch];
    const Picture made = in.samples == Samples::planar_f32 ? in : to_planes(in, 0, memory_.planes);
    for (int c = 0; weight != 0 && c < total.channels; ++c) {
        for (int y = 0; y < total.height; ++y) {
            float* const sum = plane_row(total, c, y);
            const float* const rows[2] = {sum, plane_row(made, c, y)};
            const float weights[2] = {1.0f, weight};
            kernels().vertical_f32(rows, weights, 2, total.width, sum);
        }
    }
    in = spec_.last ? total : memory_.start;
    return Status::ok();
}

// ------------------------------------------------------------------------------------------------ levels

Status Head::prepare_jpeg(Picture& in, JpegDecoder& decoder) {
    const Picture levels = to_levels(in, memory_.levels, memory_.row);
    if (Status status = compress_jpeg(levels, static_cast<int>(*spec_.numbers.at(row_)), 0, memory_.file); !status.is_ok()) return status;
    const Region all{0, 0, levels.width, levels.height};
    return decoder.decode(memory_.file.data(), memory_.file.size(), all, 1, levels.channels == 3, Margin{}, memory_.made, in);
}

void Head::prepare_tables(Picture& in) {
    const Picture levels = to_levels(in, memory_.levels, memory_.row);
    std::uint8_t tables[256 * kMaxChannels];
    if (spec_.equalize) equalize_tables(levels, tables);
    else stretch_tables(levels, *spec_.values.at(row_), tables);
    in = new_levels(levels.height, levels.width, levels.channels, memory_.made);
    for (int y = 0; y < in.height; ++y)
        replace_levels(levels.data + y * levels.row_stride, tables, in.width, in.channels, const_cast<std::uint8_t*>(in.data) + y * in.row_stride);
}

// ------------------------------------------------------------------------------------------------ filters

void Head::prepare_filter(Picture& in) {
    const float* const kernel = spec_.values.at(row_);
    const int side = spec_.columns, middle = side / 2;
    // What is zero all around is not read.
    const auto is_zero = [&](int k) {
        for (int r = 0; r < spec_.rows; ++r) {
            if (kernel[r * side + k] != 0 || kernel[r * side + side - 1 - k] != 0) return false;
            if (!spec_.separable && (kernel[k * side + r] != 0 || kernel[(side - 1 - k) * side + r] != 0)) return false;
        }
        return true;
    };
    int trimmed = 0;
    while (trimmed < middle && is_zero(trimmed)) ++trimmed;
    reach_ = middle - trimmed;
    source_ = in;
    has_rows_ = true;
    find_taps(kernel);
    has_level_rows_ = in.samples == Samples::levels8;
    const int width = in.held.width();
    ring_rows_ = std::min(in.held.height(), 2 * reach_ + 1);
    ring_stride_ = static_cast<std::size_t>(round_up(width + 2 * reach_, kBlock) + kBlock);
    const std::size_t floats = checked_product(checked_product(ring_stride_, static_cast<std::size_t>(ring_rows_)), static_cast<std::size_t>(in.channels));
    std::fill_n(memory_.planes.reserve<float>(floats), floats, 0.0f);
    float* const row = memory_.row.reserve<float>(ring_stride_);
    std::fill(row, row + ring_stride_, 0.0f);
}

// The weights that are not zero, row by row; one of zero, where there is none.
void Head::find_taps(const float* kernel) {
    const int side = spec_.columns, middle = side / 2;
    memory_.places.clear();
    memory_.weights.clear();
    for (int dy = -reach_; !spec_.separable && dy <= reach_; ++dy) {
        for (int dx = -reach_; dx <= reach_; ++dx) {
            const float weight = kernel[(middle + dy) * side + middle + dx];
            if (weight == 0) continue;
            memory_.places.emplace_back(dy, dx);
            memory_.weights.push_back(weight);
        }
    }
    if (memory_.places.empty()) memory_.places.emplace_back(0, 0), memory_.weights.push_back(0.0f);
}

// Reads the rows up to one; each is read once, in order.
void Head::load_ring(int last) {
    const int width = source_.held.width();
    for (; ring_next_ <= std::min(last, source_.held.height() - 1); ++ring_next_) {
        float* const first = memory_.planes.reserve<float>(0) + static_cast<std::size_t>(ring_next_ % ring_rows_) * ring_stride_ + reach_;
        const Planes planes{first, static_cast<std::ptrdiff_t>(ring_stride_) * ring_rows_};
        plain_row(source_, ring_next_, planes);
        for (int c = 0; c < source_.channels; ++c) {
            float* const values = planes.channel(c);
            for (int x = 1; x <= reach_; ++x) {
                values[-x] = values[border_index(Border::reflect, -x, width)];
                values[width - 1 + x] = values[border_index(Border::reflect, width - 1 + x, width)];
            }
        }
    }
}

// Pixel -reach of row y, which may lie outside.
const float* Head::filter_source(int y, int channel) const {
    const int held = border_index(Border::reflect, y, source_.held.height()) % ring_rows_;
    return memory_.planes.reserve<float>(0) + static_cast<std::size_t>(channel * ring_rows_ + held) * ring_stride_;
}

void Head::filter_row(int y, Planes out) {
    const Kernels& k = kernels();
    const float* const kernel = spec_.values.at(row_);
    const int side = spec_.columns, middle = side / 2, width = source_.held.width(), taps = 2 * reach_ + 1;
    load_ring(y + reach_);
    auto& rows = memory_.rows;
    for (int channel = 0; channel < source_.channels; ++channel) {
        float* const to = out.channel(channel);
        rows.clear();
        if (spec_.separable) {
            float* const sums = memory_.row.reserve<float>(0);
            const float *const vertical = kernel + middle - reach_, *const horizontal = vertical + side;
            for (int t = 0; t < taps; ++t) rows.push_back(filter_source(y + t - reach_, channel));
            k.vertical_f32(rows.data(), vertical, taps, width + 2 * reach_, sums);
            for (int t = 0; t < taps; ++t) rows[static_cast<std::size_t>(t)] = sums + t;
            k.vertical_f32(rows.data(), horizontal, taps, width, to);
        } else {
            for (const auto& [dy, dx] : memory_.places) rows.push_back(filter_source(y + dy, channel) + reach_ + dx);
            k.vertical_f32(rows.data(), memory_.weights.data(), static_cast<int>(rows.size()), width, to);
        }
        k.color_scale(to, 1.0f, 0.0f, 0.0f, 255.0f, width);
    }
}

// ------------------------------------------------------------------------------------------------ rows of levels

void Head::settle(Picture& in) {
    if (!has_level_rows_ || has_rows_) return;
    in = new_levels(source_.height, source_.width, source_.channels, memory_.made);
    begin_level_rows();
    for (int y = 0; y < in.height; ++y) level_row(y, const_cast<std::uint8_t*>(in.data) + y * in.row_stride);
}

// The last rows, packed as they are: neighbours lie `channels` samples apart.
void Head::begin_level_rows() {
    ring_rows_ = std::min(source_.held.height(), 2 * reach_ + 1);
    const std::size_t samples = checked_product(static_cast<std::size_t>(source_.held.width() + 2 * reach_), static_cast<std::size_t>(source_.channels));
    ring_stride_ = samples + 64;
    memory_.work.reserve<std::uint8_t>(checked_product(ring_stride_, static_cast<std::size_t>(ring_rows_)));
    memory_.row.reserve<float>(2 * ring_stride_ + kBlock);
}

// A filter sees the picture reflected outside, a median its nearest pixels.
Border Head::level_border() const { return spec_.kind == Kind::median ? Border::replicate : Border::reflect; }

void Head::load_level_ring(int last) {
    const int width = source_.held.width(), channels = source_.channels;
    const auto bytes = static_cast<std::size_t>(channels);
    for (; ring_next_ <= std::min(last, source_.held.height() - 1); ++ring_next_) {
        const std::uint8_t* const from = source_.data + ring_next_ * source_.row_stride;
        std::uint8_t* const to = const_cast<std::uint8_t*>(level_source(ring_next_)) + reach_ * channels;
        std::memcpy(to, from, static_cast<std::size_t>(width) * bytes);
        for (int x = 1; x <= reach_; ++x) {
            std::memcpy(to - x * channels, from + border_index(level_border(), -x, width) * channels, bytes);
            std::memcpy(to + (width - 1 + x) * channels, from + border_index(level_border(), width - 1 + x, width) * channels, bytes);
        }
    }
}

// Pixel -reach of row y, which may lie outside.
const std::uint8_t* Head::level_source(int y) const {
    const int held = border_index(level_border(), y, source_.held.height()) % ring_rows_;
    return memory_.work.reserve<std::uint8_t>(0) + static_cast<std::size_t>(held) * ring_stride_;
}

void Head::level_row(int y, std::uint8_t* out) {
    const int count = source_.held.width() * source_.channels;
    load_level_ring(y + reach_);
    float* const sums = memory_.row.reserve<float>(0);
    auto* const levels = reinterpret_cast<std::uint8_t*>(sums + ring_stride_);
    auto& rows = memory_.level_rows;
    rows.clear();
    if (spec_.kind == Kind::median) {
        for (int k = -reach_; k <= reach_; ++k) rows.push_back(level_source(y + k));
        kernels().median(rows.data(), 2 * reach_ + 1, source_.channels, count, levels);
    } else {
        sum_levels(y, sums);
        kernels().round_to_u8(sums, count, levels);
    }
    std::memcpy(out, levels, static_cast<std::size_t>(count));
}

// A row of a filter: the sums of `filter_row`, of all channels at once.
void Head::sum_levels(int y, float* out) {
    const Kernels& k = kernels();
    const int channels = source_.channels, count = source_.held.width() * channels, taps = 2 * reach_ + 1;
    auto& rows = memory_.level_rows;
    if (!spec_.separable) {
        for (const auto& [dy, dx] : memory_.places) rows.push_back(level_source(y + dy) + (reach_ + dx) * channels);
        return k.vertical_u8(rows.data(), memory_.weights.data(), static_cast<int>(rows.size()), count, out);
    }
    float* const sums = out + ring_stride_;
    const float *const vertical = spec_.values.at(row_) + spec_.columns / 2 - reach_, *const horizontal = vertical + spec_.columns;
    for (int t = 0; t < taps; ++t) rows.push_back(level_source(y + t - reach_));
    k.vertical_u8(rows.data(), vertical, taps, count + 2 * reach_ * channels, sums);
    memory_.rows.clear();
    for (int t = 0; t < taps; ++t) memory_.rows.push_back(sums + t * channels);
    k.vertical_f32(memory_.rows.data(), horizontal, taps, count, out);
}

// ------------------------------------------------------------------------------------------------ fields

void Head::prepare_field(Picture& in) {
    source_ = to_samples(in, memory_.samples);
    in = source_;
    has_rows_ = true;
    make_axis(spec_.columns, in.width, spec_.smooth, memory_.across);
    make_axis(spec_.rows, in.height, spec_.smooth, memory_.down);
    const auto padded = static_cast<std::size_t>(round_up(in.width, kBlock) + kBlock);
    float* const field = memory_.field.reserve<float>(2 * padded + 2 * static_cast<std::size_t>(spec_.columns + 2 + kBlock));
    std::fill(field, field + 2 * padded, 0.0f);
}

void Head::remap_row(int y, Planes out) {
    const auto padded = static_cast<std::size_t>(round_up(source_.width, kBlock) + kBlock);
    float* const shifts = memory_.field.reserve<float>(0);
    float* const nodes = shifts + 2 * padded;
    const int columns = spec_.columns, first = memory_.down.first[static_cast<std::size_t>(y)];
    const float *const weights = memory_.down.row(y), *const field = spec_.values.at(row_);
    const std::size_t stride = static_cast<std::size_t>(columns + 2 + kBlock);
    for (int axis = 0; axis < 2; ++axis) {
        float* const line = nodes + static_cast<std::size_t>(axis) * stride;
        for (int x = -1; x <= columns; ++x) {
            float sum = 0;
            for (int t = 0; t < 4; ++t) {
                const int node = std::clamp(first - 1 + t, 0, spec_.rows - 1), column = std::clamp(x, 0, columns - 1);
                sum += weights[t] * field[2 * (node * columns + column) + axis];
            }
            line[x + 1] = sum;
        }
        std::fill(line + columns + 2, line + stride, 0.0f);
        kernels().horizontal_x1(line, memory_.across.first.data(), memory_.across.weights.data(), 4, source_.width, shifts + static_cast<std::size_t>(axis) * padded);
    }
    float fill[kMaxChannels];
    const bool levels = source_.samples != Samples::planar_f32;
    std::fill(fill, fill + kMaxChannels, levels ? std::nearbyint(spec_.fill) : spec_.fill);
    const bool bilinear = spec_.interpolation == Interpolation::bilinear;
    if (!bilinear) {  // nearest takes the pixel that a place lies in: corners are whole
        for (int x = 0; x < source_.width; ++x) shifts[x] += 0.5f, shifts[padded + static_cast<std::size_t>(x)] += 0.5f;
    }
    kernels().remap(source_, {shifts, shifts + padded, y}, bilinear, spec_.border, fill, source_.width, out);
}

}  // namespace imagefeed
