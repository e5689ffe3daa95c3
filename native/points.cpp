#include "points.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <string>

namespace imagefeed {
namespace {

using Kind = PointSpec::Kind;

// A table's levels as floats, `channels` x 256.
void expand_table(const PointSpec& point, std::size_t row, std::size_t channels, float* table) {
    const std::uint8_t* const levels = point.table.at(row);
    const auto columns = static_cast<std::size_t>(point.table_channels);
    for (std::size_t c = 0; c < channels; ++c)
        for (std::size_t i = 0; i < 256; ++i) *table++ = levels[i * columns + std::min(c, columns - 1)];
}

NoiseKey noise_key(const PointSpec& point, std::size_t row, int y, int channel) {
    const auto seed = static_cast<std::uint64_t>(*point.seed.at(row));
    return {static_cast<std::uint32_t>(seed), static_cast<std::uint32_t>(seed >> 32), y, channel};
}

// The columns [first, last) of a rectangle on row y; none where it does not reach that row.
bool columns_of(const std::int64_t* box, int y, int width, int& first, int& last) {
    if (y < box[0] || y >= box[2]) return false;
    first = static_cast<int>(std::clamp<std::int64_t>(box[1], 0, width));
    last = static_cast<int>(std::clamp<std::int64_t>(box[3], 0, width));
    return first < last;
}

bool paints(const PointSpec& point) { return point.kind == Kind::erase || point.kind == Kind::grid; }

float rounded(float level) { return std::nearbyint(std::clamp(level, 0.0f, 255.0f)); }

}  // namespace

Status Points::check(const PassSpec& pass, std::size_t row, int channels) {
    for (const PointSpec& point : pass.points) {
        const bool mixes = point.kind == Kind::color_matrix || point.kind == Kind::hsv;
        if (mixes && channels != 1 && channels != 3 && point.active(row))
            return Status::fail(Fault::plan, "colors are mixed, which takes 1 or 3 channels, but the picture has " + std::to_string(channels));
    }
    return Status::ok();
}

Points::Points(const PassSpec& pass, std::size_t row, int channels, Memory& memory) : row_(row), channels_(channels), memory_(memory) {
    memory.active.clear();
    memory.table_of.clear();
    memory.steps.clear();
    const std::size_t table_size = 256 * static_cast<std::size_t>(channels);
    float* const tables = memory.tables.reserve<float>(table_size * pass.points.size());
    for (const PointSpec& point : pass.points) {
        if (!point.active(row)) continue;
        float* const table = tables + memory.active.size() * table_size;
        if (point.kind == Kind::lut) expand_table(point, row, static_cast<std::size_t>(channels), table);
        memory.active.push_back(&point);
        memory.table_of.push_back(table);
        const bool mixes = point.kind == Kind::color_matrix;
        if (mixes || point.kind == Kind::scale)
            memory.steps.push_back({point.matrix.at(row), point.low.at(row), point.high.at(row), !mixes});
        mixing_ = mixing_ || mixes;
    }
    mixing_ = mixing_ && channels == 3 && memory.steps.size() == memory.active.size();
}

bool Points::are_tables() const {
    bool painted = false;
    for (const PointSpec* const point : memory_.active) {
        if (paints(*point)) {
            if (point->random_fill) return false;
            painted = true;
        } else if (painted || (point->kind != Kind::scale && point->kind != Kind::lut)) {
            return false;
        }
    }
    return true;
}

bool Points::leave_levels() const {
    bool levels = true;
    for (const PointSpec* const point : memory_.active) {
        if (point->kind == Kind::lut) levels = true;
        else if (!paints(*point)) levels = false;
        else levels = levels && rounded(point->fill) == point->fill;
    }
    return levels;
}

void Points::mix(const std::uint8_t* in, int count, std::uint8_t* out) const {
    kernels().mix_rgb(in, memory_.steps.data(), static_cast<int>(memory_.steps.size()), count, out);
}

void Points::apply(int y, int count, Planes pixels) const {
    for (std::size_t k = 0; k < memory_.active.size(); ++k) apply_one(k, y, count, pixels);
}

void Points::apply_one(std::size_t index, int y, int count, Planes pixels) const {
    const Kernels& k = kernels();
    const PointSpec& point = *memory_.active[index];
    switch (point.kind) {
        case Kind::lut:
            for (int c = 0; c < channels_; ++c) k.lut(pixels.channel(c), memory_.table_of[index] + 256 * c, count);
            return;
        case Kind::color_matrix:
        case Kind::scale: {
            const float *const m = point.matrix.at(row_), *const low = point.low.at(row_), *const high = point.high.at(row_);
            if (point.kind == Kind::color_matrix && channels_ > 1) return k.color_matrix(pixels, m, low, high, count);
            if (point.kind == Kind::color_matrix)  // gray is the color (g, g, g), of whose result red is kept
                return k.color_scale(pixels.channel(0), m[0] + m[1] + m[2], m[3], low[0], high[0], count);
            for (int c = 0; c < channels_; ++c) {
                const int d = std::min(c, 2);
                k.color_scale(pixels.channel(c), m[5 * d], m[4 * d + 3], low[d], high[d], count);
            }
            return;
        }
        case Kind::hsv: {
            const float turns = *point.hue.at(row_), sixths = 6.0f * (turns - std::floor(turns));
            if (channels_ == 1) return k.value_curve(pixels.channel(0), point.value.at(row_), count);
            return k.hsv(pixels, sixths, point.saturation.at(row_), point.value.at(row_), count);
        }
        case Kind::noise: return add_noise(point, y, count, pixels);
        case Kind::erase:
        case Kind::grid: return erase(point, y, count, pixels);
    }
}

void Points::add_noise(const PointSpec& point, int y, int count, Planes pixels) const {
    const Kernels& k = kernels();
    float* const noise = memory_.noise.reserve<float>(static_cast<std::size_t>(round_up(count, kBlock)));
    std::fill(noise + count, noise + round_up(count, kBlock), 0.0f);
    const float strength = *point.strength.at(row_);
    for (int c = 0; c < channels_; ++c) {
        if (c == 0 || !point.shared) {
            const NoiseKey key = noise_key(point, row_, y, c);
            (point.noise == PointSpec::Noise::impulse ? k.uniform_row : k.normal_row)(key, count, noise);
        }
        switch (point.noise) {
            case PointSpec::Noise::gaussian: k.add_gaussian(pixels.channel(c), noise, strength, count); break;
            case PointSpec::Noise::poisson: k.add_poisson(pixels.channel(c), noise, strength, count); break;
            case PointSpec::Noise::impulse: k.add_impulses(pixels.channel(c), noise, strength, count); break;
        }
    }
}

// Calls `paint(first, last)` for the columns of row y that are painted over.
template <class Paint>
void Points::for_spans(const PointSpec& point, int y, int width, Paint paint) const {
    if (point.kind == Kind::erase) {
        const std::int64_t* box = point.boxes.at(row_);
        for (int k = 0; k < point.box_count; ++k, box += 4) {
            int first, last;
            if (columns_of(box, y, width, first, last)) paint(first, last);
        }
        return;
    }
    const std::int64_t* const lines = point.lines.at(row_);
    float* const inside = memory_.inside.reserve<float>(static_cast<std::size_t>(round_up(width, kBlock)));
    GridRow grid{};
    for (int k = 0; k < 2; ++k) {
        grid.start[k] = static_cast<std::int32_t>((lines[3 * k] + lines[3 * k + 1] * y) % kGridCell);
        grid.step[k] = static_cast<std::int32_t>(lines[3 * k + 2] % kGridCell);
    }
    grid.share = static_cast<std::int32_t>(*point.share.at(row_));
    kernels().grid_row(grid, width, inside);
    for (int x = 0; x < width; ++x) {
        if (inside[x] == 0) continue;
        const int first = x;
        while (x < width && inside[x] != 0) ++x;
        paint(first, x);
    }
}

void Points::erase(const PointSpec& point, int y, int count, Planes pixels) const {
    const auto width = static_cast<std::size_t>(round_up(count, kBlock));
    float* const noise = point.random_fill ? memory_.noise.reserve<float>(width * static_cast<std::size_t>(channels_)) : nullptr;
    bool drawn = false;
    for_spans(point, y, count, [&](int first, int last) {
        for (int c = 0; c < channels_; ++c) {
            float* const values = pixels.channel(c);
            if (noise == nullptr) {
                std::fill(values + first, values + last, point.fill);
                continue;
            }
            float* const row = noise + static_cast<std::size_t>(c) * width;
            if (!drawn) kernels().uniform_row(noise_key(point, row_, y, c), count, row);
            for (int x = first; x < last; ++x) values[x] = std::floor(row[x] * 256.0f);
        }
        drawn = true;
    });
}

void Points::make_tables(std::uint8_t* tables) const {
    float levels[kMaxChannels * 256];
    const Planes planes{levels, 256};
    for (int c = 0; c < channels_; ++c)
        for (int i = 0; i < 256; ++i) levels[256 * c + i] = static_cast<float>(i);
    for (std::size_t k = 0; k < memory_.active.size(); ++k)
        if (!paints(*memory_.active[k])) apply_one(k, 0, 256, planes);
    for (int c = 0; c < channels_; ++c) kernels().store_plane(levels + 256 * c, 1.0f, 0.0f, Dtype::uint8, 256, tables + 256 * c);
}

void Points::paint(std::uint8_t* pixels, std::ptrdiff_t row_stride, int height, int width) const {
    for (const PointSpec* const point : memory_.active) {
        if (!paints(*point)) continue;
        const auto level = static_cast<int>(rounded(point->fill));
        for (int y = 0; y < height; ++y) {
            for_spans(*point, y, width, [&](int first, int last) {
                std::memset(pixels + y * row_stride + first * channels_, level, static_cast<std::size_t>((last - first) * channels_));
            });
        }
    }
}

}  // namespace imagefeed
