#include "jpeg.hpp"

#include <algorithm>
#include <csetjmp>
#include <cstdio>
#include <cstring>
#include <string>

#include "libjpeg.hpp"
// jerror.h needs jpeglib.h before it.
#include <jerror.h>

#include "exif.hpp"
#include "rows.hpp"
#include "takeover.hpp"

namespace imagefeed {
namespace {

// A progressive file may repeat scans without end; no encoder writes nearly as many.
constexpr int kMostScans = 500;
constexpr int kRowsPerRead = 16;

struct ErrorManager {
    jpeg_error_mgr base;
    std::jmp_buf jump;
    bool hit_end_of_file;
    bool missing_data;
};

ErrorManager& manager(j_common_ptr info) { return *reinterpret_cast<ErrorManager*>(info->err); }

[[noreturn]] void on_error(j_common_ptr info) { std::longjmp(manager(info).jump, 1); }

// Negative levels are warnings about corrupt data, which libjpeg would print and go on.
void on_message(j_common_ptr info, int level) {
    if (level >= 0) return;
    ErrorManager& errors = manager(info);
    errors.base.num_warnings++;
    if (errors.base.msg_code == JWRN_JPEG_EOF) errors.hit_end_of_file = true;
    if (errors.base.msg_code == JWRN_HIT_MARKER) errors.missing_data = true;
}

void on_progress(j_common_ptr info) {
    if (!info->is_decompressor) return;
    auto* decompress = reinterpret_cast<j_decompress_ptr>(info);
    if (decompress->input_scan_number > kMostScans) {
        info->err->msg_code = JERR_BAD_PROGRESSION;
        info->err->error_exit(info);
    }
}

// A camera may leave padding after the end-of-image marker, so the tail is searched, not only the last bytes.
bool has_end_marker(const std::uint8_t* data, std::size_t size) {
    const std::size_t first = size > 4096 ? size - 4096 : 0;
    for (std::size_t i = size; i >= first + 2; --i) {
        if (data[i - 2] == 0xFF && data[i - 1] == JPEG_EOI) return true;
    }
    return false;
}

}  // namespace

bool looks_like_jpeg(const std::uint8_t* data, std::size_t size) {
    return size >= 3 && data[0] == 0xFF && data[1] == 0xD8 && data[2] == 0xFF;
}

struct JpegDecoder::Impl {
    jpeg_decompress_struct info;
    ErrorManager errors;
    jpeg_progress_mgr progress;
    Takeover takeover;

    // A picture that ended in an exception (no memory) may have left the decompressor half way.
    void begin() {
        jpeg_abort_decompress(&info);
        errors.hit_end_of_file = errors.missing_data = false;
        errors.base.num_warnings = 0;
        takeover.entropy.forget_fault();
        takeover.intervals.forget_fault();
        takeover.sequential.forget_fault();
    }

