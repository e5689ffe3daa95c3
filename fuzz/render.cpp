// A fuzz target for libFuzzer: any bytes as a stored picture, and any warp of it into a batch. See scripts/fuzz.
//
// The first bytes of the input say what is done, the rest is the file.
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <vector>

#include "png.hpp"
#include "render.hpp"

using namespace imagefeed;

namespace {

constexpr std::size_t kSaid = 12;
constexpr std::int64_t kMostPixels = 1 << 20;

// From -4 to 4.
double number(std::uint8_t byte) { return (byte - 128) / 32.0; }

Program program_of(const std::uint8_t* said, const std::array<double, 9>& matrix, const std::array<std::int64_t, 2>& size,
                   const std::array<std::int64_t, 4>& region, const std::int64_t& denominator) {
    Program program;
    PassSpec pass;
    pass.has_warp = true;
    pass.warp = WarpSpec{};
    pass.warp.matrix = {matrix.data(), 0};
    pass.warp.size = {size.data(), 0};
    // Only a warp along the axes has other interpolations than the first two; Python sees to that.
    const bool aligned = (said[2] & 1) != 0;
    pass.warp.interpolation = aligned ? static_cast<Interpolation>(said[0] % 6) : said[0] % 2 == 0 ? Interpolation::nearest : Interpolation::bilinear;
    pass.warp.border = static_cast<Border>(said[1] % 5);
    pass.warp.antialias = (said[2] & 2) != 0;
    program.passes.push_back(pass);
    program.color = (said[2] & 4) != 0;
    if ((said[2] & 8) != 0) program.region = {region.data(), 0};
    program.denominator = {&denominator, 0};
    program.store.dtype = static_cast<Dtype>(said[3] % 3);
    program.store.layout = (said[2] & 16) != 0 ? Layout::nchw : Layout::nhwc;
    for (int c = 0; c < kMaxChannels; ++c) {
        program.store.scale[c] = 1.0f / 255.0f;
        program.store.bias[c] = -0.5f;
    }
    return program;
}

std::uint32_t checksum(const std::uint8_t* data, std::size_t size) {
    std::uint32_t sum = 0xFFFFFFFFu;
    for (std::size_t k = 0; k < size; ++k) {
        sum ^= data[k];
        for (int bit = 0; bit < 8; ++bit) sum = (sum & 1) != 0 ? 0xEDB88320u ^ sum >> 1 : sum >> 1;
    }
    return ~sum;
}

// The chunks of a PNG with the checksums that they should have: what is changed in them would be refused for those alone.
void mend_checksums(std::vector<std::uint8_t>& file) {
    for (std::size_t at = 8; file.size() - at >= 12;) {
        const std::uint8_t* const p = file.data() + at;
        const std::size_t size = std::size_t{p[0]} << 24 | std::size_t{p[1]} << 16 | std::size_t{p[2]} << 8 | p[3];
        if (size > file.size() - at - 12) return;
        const std::uint32_t sum = checksum(p + 4, size + 4);
        for (std::size_t k = 0; k < 4; ++k) file[at + 8 + size + k] = static_cast<std::uint8_t>(sum >> (24 - 8 * k));
        at += 12 + size;
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t bytes) {
    static Renderer renderer;
    if (bytes <= kSaid) return 0;
    // In memory of its own size, so that reading beyond it is found.
    std::vector<std::uint8_t> file(data + kSaid, data + bytes);
    file.shrink_to_fit();
    if (looks_like_png(file.data(), file.size())) mend_checksums(file);
    Record record;
    record.bytes = file.data();
    record.size = file.size();
    const bool color = (data[2] & 4) != 0;
    inspect(record, renderer.decoder(), color ? PngForm::rgb : (data[2] & 32) != 0 ? PngForm::index : PngForm::gray, kMostPixels);
    if ((record.kind != RecordKind::jpeg && record.kind != RecordKind::png) || !record.status.is_ok()) return 0;
    const std::uint8_t* const said = data;
    const double slant = (said[2] & 1) != 0 ? 0.0 : 1.0;
    const std::array<double, 9> matrix{number(said[4]), slant * number(said[5]), 8 * number(said[6]), slant * number(said[7]),
                                       number(said[8]), 8 * number(said[9]), 0, 0, 1};
    const std::array<std::int64_t, 2> size{1 + said[10] % 64, 1 + said[11] % 64};
    const std::array<std::int64_t, 4> region{said[6], said[9], said[6] + said[10], said[9] + said[11]};
    const std::int64_t denominator = std::int64_t{1} << (said[3] >> 2) % 4;
    const Program program = program_of(said, matrix, size, region, denominator);
    const int channels = program.color ? 3 : 1;
    std::vector<float> batch(static_cast<std::size_t>(size[0] * size[1] * channels));
    renderer.render(record, program, 0, {batch.data(), static_cast<int>(size[0]), static_cast<int>(size[1]), channels});
    return 0;
}

#if defined(IMAGEFEED_REPLAY)
// Without libFuzzer: each file that is named, once.
int main(int count, char** names) {
    for (int k = 1; k < count; ++k) {
        std::ifstream file(names[k], std::ios::binary);
        const std::vector<char> bytes{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
        LLVMFuzzerTestOneInput(reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size());
    }
    std::printf("%d files\n", count - 1);
}
#endif
