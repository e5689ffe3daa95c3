#include "code_tables.hpp"

#include <cstring>

namespace imagefeed {

const CodeTable* CodeTables::find(const JHUFF_TBL* stated, int number, bool dc) {
    if (stated == nullptr) return nullptr;
    CodeTable& kept = (dc ? dc_ : ac_)[number];
    HuffmanCode code;
    std::memcpy(code.counts, stated->bits, sizeof code.counts);
    std::memcpy(code.symbols, stated->huffval, sizeof code.symbols);
    code.counts[0] = 0;
    if (!kept.built || std::memcmp(&kept.code, &code, sizeof code) != 0) {
        kept.code = code;
        kept.usable = kept.symbols.build(code, dc);
        if (kept.usable && !dc) kept.skips.build(kept.symbols);
        kept.built = true;
    }
    return kept.usable ? &kept : nullptr;
}

bool CodeTables::find(const jpeg_decompress_struct& info, const jpeg_component_info& component, Scan::Block& block) {
    const auto exists = [](int number) { return number >= 0 && number < NUM_HUFF_TBLS; };  // as stated: nobody has judged it yet
    if (!exists(component.dc_tbl_no) || !exists(component.ac_tbl_no)) return false;
    const CodeTable* const dc = find(info.dc_huff_tbl_ptrs[component.dc_tbl_no], component.dc_tbl_no, true);
    const CodeTable* const ac = find(info.ac_huff_tbl_ptrs[component.ac_tbl_no], component.ac_tbl_no, false);
    if (dc == nullptr || ac == nullptr) return false;
    block.dc = &dc->symbols;
    block.ac = &ac->symbols;
    block.skip = &ac->skips;
    return true;
}

}  // namespace imagefeed
