#include "huffman.hpp"

namespace imagefeed {
namespace {

constexpr Symbol kInvalid{1, 1, kNoCode, 63};

Symbol make_symbol(int symbol, int length, bool dc) {
    const int size = dc ? symbol : symbol & 15, run = dc ? 0 : symbol >> 4;
    const int advance = dc || size != 0 || run == 15 ? run : kEndOfBlock;
    return {static_cast<std::uint8_t>(length + size), static_cast<std::uint8_t>(length), static_cast<std::uint8_t>(advance),
            static_cast<std::uint8_t>(63 - size)};
}

}  // namespace

bool SymbolTable::build(const HuffmanCode& code, bool dc) {
    constexpr std::uint32_t kNearStep = 1u << (16 - kBits);
    std::uint32_t next = 0;  // the next code, left-aligned to 16 bits
    int place = 0;
    bool far = false;
    for (int length = 1; length <= 16; ++length) {
        const std::uint32_t step = 1u << (16 - length);
        for (int k = 0; k < code.counts[length]; ++k, next += step, ++place) {
            if (place >= 256 || next + step > 1u << 16) return false;
            const int symbol = code.symbols[place];
            if (dc ? symbol > 11 : (symbol & 15) > 10) return false;
            const Symbol entry = make_symbol(symbol, length, dc);
            if (length <= kBits) {
                for (std::uint32_t i = next / kNearStep; i < (next + step) / kNearStep; ++i) near_[i] = entry;
                continue;
            }
            if (!far) {
                far = true;
                far_begin_ = next / kNearStep * kNearStep;
            }
            if (next + step - far_begin_ > kMostFar) return false;
            near_[next / kNearStep].length = 0;
            for (std::uint32_t i = next; i < next + step; ++i) far_[i - far_begin_] = entry;
        }
    }
    // Words that are no code: up to the next whole entry of the near table, then its rest.
    std::uint32_t rest = next;
    if (far)
        for (; rest % kNearStep != 0; ++rest) far_[rest - far_begin_] = kInvalid;
    for (std::uint32_t i = rest / kNearStep; i < 1u << kBits; ++i) near_[i] = kInvalid;
    return true;
}

void SkipTable::build(const SymbolTable& table) {
    for (std::uint64_t i = 0; i < (1u << kBits); ++i) {
        const std::uint64_t bits = i << (64 - kBits);
        int length = 0, advance = 0;
        // A symbol is known once its code is, whatever the bits of its value; what follows those is not.
        while (advance < kEndOfBlock && length < kBits) {
            const Symbol next = table.look(bits << length);
            if (next.advance == kNoCode || length + next.code > kBits || length + next.length > 2 * kLongestSymbol) break;
            const bool ends = next.advance == kEndOfBlock;
            const int reached = advance + (ends ? kEndOfBlock : next.advance + 1);
            if (!ends && reached >= kEndOfBlock) break;
            length += next.length;
            advance = reached;
        }
        entries_[i] = {static_cast<std::uint8_t>(length), static_cast<std::uint8_t>(advance)};
    }
}

}  // namespace imagefeed
