#include "render.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstring>
#include <string>

#include "levels.hpp"
#include "rows.hpp"

namespace imagefeed {
namespace {

// What one buffer keeps from record to record, at most; and that as a share of what all workers may take.
constexpr std::size_t kKeptMemory = std::size_t{64} << 20;
constexpr std::size_t kKeptShare = 32;
// What is stored must fit the picture: its channels, and its size where there is a value for every place.
Status check_units(const Program& program, const Slot& slot) {
    const EachSpec& each = program.store.each;
    const std::string shape = describe(slot.height, slot.width) + "x" + std::to_string(slot.channels);
    if (program.store.reverse && slot.channels != 1 && slot.channels != 3)
        return Status::fail(Fault::plan, "red and blue are exchanged, which takes 1 or 3 channels, but the picture has " + std::to_string(slot.channels));
    if (each.scale != nullptr && (each.height != slot.height || each.width != slot.width || (each.channels != 1 && each.channels != slot.channels)))
        return Status::fail(Fault::plan, "the statistics are of pictures of " + describe(each.height, each.width) + "x" + std::to_string(each.channels) + ", but this one comes out as " + shape);
    return Status::ok();
}

// Whether what is stored are the levels themselves, packed.
bool stores_levels(const StoreSpec& store, int channels) {
    if (store.reverse || store.each.scale != nullptr) return false;
    if (store.dtype != Dtype::uint8 || (store.layout != Layout::nhwc && channels > 1)) return false;
    for (int c = 0; c < channels; ++c)
        if (store.scale[c] != 1.0f || store.bias[c] != 0.0f) return false;
    return true;
}

// Whether what is stored are pixels, each channel with its scale and bias.
bool stores_pixels(const StoreSpec& store, int channels) {
    return channels == 3 && store.layout == Layout::nhwc && !store.reverse && store.each.scale == nullptr;
}

std::size_t dtype_bytes(Dtype dtype) { return dtype == Dtype::uint8 ? 1 : dtype == Dtype::float32 ? 4 : 2; }

// From one row of a channels-last slot to the next.
std::size_t slot_row_bytes(const Slot& slot, Dtype dtype) {
    return slot.row_bytes != 0 ? slot.row_bytes : static_cast<std::size_t>(slot.width) * static_cast<std::size_t>(slot.channels) * dtype_bytes(dtype);
}

}  // namespace

std::string describe(int height, int width) { return std::to_string(height) + "x" + std::to_string(width); }

Status make_warp(const WarpSpec& spec, std::size_t row, int denominator, bool levels, Warp& warp) {
    const double* const m = spec.matrix.at(row);
    for (int k = 0; k < (spec.indexed ? 6 : 9); ++k) {
        if (!std::isfinite(m[k])) return Status::fail(Fault::plan, "a warp matrix is not finite");
        warp.matrix[k] = k < 6 ? m[k] / denominator : m[k];
    }
    const std::int64_t* const size = spec.size.at(row);
    if (size[0] < 1 || size[1] < 1 || size[0] > (1 << 20) || size[1] > (1 << 20))
        return Status::fail(Fault::plan, "a warp's size is " + std::to_string(size[0]) + "x" + std::to_string(size[1]));
    warp.height = static_cast<int>(size[0]);
    warp.width = static_cast<int>(size[1]);
    warp.interpolation = spec.interpolation;
    warp.border = spec.border;
    warp.antialias = spec.antialias;
    warp.indexed = spec.indexed;
    warp.exact = spec.exact;
    std::copy_n(levels ? spec.level_fill : spec.fill, kMaxChannels, warp.fill);
    return Status::ok();
}

std::size_t Renderer::kept_memory() const { return gate_ == nullptr ? kKeptMemory : std::min(kKeptMemory, gate_->limit() / kKeptShare); }

Status Renderer::resize(const LevelsResizeSpec& spec, std::size_t row, Picture& picture) {
    const std::int64_t *const b = spec.box.at(row), *const size = spec.size.at(row);
    if (b[0] < 0 || b[1] < 0 || b[2] <= b[0] || b[3] <= b[1] || b[2] > picture.height || b[3] > picture.width)
        return Status::fail(Fault::plan, "the box to resize is not within the picture of " + describe(picture.height, picture.width));
    if (size[0] < 1 || size[1] < 1 || size[0] > (1 << 20) || size[1] > (1 << 20))
        return Status::fail(Fault::plan, "the size to resize to is " + std::to_string(size[0]) + "x" + std::to_string(size[1]));
    const Region box{static_cast<int>(b[1]), static_cast<int>(b[0]), static_cast<int>(b[3]), static_cast<int>(b[2])};
    const Picture in = picture;
    return resize_levels(in, {box, static_cast<int>(size[1]), static_cast<int>(size[0]), spec.interpolation}, levels_, picture);
}

Status Renderer::check_slot(int height, int width, int channels, const Slot& slot) const {
    if (height == slot.height && width == slot.width && channels == slot.channels) return Status::ok();
    return Status::fail(Fault::plan, "the picture comes out as " + describe(height, width) + "x" + std::to_string(channels) +
                                         " and its place in the batch is " + describe(slot.height, slot.width) + "x" +
                                         std::to_string(slot.channels));
}

void Renderer::store_row(Planes pixels, int y, const StoreSpec& store, const Slot& slot) {
    const Kernels& k = kernels();
    if (const EachSpec& each = store.each; each.scale != nullptr) {
        for (int c = 0; c < slot.channels; ++c) {
            const std::ptrdiff_t at = (static_cast<std::ptrdiff_t>(std::min(c, each.channels - 1)) * each.height + y) * each.width;
            k.scale_each(pixels.channel(c), each.scale + at, each.bias + at, slot.width);
        }
    }
    if (store.reverse && slot.channels == 3) pixels = {pixels.channel(2), -pixels.stride};
    auto* const out = static_cast<std::uint8_t*>(slot.data);
    const std::size_t bytes = dtype_bytes(store.dtype);
    const auto width = static_cast<std::size_t>(slot.width), channels = static_cast<std::size_t>(slot.channels);
    const auto line = static_cast<std::size_t>(y);
    const std::size_t row_bytes = slot_row_bytes(slot, store.dtype);
    if (store.layout == Layout::nchw && channels > 1) {
        const std::size_t plane = static_cast<std::size_t>(slot.height) * width;
        for (std::size_t c = 0; c < channels; ++c)
            k.store_plane(pixels.channel(static_cast<int>(c)), store.scale[c], store.bias[c], store.dtype, slot.width,
                          out + (c * plane + line * width) * bytes);
        return;
    }
    std::uint8_t* const row = out + line * row_bytes;
    if (channels == 1) {
        k.store_plane(pixels.channel(0), store.scale[0], store.bias[0], store.dtype, slot.width, row);
        return;
    }
    if (channels == 3) {
        k.store_rgb(pixels, store.scale, store.bias, store.dtype, slot.width, row);
        return;
    }
    auto* const packed = packed_.reserve<std::uint8_t>(width * bytes);
    for (std::size_t c = 0; c < channels; ++c) {
        k.store_plane(pixels.channel(static_cast<int>(c)), store.scale[c], store.bias[c], store.dtype, slot.width, packed);
        for (std::size_t x = 0; x < width; ++x) std::memcpy(row + (x * channels + c) * bytes, packed + x * bytes, bytes);
    }
}

void Renderer::whiten(const float* rows, std::size_t count, const Program& program, const Slot* slots) {
    const WhitenSpec& w = program.whiten;
    const Kernels& k = kernels();
    const std::size_t inner = checked_product(w.rank, count), outer = checked_product(w.values, count);
    float* const found = whitened_.reserve<float>(inner + outer);
    float* const result = found + inner;
    std::fill_n(found, inner, 0.0f);
    k.multiply_rows(rows, count, w.analysis, w.values, w.rank, found);
    if (w.synthesis != nullptr) {
        for (std::size_t i = 0; i < outer; ++i) result[i] = rows[i] * w.rest;
        k.multiply_rows(found, count, w.synthesis, w.rank, w.values, result);
    } else {
        for (std::size_t i = 0; i < count; ++i) {
            std::copy_n(found + i * w.rank, w.rank, result + i * w.values);
            std::fill_n(result + i * w.values + w.rank, w.values - w.rank, 0.0f);
        }
    }
    for (std::size_t i = 0; i < count; ++i) {
        const Slot& slot = slots[i];
        const auto width = static_cast<std::size_t>(slot.width), channels = static_cast<std::size_t>(slot.channels);
        const auto padded = static_cast<std::size_t>(round_up(slot.width, kBlock) + kBlock);
        const Planes line{planes_.reserve<float>(checked_product(padded, std::max<std::size_t>(channels, 3))), static_cast<std::ptrdiff_t>(padded)};
        const float* value = result + i * w.values;
        for (int y = 0; y < slot.height; ++y) {
            for (std::size_t x = 0; x < width; ++x)
                for (std::size_t c = 0; c < channels; ++c) line.channel(static_cast<int>(c))[x] = *value++;
            store_row(line, y, w.store, slot);
        }
    }
    k.publish();
    for (Buffer* buffer : {&whitened_, &planes_}) buffer->trim(kept_memory());
}

// Packed levels that are moved and replaced, and stay levels. What is moved goes by stripes that stay in the caches, and
// are whole cache lines of the result; what stays in its place is one long row, if there are no gaps.
Status Renderer::run_levels(const Picture& in, const Warp* warp, const Points& points, const Slot* slot, Picture& out, Buffer& memory) {
    constexpr int kStripe = 64;
    const int height = warp != nullptr ? warp->height : in.height, width = warp != nullptr ? warp->width : in.width;
    const int channels = in.channels;
    const std::ptrdiff_t packed = static_cast<std::ptrdiff_t>(width) * channels;
    const std::ptrdiff_t row_bytes = slot != nullptr && slot->row_bytes != 0 ? static_cast<std::ptrdiff_t>(slot->row_bytes) : packed;
    out = in;
    out.width = width;
    out.height = height;
    out.held = {0, 0, width, height};
    out.row_stride = row_bytes;
    const std::size_t bytes = checked_product(static_cast<std::size_t>(row_bytes), static_cast<std::size_t>(height));
    if (bytes > static_cast<std::size_t>(1) << 30) return Status::fail(Fault::too_large, "a picture of " + describe(height, width) + " is too large");
    auto* const pixels = slot != nullptr ? static_cast<std::uint8_t*>(slot->data) : memory.reserve<std::uint8_t>(bytes);
    out.data = pixels;
    std::uint8_t made[256 * kMaxChannels];
    points.make_tables(made);
    const std::uint8_t* const tables = tables_are_plain(made, channels) ? nullptr : made;
    Move move{};
    const bool moves = warp != nullptr && as_move(*warp, move);
    if (moves && tables == nullptr && row_bytes == packed && copy_moved(in, *warp, move, pixels)) {
        // that was all
    } else if (moves) {
        auto* const stripe = stripe_.reserve<std::uint8_t>(static_cast<std::size_t>(packed) * kStripe);
        for (int y = 0; y < height; y += kStripe) {
            const int lines = std::min(kStripe, height - y);
            move_pixels(in, *warp, move, y, y + lines, stripe);
            if (row_bytes == packed) {
                replace_levels(stripe, tables, lines * width, channels, pixels + y * row_bytes);
            } else {
                for (int k = 0; k < lines; ++k) replace_levels(stripe + k * packed, tables, width, channels, pixels + (y + k) * row_bytes);
            }
        }
    } else if (in.row_stride == packed && row_bytes == packed) {
        replace_levels(in.data, tables, height * width, channels, pixels);
    } else {
        for (int y = 0; y < height; ++y) replace_levels(in.data + y * in.row_stride, tables, width, channels, pixels + y * row_bytes);
    }
    points.paint(pixels, row_bytes, height, width);
    return Status::ok();
}

// Packed levels that become others row by row, straight into their slot.
Status Renderer::run_level_rows(const Picture& in, Head& head, const Points& points, const Slot& slot) {
    if (Status status = check_slot(in.height, in.width, in.channels, slot); !status.is_ok()) return status;
    auto* stored = static_cast<std::uint8_t*>(slot.data);
    if (head.has_level_rows()) head.begin_level_rows();
    for (int y = 0; y < in.height; ++y, stored += slot_row_bytes(slot, Dtype::uint8)) {
        if (head.has_level_rows()) head.level_row(y, stored);
        else points.mix(in.data + y * in.row_stride, in.width, stored);
    }
    return Status::ok();
}

Status Renderer::run_pass(Picture in, const PassSpec& pass, bool first, std::size_t row, int denominator, const Program& program,
                          const Slot* slot, Picture& out, Buffer& memory) {
    Head head(pass.head, row, head_);
    if (Status status = head.prepare(in, decoder_); !status.is_ok()) return status;
    if (Status status = Points::check(pass, row, in.channels); !status.is_ok()) return status;
    const Points points(pass, row, in.channels, points_);
    if (slot != nullptr && !pass.has_warp && in.samples == Samples::levels8 && stores_levels(program.store, in.channels) &&
        (head.has_level_rows() ? points.empty() : !head.has_rows() && points.are_mixing()))
        return run_level_rows(in, head, points, *slot);
    head.settle(in);
    if (slot == nullptr && !pass.has_warp && !head.has_rows() && points.empty()) {
        out = in;
        return Status::ok();
    }
    Warp warp{};
    warp.height = in.held.height();
    warp.width = in.held.width();
    Picture shrunk;
    Move move{};
    if (pass.has_warp) {
        Status status = make_warp(pass.warp, row, denominator, in.samples != Samples::planar_f32, warp);
        if (!status.is_ok()) return status;
    }
    const bool moves = !pass.has_warp || (in.samples == Samples::levels8 && as_move(warp, move));
    if (slot != nullptr) {
        if (Status status = check_slot(warp.height, warp.width, in.channels, *slot); !status.is_ok()) return status;
        if (Status status = check_units(program, *slot); !status.is_ok()) return status;
    }
    if (in.samples == Samples::levels8 && moves && !head.has_rows() && points.are_tables() &&
        (slot != nullptr ? stores_levels(program.store, in.channels) : points.leave_levels()))
        return run_levels(in, pass.has_warp ? &warp : nullptr, points, slot, out, memory);
    if (pass.has_warp) {
        // Only the stored picture is sampled as eight bits: what was made of it is numbers between levels.
        if (first && !FixedRows::fits(in, warp)) in = to_samples(in, samples_);
        else if (!first && in.samples != Samples::planar_f32) in = to_planes(in, 0, samples_);
        if (Status status = Sampler::prepare(in, warp, sampler_, shrunk); !status.is_ok()) return status;
    }
    // One block more than a row: samplers write whole blocks.
    const auto padded = static_cast<std::size_t>(round_up(warp.width, kBlock) + kBlock);
    const auto channels = static_cast<std::size_t>(in.channels);
    const auto lines = static_cast<std::size_t>(warp.height);
    const std::size_t plane = slot != nullptr ? padded : checked_product(padded, lines);
    float* const pixels = (slot != nullptr ? planes_ : memory).reserve<float>(checked_product(plane, std::max<std::size_t>(channels, 3)));
    std::optional<Sampler> sampler;
    if (pass.has_warp) sampler.emplace(in, warp, sampler_, shrunk);
    // What is sampled is stored as it is: there is no need to take the channels apart.
    const bool straight = slot != nullptr && sampler && points.empty() && stores_pixels(program.store, in.channels);
    for (int y = 0; y < warp.height; ++y) {
        const Planes line{pixels + (slot != nullptr ? 0 : static_cast<std::size_t>(y) * padded), static_cast<std::ptrdiff_t>(plane)};
        if (slot != nullptr && sampler && points.empty() && sampler->repeats(y) && program.store.each.scale == nullptr && program.store.layout == Layout::nhwc) {
            const std::size_t bytes = static_cast<std::size_t>(slot->width) * channels * dtype_bytes(program.store.dtype);
            auto* const stored = static_cast<std::uint8_t*>(slot->data) + static_cast<std::size_t>(y) * bytes;
            std::memcpy(stored, stored - bytes, bytes);
            continue;
        }
        if (straight) {
            if (const float* const row = sampler->interleaved(y)) {
                auto* const stored = static_cast<std::uint8_t*>(slot->data) + static_cast<std::size_t>(y) * slot_row_bytes(*slot, program.store.dtype);
                kernels().store_x4(row, program.store.scale, program.store.bias, program.store.dtype, slot->width, stored);
                continue;
            }
        }
        if (sampler) {
            sampler->row(y, line);
        } else if (head.has_rows()) {
            head.row(y, line);
        } else {
            plain_row(in, y, line);
        }
        points.apply(y, warp.width, line);
        if (slot != nullptr) store_row(line, y, program.store, *slot);
    }
    out = Picture{};
    out.samples = Samples::planar_f32;
    out.channels = in.channels;
    out.width = warp.width;
    out.height = warp.height;
    out.held = {0, 0, warp.width, warp.height};
    out.data = reinterpret_cast<const std::uint8_t*>(pixels);
    out.row_stride = static_cast<std::ptrdiff_t>(padded * sizeof(float));
    out.plane_stride = static_cast<std::ptrdiff_t>(plane * sizeof(float));
    return Status::ok();
}

Status Renderer::render(const Record& record, const Program& program, std::size_t row, const Slot& slot) {
    using Clock = std::chrono::steady_clock;
    const auto begin = Clock::now();
    Picture picture;
    int denominator = 1;
    std::optional<MemoryGate::Hold> hold;
    Status status = load(record, program, row, picture, denominator, hold);
    decode_nanoseconds = std::chrono::duration_cast<std::chrono::nanoseconds>(Clock::now() - begin).count();
    if (status.is_ok() && program.resize.size.data != nullptr) status = resize(program.resize, row, picture);
    std::size_t next = 0;  // of the two intermediate pictures, the one that is not being read
    for (std::size_t k = 0; status.is_ok() && k < program.passes.size(); ++k) {
        const bool last = k + 1 == program.passes.size();
        Picture out;
        status = run_pass(picture, program.passes[k], k == 0, row, k == 0 ? denominator : 1, program, last ? &slot : nullptr, out,
                          intermediate_[next]);
        if (out.data == intermediate_[next].reserve<std::uint8_t>(0)) next = 1 - next;
        picture = out;
    }
    kernels().publish();
    const std::size_t kept = kept_memory();
    for (Buffer* buffer : {&decoded_, &oriented_, &gray_, &levels_.half, &levels_.full, &sampler_.shrunk, &sampler_.fixed.ring, &samples_, &head_.levels, &head_.made,
                           &head_.work, &head_.samples, &head_.planes, &head_.kept, &head_.sum, &intermediate_[0], &intermediate_[1]})
        buffer->trim(kept);
    png_.trim(kept);
    return status;
}

}  // namespace imagefeed
