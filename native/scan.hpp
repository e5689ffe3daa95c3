// Where in its scan the decoding of a JPEG is, and how its MCUs are made up.
#pragma once

#include <cstddef>
#include <cstdint>

#include "huffman.hpp"

namespace imagefeed {

constexpr int kMostBlocks = 10;     // of an MCU, and
constexpr int kMostComponents = 4;  // of a scan (T.81, B.2.3)
// What an MCU may take, with what is read ahead of it, in whole cache lines.
constexpr std::size_t kMostMcuBytes = (kMostBlocks * 64 * kLongestSymbol / 8 + 16 + 63) / 64 * 64;

struct Scan {
    struct Block {
        const SymbolTable* dc;
        const SymbolTable* ac;
        const SkipTable* skip;
        int component;
        bool used, only_dc;
    };

    // The bits that come next, at the top of a word: `count` of them. The bytes after those, of which kMostMcuBytes can be
    // read, whatever they are.
    std::uint64_t word;
    std::uint64_t count;
    const std::uint8_t* next;

    Block blocks[kMostBlocks];
    int block_count;
    std::uint32_t dc[kMostComponents];  // the last one of each component, which the next is coded against
};

}  // namespace imagefeed
