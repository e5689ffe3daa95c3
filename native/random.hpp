// Counter-based random numbers: Philox 4x64-10 (Salmon, Moraes, Dror and Shaw, "Parallel random numbers: as
// easy as 1, 2, 3", SC 2011), the generator that numpy.random.Philox implements. A number depends on its
// key and counter alone, so it is the same in any thread, batch or machine.
#pragma once

#include <cstddef>
#include <cstdint>

namespace imagefeed {

struct Key {
    std::uint64_t seed;
    std::uint64_t epoch;
};

// `count` uniform numbers in [0, 1) for each of `records`: row r is the stream of counter (block, step, records[r], 0).
void fill_uniform(Key key, std::uint64_t step, const std::int64_t* records, std::size_t rows, std::size_t count,
                  double* out);

// The same for several steps at once: step steps[k] gives counts[k] numbers. Row r of `out` holds the numbers of all
// steps, one after another.
void fill_uniform_steps(Key key, const std::int64_t* steps, const std::int64_t* counts, std::size_t step_count,
                        const std::int64_t* records, std::size_t rows, double* out);

// What stands at some positions of a shuffled range(count). A Feistel network over twice `half_bits` bits, the smallest
// number of them that holds `count`, is a permutation; walking on along its cycle until the value falls below `count` makes
// it one of range(count) (Black and Rogaway, "Ciphers with arbitrary finite domains", CT-RSA 2002). Its round keys are the
// first words of the stream of counter (block, 0, 0, 0). Positions must lie below `count`, at most 2^62.
void shuffle(Key key, const std::int64_t* positions, std::size_t rows, std::uint64_t count, std::int64_t* out);

}  // namespace imagefeed
