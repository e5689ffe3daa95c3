#include "entropy.hpp"

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
    Scan scan{};
    scan.block_count = info.blocks_in_MCU;
    for (int k = 0; k < info.blocks_in_MCU; ++k) {
        const int number = info.MCU_membership[k];
        const jpeg_component_info& component = *info.cur_comp_info[number];
        if (!tables.find(info, component, scan.blocks[k])) return false;
        scan.blocks[k].component = number;
        scan.blocks[k].used = component.component_needed != FALSE;
        scan.blocks[k].only_dc = scaled_size(component) == 1;
    }
    reader_.begin(scan, info.src->next_input_byte, info.src->next_input_byte + info.src->bytes_in_buffer, info.restart_interval);
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

boolean EntropyDecoder::decode_mcu(j_decompress_ptr info, JBLOCKROW* blocks) {
    EntropyDecoder& self = Takeover::of(info).entropy;
    const bool kept = self.column_ >= self.first_kept_ && self.column_ < self.end_kept_;
    if (++self.column_ == self.columns_) self.column_ = 0;
    if (!kept || blocks == nullptr) {
        self.reader_.put_off(1);
        return TRUE;
    }
    std::int16_t* pointers[kMostBlocks];
    for (int b = 0; b < self.reader_.block_count(); ++b) pointers[b] = *blocks[b];
    if (!self.reader_.read(pointers)) {
        self.fault_ = true;
        info->err->error_exit(reinterpret_cast<j_common_ptr>(info));
    }
    return TRUE;
}

}  // namespace imagefeed
