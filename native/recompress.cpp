#include "recompress.hpp"

#include <csetjmp>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

#include <jpeglib.h>

#include "kept_codes.hpp"

namespace imagefeed {
namespace {

struct ErrorManager {
    jpeg_error_mgr base;
    std::jmp_buf jump;
};

[[noreturn]] void on_error(j_common_ptr info) { std::longjmp(reinterpret_cast<ErrorManager*>(info->err)->jump, 1); }

// What libjpeg allocates, in plain values: nothing with a destructor may live where it jumps.
struct Compression {
    jpeg_compress_struct info;
    ErrorManager errors;
    unsigned char* bytes;
    unsigned long size;
};

void state(const HuffmanCode& code, JHUFF_TBL& table) {
    std::memcpy(table.bits, code.counts, sizeof table.bits);
    std::memcpy(table.huffval, code.symbols, sizeof table.huffval);
    table.sent_table = FALSE;
}

bool run(Compression& c, const Picture& in, int quality, unsigned restart_interval) {
    if (setjmp(c.errors.jump)) return false;
    jpeg_create_compress(&c.info);
    jpeg_mem_dest(&c.info, &c.bytes, &c.size);
    c.info.image_width = static_cast<JDIMENSION>(in.width);
    c.info.image_height = static_cast<JDIMENSION>(in.height);
    c.info.input_components = in.channels;
    c.info.in_color_space = in.channels == 3 ? JCS_RGB : JCS_GRAYSCALE;
    jpeg_set_defaults(&c.info);
    jpeg_set_quality(&c.info, quality, TRUE);
    c.info.restart_interval = restart_interval;
    if (restart_interval > 0) {  // for this library to read
        state(kLumaDc, *c.info.dc_huff_tbl_ptrs[0]);
        state(kLumaAc, *c.info.ac_huff_tbl_ptrs[0]);
        state(kChromaDc, *c.info.dc_huff_tbl_ptrs[1]);
        state(kChromaAc, *c.info.ac_huff_tbl_ptrs[1]);
    }
    jpeg_start_compress(&c.info, TRUE);
    for (int y = 0; y < in.height; ++y) {
        auto* row = const_cast<JSAMPROW>(in.data + y * in.row_stride);
        jpeg_write_scanlines(&c.info, &row, 1);
    }
    jpeg_finish_compress(&c.info);
    return true;
}

}  // namespace

Status compress_jpeg(const Picture& in, int quality, unsigned restart_interval, std::vector<std::uint8_t>& file) {
    if (in.channels != 1 && in.channels != 3)
        return Status::fail(Fault::plan, "a JPEG has 1 or 3 channels, but the picture has " + std::to_string(in.channels));
    if (in.width > 65500 || in.height > 65500) return Status::fail(Fault::plan, "a JPEG has at most 65500 rows and columns");
    if (quality < 1 || quality > 100) return Status::fail(Fault::plan, "the quality of a JPEG is 1 to 100, not " + std::to_string(quality));
    if (restart_interval > 65535) return Status::fail(Fault::plan, "a restart interval is below 65536 MCUs, not " + std::to_string(restart_interval));
    Compression c{};
    c.info.err = jpeg_std_error(&c.errors.base);
    c.errors.base.error_exit = on_error;
    const bool done = run(c, in, quality, restart_interval);
    jpeg_destroy_compress(&c.info);
    if (done) file.assign(c.bytes, c.bytes + c.size);
    std::free(c.bytes);
    return done ? Status::ok() : Status::fail(Fault::plan, "the picture could not be compressed");
}

}  // namespace imagefeed
