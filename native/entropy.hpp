// The Huffman-coded bits of a JPEG, read here instead of in libjpeg: they are more than half of what decoding costs, and have
// to be read for every pixel above a region, needed or not. libjpeg keeps all the rest: headers, inverse transform,
// upsampling, color.
#pragma once

#include <cstddef>
#include <cstdint>

#include "code_tables.hpp"
#include "libjpeg.hpp"
#include "scan.hpp"

namespace imagefeed {

// Reads the scan of a sequential, interleaved, 8-bit JPEG, and gives libjpeg the coefficients that its own decoder would
// give. What is wrong with a file is not judged here: the first fault leaves by libjpeg's error exit, and whoever called
// decodes the file again without this.
class EntropyDecoder {
public:
    EntropyDecoder() = default;
    EntropyDecoder(const EntropyDecoder&) = delete;
    EntropyDecoder& operator=(const EntropyDecoder&) = delete;

    // Takes the place of libjpeg's decoder, between jpeg_start_decompress and the first row. False, and nothing has
    // changed, if the scan is of another kind.
    bool attach(jpeg_decompress_struct& info, CodeTables& tables);
    // Of every row of MCUs only these columns are used, half-open; the coefficients of others stay zero.
    void keep_columns(unsigned first, unsigned end);
    // Reads what was put off of the rows that libjpeg has taken; false at a fault.
    bool finish() {
        fault_ = !catch_up();
        return !fault_;
    }
    // Whether the last scan was left because of a fault.
    bool found_fault() const { return fault_; }
    void forget_fault() { fault_ = false; }

private:
    static boolean decode_mcu(j_decompress_ptr info, JBLOCKROW* blocks);
    bool read(JBLOCKROW* blocks);
    bool catch_up();
    void leap();
    void clean_more();
    bool restart();
    std::ptrdiff_t bits_left() const;

    // A 0xFF of the data is followed by a zero, that it is no marker. `clean_` is the data without those, a part at a time.
    static constexpr std::size_t kPart = 1 << 14;
    std::uint8_t clean_[kMostMcuBytes + kPart + kMostMcuBytes];
    std::uint8_t* clean_end_ = clean_;
    const std::uint8_t* stored_ = nullptr;  // what has not been cleaned yet
    const std::uint8_t* stored_end_ = nullptr;
    bool at_marker_ = false;

    Scan scan_{};
    unsigned restart_interval_ = 0, until_restart_ = 0, next_restart_ = 0;  // in MCUs; an interval of 0: no restarts
    std::size_t put_off_ = 0;  // MCUs that nobody has needed yet
    unsigned column_ = 0, columns_ = 0, first_kept_ = 0, end_kept_ = 0;
    bool fault_ = false;
};

}  // namespace imagefeed
