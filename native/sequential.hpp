// A JPEG from its bits to pixels, row of MCUs after row of MCUs; libjpeg reads the header. So samples stay in the nearest caches
// between the steps, and chroma is enlarged and made color in one.
#pragma once

#include <cstddef>
#include <cstdint>

#include "mcu_rows.hpp"
#include "scan_reader.hpp"

namespace imagefeed {

// For what McuRows take. What is wrong with a file is not judged here: whoever called decodes it again without this.
class SequentialDecoder {
public:
    // Decodes a region, which begins at an MCU's column, to four bytes a pixel. False at the first fault.
    bool decode(const jpeg_decompress_struct& info, CodeTables& tables, const Region& region, std::uint8_t* pixels, std::size_t pitch);
    // Whether the last file was left because of a fault.
    bool found_fault() const { return fault_; }
    void forget_fault() { fault_ = false; }

private:
    bool decode_rows(const Region& region, std::uint8_t* pixels, std::size_t pitch);

    ScanReader reader_;
    McuRows samples_;
    bool fault_ = false;
};

}  // namespace imagefeed
