#include "intervals.hpp"

#include <algorithm>
#include <cstring>

#include "kernels.hpp"

namespace imagefeed {
namespace {

// A 4:2:0 MCU: four blocks of luma and one of each chroma.
constexpr int kMcu = 16, kBlockSide = 8, kBlocks = 6;
// What is made before its colors are: three bytes for two pixels, in the second cache.
constexpr int kMostPixels = 1 << 18;
// libjpeg enlarges chroma that is no wider than this in another way.
constexpr int kNarrowChroma = 2;

int divide_up(int value, int by) { return (value + by - 1) / by; }

bool has_420_scan(const jpeg_decompress_struct& info) {
    if (info.num_components != 3 || info.comps_in_scan != 3) return false;
    for (int k = 0; k < 3; ++k) {
        const jpeg_component_info& component = info.comp_info[k];
        const int side = k == 0 ? 2 : 1;
        if (info.cur_comp_info[k] != &component || component.h_samp_factor != side || component.v_samp_factor != side) return false;
        if (info.quant_tbl_ptrs[component.quant_tbl_no] == nullptr) return false;
    }
    return info.Ss == 0 && info.Se == DCTSIZE2 - 1 && info.Ah == 0 && info.Al == 0;
}

}  // namespace

bool IntervalDecoder::takes(const jpeg_decompress_struct& info, const Region& region) {
    return kernels().inverse_dct != nullptr && info.restart_interval > 0 && !info.progressive_mode && !info.arith_code &&
           info.data_precision == 8 && info.jpeg_color_space == JCS_YCbCr && has_420_scan(info) &&
           divide_up(region.width(), 2) > kNarrowChroma && region.width() <= kWidestColorRow &&
           region.width() * static_cast<std::int64_t>(region.height()) <= kMostPixels;
}

bool IntervalDecoder::begin(const jpeg_decompress_struct& info, CodeTables& tables, const Region& region) {
    columns_ = static_cast<unsigned>(divide_up(static_cast<int>(info.image_width), kMcu));
    rows_ = static_cast<unsigned>(divide_up(static_cast<int>(info.image_height), kMcu));
    interval_ = info.restart_interval;
    chroma_height_ = divide_up(static_cast<int>(info.image_height), 2);
    // Chroma is enlarged from the rows above and below a pixel's own.
    needed_ = {region.x0 / kMcu, std::max(region.y0 - 1, 0) / kMcu, divide_up(region.x1, kMcu), std::min(region.y1 / kMcu + 1, static_cast<int>(rows_))};

    Scan scan{};
    scan.block_count = kBlocks;
    for (int k = 0; k < 3; ++k) {
        const jpeg_component_info& component = info.comp_info[k];
        const CodeTable* const dc = tables.find(info.dc_huff_tbl_ptrs[component.dc_tbl_no], component.dc_tbl_no, true);
        const CodeTable* const ac = tables.find(info.ac_huff_tbl_ptrs[component.ac_tbl_no], component.ac_tbl_no, false);
        if (dc == nullptr || ac == nullptr) return false;
        for (int b = k == 0 ? 0 : 3 + k; b <= 3 + k; ++b) scan.blocks[b] = {&dc->symbols, &ac->symbols, &ac->skips, k, true, false};
        divisors_[k] = info.quant_tbl_ptrs[component.quant_tbl_no]->quantval;
    }
    for (Reader& reader : readers_) {
        reader = Reader{};
        reader.scan = scan;
        reader.open = true;
    }

    const auto width = static_cast<std::size_t>(needed_.width()), height = static_cast<std::size_t>(needed_.height());
    auto* place = planes_.reserve<std::uint8_t>(width * height * (kMcu * kMcu + 2 * kBlockSide * kBlockSide));
    for (int k = 0; k < 3; ++k) {
        const std::size_t side = k == 0 ? kMcu : kBlockSide;
        lines_[k].resize(height * side);
        for (std::uint8_t*& line : lines_[k]) {
            line = place;
            place += width * side;
        }
    }
    return true;
}

bool IntervalDecoder::is_needed(unsigned mcu) const {
    const int row = static_cast<int>(mcu / columns_), column = static_cast<int>(mcu % columns_);
    return row >= needed_.y0 && row < needed_.y1 && column >= needed_.x0 && column < needed_.x1;
}

// A 0xFF of the data is followed by a zero, that it is no marker: this is the data without those.
void IntervalDecoder::clean(const std::uint8_t* stored, const std::uint8_t* stored_end) {
    std::uint8_t* const clean = clean_.reserve<std::uint8_t>(0);
    while (stored < stored_end) {
        const auto most = static_cast<std::size_t>(stored_end - stored);
        const auto* const found = static_cast<const std::uint8_t*>(std::memchr(stored, 0xFF, most));
        const std::size_t plain = found == nullptr ? most : static_cast<std::size_t>(found + 1 - stored);
        std::memcpy(clean + clean_size_, stored, plain);
        clean_size_ += plain;
        stored += plain + (found != nullptr);
    }
}

// The intervals that hold something needed.
bool IntervalDecoder::find_parts(const std::uint8_t* stored, const std::uint8_t* stored_end) {
    parts_.clear();
    next_part_ = clean_size_ = 0;
    clean_.reserve<std::uint8_t>(static_cast<std::size_t>(stored_end - stored) + kMostMcuBytes);
    const unsigned end = std::min(rows_, static_cast<unsigned>(needed_.y1)) * columns_;
    for (unsigned first = 0, number = 0; first < end; first += interval_, ++number) {
        const std::uint8_t* marker = stored;  // the one after the interval
        for (;; marker += 2) {
            marker = static_cast<const std::uint8_t*>(std::memchr(marker, 0xFF, static_cast<std::size_t>(stored_end - marker)));
            if (marker == nullptr || stored_end - marker < 2) return false;
            if (marker[1] != 0) break;
        }
        const std::uint64_t after = std::uint64_t{first} + interval_;
        unsigned last = static_cast<unsigned>(std::min<std::uint64_t>(after, rows_ * columns_));
        const bool is_last = last == rows_ * columns_;
        if (!is_last && marker[1] != JPEG_RST0 + number % 8) return false;
        const unsigned all = last;
        while (last > first && !is_needed(last - 1)) --last;
        if (last > first) {
            const std::size_t begin = clean_size_;
            clean(stored, marker);
            parts_.push_back({begin, clean_size_, first, last, last == all && !is_last});
        }
        if (after >= end) break;
        stored = marker + 2;
    }
    std::memset(clean_.reserve<std::uint8_t>(0) + clean_size_, 0, kMostMcuBytes);
    return true;
}

// To the next MCU that is needed, in this interval or in one that nobody reads yet; `open` no longer where there is none.
bool IntervalDecoder::forward(Reader& reader) {
    while (reader.next == reader.last || !is_needed(reader.next)) {
        if (reader.next < reader.last) {
            if (!kernels().scan_mcu(reader.scan, nullptr) || !finish_mcu(reader)) return false;
            continue;
        }
        reader.open = next_part_ < parts_.size();
        if (!reader.open) return true;
        const Part& part = parts_[next_part_++];
        const std::uint8_t* const clean = clean_.reserve<std::uint8_t>(0);
        reader.scan.word = reader.scan.count = 0;
        reader.scan.next = clean + part.begin;
        std::memset(reader.scan.dc, 0, sizeof reader.scan.dc);
        reader.end = clean + part.end;
        reader.next = part.first;
        reader.last = part.last;
        reader.whole = part.whole;
    }
    return true;
}

// Whether an MCU ended before its interval did; the last one, with less than a byte of padding after it.
bool IntervalDecoder::finish_mcu(Reader& reader) const {
    ++reader.next;
    const std::ptrdiff_t left = 8 * (reader.end - reader.scan.next) + static_cast<std::ptrdiff_t>(reader.scan.count);
    return left >= 0 && (!reader.whole || reader.next < reader.last || left < 8);
}

bool IntervalDecoder::transform(unsigned mcu, const std::int16_t* coefficients) {
    const auto row = mcu / columns_ - static_cast<unsigned>(needed_.y0), column = mcu % columns_ - static_cast<unsigned>(needed_.x0);
    for (unsigned b = 0; b < kBlocks; ++b) {
        const unsigned k = b < 4 ? 0 : b - 3;
        const std::size_t line = b < 4 ? row * kMcu + b / 2 * kBlockSide : row * kBlockSide;
        const std::size_t place = b < 4 ? column * kMcu + b % 2 * kBlockSide : column * kBlockSide;
        if (!kernels().inverse_dct(coefficients + b * DCTSIZE2, divisors_[k], lines_[k].data() + line, place)) return false;
    }
    return true;
}

bool IntervalDecoder::read_all() {
    alignas(64) std::int16_t coefficients[2][kBlocks * DCTSIZE2];
    std::int16_t* blocks[2][kBlocks];
    for (int r = 0; r < 2; ++r)
        for (int b = 0; b < kBlocks; ++b) blocks[r][b] = coefficients[r] + b * DCTSIZE2;
    for (;;) {
        for (Reader& reader : readers_)
            if (reader.open && !forward(reader)) return false;
        const bool open[2] = {readers_[0].open, readers_[1].open};
        if (!open[0] && !open[1]) return true;
        std::memset(coefficients, 0, sizeof coefficients);
        if (open[0] && open[1]) {
            if (!kernels().scan_two_mcus(readers_[0].scan, blocks[0], readers_[1].scan, blocks[1])) return false;
        } else if (const int r = open[0] ? 0 : 1; !kernels().scan_mcu(readers_[r].scan, blocks[r])) {
            return false;
        }
        for (int r = 0; r < 2; ++r)
            if (open[r] && (!transform(readers_[r].next, coefficients[r]) || !finish_mcu(readers_[r]))) return false;
    }
}

void IntervalDecoder::color(const Region& region, std::uint8_t* pixels, std::size_t pitch) const {
    const int first_line = needed_.y0 * kBlockSide;
    const auto chroma = [&](int k, int y) {
        return lines_[k][static_cast<std::size_t>(std::clamp(y, 0, chroma_height_ - 1) - first_line)];
    };
    for (int y = region.y0; y < region.y1; ++y, pixels += pitch) {
        const int near = y / 2, far = near + (y % 2 == 0 ? -1 : 1);
        const ColorRow row{lines_[0][static_cast<std::size_t>(y - needed_.y0 * kMcu)], {chroma(1, near), chroma(2, near)}, {chroma(1, far), chroma(2, far)}};
        kernels().color_row(row, region.width(), pixels);
    }
}

bool IntervalDecoder::decode(const jpeg_decompress_struct& info, CodeTables& tables, const Region& region, std::uint8_t* pixels, std::size_t pitch) {
    const std::uint8_t* const stored = info.src->next_input_byte;
    fault_ = !begin(info, tables, region) || !find_parts(stored, stored + info.src->bytes_in_buffer) || !read_all();
    if (!fault_) color(region, pixels, pitch);
    return !fault_;
}

}  // namespace imagefeed
