// The Huffman-coded bits of a JPEG, read here instead of in libjpeg, which keeps all the rest: headers, inverse transform,
// upsampling, color.
#pragma once

#include <cstddef>
#include <cstdint>

#include "code_tables.hpp"
#include "libjpeg.hpp"
#include "scan_reader.hpp"

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
        fault_ = !reader_.finish();
        return !fault_;
    }
    // Whether the last scan was left because of a fault.
    bool found_fault() const { return fault_; }
    void forget_fault() { fault_ = false; }

private:
    static boolean decode_mcu(j_decompress_ptr info, JBLOCKROW* blocks);

    ScanReader reader_;
    unsigned column_ = 0, columns_ = 0, first_kept_ = 0, end_kept_ = 0;
    bool fault_ = false;
};

}  // namespace imagefeed
