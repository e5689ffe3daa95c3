#include "rows.hpp"

#include <cstring>

#include "levels.hpp"
#include "resample.hpp"

namespace imagefeed {
namespace {

std::size_t size(int value) { return static_cast<std::size_t>(value); }

// Packed samples of any count of channels, taken apart.
void unpack(const std::uint8_t* in, int count, int channels, Planes out) {
    if (channels == 3) return kernels().rgb_to_planes(in, count, out);
    if (channels == 1) return kernels().u8_to_f32(in, count, out.data);
    for (int c = 0; c < channels; ++c) {
        float* const values = out.channel(c);
        for (int x = 0; x < count; ++x) values[x] = static_cast<float>(in[x * channels + c]);
    }
}

Picture new_planes(int height, int width, int channels, int margin, Buffer& memory) {
    const std::size_t pitch = size(round_up(width + 2 * margin, kBlock) + kBlock), plane = checked_product(pitch, size(height));
    float* const first = memory.reserve<float>(checked_product(plane, size(channels)));
    std::memset(first, 0, checked_product(checked_product(plane, size(channels)), sizeof(float)));
    Picture picture;
    picture.samples = Samples::planar_f32;
    picture.width = width;
    picture.height = height;
    picture.channels = channels;
    picture.held = {0, 0, width, height};
    picture.data = reinterpret_cast<const std::uint8_t*>(first + margin);
    picture.row_stride = static_cast<std::ptrdiff_t>(pitch * sizeof(float));
    picture.plane_stride = static_cast<std::ptrdiff_t>(plane * sizeof(float));
    return picture;
}

}  // namespace

std::uint8_t* begin_pixels(bool color, const Region& region, const Margin& margin, Buffer& memory, Picture& picture) {
    const std::size_t pixel = color ? 4 : 1;
    const std::size_t pitch = checked_product(size(margin.left + region.width() + margin.right), pixel);
    auto* const pixels = memory.reserve<std::uint8_t>(checked_product(pitch, size(margin.top + region.height() + margin.bottom))) +
                         size(margin.top) * pitch + size(margin.left) * pixel;
    picture.samples = color ? Samples::color8x4 : Samples::gray8;
    picture.channels = color ? 3 : 1;
    picture.data = pixels;
    picture.row_stride = static_cast<std::ptrdiff_t>(pitch);
    picture.plane_stride = 0;
    picture.held = region;
    return pixels;
}

void plain_row(const Picture& in, int y, Planes out) {
    const std::uint8_t* const row = in.data + y * in.row_stride;
    const int count = in.held.width();
    switch (in.samples) {
        case Samples::color8x4: return kernels().u8x4_to_planes(row, count, out);
        case Samples::gray8: return kernels().u8_to_f32(row, count, out.data);
        case Samples::levels8: return unpack(row, count, in.channels, out);
        case Samples::fine16x4:
        case Samples::planar_f32:
            for (int c = 0; c < in.channels; ++c)
                std::memcpy(out.channel(c), row + c * in.plane_stride, size(count) * sizeof(float));
    }
}

Picture to_levels(const Picture& in, Buffer& memory, Buffer& row) {
    if (in.samples == Samples::levels8) return in;
    const int width = in.held.width(), height = in.held.height();
    Picture out = new_levels(height, width, in.channels, memory);
    const std::size_t stride = size(round_up(width, kBlock) + kBlock);
    float* const values = row.reserve<float>(checked_product(stride, size(in.channels + 1)));
    auto* const packed = reinterpret_cast<std::uint8_t*>(values + stride * size(in.channels));
    const float ones[kMaxChannels] = {1, 1, 1}, zeros[kMaxChannels] = {};
    for (int y = 0; y < height; ++y) {
        const Planes planes{values, static_cast<std::ptrdiff_t>(stride)};
        plain_row(in, y, planes);
        auto* const to = const_cast<std::uint8_t*>(out.data) + y * out.row_stride;
        if (in.channels == 3) {
            kernels().store_rgb(planes, ones, zeros, Dtype::uint8, width, to);
            continue;
        }
        for (int c = 0; c < in.channels; ++c) {
            kernels().store_plane(planes.channel(c), 1.0f, 0.0f, Dtype::uint8, width, packed);
            for (int x = 0; x < width; ++x) to[x * in.channels + c] = packed[x];
        }
    }
    return out;
}

Picture to_planes(const Picture& in, int margin, Buffer& memory) {
    const int width = in.held.width(), height = in.held.height();
    const Picture out = new_planes(height, width, in.channels, margin, memory);
    for (int y = 0; y < height; ++y) {
        auto* const first = const_cast<float*>(reinterpret_cast<const float*>(out.data + y * out.row_stride));
        const Planes planes{first, out.plane_stride / static_cast<std::ptrdiff_t>(sizeof(float))};
        plain_row(in, y, planes);
        for (int c = 0; c < in.channels; ++c) {
            float* const values = planes.channel(c);
            for (int x = 1; x <= margin; ++x) {
                values[-x] = values[border_index(Border::reflect, -x, width)];
                values[width - 1 + x] = values[border_index(Border::reflect, width - 1 + x, width)];
            }
        }
    }
    return out;
}

Picture to_samples(const Picture& in, Buffer& memory) {
    if (in.samples != Samples::levels8) return in;
    const int width = in.held.width(), height = in.held.height();
    if (in.channels != 1 && in.channels != 3) return to_planes(in, 0, memory);
    Picture out = in;
    const int pixel = in.channels == 3 ? 4 : 1;
    const std::size_t pitch = size(round_up(width, kBlock) * pixel);
    auto* const pixels = memory.reserve<std::uint8_t>(checked_product(pitch, size(height)));
    for (int y = 0; y < height; ++y) {
        const std::uint8_t* const from = in.data + y * in.row_stride;
        if (pixel == 4) kernels().rgb_to_x4(from, width, pixels + size(y) * pitch);
        else std::memcpy(pixels + size(y) * pitch, from, size(width));
    }
    out.samples = pixel == 4 ? Samples::color8x4 : Samples::gray8;
    out.data = pixels;
    out.row_stride = static_cast<std::ptrdiff_t>(pitch);
    return out;
}

}  // namespace imagefeed
