// A JPEG whose scan is cut by restart markers, as the cache keeps them: every interval can be read by itself. Reading bits is
// a chain of steps that wait for each other, so two intervals are read at a time, and none that a region does not need.
// libjpeg reads the header; all the rest is done here.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "buffer.hpp"
#include "mcu_rows.hpp"

namespace imagefeed {

// For what McuRows take. What is wrong with a file is not judged here: whoever called decodes it again without this.
class IntervalDecoder {
public:
    // Whether it is for this region of a file too. The samples of all of it must stay in the processor's caches.
    static bool takes(const jpeg_decompress_struct& info, const Region& region);
    // Decodes a region, which begins at an MCU's column, to four bytes a pixel. False at the first fault.
    bool decode(const jpeg_decompress_struct& info, CodeTables& tables, const Region& region, std::uint8_t* pixels, std::size_t pitch);
    // Whether the last file was left because of a fault.
    bool found_fault() const { return fault_; }
    void forget_fault() { fault_ = false; }

private:
    // An interval that is needed: where its bits are, and its MCUs up to the last one that is needed.
    struct Part {
        std::size_t begin, end;
        unsigned first, last;
        bool whole;  // up to the marker after it
    };
    // One of the two that are read.
    struct Reader {
        Scan scan;
        const std::uint8_t* end;
        unsigned next, last;
        bool whole, open;
    };

    bool begin(const jpeg_decompress_struct& info, CodeTables& tables, const Region& region);
    bool find_parts(const std::uint8_t* stored, const std::uint8_t* stored_end);
    void clean(const std::uint8_t* stored, const std::uint8_t* stored_end);
    bool is_needed(unsigned mcu) const;
    bool forward(Reader& reader);
    bool finish_mcu(Reader& reader) const;
    bool read_all();

    McuRows samples_;
    unsigned columns_ = 0, rows_ = 0, interval_ = 0;  // in MCUs
    Reader readers_[2] = {};
    std::vector<Part> parts_;
    std::size_t next_part_ = 0;
    Buffer clean_;
    std::size_t clean_size_ = 0;
    bool fault_ = false;
};

}  // namespace imagefeed
