#include "mcu_rows.hpp"

#include <algorithm>

#include "kernels.hpp"

namespace imagefeed {
namespace {

// libjpeg enlarges chroma that is no wider than this in another way.
constexpr int kNarrowChroma = 2;

int divide_up(int value, int by) { return (value + by - 1) / by; }

}  // namespace

bool McuRows::take(const jpeg_decompress_struct& info, const Region& region) {
    if (kernels().inverse_dct == nullptr || divide_up(region.width(), 2) <= kNarrowChroma) return false;
    if (info.progressive_mode || info.arith_code || info.data_precision != 8 || info.jpeg_color_space != JCS_YCbCr) return false;
    if (info.num_components != 3 || info.comps_in_scan != 3) return false;
    for (int k = 0; k < 3; ++k) {
        const jpeg_component_info& component = info.comp_info[k];
        const int side = k == 0 ? 2 : 1;
        if (info.cur_comp_info[k] != &component || component.h_samp_factor != side || component.v_samp_factor != side) return false;
        const int table = component.quant_tbl_no;  // as stated: nobody has judged it yet
        if (table < 0 || table >= NUM_QUANT_TBLS || info.quant_tbl_ptrs[table] == nullptr) return false;
    }
    return info.Ss == 0 && info.Se == DCTSIZE2 - 1 && info.Ah == 0 && info.Al == 0;
}

bool McuRows::begin_scan(const jpeg_decompress_struct& info, CodeTables& tables, Scan& scan) {
    scan = Scan{};
    scan.block_count = kBlocks;
    for (int b = 0; b < kBlocks; ++b) {
        Scan::Block& block = scan.blocks[b];
        block.component = std::max(b - 3, 0);
        block.used = true;
        if (!tables.find(info, info.comp_info[block.component], block)) return false;
    }
    return true;
}

void McuRows::begin(const jpeg_decompress_struct& info, const Region& region, int kept) {
    region_ = region;
    columns_ = divide_up(static_cast<int>(info.image_width), kMcu);
    rows_ = divide_up(static_cast<int>(info.image_height), kMcu);
    chroma_height_ = divide_up(static_cast<int>(info.image_height), 2);
    // Chroma is enlarged from the rows above and below a pixel's own. libjpeg makes two rows of pixels at once: it asks for what is
    // below the second for the first too, and whether that is damaged must not depend on who decodes.
    needed_ = {region.x0 / kMcu, std::max(region.y0 - 1, 0) / kMcu, divide_up(region.x1, kMcu), std::min((region.y1 + 1) / kMcu + 1, rows_)};
    for (int k = 0; k < 3; ++k) divisors_[k] = info.quant_tbl_ptrs[info.comp_info[k].quant_tbl_no]->quantval;

    const auto width = static_cast<std::size_t>(needed_.width());
    const auto height = static_cast<std::size_t>(kept == 0 ? needed_.height() : std::min(kept, needed_.height()));
    auto* const place = planes_.reserve<std::uint8_t>(checked_product(checked_product(width, height), kMcu * kMcu + 2 * kBlockSide * kBlockSide));
    std::size_t begin = 0;
    for (int k = 0; k < 3; ++k) {
        const std::size_t side = k == 0 ? kMcu : kBlockSide;
        lines_[k].resize(static_cast<std::size_t>(needed_.height()) * side);
        for (std::size_t i = 0; i < lines_[k].size(); ++i) lines_[k][i] = place + begin + i % (height * side) * width * side;
        begin += width * height * side * side;
    }
}

bool McuRows::transform(int row, int column, const std::int16_t* coefficients) {
    const auto y = static_cast<std::size_t>(row - needed_.y0), x = static_cast<std::size_t>(column - needed_.x0);
    for (std::size_t b = 0; b < kBlocks; ++b) {
        const std::size_t k = b < 4 ? 0 : b - 3;
        const std::size_t line = b < 4 ? y * kMcu + b / 2 * kBlockSide : y * kBlockSide;
        const std::size_t place = b < 4 ? x * kMcu + b % 2 * kBlockSide : x * kBlockSide;
        if (!kernels().inverse_dct(coefficients + b * DCTSIZE2, divisors_[k], lines_[k].data() + line, place)) return false;
    }
    return true;
}

void McuRows::color(int first, int last, std::uint8_t* pixels, std::size_t pitch) const {
    const int first_line = needed_.y0 * kBlockSide;
    const auto chroma = [&](int k, int y) {
        return lines_[k][static_cast<std::size_t>(std::clamp(y, 0, chroma_height_ - 1) - first_line)];
    };
    for (int y = first; y < last; ++y) {
        const int near = y / 2, far = near + (y % 2 == 0 ? -1 : 1);
        const ColorRow row{lines_[0][static_cast<std::size_t>(y - needed_.y0 * kMcu)], {chroma(1, near), chroma(2, near)}, {chroma(1, far), chroma(2, far)}};
        kernels().color_row(row, region_.width(), pixels + static_cast<std::size_t>(y - region_.y0) * pitch);
    }
}

}  // namespace imagefeed
