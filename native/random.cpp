#include "random.hpp"

#include <array>

#if defined(_MSC_VER)
#include <intrin.h>
#endif

namespace imagefeed {
namespace {

using Block = std::array<std::uint64_t, 4>;

inline std::uint64_t multiply(std::uint64_t a, std::uint64_t b, std::uint64_t& high) {
#if defined(_MSC_VER)
    return _umul128(a, b, &high);
#else
    __extension__ using Wide = unsigned __int128;
    const Wide product = static_cast<Wide>(a) * b;
    high = static_cast<std::uint64_t>(product >> 64);
    return static_cast<std::uint64_t>(product);
#endif
}

// Multipliers and key increments are those of the paper's table 2 for Philox-4x64.
Block philox(Block counter, std::uint64_t key0, std::uint64_t key1) {
    for (int round = 0; round < 10; ++round) {
        std::uint64_t high0, high1;
        const std::uint64_t low0 = multiply(0xD2E7470EE14C6C93ULL, counter[0], high0);
        const std::uint64_t low1 = multiply(0xCA5A826395121157ULL, counter[2], high1);
        counter = {high1 ^ counter[1] ^ key0, low1, high0 ^ counter[3] ^ key1, low0};
        key0 += 0x9E3779B97F4A7C15ULL;
        key1 += 0xBB67AE8584CAA73BULL;
    }
    return counter;
}

// The finalizer of SplitMix64 (Steele, Lea and Flood, "Fast splittable pseudorandom number generators", 2014).
inline std::uint64_t mix(std::uint64_t v) {
    v = (v ^ v >> 30) * 0xBF58476D1CE4E5B9ULL;
    v = (v ^ v >> 27) * 0x94D049BB133111EBULL;
    return v ^ v >> 31;
}

inline double to_unit(std::uint64_t word) { return static_cast<double>(word >> 11) * 0x1.0p-53; }

// NumPy's generator counts before it draws, so its first block, and ours, has counter one.
void fill_row(Key key, std::uint64_t step, std::int64_t record, std::size_t count, double* out) {
    for (std::size_t first = 0; first < count; first += 4) {
        const Block words =
            philox({first / 4 + 1, step, static_cast<std::uint64_t>(record), 0}, key.seed, key.epoch);
        for (std::size_t k = 0; k < 4 && first + k < count; ++k) out[first + k] = to_unit(words[k]);
    }
}

}  // namespace

void fill_uniform(Key key, std::uint64_t step, const std::int64_t* records, std::size_t rows, std::size_t count,
                  double* out) {
    for (std::size_t row = 0; row < rows; ++row) fill_row(key, step, records[row], count, out + row * count);
}

void fill_uniform_steps(Key key, const std::int64_t* steps, const std::int64_t* counts, std::size_t step_count,
                        const std::int64_t* records, std::size_t rows, double* out) {
    for (std::size_t row = 0; row < rows; ++row) {
        for (std::size_t k = 0; k < step_count; ++k) {
            const auto count = static_cast<std::size_t>(counts[k]);
            fill_row(key, static_cast<std::uint64_t>(steps[k]), records[row], count, out);
            out += count;
        }
    }
}

void shuffle(Key key, const std::int64_t* positions, std::size_t rows, std::uint64_t count, std::int64_t* out) {
    const Block first = philox({1, 0, 0, 0}, key.seed, key.epoch), second = philox({2, 0, 0, 0}, key.seed, key.epoch);
    const std::array<std::uint64_t, 6> round_keys{first[0], first[1], first[2], first[3], second[0], second[1]};
    int half_bits = 1;
    while (half_bits < 31 && std::uint64_t{1} << (2 * half_bits) < count) ++half_bits;
    const std::uint64_t mask = (std::uint64_t{1} << half_bits) - 1;
    for (std::size_t row = 0; row < rows; ++row) {
        auto value = static_cast<std::uint64_t>(positions[row]);
        do {
            std::uint64_t left = value >> half_bits, right = value & mask;
            for (const std::uint64_t round_key : round_keys) {
                const std::uint64_t next = left ^ (mix(right ^ round_key) & mask);
                left = right;
                right = next;
            }
            value = left << half_bits | right;
        } while (value >= count);
        out[row] = static_cast<std::int64_t>(value);
    }
}

}  // namespace imagefeed
