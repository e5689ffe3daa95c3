#include "entropy.hpp"

#include <algorithm>
#include <cstring>

#include "kernels.hpp"
#include "takeover.hpp"

namespace imagefeed {
namespace {

// The head of what libjpeg calls `struct jpeg_entropy_decoder`, which its public header leaves open: a decoder is an object
// whose methods may be replaced, and these have been the first two in every version since the sixth.
struct EntropyMethods {
    void (*start_pass)(j_decompress_ptr);
    boolean (*decode_mcu)(j_decompress_ptr, JBLOCKROW*);
};

static_assert(sizeof(JCOEF) == sizeof(std::int16_t), "coefficients are 16-bit");
static_assert(D_MAX_BLOCKS_IN_MCU == kMostBlocks && MAX_COMPS_IN_SCAN == kMostComponents, "as libjpeg has them");

}  // namespace

bool EntropyDecoder::attach(jpeg_decompress_struct& info, CodeTables& tables) {
    if (info.progressive_mode || info.arith_code || info.data_precision != 8 || jpeg_has_multiple_scans(&info) ||
        info.comps_in_scan != info.num_components || info.Ss != 0 || info.Se != DCTSIZE2 - 1 || info.Ah != 0 || info.Al != 0)
        return false;
    scan_ = Scan{};
    scan_.block_count = info.blocks_in_MCU;
    for (int k = 0; k < info.blocks_in_MCU; ++k) {
        const int number = info.MCU_membership[k];
        const jpeg_component_info& component = *info.cur_comp_info[number];
        const CodeTable* const dc = tables.find(info.dc_huff_tbl_ptrs[component.dc_tbl_no], component.dc_tbl_no, true);
        const CodeTable* const ac = tables.find(info.ac_huff_tbl_ptrs[component.ac_tbl_no], component.ac_tbl_no, false);
        if (dc == nullptr || ac == nullptr) return false;
        scan_.blocks[k] = {&dc->symbols, &ac->symbols, &ac->skips, number, component.component_needed != FALSE, scaled_size(component) == 1};
    }
    stored_ = info.src->next_input_byte;
    stored_end_ = stored_ + info.src->bytes_in_buffer;
    at_marker_ = false;
    scan_.next = clean_end_ = clean_;
    restart_interval_ = until_restart_ = info.restart_interval;
    next_restart_ = 0;
    put_off_ = 0;
    column_ = 0;
    columns_ = info.MCUs_per_row;
    keep_columns(0, columns_);
    reinterpret_cast<EntropyMethods*>(info.entropy)->decode_mcu = &EntropyDecoder::decode_mcu;
    return true;
}

void EntropyDecoder::keep_columns(unsigned first, unsigned end) {
    first_kept_ = first;
    end_kept_ = end;
}

// What is left of the part before, and the next part, up to a marker; after it, zeros for an MCU that is cut off there.
void EntropyDecoder::clean_more() {
    const auto left = static_cast<std::size_t>(clean_end_ - scan_.next);
    std::memmove(clean_, scan_.next, left);
    std::uint8_t* out = clean_ + left;
    std::uint8_t* const full = out + kPart;
    while (out != full) {
        const auto most = static_cast<std::size_t>(std::min<std::ptrdiff_t>(full - out, stored_end_ - stored_));
        const auto* const found = static_cast<const std::uint8_t*>(most == 0 ? nullptr : std::memchr(stored_, 0xFF, most));
        const std::size_t plain = found == nullptr ? most : static_cast<std::size_t>(found - stored_);
        std::memcpy(out, stored_, plain);
        out += plain;
        stored_ += plain;
        if (out == full) break;
        if (stored_end_ - stored_ < 2 || stored_[1] != 0) {
            at_marker_ = true;
            break;
        }
        *out++ = 0xFF;
        stored_ += 2;
    }
    std::memset(out, 0, kMostMcuBytes);
    scan_.next = clean_;
    clean_end_ = out;
}

// Of the cleaned data; negative where more was read than there is.
std::ptrdiff_t EntropyDecoder::bits_left() const {
    return 8 * (clean_end_ - scan_.next) + static_cast<std::ptrdiff_t>(scan_.count);
}

// The marker that stands after every interval: predictions begin anew, at a whole byte.
bool EntropyDecoder::restart() {
    if (!at_marker_ && clean_end_ == scan_.next) clean_more();
    // Before it stands less than a byte of padding, or something is wrong.
    if (!at_marker_ || bits_left() >= 8 || stored_end_ - stored_ < 2) return false;
    if (stored_[1] != JPEG_RST0 + next_restart_) return false;
    stored_ += 2;
    at_marker_ = false;
    scan_.next = clean_end_ = clean_;
    scan_.word = scan_.count = 0;
    std::memset(scan_.dc, 0, sizeof scan_.dc);
    next_restart_ = (next_restart_ + 1) % 8;
    until_restart_ = restart_interval_;
    return true;
}

// To the marker at the end of an interval, where nothing before it is needed.
void EntropyDecoder::leap() {
    scan_.next = clean_end_ = clean_;
    scan_.word = scan_.count = 0;
    while (!at_marker_) {
        const auto* const found = static_cast<const std::uint8_t*>(std::memchr(stored_, 0xFF, static_cast<std::size_t>(stored_end_ - stored_)));
        stored_ = found == nullptr ? stored_end_ : found;
        at_marker_ = stored_end_ - stored_ < 2 || stored_[1] != 0;
        if (!at_marker_) stored_ += 2;
    }
    until_restart_ = 0;
}

// MCUs that are not needed are put off: where they are all that is left of a restart interval, they are never read.
bool EntropyDecoder::catch_up() {
    while (put_off_ > 0) {
        if (restart_interval_ != 0 && until_restart_ == 0 && !restart()) return false;
        if (restart_interval_ != 0 && put_off_ >= until_restart_) {
            put_off_ -= until_restart_;
            leap();
        } else {
            --put_off_;
            if (!read(nullptr)) return false;
        }
    }
    return true;
}

bool EntropyDecoder::read(JBLOCKROW* blocks) {
    if (restart_interval_ != 0) {
        if (until_restart_ == 0 && !restart()) return false;
        --until_restart_;
    }
    if (!at_marker_ && clean_end_ - scan_.next < static_cast<std::ptrdiff_t>(kMostMcuBytes)) clean_more();
    bool sound;
    if (blocks == nullptr) {
        sound = kernels().scan_mcu(scan_, nullptr);
    } else {
        std::int16_t* pointers[kMostBlocks];
        for (int b = 0; b < scan_.block_count; ++b) pointers[b] = *blocks[b];
        sound = kernels().scan_mcu(scan_, pointers);
    }
    return sound && bits_left() >= 0;
}

boolean EntropyDecoder::decode_mcu(j_decompress_ptr info, JBLOCKROW* blocks) {
    EntropyDecoder& self = Takeover::of(info).entropy;
    const bool kept = self.column_ >= self.first_kept_ && self.column_ < self.end_kept_;
    if (++self.column_ == self.columns_) self.column_ = 0;
    if (!kept || blocks == nullptr) {
        ++self.put_off_;
    } else if (!self.catch_up() || !self.read(blocks)) {
        self.fault_ = true;
        info->err->error_exit(reinterpret_cast<j_common_ptr>(info));
    }
    return TRUE;
}

}  // namespace imagefeed
