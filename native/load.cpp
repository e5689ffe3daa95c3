// From a stored picture to the pixels that the first pass of a plan reads.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <string>

#include "fixed_rows.hpp"
#include "levels.hpp"
#include "orient.hpp"
#include "prefetch.hpp"
#include "render.hpp"

namespace imagefeed {
namespace {

// Bytes of an array that are asked for before the first is read: more than that, and the processor sees it coming.
constexpr std::ptrdiff_t kAskedFor = 4096;
// Of a decoded pixel; and of the coefficients of one in a progressive file, which are all held at once.
constexpr std::size_t kPixelBytes = 4, kCoefficientBytes = 6;
// Scaled decoding smooths with its own kernel; two scaled pixels of context are enough for it, as for a full decode.
constexpr int kScaledMargin = 2;

int divide_up(int value, int by) { return (value + by - 1) / by; }

Region region_of(const Program& program, std::size_t row, int height, int width) {
    Region region{0, 0, width, height};
    if (program.region.data == nullptr) return region;
    const std::int64_t* const r = program.region.at(row);
    const auto bound = [](std::int64_t v, int low, int high) {
        return static_cast<int>(std::clamp<std::int64_t>(v, low, high));
    };
    region.y0 = bound(r[0], 0, height - 1);
    region.x0 = bound(r[1], 0, width - 1);
    region.y1 = bound(r[2], region.y0 + 1, height);
    region.x1 = bound(r[3], region.x0 + 1, width);
    return region;
}

Region scaled_region(const Region& r, int denominator) {
    if (denominator == 1) return r;
    return {r.x0 / denominator - kScaledMargin, r.y0 / denominator - kScaledMargin,
            divide_up(r.x1, denominator) + kScaledMargin, divide_up(r.y1, denominator) + kScaledMargin};
}

// The margin that the first warp of a record samples around its picture; false where there is none to lay.
bool find_margin(const Program& program, std::size_t row, int denominator, int height, int width, Warp& warp, Margin& margin) {
    if (program.resize.size.data != nullptr || program.passes.empty() || !program.passes[0].has_warp) return false;
    if (!make_warp(program.passes[0].warp, row, denominator, true, warp).is_ok()) return false;
    int shrunk_height, shrunk_width;
    if (shrinks_first(warp, height, width, shrunk_height, shrunk_width)) return false;  // its border is laid later
    if (!border_margin(warp, height, width, margin)) return false;
    return margin.left + margin.top + margin.right + margin.bottom > 0;
}

// Luma of ITU-R BT.601 in 16-bit fixed point, rounded half up: what Pillow's convert("L") does to RGB.
void weigh_gray(Picture& picture, Buffer& memory) {
    const auto columns = static_cast<std::size_t>(picture.held.width()), rows = static_cast<std::size_t>(picture.held.height());
    const auto pitch = static_cast<std::size_t>(round_up(picture.held.width(), kBlock));
    auto* const gray = memory.reserve<std::uint8_t>(checked_product(pitch, rows));
    for (std::size_t y = 0; y < rows; ++y) {
        const std::uint8_t* const pixel = picture.data + static_cast<std::ptrdiff_t>(y) * picture.row_stride;
        std::uint8_t* const out = gray + y * pitch;
        for (std::size_t x = 0; x < columns; ++x)
            out[x] = static_cast<std::uint8_t>((pixel[4 * x] * 19595u + pixel[4 * x + 1] * 38470u + pixel[4 * x + 2] * 7471u + 32768u) >> 16);
    }
    picture.samples = Samples::gray8;
    picture.channels = 1;
    picture.data = gray;
    picture.row_stride = static_cast<std::ptrdiff_t>(pitch);
}

// Whether the first pass reads pixels as they are stored: it samples nothing in between, or makes of each row what it needs.
bool reads_levels(const Program& program, std::size_t row, int channels) {
    if (program.resize.size.data != nullptr || program.passes.empty()) return false;
    const PassSpec& first = program.passes[0];
    if (!first.has_warp) return true;
    Warp warp{};
    Move move;
    if (!make_warp(first.warp, row, 1, true, warp).is_ok()) return false;
    return as_move(warp, move) || (channels == 3 && FixedRows::fits(warp));
}

}  // namespace

Status Renderer::load_array(const ArrayView& array, const Region& region, const Margin& margin, Picture& picture) {
    picture = Picture{};
    picture.width = array.width;
    picture.height = array.height;
    picture.channels = array.channels;
    picture.held = region;
    const auto rows = static_cast<std::size_t>(region.height());
    const auto padded = static_cast<std::size_t>(round_up(region.width(), kBlock));
    const bool bytes = array.dtype == Dtype::uint8;
    const auto pixel_bytes = static_cast<std::ptrdiff_t>(array.channels) * (bytes ? 1 : 4);
    const std::uint8_t* from = array.data + region.y0 * array.row_stride + region.x0 * pixel_bytes;
    if (bytes && (array.channels == 1 || array.channels == 3)) {
        const bool color = array.channels == 3;
        picture.samples = color ? Samples::color8x4 : Samples::gray8;
        const std::size_t pixel = color ? 4 : 1;
        const std::size_t pitch = (padded + static_cast<std::size_t>(margin.left + margin.right)) * pixel;
        const std::size_t lines = rows + static_cast<std::size_t>(margin.top + margin.bottom);
        auto* const pixels = decoded_.reserve<std::uint8_t>(checked_product(pitch, lines)) +
                             static_cast<std::size_t>(margin.top) * pitch + static_cast<std::size_t>(margin.left) * pixel;
        // Records stand anywhere in memory, which is slow to come: its lines are asked for together, not one after another.
        const std::ptrdiff_t read = std::min(static_cast<std::ptrdiff_t>(rows) * array.row_stride, kAskedFor);
        for (std::ptrdiff_t at = 0; at < read; at += kCacheLine) prefetch(from + at);
        for (std::size_t y = 0; y < rows; ++y, from += array.row_stride) {
            if (color) {
                kernels().rgb_to_x4(from, region.width(), pixels + y * pitch);
            } else {
                std::memcpy(pixels + y * pitch, from, static_cast<std::size_t>(region.width()));
            }
        }
        picture.data = pixels;
        picture.row_stride = static_cast<std::ptrdiff_t>(pitch);
        return Status::ok();
    }
    picture.samples = Samples::planar_f32;
    const std::size_t plane = checked_product(padded, rows);
    const auto channels = static_cast<std::size_t>(array.channels);
    float* const out = decoded_.reserve<float>(checked_product(plane, channels));
    for (std::size_t y = 0; y < rows; ++y, from += array.row_stride) {
        const auto* const values = reinterpret_cast<const float*>(from);
        for (std::size_t x = 0; x < static_cast<std::size_t>(region.width()); ++x)
            for (std::size_t c = 0; c < channels; ++c)
                out[c * plane + y * padded + x] = bytes ? static_cast<float>(from[x * channels + c]) : values[x * channels + c];
    }
    picture.data = reinterpret_cast<const std::uint8_t*>(out);
    picture.row_stride = static_cast<std::ptrdiff_t>(padded * sizeof(float));
    picture.plane_stride = static_cast<std::ptrdiff_t>(plane * sizeof(float));
    return Status::ok();
}

Status Renderer::load(const Record& record, const Program& program, std::size_t row, Picture& picture, int& denominator,
                      std::optional<MemoryGate::Hold>& hold) {
    denominator = 1;
    if (!record.status.is_ok()) return record.status;
    Region seen = region_of(program, row, record.height(), record.width());
    if (record.kind == RecordKind::array && record.array.dtype == Dtype::uint8 && reads_levels(program, row, record.array.channels)) {
        const ArrayView& array = record.array;
        picture = Picture{};
        picture.samples = Samples::levels8;
        picture.data = array.data;
        picture.row_stride = array.row_stride;
        picture.channels = array.channels;
        picture.width = array.width;
        picture.height = array.height;
        picture.held = {0, 0, array.width, array.height};
        return Status::ok();
    }
    if (record.kind == RecordKind::array) {
        Margin margin;
        Warp warp{};
        const bool borders = record.array.channels == 3 && record.array.dtype == Dtype::uint8 &&
                             find_margin(program, row, 1, record.height(), record.width(), warp, margin);
        Status status = load_array(record.array, seen, margin, picture);
        if (status.is_ok() && borders) lay_border(picture, margin, warp);
        return status;
    }
    const bool is_png = record.kind == RecordKind::png;
    if (!is_png && record.kind != RecordKind::jpeg) return Status::fail(Fault::decode, "the picture was never decoded");
    if (!is_png && program.denominator.data != nullptr) denominator = static_cast<int>(*program.denominator.at(row));
    const PictureHeader& header = record.header;
    // A JPEG that lacks its end is decoded whole: only then is it known whether pixels are missing.
    if (!is_png && !header.complete) seen = {0, 0, record.width(), record.height()};
    const int height = divide_up(header.height, denominator), width = divide_up(header.width, denominator);
    const Region region = seen_to_stored(scaled_region(seen, denominator), header.orientation, width, height);
    Margin margin;
    Warp warp{};
    const bool color = is_png ? record.form == PngForm::rgb : program.color && !program.weigh_gray;
    const bool borders = color && header.orientation <= 1 && find_margin(program, row, denominator, height, width, warp, margin);
    Status status = enter(header, region, denominator, hold);
    if (status.is_ok()) {
        status = is_png ? png_.decode(record.bytes, record.size, record.form, region, margin, decoded_, picture)
                        : decoder_.decode(record.bytes, record.size, region, denominator, program.color, margin, decoded_, picture);
    }
    if (status.is_ok()) orient(picture, header.orientation, oriented_);
    if (status.is_ok() && borders) lay_border(picture, margin, warp);
    if (status.is_ok() && program.weigh_gray && picture.samples == Samples::color8x4) weigh_gray(picture, gray_);
    return status;
}

// Takes the memory for a picture, or waits for it. What was made of a picture's region is never much more than itself.
Status Renderer::enter(const PictureHeader& header, const Region& region, int denominator, std::optional<MemoryGate::Hold>& hold) {
    if (gate_ == nullptr) return Status::ok();
    const auto scale = static_cast<std::size_t>(denominator);
    const std::size_t pixels = checked_product(static_cast<std::size_t>(header.width), static_cast<std::size_t>(header.height)) / (scale * scale);
    const std::size_t seen = std::min(pixels, checked_product(static_cast<std::size_t>(region.width()), static_cast<std::size_t>(region.height())));
    std::size_t bytes = checked_product(seen, header.orientation > 1 ? 2 * kPixelBytes : kPixelBytes);
    if (header.progressive) bytes += checked_product(pixels * scale * scale, kCoefficientBytes);
    if (bytes > gate_->limit())
        return Status::fail(Fault::too_large, describe(header.height, header.width) + " takes " + std::to_string(bytes) + " bytes to decode, over the " +
                                                  std::to_string(gate_->limit()) + " that there are for it; raise Loader(memory=)");
    hold.emplace(*gate_, bytes);
    return Status::ok();
}

}  // namespace imagefeed
