#include "byte_products.hpp"

#include <algorithm>
#include <vector>

#include "buffer.hpp"
#include "kernels.hpp"

namespace imagefeed {
namespace {

// Pictures whose products are summed in 32 bits, and whose bytes of a panel stay in a cache.
constexpr std::size_t kTogether = 1024;
static_assert(kTogether % 4 == 0 && kTogether * 255 * 128 < std::size_t{1} << 31, "sums of whole numbers fit");

constexpr std::size_t kPanel = kProductColumns, kRows = kProductRows;
static_assert(kPanel % kRows == 0, "a panel is whole tiles of rows");

// Up to kTogether pictures.
class Block {
public:
    Block(const BytePictures& pictures, std::size_t first, Buffer& memory)
        : all_(pictures), first_(first), count_(std::min(kTogether, pictures.count - first)), quads_((count_ + 3) / 4),
          totals_((pictures.values + kPanel - 1) / kPanel * kPanel) {
        columns_ = memory.reserve<std::uint8_t>(checked_product(totals_.size() + kPanel, 4 * quads_));
        rows_ = panel(totals_.size());
        for (std::size_t q = 0; q < quads_; ++q) arrange(q);
    }

    // What the products of the rows of a panel, and of all columns up to it, add to `out`.
    void add_panel(std::size_t first_row, double* out) {
        arrange_rows(first_row);
        for (std::size_t column = 0; column <= first_row; column += kPanel) {
            for (std::size_t row = first_row; row < first_row + kPanel; row += kRows) {
                alignas(kAlignment) std::int32_t tile[kRows * kPanel];
                kernels().byte_products(rows_ + 4 * quads_ * (row - first_row), panel(column), static_cast<int>(quads_), tile);
                for (std::size_t k = 0; k < kRows && row + k < all_.values; ++k) add_row(tile + k * kPanel, row + k, column, out);
            }
        }
    }

private:
    // A panel of columns: four bytes a column of every four pictures. Zero beyond the last.
    std::uint8_t* panel(std::size_t column) { return columns_ + 4 * quads_ * column; }

    void arrange(std::size_t q) {
        for (std::size_t column = 0; column < all_.values; column += kPanel) {
            std::uint8_t four[4][kPanel] = {};
            const std::size_t here = std::min(kPanel, all_.values - column);
            for (std::size_t k = 0; k < 4 && 4 * q + k < count_; ++k)
                std::copy_n(all_.data + (first_ + 4 * q + k) * all_.values + column, here, four[k]);
            std::uint8_t* const place = panel(column) + 4 * kPanel * q;
            for (std::size_t c = 0; c < kPanel; ++c) {
                totals_[column + c] += four[0][c] + four[1][c] + four[2][c] + four[3][c];
                for (std::size_t k = 0; k < 4; ++k) place[4 * c + k] = four[k][c];
            }
        }
    }

    // The same panel as rows: tile by tile, less 128, since processors multiply bytes with a sign by bytes without one.
    void arrange_rows(std::size_t first_row) {
        const std::uint8_t* const from = panel(first_row);
        std::uint8_t* to = rows_;
        for (std::size_t row = 0; row < kPanel; row += kRows)
            for (std::size_t q = 0; q < quads_; ++q, to += 4 * kRows)
                for (std::size_t k = 0; k < 4 * kRows; ++k) to[k] = static_cast<std::uint8_t>(from[4 * (q * kPanel + row) + k] ^ 0x80);
    }

    // With s for the scale, m for means, t for totals, and n pictures, the sum of (s a - m)(s b - m') is that of
    // s² (a - 128) b, which a tile holds, and (128 s - m) s t' + (n m - s t) m'.
    void add_row(const std::int32_t* tile, std::size_t row, std::size_t column, double* out) const {
        if (column > row) return;
        const double scale = all_.scale, mean = all_.mean[row], square = scale * scale;
        const double of_totals = (128 * scale - mean) * scale;
        const double of_means = static_cast<double>(count_) * mean - scale * totals_[row];
        const std::size_t here = std::min(kPanel, row + 1 - column);
        double* const to = out + row * all_.values + column;
        for (std::size_t c = 0; c < here; ++c)
            to[c] += square * tile[c] + of_totals * totals_[column + c] + of_means * all_.mean[column + c];
    }

    const BytePictures& all_;
    const std::size_t first_, count_, quads_;
    std::uint8_t *columns_, *rows_;     // in the memory
    std::vector<std::int32_t> totals_;  // of every column
};

}  // namespace

void add_byte_products(const BytePictures& pictures, double* out, std::size_t turn, std::size_t turns) {
    Buffer memory;
    for (std::size_t first = 0; first < pictures.count; first += kTogether) {
        Block block(pictures, first, memory);
        for (std::size_t row = turn * kPanel; row < pictures.values; row += turns * kPanel) block.add_panel(row, out);
    }
}

}  // namespace imagefeed
