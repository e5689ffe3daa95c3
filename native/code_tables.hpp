// The Huffman tables of the files that one thread reads, ready for use. Most files of a data set have the same ones, so those
// of the last file are kept.
#pragma once

#include "huffman.hpp"
#include "libjpeg.hpp"
#include "scan.hpp"

namespace imagefeed {

struct CodeTable {
    HuffmanCode code{};
    bool built = false, usable = false;
    SymbolTable symbols;
    SkipTable skips;  // of other than dc symbols
};

class CodeTables {
public:
    // The tables of a component's blocks; false where the file states none, or one that no encoder makes.
    bool find(const jpeg_decompress_struct& info, const jpeg_component_info& component, Scan::Block& block);

private:
    // What libjpeg read under a number; null where there is nothing of use.
    const CodeTable* find(const JHUFF_TBL* stated, int number, bool dc);

    CodeTable dc_[NUM_HUFF_TBLS], ac_[NUM_HUFF_TBLS];
};

}  // namespace imagefeed
