// The Huffman-coded bits of a JPEG's scan, MCU after MCU: they are more than half of what decoding costs, and have to be read
// for every pixel above a region, needed or not.
#pragma once

#include <cstddef>
#include <cstdint>

#include "scan.hpp"

namespace imagefeed {

// Reads a sequential, interleaved, 8-bit scan. What is wrong with it is not judged here: whoever called decodes the file again
// without this.
class ScanReader {
public:
    ScanReader() = default;
    ScanReader(const ScanReader&) = delete;
    ScanReader& operator=(const ScanReader&) = delete;

    // The scan's data as they are stored, up to whatever follows them; a restart interval (in MCUs) of 0: no restarts.
    void begin(const Scan& scan, const std::uint8_t* stored, const std::uint8_t* stored_end, unsigned restart_interval);
    int block_count() const { return scan_.block_count; }
    // The next MCUs are not needed. They are read when one after them is, or never, where a restart comes first.
    void put_off(std::size_t mcus) { put_off_ += mcus; }
    // The coefficients of the next MCU, added to zeros; false at the first fault.
    bool read(std::int16_t* const* blocks) { return catch_up() && read_next(blocks); }
    // Reads what was put off; false at a fault.
    bool finish() { return catch_up(); }

private:
    bool read_next(std::int16_t* const* blocks);
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
    unsigned restart_interval_ = 0, until_restart_ = 0, next_restart_ = 0;  // in MCUs
    std::size_t put_off_ = 0;                                               // MCUs
};

}  // namespace imagefeed
