// A JPEG whose scan is cut by restart markers, as the cache keeps them: every interval can be read by itself. Reading bits is
// a chain of steps that wait for each other, so two intervals are read at a time, and none that a region does not need.
// libjpeg reads the header; all the rest is done here.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "buffer.hpp"
#include "code_tables.hpp"
#include "image.hpp"
#include "libjpeg.hpp"
#include "scan.hpp"

namespace imagefeed {

// Reads sequential 4:2:0 color, at full size, and gives the pixels that libjpeg gives (accurate transform, chroma enlarged
// by the triangle kernel). What is wrong with a file is not judged here: whoever called decodes it again without this.
class IntervalDecoder {
public:
    // Whether it takes a region of the file whose header libjpeg has just read. What it makes first of a region stays in the
    // processor's caches, so there is a most; and some processors are left to libjpeg.
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
    bool transform(unsigned mcu, const std::int16_t* coefficients);
    bool read_all();
    void color(const Region& region, std::uint8_t* pixels, std::size_t pitch) const;

    unsigned columns_ = 0, rows_ = 0, interval_ = 0;  // in MCUs
    Region needed_;                                   // MCUs
    int chroma_height_ = 0;                           // of the whole picture
    const std::uint16_t* divisors_[3] = {};
    Reader readers_[2] = {};
    std::vector<Part> parts_;
    std::size_t next_part_ = 0;
    Buffer clean_, planes_;
    std::size_t clean_size_ = 0;
    std::vector<std::uint8_t*> lines_[3];  // of the planes
    bool fault_ = false;
};

}  // namespace imagefeed
