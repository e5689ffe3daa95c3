#include "inflate.hpp"

#include <algorithm>
#include <cstring>

#include "kernels.hpp"

namespace imagefeed {
namespace {

// RFC 1951, 3.2.5: the first length or distance of each symbol, and the bits that are added to it.
constexpr std::uint16_t kLengthBase[29] = {3,  4,  5,  6,  7,  8,  9,  10, 11,  13,  15,  17,  19,  23, 27,
                                           31, 35, 43, 51, 59, 67, 83, 99, 115, 131, 163, 195, 227, 258};
constexpr std::uint8_t kLengthExtra[29] = {0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0};
constexpr int kDistances = 30, kEndSymbol = 256;
// 3.2.7: the order in which the lengths of the code that codes lengths are stored.
constexpr std::uint8_t kCodeOrder[19] = {16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15};
constexpr int kCodeBits = 7;

std::uint64_t little_endian(const std::uint8_t* p) {
    std::uint64_t value = 0;
    for (int k = 0; k < 8; ++k) value |= std::uint64_t{p[k]} << (8 * k);
    return value;
}

constexpr std::uint32_t entry(std::uint32_t value, std::uint32_t extra) { return value << kEntryValue | extra; }

std::uint32_t length_entry(int symbol) {
    if (symbol < kEndSymbol) return kEntryLiteral | entry(static_cast<std::uint32_t>(symbol), 0);
    if (symbol == kEndSymbol) return kEntrySpecial | kEntryEnd;
    const int k = symbol - kEndSymbol - 1;
    return k < 29 ? entry(kLengthBase[k], kLengthExtra[k]) : kEntrySpecial;
}

std::uint32_t distance_entry(int symbol) {
    if (symbol >= kDistances) return kEntrySpecial;
    if (symbol < 4) return entry(static_cast<std::uint32_t>(symbol) + 1, 0);
    const auto extra = static_cast<std::uint32_t>(symbol / 2 - 1);
    return entry(((2u + (symbol & 1)) << extra) + 1, extra);
}

std::uint32_t plain_entry(int symbol) { return entry(static_cast<std::uint32_t>(symbol), 0); }

std::uint32_t reversed(std::uint32_t code, int bits) {
    std::uint32_t out = 0;
    for (int k = 0; k < bits; ++k) out |= (code >> k & 1) << (bits - 1 - k);
    return out;
}

// The same entry wherever the low bits are the code's.
void repeat_entry(std::uint32_t* table, std::uint32_t code, int length, int bits, std::uint32_t value) {
    for (std::uint32_t k = code; k < 1u << bits; k += 1u << length) table[k] = value;
}

// A table, looked up by `bits` bits, from the lengths of the codes of some symbols; those of longer codes follow it. False
// where bits could have two meanings, or none: but for a code of one symbol, or of none where `may_be_empty`.
bool make_table(const std::uint8_t* lengths, int symbols, int bits, bool may_be_sparse, std::uint32_t (*meaning)(int), std::uint32_t* table) {
    int counts[kLongestDeflateCode + 1] = {}, longest = 0, left = 1;
    for (int k = 0; k < symbols; ++k) ++counts[lengths[k]], longest = std::max<int>(longest, lengths[k]);
    counts[0] = 0;
    std::uint32_t next[kLongestDeflateCode + 2] = {};
    for (int length = 1; length <= kLongestDeflateCode; ++length) {
        left = 2 * left - counts[length];
        if (left < 0) return false;
        next[length + 1] = (next[length] + static_cast<std::uint32_t>(counts[length])) << 1;
    }
    if (left > 0 && (!may_be_sparse || longest > 1)) return false;
    std::fill_n(table, std::size_t{1} << bits, kEntrySpecial);
    std::uint32_t* second = table + (std::size_t{1} << bits);
    const int second_bits = longest - bits;
    for (int symbol = 0; symbol < symbols; ++symbol) {
        const int length = lengths[symbol];
        if (length == 0) continue;
        const std::uint32_t code = reversed(next[length]++, length), what = meaning(symbol);
        const auto value = [&](int taken) { return what + static_cast<std::uint32_t>(taken) * ((1u << kEntryCode) + 1); };
        if (length <= bits) {
            repeat_entry(table, code, length, bits, value(length));
            continue;
        }
        std::uint32_t& pointer = table[code & ((1u << bits) - 1)];
        if ((pointer & kEntryTable) == 0) {
            pointer = static_cast<std::uint32_t>(second - table) << kEntryValue | kEntrySpecial | kEntryTable |
                      static_cast<std::uint32_t>(second_bits) << kEntryCode | static_cast<std::uint32_t>(bits);
            second += std::size_t{1} << second_bits;
        }
        repeat_entry(table + (pointer >> kEntryValue), code >> bits, length - bits, second_bits, value(length - bits));
    }
    return true;
}

}  // namespace

bool Inflater::begin(const std::uint8_t* data, std::size_t size) {
    // RFC 1950, 2.2: the method is DEFLATE, with a window of 32 KiB at most and no dictionary.
    if (size < 2 || (data[0] & 15) != 8 || data[0] >> 4 > 7 || (data[1] & 32) != 0 || (data[0] * 256 + data[1]) % 31 != 0) return false;
    s_.in = data + 2;
    s_.in_end = data + size;
    s_.bits = s_.count = 0;
    place_ = Place::header;
    last_ = false;
    return true;
}

// At least 56 bits.
void Inflater::fill() {
    s_.bits |= little_endian(s_.in) << s_.count;
    s_.in += (63 - s_.count) >> 3;
    s_.count |= 56;
}

std::uint32_t Inflater::take(int count) {
    const auto value = static_cast<std::uint32_t>(s_.bits & ((std::uint64_t{1} << count) - 1));
    s_.bits >>= count;
    s_.count -= static_cast<std::uint32_t>(count);
    return value;
}

bool Inflater::read_header() {
    if (has_overrun()) return false;
    fill();
    last_ = take(1) != 0;
    const std::uint32_t kind = take(2);
    if (kind == 0) return begin_stored();
    place_ = Place::coded;
    if (kind == 2) return read_codes();
    if (kind != 1) return false;
    std::uint8_t lengths[kLengthSymbols], distances[kDistanceSymbols];
    for (int k = 0; k < kLengthSymbols; ++k) lengths[k] = k < 144 ? 8 : k < 256 ? 9 : k < 280 ? 7 : 8;
    std::fill_n(distances, kDistanceSymbols, std::uint8_t{5});
    return make_tables(lengths, kLengthSymbols, distances, kDistanceSymbols);
}

bool Inflater::make_tables(const std::uint8_t* lengths, int literals, const std::uint8_t* distances, int count) {
    return make_table(lengths, literals, kLengthBits, true, length_entry, s_.lengths) &&
           make_table(distances, count, kDistanceBits, true, distance_entry, s_.distances);
}

bool Inflater::begin_stored() {
    s_.in -= s_.count >> 3;  // what was read ahead
    s_.bits = s_.count = 0;
    if (s_.in > s_.in_end || s_.in_end - s_.in < 4) return false;
    const std::uint32_t size = s_.in[0] | s_.in[1] << 8, check = s_.in[2] | s_.in[3] << 8;
    if ((size ^ check) != 0xFFFF) return false;
    s_.in += 4;
    if (static_cast<std::size_t>(s_.in_end - s_.in) < size) return false;
    stored_ = size;
    place_ = Place::stored;
    return true;
}

bool Inflater::read_codes() {
    const int literals = static_cast<int>(take(5)) + 257, distances = static_cast<int>(take(5)) + 1, codes = static_cast<int>(take(4)) + 4;
    if (literals > 286 || distances > kDistances) return false;
    std::uint8_t lengths[kLengthSymbols + kDistanceSymbols] = {};
    for (int k = 0; k < codes; ++k) {
        fill();
        lengths[kCodeOrder[k]] = static_cast<std::uint8_t>(take(3));
    }
    if (!make_table(lengths, 19, kCodeBits, false, plain_entry, s_.distances)) return false;
    if (!read_lengths(literals + distances, lengths) || lengths[kEndSymbol] == 0) return false;
    return make_tables(lengths, literals, lengths + literals, distances);
}

bool Inflater::read_lengths(int total, std::uint8_t* lengths) {
    for (int k = 0; k < total;) {
        if (has_overrun()) return false;
        fill();
        const std::uint32_t found = s_.distances[s_.bits & ((1u << kCodeBits) - 1)];
        (void)take(static_cast<int>(found & 63));
        const std::uint32_t symbol = found >> kEntryValue;
        if (symbol < 16) {
            lengths[k++] = static_cast<std::uint8_t>(symbol);
            continue;
        }
        if (symbol == 16 && k == 0) return false;
        const std::uint8_t repeated = symbol == 16 ? lengths[k - 1] : 0;
        const int times = static_cast<int>(symbol == 16 ? 3 + take(2) : symbol == 17 ? 3 + take(3) : 11 + take(7));
        if (times > total - k) return false;
        std::fill_n(lengths + k, times, repeated);
        k += times;
    }
    return true;
}

bool Inflater::run(const std::uint8_t* begin, std::uint8_t*& out, const std::uint8_t* limit) {
    s_.begin = begin;
    s_.out = out;
    s_.limit = limit;
    bool sound = true;
    while (sound && place_ != Place::end && s_.out < limit) {
        if (place_ == Place::header) {
            sound = read_header();
        } else if (place_ == Place::stored) {
            const std::size_t count = std::min(stored_, static_cast<std::size_t>(limit - s_.out));
            std::memcpy(s_.out, s_.in, count);
            s_.in += count;
            s_.out += count;
            stored_ -= count;
            if (stored_ == 0) place_ = last_ ? Place::end : Place::header;
        } else {
            const InflateStop stop = kernels().inflate_codes(s_);
            sound = stop != InflateStop::fault;
            if (stop == InflateStop::block_end) place_ = last_ ? Place::end : Place::header;
        }
    }
    out = s_.out;
    return sound && !has_overrun();
}

bool Inflater::stated_checksum(std::uint32_t& sum) {
    const std::uint8_t* const in = s_.in - (s_.count >> 3);
    if (in > s_.in_end || s_.in_end - in < 4) return false;
    sum = std::uint32_t{in[0]} << 24 | std::uint32_t{in[1]} << 16 | std::uint32_t{in[2]} << 8 | in[3];
    return true;
}

std::uint32_t adler32(std::uint32_t sum, const std::uint8_t* data, std::size_t size) {
    // As many bytes as the sum of their sums fits 32 bits for.
    constexpr std::size_t kTogether = 5552;
    constexpr std::uint32_t kModulus = 65521;
    std::uint32_t low = sum & 0xFFFF, high = sum >> 16;
    while (size > 0) {
        const auto count = static_cast<std::uint32_t>(std::min(size, kTogether));
        std::uint32_t plain = 0, weighted = 0;
        for (std::uint32_t k = 0; k < count; ++k) {
            plain += data[k];
            weighted += (count - k) * data[k];
        }
        high = static_cast<std::uint32_t>((high + std::uint64_t{count} * low + weighted) % kModulus);
        low = (low + plain) % kModulus;
        data += count;
        size -= count;
    }
    return high << 16 | low;
}

}  // namespace imagefeed