    Status failure(Fault fault, const char* what) {
        char text[JMSG_LENGTH_MAX];
        (*errors.base.format_message)(reinterpret_cast<j_common_ptr>(&info), text);
        jpeg_abort_decompress(&info);
        return Status::fail(fault, std::string(what) + text);
    }
};

JpegDecoder::JpegDecoder() : impl_(std::make_unique<Impl>()) {
    Impl& d = *impl_;
    std::memset(&d.info, 0, sizeof d.info);
    d.info.err = jpeg_std_error(&d.errors.base);
    d.errors.base.error_exit = on_error;
    d.errors.base.emit_message = on_message;
    if (setjmp(d.errors.jump)) throw std::bad_alloc();  // creating allocates, and nothing else can fail
    jpeg_create_decompress(&d.info);
    d.info.client_data = &d.takeover;
    std::memset(&d.progress, 0, sizeof d.progress);
    d.progress.progress_monitor = on_progress;
    d.info.progress = &d.progress;
}

JpegDecoder::~JpegDecoder() { jpeg_destroy_decompress(&impl_->info); }

Status JpegDecoder::read_header(const std::uint8_t* data, std::size_t size, PictureHeader& header) {
    Impl& d = *impl_;
    d.begin();
    if (setjmp(d.errors.jump)) return d.failure(Fault::decode, "");
    jpeg_mem_src(&d.info, const_cast<std::uint8_t*>(data), static_cast<unsigned long>(size));
    jpeg_save_markers(&d.info, JPEG_APP0 + 1, 0xFFFF);
    jpeg_read_header(&d.info, TRUE);
    header.width = static_cast<int>(d.info.image_width);
    header.height = static_cast<int>(d.info.image_height);
    header.components = d.info.num_components;
    header.supported = d.info.data_precision == 8 && !d.info.arith_code &&
                       (d.info.jpeg_color_space == JCS_GRAYSCALE || d.info.jpeg_color_space == JCS_YCbCr ||
                        d.info.jpeg_color_space == JCS_RGB);
    header.progressive = d.info.progressive_mode != FALSE;
    header.orientation = 1;
    for (auto* marker = d.info.marker_list; marker != nullptr; marker = marker->next) {
        const int orientation = exif_orientation(marker->data, marker->data_length);
        if (orientation != 0) header.orientation = orientation;
    }
    header.complete = has_end_marker(data, size);
    jpeg_abort_decompress(&d.info);
    return Status::ok();
}

Status JpegDecoder::decode(const std::uint8_t* data, std::size_t size, Region region, int denominator, bool color,
                           const Margin& margin, Buffer& memory, Picture& picture, BitReader reader) {
    Status status = decode_once(data, size, region, denominator, color, margin, memory, picture, reader);
    // What to make of a damaged file is left to libjpeg, from its first bit on.
    if (impl_->takeover.found_fault() && reader == BitReader::best)
        status = decode_once(data, size, region, denominator, color, margin, memory, picture, BitReader::libjpeg);
    return status;
}

Status JpegDecoder::decode_once(const std::uint8_t* data, std::size_t size, Region region, int denominator, bool color,
                                const Margin& margin, Buffer& memory, Picture& picture, BitReader reader) {
    Impl& d = *impl_;
    d.begin();
    if (setjmp(d.errors.jump)) return d.failure(Fault::decode, "");
    jpeg_save_markers(&d.info, JPEG_APP0 + 1, 0);
    jpeg_mem_src(&d.info, const_cast<std::uint8_t*>(data), static_cast<unsigned long>(size));
    jpeg_read_header(&d.info, TRUE);
    d.info.out_color_space = color ? JCS_EXT_RGBX : JCS_GRAYSCALE;
    d.info.scale_num = 1;
    d.info.scale_denom = static_cast<unsigned>(denominator);
    d.info.dct_method = JDCT_ISLOW;
    d.info.do_fancy_upsampling = TRUE;
    jpeg_calc_output_dimensions(&d.info);
    picture.width = static_cast<int>(d.info.output_width);
    picture.height = static_cast<int>(d.info.output_height);
    region.x0 = std::clamp(region.x0, 0, picture.width - 1);
    region.y0 = std::clamp(region.y0, 0, picture.height - 1);
    region.x1 = std::clamp(region.x1, region.x0 + 1, picture.width);
    region.y1 = std::clamp(region.y1, region.y0 + 1, picture.height);
    // libjpeg begins at a column of MCUs, whatever is asked for.
    const int mcu = least_scaled_size(d.info) * (d.info.num_components == 1 ? 1 : d.info.max_h_samp_factor);
    region.x0 -= region.x0 % mcu;

    std::uint8_t* const pixels = begin_pixels(color, region, margin, memory, picture);
    const auto pitch = static_cast<std::size_t>(picture.row_stride);
    if (color && denominator == 1 && reader != BitReader::libjpeg && McuRows::take(d.info, region)) {
        Takeover& t = d.takeover;
        const bool done = IntervalDecoder::takes(d.info, region) ? t.intervals.decode(d.info, t.tables, region, pixels, pitch)
                                                                 : t.sequential.decode(d.info, t.tables, region, pixels, pitch);
        jpeg_abort_decompress(&d.info);
        return done ? Status::ok() : Status::fail(Fault::decode, "a scan with a fault");
    }
    return read_rows(region, pixels, pitch, reader);
}

// The rest of it by libjpeg, but for what is done in its place.
Status JpegDecoder::read_rows(const Region& region, std::uint8_t* pixels, std::size_t pitch, BitReader reader) {
    Impl& d = *impl_;
    if (setjmp(d.errors.jump)) return d.failure(Fault::decode, "");
    jpeg_start_decompress(&d.info);
    const bool ours = reader != BitReader::libjpeg && d.takeover.entropy.attach(d.info, d.takeover.tables);
    if (!ours && reader == BitReader::ours) {
        jpeg_abort_decompress(&d.info);
        return Status::fail(Fault::decode, "a scan that only libjpeg reads");
    }
    if (reader != BitReader::libjpeg) d.takeover.inverse.attach(d.info);
    if (region.width() < static_cast<int>(d.info.output_width)) {
        JDIMENSION x = static_cast<JDIMENSION>(region.x0), columns = static_cast<JDIMENSION>(region.width());
        jpeg_crop_scanline(&d.info, &x, &columns);
        if (ours) {
            const auto mcu = static_cast<unsigned>(least_scaled_size(d.info) * (d.info.comps_in_scan == 1 ? 1 : d.info.max_h_samp_factor));
            d.takeover.entropy.keep_columns(x / mcu, (x + columns + mcu - 1) / mcu);
        }
    }
    if (region.y0 > 0) jpeg_skip_scanlines(&d.info, static_cast<JDIMENSION>(region.y0));
    JSAMPROW rows[kRowsPerRead];
    for (int done = 0; done < region.height();) {
        const int wanted = std::min(kRowsPerRead, region.height() - done);
        for (int k = 0; k < wanted; ++k) rows[k] = pixels + static_cast<std::size_t>(done + k) * pitch;
        const int got = static_cast<int>(jpeg_read_scanlines(&d.info, rows, static_cast<JDIMENSION>(wanted)));
        if (got == 0) break;
        done += got;
    }
    if (ours && !d.takeover.entropy.finish()) return d.failure(Fault::decode, "");
    // libjpeg fills what a cut-off file lacks with gray and goes on; nobody wants to train on that.
    const bool truncated = d.errors.hit_end_of_file && (d.errors.missing_data || d.info.progressive_mode);
    jpeg_abort_decompress(&d.info);
    if (truncated) return Status::fail(Fault::decode, "the file is truncated: picture data ends early");
    return Status::ok();
}

}  // namespace imagefeed
