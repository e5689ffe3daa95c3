// The native core at work on fixed inputs, for valgrind's callgrind to count its instructions; see instructions.py.
//
//   instructions TABLE     with the kernels of that table (portable, avx2, avx512)
//
// Everything that a case needs is made first. Then each case runs once unmeasured, so that memory is there, and once
// between begin_case and end_case, at which callgrind starts and writes its counts.
#include <array>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <utility>
#include <vector>

#include <jpeglib.h>

#include "render.hpp"

using namespace imagefeed;

extern "C" {
[[gnu::noinline]] void begin_case(const char* name) { std::puts(name); }
[[gnu::noinline]] void end_case() { std::fflush(stdout); }
}

namespace {

// Waves and a little noise, from a rule: RGB of height x width.
std::vector<std::uint8_t> scene(int height, int width) {
    std::vector<std::uint8_t> pixels(static_cast<std::size_t>(height) * static_cast<std::size_t>(width) * 3);
    std::uint32_t state = 1;
    std::size_t k = 0;
    for (int y = 0; y < height; ++y) {
        for (int x = 0; x < width; ++x) {
            for (int c = 0; c < 3; ++c) {
                state = state * 1664525u + 1013904223u;
                const int wave = (x * (3 + c) + y * 2) / 7 % 128, slow = (x / 24 + y / 16 + c) % 64;
                pixels[k++] = static_cast<std::uint8_t>(wave + slow + static_cast<int>(state >> 28));
            }
        }
    }
    return pixels;
}

// As a JPEG of quality 88, 4:2:0, with libjpeg's standard tables: the same bytes wherever libjpeg is.
std::vector<std::uint8_t> compressed(std::vector<std::uint8_t> pixels, int height, int width) {
    jpeg_compress_struct info;
    jpeg_error_mgr errors;
    info.err = jpeg_std_error(&errors);
    jpeg_create_compress(&info);
    unsigned char* data = nullptr;
    unsigned long size = 0;
    jpeg_mem_dest(&info, &data, &size);
    info.image_width = static_cast<JDIMENSION>(width);
    info.image_height = static_cast<JDIMENSION>(height);
    info.input_components = 3;
    info.in_color_space = JCS_RGB;
    jpeg_set_defaults(&info);
    jpeg_set_quality(&info, 88, TRUE);
    jpeg_start_compress(&info, TRUE);
    while (info.next_scanline < info.image_height) {
        JSAMPROW row = pixels.data() + static_cast<std::size_t>(info.next_scanline) * static_cast<std::size_t>(width) * 3;
        jpeg_write_scanlines(&info, &row, 1);
    }
    jpeg_finish_compress(&info);
    jpeg_destroy_compress(&info);
    std::vector<std::uint8_t> file(data, data + size);
    std::free(data);
    return file;
}

Record stored(const std::vector<std::uint8_t>& file, Renderer& renderer) {
    Record record;
    record.bytes = file.data();
    record.size = file.size();
    inspect(record, renderer.decoder(), PngForm::none, 1 << 28);
    return record;
}

Record in_memory(const std::vector<std::uint8_t>& pixels, int height, int width) {
    Record record;
    record.kind = RecordKind::array;
    record.array = {pixels.data(), Dtype::uint8, height, width, 3, static_cast<std::ptrdiff_t>(width) * 3};
    return record;
}

// What a program's rows point at, and a program of one warp that is stored as floats from 0 to 1.
struct Work {
    std::array<double, 9> matrix;
    std::array<std::int64_t, 2> size;
    std::array<std::int64_t, 4> region;
    std::vector<PointSpec> points;
    std::vector<HeadSpec> heads;
    bool antialias = true;
    bool decode_part = false;
    Border border = Border::replicate;

