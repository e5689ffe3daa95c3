#include "sequential.hpp"

#include <algorithm>
#include <cstring>

namespace imagefeed {

bool SequentialDecoder::decode(const jpeg_decompress_struct& info, CodeTables& tables, const Region& region, std::uint8_t* pixels, std::size_t pitch) {
    Scan scan;
    fault_ = !McuRows::begin_scan(info, tables, scan);
    if (fault_) return false;
    const std::uint8_t* const stored = info.src->next_input_byte;
    reader_.begin(scan, stored, stored + info.src->bytes_in_buffer, info.restart_interval);
    // A row of pixels needs chroma of two rows of MCUs at most.
    samples_.begin(info, region, 2);
    fault_ = !decode_rows(region, pixels, pitch);
    return !fault_;
}

bool SequentialDecoder::decode_rows(const Region& region, std::uint8_t* pixels, std::size_t pitch) {
    alignas(64) std::int16_t coefficients[McuRows::kBlocks * DCTSIZE2];
    std::int16_t* blocks[McuRows::kBlocks];
    for (int b = 0; b < McuRows::kBlocks; ++b) blocks[b] = coefficients + b * DCTSIZE2;
    const Region& needed = samples_.needed();
    const auto before = static_cast<std::size_t>(needed.x0), after = static_cast<std::size_t>(samples_.columns() - needed.x1);
    reader_.put_off(static_cast<std::size_t>(needed.y0) * static_cast<std::size_t>(samples_.columns()));
    int done = region.y0;
    for (int row = needed.y0; row < needed.y1; ++row) {
        reader_.put_off(before);
        for (int column = needed.x0; column < needed.x1; ++column) {
            std::memset(coefficients, 0, sizeof coefficients);
            if (!reader_.read(blocks) || !samples_.transform(row, column, coefficients)) return false;
        }
        reader_.put_off(after);
        // The last row of these needs chroma of the next.
        const int end = row + 1 == samples_.rows() ? region.y1 : std::min((row + 1) * McuRows::kMcu - 1, region.y1);
        if (end > done) samples_.color(done, end, pixels, pitch);
        done = std::max(done, end);
    }
    return reader_.finish();
}

}  // namespace imagefeed
