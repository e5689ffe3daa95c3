#include "intervals.hpp"

#include <algorithm>
#include <cstring>

#include "kernels.hpp"

namespace imagefeed {
namespace {

// What is made before its colors are: three bytes for two pixels, in the second cache.
constexpr int kMostPixels = 1 << 18;

}  // namespace

bool IntervalDecoder::takes(const jpeg_decompress_struct& info, const Region& region) {
    return info.restart_interval > 0 && region.width() * static_cast<std::int64_t>(region.height()) <= kMostPixels;
}

bool IntervalDecoder::begin(const jpeg_decompress_struct& info, CodeTables& tables, const Region& region) {
    samples_.begin(info, region, 0);
    columns_ = static_cast<unsigned>(samples_.columns());
    rows_ = static_cast<unsigned>(samples_.rows());
    interval_ = info.restart_interval;
    Scan scan;
    if (!McuRows::begin_scan(info, tables, scan)) return false;
    for (Reader& reader : readers_) {
        reader = Reader{};
        reader.scan = scan;
        reader.open = true;
    }
    return true;
}

bool IntervalDecoder::is_needed(unsigned mcu) const {
    const int row = static_cast<int>(mcu / columns_), column = static_cast<int>(mcu % columns_);
    const Region& needed = samples_.needed();
    return row >= needed.y0 && row < needed.y1 && column >= needed.x0 && column < needed.x1;
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
    const unsigned end = static_cast<unsigned>(samples_.needed().y1) * columns_;
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

bool IntervalDecoder::read_all() {
    alignas(64) std::int16_t coefficients[2][McuRows::kBlocks * DCTSIZE2];
    std::int16_t* blocks[2][McuRows::kBlocks];
    for (int r = 0; r < 2; ++r)
        for (int b = 0; b < McuRows::kBlocks; ++b) blocks[r][b] = coefficients[r] + b * DCTSIZE2;
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
            if (open[r] && (!samples_.transform(static_cast<int>(readers_[r].next / columns_), static_cast<int>(readers_[r].next % columns_), coefficients[r]) || !finish_mcu(readers_[r]))) return false;
    }
}

bool IntervalDecoder::decode(const jpeg_decompress_struct& info, CodeTables& tables, const Region& region, std::uint8_t* pixels, std::size_t pitch) {
    const std::uint8_t* const stored = info.src->next_input_byte;
    fault_ = !begin(info, tables, region) || !find_parts(stored, stored + info.src->bytes_in_buffer) || !read_all();
    if (!fault_) samples_.color(region.y0, region.y1, pixels, pitch);
    return !fault_;
}

}  // namespace imagefeed
