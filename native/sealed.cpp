#include "sealed.hpp"

#include <cstring>

namespace imagefeed {
namespace {

constexpr std::size_t kChecksumAt = 24;
constexpr int kLanes = 8;
constexpr std::uint64_t kOdd = 0x9E3779B97F4A7C15u;  // 2^64 divided by the golden ratio
constexpr std::uint32_t kLargestSide = 1 << 20;

std::uint64_t word(const std::uint8_t* data, std::size_t size) {
    std::uint64_t value = 0;
    for (std::size_t k = 0; k < size; ++k) value |= std::uint64_t{data[k]} << (8 * k);
    return value;
}

// Compilers make one load of it where the machine is little-endian.
std::uint64_t word8(const std::uint8_t* data) { return word(data, 8); }

// For a fixed word a permutation of the sum, for a fixed sum one of the words: nothing is lost.
std::uint64_t step(std::uint64_t sum, std::uint64_t value) {
    sum = (sum ^ value) * kOdd;
    return sum ^ (sum >> 29);
}

std::uint32_t number(const std::uint8_t* data) { return static_cast<std::uint32_t>(word(data, 4)); }

Status damaged(const char* what) { return Status::fail(Fault::damaged, what); }

}  // namespace

std::uint64_t checksum(const std::uint8_t* data, std::size_t size, std::uint64_t seed) {
    std::uint64_t lanes[kLanes];
    for (int k = 0; k < kLanes; ++k) lanes[k] = seed + static_cast<std::uint64_t>(k) * kOdd;
    std::size_t rest = size;
    for (; rest >= 8 * kLanes; rest -= 8 * kLanes, data += 8 * kLanes)
        for (int k = 0; k < kLanes; ++k) lanes[k] = step(lanes[k], word8(data + 8 * k));
    std::uint64_t sum = step(seed, size);
    for (const std::uint64_t lane : lanes) sum = step(sum, lane);
    for (; rest >= 8; rest -= 8, data += 8) sum = step(sum, word8(data));
    if (rest > 0) sum = step(sum, word(data, rest));
    return sum;
}

std::uint64_t sealed_checksum(const std::uint8_t* value, std::size_t size) {
    return checksum(value + kSealedHeader, size - kSealedHeader, checksum(value, kChecksumAt, 0));
}

std::uint64_t stated_checksum(const std::uint8_t* value) { return word8(value + kChecksumAt); }

Status open_sealed(const std::uint8_t* value, std::size_t size, bool check, Record& record, int& source_height, int& source_width) {
    record = Record{};
    if (size <= kSealedHeader || std::memcmp(value, "IFC1", 4) != 0) return damaged("the cache value has no header");
    const std::uint32_t kind = value[4], channels = value[5], height = number(value + 8), width = number(value + 12);
    const std::uint32_t from_height = number(value + 16), from_width = number(value + 20);
    if (kind > 1 || channels < 1 || channels > kMaxChannels || height < 1 || width < 1 || height > kLargestSide ||
        width > kLargestSide || from_height < 1 || from_width < 1 || from_height > kLargestSide << 2 || from_width > kLargestSide << 2)
        return damaged("the cache value's header says what cannot be");
    const std::size_t pixels = std::size_t{height} * width * channels;  // below 2^46
    if (kind == 0 && size - kSealedHeader != pixels) return damaged("the cache value has another size than its header says");
    if (kind == 0) {
        record.kind = RecordKind::array;
        record.array.data = value + kSealedHeader;
        record.array.height = static_cast<int>(height);
        record.array.width = static_cast<int>(width);
        record.array.channels = static_cast<int>(channels);
        record.array.row_stride = static_cast<std::ptrdiff_t>(std::size_t{width} * channels);
    } else {
        record.bytes = value + kSealedHeader;
        record.size = size - kSealedHeader;
    }
    if (check) {
        record.sealed = value;
        record.sealed_size = size;
    }
    source_height = static_cast<int>(from_height);
    source_width = static_cast<int>(from_width);
    return Status::ok();
}

}  // namespace imagefeed
