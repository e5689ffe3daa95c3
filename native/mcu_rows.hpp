// Sequential 4:2:0 color at full size, which most photographs are: what is done here with what libjpeg has read of a header.
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

// The samples of rows of MCUs, and their pixels: those that libjpeg gives (accurate transform, chroma enlarged by the triangle
// kernel).
class McuRows {
public:
    // Four blocks of luma, and one of each chroma.
    static constexpr int kMcu = 16, kBlocks = 6;

    // Whether this is for a region of the file whose header libjpeg has just read. Some processors are left to libjpeg.
    static bool take(const jpeg_decompress_struct& info, const Region& region);
    // How the scan is made up; false where its codes are none that an encoder makes.
    static bool begin_scan(const jpeg_decompress_struct& info, CodeTables& tables, Scan& scan);

    // For a region that begins at an MCU's column. Of so many rows of MCUs there are samples at a time, each in the place of an
    // earlier one; 0 for all.
    void begin(const jpeg_decompress_struct& info, const Region& region, int kept);
    // In MCUs, of the whole picture and of what the region needs.
    int columns() const { return columns_; }
    int rows() const { return rows_; }
    const Region& needed() const { return needed_; }

    // False where samples overflow, which those of damaged files do.
    bool transform(int row, int column, const std::int16_t* coefficients);
    // Rows [first, last) of the region's pixels, of four bytes each.
    void color(int first, int last, std::uint8_t* pixels, std::size_t pitch) const;

private:
    static constexpr int kBlockSide = 8;

    Region region_, needed_;
    int columns_ = 0, rows_ = 0;
    int chroma_height_ = 0;  // of the whole picture
    const std::uint16_t* divisors_[3] = {};
    Buffer planes_;
    std::vector<std::uint8_t*> lines_[3];
};

}  // namespace imagefeed