    Program program() const {
        Program made;
        PassSpec pass;
        pass.has_warp = true;
        pass.warp = WarpSpec{};
        pass.warp.matrix = {matrix.data(), 0};
        pass.warp.size = {size.data(), 0};
        pass.warp.interpolation = Interpolation::bilinear;
        pass.warp.border = border;
        pass.warp.antialias = antialias;
        pass.points = points;
        made.passes.push_back(pass);
        for (const HeadSpec& head : heads) {
            PassSpec next;
            next.head = head;
            made.passes.push_back(next);
        }
        if (decode_part) made.region = {region.data(), 0};
        made.store.dtype = Dtype::float32;
        for (int c = 0; c < kMaxChannels; ++c) {
            made.store.scale[c] = 1.0f / 255.0f;
            made.store.bias[c] = 0.0f;
        }
        return made;
    }
};

// A turn by some degrees about the middles, and the scale from an output of `size` to a picture.
std::array<double, 9> turned(double degrees, std::array<std::int64_t, 2> size, int height, int width) {
    const double radians = degrees * 3.14159265358979323846 / 180, c = std::cos(radians), s = std::sin(radians);
    const double sx = static_cast<double>(width) / static_cast<double>(size[1]);
    const double sy = static_cast<double>(height) / static_cast<double>(size[0]);
    const double mx = static_cast<double>(size[1]) / 2, my = static_cast<double>(size[0]) / 2;
    return {sx * c, -sx * s, sx * (mx - c * mx + s * my), sy * s, sy * c, sy * (my - s * mx - c * my), 0, 0, 1};
}

class Cases {
public:
    void run(const char* name, const Record& record, const Work& work, int times = 1) {
        const Program program = work.program();
        const int height = static_cast<int>(work.size[0]), width = static_cast<int>(work.size[1]);
        std::vector<float> batch(static_cast<std::size_t>(height) * static_cast<std::size_t>(width) * 3);
        const Slot slot{batch.data(), height, width, 3};
        const auto once = [&] {
            for (int k = 0; k < times; ++k) {
                const Status status = renderer.render(record, program, 0, slot);
                if (status.is_ok()) continue;
                std::fprintf(stderr, "%s: %s\n", name, status.message.c_str());
                std::exit(1);
            }
        };
        once();
        begin_case(name);
        once();
        end_case();
    }

    Renderer renderer;
};

}  // namespace

int main(int count, char** names) {
    if (count != 2 || !select_kernels(names[1])) {
        std::fprintf(stderr, "instructions: no such table of kernels here\n");
        return 2;
    }
    Cases cases;
    const std::array<std::int64_t, 2> size{224, 224}, small{32, 32};
    const std::vector<std::uint8_t> file = compressed(scene(375, 500), 375, 500), large = compressed(scene(1200, 1600), 1200, 1600);
    const Record photo = stored(file, cases.renderer), wide = stored(large, cases.renderer);

    Work affine{turned(14, size, 375, 500), size, {}, {}, {}};
    cases.run("affine", photo, affine);
    affine.antialias = false;
    cases.run("affine-plain", photo, affine);

    Work crop{{1.2, 0, 101, 0, 1.1, 77, 0, 0, 1}, size, {74, 98, 327, 373}, {}, {}};
    crop.border = Border::none;
    crop.decode_part = true;
    cases.run("crop", photo, crop);

    Work part{{1, 0, 900, 0, 1, 600, 0, 0, 1}, {512, 512}, {598, 898, 1114, 1414}, {}, {}};
    part.border = Border::none;
    part.decode_part = true;
    cases.run("large", wide, part);

    const std::vector<std::uint8_t> patch = scene(32, 32), kept = scene(256, 341);
    cases.run("arrays", in_memory(patch, 32, 32), Work{turned(14, small, 32, 32), small, {}, {}, {}}, 16);
    Work cached{{0.7, 0, 41, 0, 0.9, 17, 0, 0, 1}, size, {}, {}, {}};
    cached.border = Border::none;
    cases.run("cached", in_memory(kept, 256, 341), cached);

    const std::array<float, 12> mix{0.9f, 0.1f, 0, 4, 0, 0.9f, 0.1f, 4, 0.1f, 0, 0.9f, 4};
    const std::array<float, 3> low{0, 0, 0}, high{255, 255, 255};
    const std::array<float, 2> power{1.1f, 0.9f};
    const float hue = 0.05f, deviation = 12.0f;
    const std::int64_t seed = 7;
    const std::array<float, 14> bell{0.03f, 0.11f, 0.22f, 0.28f, 0.22f, 0.11f, 0.03f, 0.03f, 0.11f, 0.22f, 0.28f, 0.22f, 0.11f, 0.03f};
    PointSpec matrix{PointSpec::Kind::color_matrix}, turn{PointSpec::Kind::hsv}, noise{PointSpec::Kind::noise};
    matrix.matrix = {mix.data(), 0};
    matrix.low = {low.data(), 0};
    matrix.high = {high.data(), 0};
    turn.hue = {&hue, 0};
    turn.saturation = turn.value = {power.data(), 0};
    noise.seed = {&seed, 0};
    noise.strength = {&deviation, 0};
    HeadSpec blur;
    blur.kind = HeadSpec::Kind::filter;
    blur.values = {bell.data(), 0};
    blur.rows = 2;
    blur.columns = 7;
    blur.separable = true;
    const Work color{{1, 0, 0, 0, 1, 0, 0, 0, 1}, size, {}, {matrix, turn, noise}, {blur}};
    cases.run("color", in_memory(kept, 256, 341), color);
    return 0;
}
