// Tables from the next bits of a JPEG's scan to what they mean.
#pragma once

#include <cstdint>

namespace imagefeed {

// A Huffman code as a JPEG states it (ITU-T T.81, B.2.4.2): how many codes there are of each length, and their symbols.
struct HuffmanCode {
    std::uint8_t counts[17];  // counts[0] is not used
    std::uint8_t symbols[256];
};

// Advances that no coefficient has: the rest of the block is zero; the bits are no code.
constexpr int kEndOfBlock = 64;
constexpr int kNoCode = 128;
// The most bits of a symbol and its value: samples of eight bits have values of eleven at most (T.81, F.1.2).
constexpr int kLongestSymbol = 16 + 11;

// What a symbol says.
struct Symbol {
    std::uint8_t length;   // bits of code and value
    std::uint8_t code;     // bits of the code alone
    std::uint8_t advance;  // how many coefficients are left out before this one; kEndOfBlock; kNoCode
    std::uint8_t dropped;  // 63 less the bits of the value
};

class SymbolTable {
public:
    static constexpr int kBits = 11;

    // `dc` symbols are sizes of values; those of the other coefficients have an advance as well. False for a code that no
    // encoder of eight-bit samples makes.
    bool build(const HuffmanCode& code, bool dc);

    // The symbol at the top of 64 bits.
    const Symbol& look(std::uint64_t bits) const {
        const Symbol& near = near_[bits >> (64 - kBits)];
        return near.length != 0 ? near : far_[(bits >> 48) - far_begin_];
    }

private:
    // Codes are sorted by length, so the words of those longer than kBits lie together, and are few: an encoder gives long
    // codes to rare symbols. 162 of 12 bits take 2,592 of all 65,536.
    static constexpr int kMostFar = 4096;

    Symbol near_[1 << kBits];  // of a length of 0 where the code is longer
    Symbol far_[kMostFar];     // by 16 bits, from far_begin_ on
    std::uint32_t far_begin_ = 0;
};

// As many whole symbols as a few bits tell, without their values: how far they lead.
class SkipTable {
public:
    static constexpr int kBits = 13;

    struct Entry {
        std::uint8_t length;   // bits; 0: not even one symbol is known
        std::uint8_t advance;  // coefficients, with kEndOfBlock added at the end of a block
    };

    void build(const SymbolTable& table);

    const Entry& look(std::uint64_t bits) const { return entries_[bits >> (64 - kBits)]; }

private:
    Entry entries_[1 << kBits];
};

}  // namespace imagefeed
