// DEFLATE data (RFC 1951) in their zlib wrapper (RFC 1950), a stretch at a time: whoever needs only the first rows of a
// picture stops there.
#pragma once

#include <cstddef>
#include <cstdint>

namespace imagefeed {

// What may be read after the end of the data, whatever it is; and written after the end of a stretch.
constexpr std::size_t kInflateOverread = 32, kInflateOverwrite = 320;
// How far back a match may reach.
constexpr std::size_t kInflateWindow = 32768;

// An entry of a table says what the next bits are. From the lowest bit on:
//   6 bits: how many bits the code takes, with the extra bits that follow it
//   4 bits: how many the code takes; of a pointer to a second table, how many bits that is looked up by
//   3 bits: a flag each
//   from bit 16 on, 15 bits: a literal, or the base of a length or distance, or where the second table begins
//   1 bit: a literal
constexpr std::uint32_t kEntrySpecial = 1u << 10, kEntryEnd = 1u << 11, kEntryTable = 1u << 12, kEntryLiteral = 1u << 31;
constexpr int kEntryCode = 6, kEntryValue = 16;

// The bits of a code that the first table is looked up by. A second one belongs to at least two codes, which bounds them all.
constexpr int kLongestDeflateCode = 15, kLengthBits = 11, kDistanceBits = 8;
constexpr int kLengthSymbols = 288, kDistanceSymbols = 32;
constexpr std::size_t table_room(int bits, int symbols) {
    return (std::size_t{1} << bits) + static_cast<std::size_t>(symbols / 2) * (std::size_t{1} << (kLongestDeflateCode - bits));
}

// What the inner loop works on.
struct InflateState {
    const std::uint8_t* in;
    const std::uint8_t* in_end;
    std::uint64_t bits;  // that come next, the first one lowest: `count` of them
    std::uint32_t count;
    std::uint8_t* out;
    const std::uint8_t* begin;  // of what matches may reach back to
    const std::uint8_t* limit;
    std::uint32_t lengths[table_room(kLengthBits, kLengthSymbols)];
    std::uint32_t distances[table_room(kDistanceBits, kDistanceSymbols)];
};

// Why the inner loop ended.
enum class InflateStop { full, block_end, fault };

class Inflater {
public:
    // `data` must stay, with kInflateOverread bytes after it. False for what is no zlib data.
    bool begin(const std::uint8_t* data, std::size_t size);

    // Writes from `out` on until `limit` is reached, or a little more, or the data end; `begin` is where what was written
    // before, at least the last 32 KiB of it, begins. False for damaged data.
    bool run(const std::uint8_t* begin, std::uint8_t*& out, const std::uint8_t* limit);

    bool is_done() const { return place_ == Place::end; }
    // The checksum that stands after all data.
    bool stated_checksum(std::uint32_t& sum);

private:
    enum class Place { header, stored, coded, end };

    void fill();
    std::uint32_t take(int count);
    bool has_overrun() const { return s_.in - (s_.count >> 3) > s_.in_end; }
    bool read_header();
    bool read_codes();
    bool read_lengths(int total, std::uint8_t* lengths);
    bool begin_stored();
    bool make_tables(const std::uint8_t* lengths, int literals, const std::uint8_t* distances, int count);

    InflateState s_;
    Place place_ = Place::end;
    bool last_ = false;
    std::size_t stored_ = 0;
};

// Continues the checksum of RFC 1950, which begins with 1.
std::uint32_t adler32(std::uint32_t sum, const std::uint8_t* data, std::size_t size);

}  // namespace imagefeed
