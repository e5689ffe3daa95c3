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

}  // namespace imagefeed
