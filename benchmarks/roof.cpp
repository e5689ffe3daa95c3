// The roof: what the same cores reach when they only decode (or only convert) and do nothing else.
//
// Full pictures, accurate integer DCT, fancy upsampling, RGB: the pixels that Pillow gives. The files
// lie in memory already. Threads take the next picture from one counter.

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <csetjmp>
#include <thread>
#include <vector>

#include <jpeglib.h>

namespace {

struct ErrorManager {
    jpeg_error_mgr base;
    std::jmp_buf escape;
};

void leave(j_common_ptr info) { std::longjmp(reinterpret_cast<ErrorManager*>(info->err)->escape, 1); }
void stay_silent(j_common_ptr) {}

bool decode(const uint8_t* data, size_t size, std::vector<uint8_t>& pixels) {
    jpeg_decompress_struct info;
    ErrorManager errors;
    info.err = jpeg_std_error(&errors.base);
    errors.base.error_exit = leave;
    errors.base.output_message = stay_silent;
    jpeg_create_decompress(&info);
    if (setjmp(errors.escape)) {
        jpeg_destroy_decompress(&info);
        return false;
    }
    jpeg_mem_src(&info, data, size);
    jpeg_read_header(&info, TRUE);
    info.out_color_space = JCS_RGB;
    info.dct_method = JDCT_ISLOW;
    info.do_fancy_upsampling = TRUE;
    jpeg_start_decompress(&info);
    const size_t stride = size_t{3} * info.output_width;
    if (pixels.size() < stride * info.output_height) pixels.resize(stride * info.output_height);
    while (info.output_scanline < info.output_height) {
        JSAMPROW rows[8];
        for (size_t i = 0; i < 8; ++i) rows[i] = pixels.data() + stride * (info.output_scanline + i);
        const JDIMENSION left = info.output_height - info.output_scanline;
        jpeg_read_scanlines(&info, rows, left < 8 ? left : 8);
    }
    jpeg_finish_decompress(&info);
    jpeg_destroy_decompress(&info);
    return true;
}

template <class Work>
void in_threads(int threads, Work work) {
    std::vector<std::thread> team;
    for (int i = 1; i < threads; ++i) team.emplace_back(work);
    work();
    for (auto& member : team) member.join();
}

}  // namespace

extern "C" {

int roof_libjpeg_version() { return LIBJPEG_TURBO_VERSION_NUMBER; }

// Decodes `count` files in `threads` threads; returns how many could not be decoded.
int roof_decode(const uint8_t* const* files, const size_t* sizes, int count, int threads) {
    std::atomic<int> next{0}, failed{0};
    in_threads(threads, [&] {
        std::vector<uint8_t> pixels;
        for (int i = next++; i < count; i = next++)
            if (!decode(files[i], sizes[i], pixels)) ++failed;
    });
    return failed;
}

// Converts `count` arrays of `values` uint8 to float32, scaled, into one batch's slots over and over.
void roof_convert(const uint8_t* arrays, int count, int values, float* batch, int batch_size, int threads) {
    std::atomic<int> next{0};
    in_threads(threads, [&] {
        for (int first = next.fetch_add(64); first < count; first = next.fetch_add(64)) {
            const int last = first + 64 < count ? first + 64 : count;
            for (int i = first; i < last; ++i) {
                const uint8_t* from = arrays + size_t(i) * size_t(values);
                float* to = batch + size_t(i % batch_size) * size_t(values);
                for (int k = 0; k < values; ++k) to[k] = float(from[k]) * (1.0f / 255.0f);
            }
        }
    });
}
}
