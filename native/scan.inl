// The bits of one MCU. Included once by kernels.inl, inside its namespaces: instruction sets differ in how they shift.

// From the order of a scan to that of a block's rows (T.81, figure A.6).
constexpr std::uint8_t kZigzag[64] = {0,  1,  8,  16, 9,  2,  3,  10, 17, 24, 32, 25, 18, 11, 4,  5,  12, 19, 26, 33, 40, 48,
                                      41, 34, 27, 20, 13, 6,  7,  14, 21, 28, 35, 42, 49, 56, 57, 50, 43, 36, 29, 22, 15, 23,
                                      30, 37, 44, 51, 58, 59, 52, 45, 38, 31, 39, 46, 53, 60, 61, 54, 47, 55, 62, 63};

// The reading end of a scan, in registers.
struct Bits {
    std::uint64_t word;
    std::uint64_t count;
    const std::uint8_t* next;
};

// At least 56 bits, enough for two symbols.
inline void fill(Bits& bits) {
    std::uint64_t ahead = 0;
    for (int k = 0; k < 8; ++k) ahead = ahead << 8 | bits.next[k];
    bits.word |= ahead >> bits.count;
    bits.next += (63 - bits.count) >> 3;
    bits.count |= 56;
}

// The next symbol and its value.
inline Symbol take_symbol(Bits& bits, const SymbolTable& table, std::int32_t& value) {
    const Symbol symbol = table.look(bits.word);
    // EXTEND of T.81, F.2.2.1: a value that begins with a zero bit is negative, and all its bits are inverted.
    const std::uint64_t own = bits.word << symbol.code;
    const auto inverted = static_cast<std::uint64_t>(~static_cast<std::int64_t>(own) >> 63);
    const auto sign = static_cast<std::int32_t>(inverted);
    value = (static_cast<std::int32_t>(((own ^ inverted) >> 1) >> symbol.dropped) ^ sign) - sign;
    bits.word <<= symbol.length;
    bits.count -= symbol.length;
    return symbol;
}

// Symbols that are taken between two fillings at most: two always, and more where those were not the longest.
constexpr int kTaken = 4;

inline bool is_worth(const Bits& bits, int taken) { return taken < 2 || bits.count >= kLongestSymbol; }

// The coefficients after the first.
inline bool read_block(Bits& bits, const SymbolTable& table, std::int16_t* coefficients) {
    for (int k = 1;;) {
        fill(bits);
        for (int taken = 0; taken < kTaken && is_worth(bits, taken); ++taken) {
            std::int32_t value;
            const Symbol symbol = take_symbol(bits, table, value);
            k += symbol.advance;
            if (k >= 64) return symbol.advance == kEndOfBlock;
            coefficients[kZigzag[k]] = static_cast<std::int16_t>(value);
            if (++k == 64) return true;
        }
    }
}

inline bool skip_block(Bits& bits, const SkipTable& table, const SymbolTable& symbols) {
    for (int k = 1; k < 64;) {
        fill(bits);
        const SkipTable::Entry several = table.look(bits.word);
        const int reached = k + several.advance;
        // Symbols that were looked at together may belong to two blocks.
        if (several.length != 0 && (several.advance < kEndOfBlock ? reached <= 64 : reached < 64 + kEndOfBlock)) {
            k = reached;
            bits.word <<= several.length;
            bits.count -= several.length;
        } else {
            const Symbol one = symbols.look(bits.word);
            k += one.advance + 1;
            if (one.advance != kEndOfBlock && k > 64) return false;
            bits.word <<= one.length;
            bits.count -= one.length;
        }
    }
    return true;
}

// One MCU; `blocks` null for one that nobody needs. False for bits that no encoder makes.
bool scan_mcu(Scan& scan, std::int16_t* const* blocks) {
    Bits bits{scan.word, scan.count, scan.next};
    for (int b = 0; b < scan.block_count; ++b) {
        const Scan::Block& block = scan.blocks[b];
        fill(bits);
        std::int32_t difference;
        if (take_symbol(bits, *block.dc, difference).advance != 0) return false;
        const std::uint32_t dc = scan.dc[block.component] += static_cast<std::uint32_t>(difference);
        const bool used = blocks != nullptr && block.used;
        if (used) blocks[b][0] = static_cast<std::int16_t>(dc);
        if (!(used && !block.only_dc ? read_block(bits, *block.ac, blocks[b]) : skip_block(bits, *block.skip, *block.ac)))
            return false;
    }
    scan.word = bits.word;
    scan.count = bits.count;
    scan.next = bits.next;
    return true;
}

// One of two scans that are read by turns: what one waits for, the other fills.
struct TurnReader {
    Bits bits;
    Scan& scan;
    std::int16_t* const* blocks;
    std::int16_t* coefficients;
    const SymbolTable* table;
    int block, k;
    bool sound;

    TurnReader(Scan& of, std::int16_t* const* into) : bits{of.word, of.count, of.next}, scan(of), blocks(into), block(-1), sound(true) {}

    // The first coefficient of the next block; false where there is none, or at a fault.
    bool open_block() {
        if (++block == scan.block_count) return false;
        const Scan::Block& next = scan.blocks[block];
        fill(bits);
        std::int32_t difference;
        sound = take_symbol(bits, *next.dc, difference).advance == 0;
        coefficients = blocks[block];
        coefficients[0] = static_cast<std::int16_t>(scan.dc[next.component] += static_cast<std::uint32_t>(difference));
        table = next.ac;
        k = 1;
        return sound;
    }

    // Some symbols, or fewer and the next block's first; false where there is nothing more.
    bool go_on() {
        fill(bits);
        for (int taken = 0; taken < kTaken && is_worth(bits, taken); ++taken) {
            std::int32_t value;
            const Symbol symbol = take_symbol(bits, *table, value);
            k += symbol.advance;
            if (k >= 64) {
                sound = symbol.advance == kEndOfBlock;
                return sound && open_block();
            }
            coefficients[kZigzag[k]] = static_cast<std::int16_t>(value);
            if (++k == 64) return open_block();
        }
        return true;
    }

    void close() {
        scan.word = bits.word;
        scan.count = bits.count;
        scan.next = bits.next;
    }
};

bool scan_two_mcus(Scan& one, std::int16_t* const* blocks_of_one, Scan& two, std::int16_t* const* blocks_of_two) {
    TurnReader a(one, blocks_of_one), b(two, blocks_of_two);
    bool more_a = a.open_block(), more_b = b.open_block();
    while (more_a && more_b) {
        more_a = a.go_on();
        more_b = b.go_on();
    }
    while (more_a) more_a = a.go_on();
    while (more_b) more_b = b.go_on();
    a.close();
    b.close();
    return a.sound && b.sound;
}
