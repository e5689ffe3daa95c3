// Uninitialized, aligned, growing memory. A std::vector would clear what is about to be overwritten.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <new>

namespace imagefeed {

constexpr std::size_t kAlignment = 64;   // one cache line, one AVX-512 register
constexpr std::size_t kPadding = 64;     // SIMD loads may run past the end by less than this

// a * b, or the largest size where that overflows (no allocation can satisfy it, so it fails cleanly).
inline std::size_t checked_product(std::size_t a, std::size_t b) {
    if (a != 0 && b > std::numeric_limits<std::size_t>::max() / a) return std::numeric_limits<std::size_t>::max();
    return a * b;
}

struct AlignedDelete {
    void operator()(void* memory) const { ::operator delete(memory, std::align_val_t(kAlignment)); }
};

using AlignedMemory = std::unique_ptr<std::uint8_t, AlignedDelete>;

inline AlignedMemory allocate_aligned(std::size_t bytes) {
    if (bytes > std::numeric_limits<std::size_t>::max() - 2 * kPadding) throw std::bad_alloc();
    return AlignedMemory(
        static_cast<std::uint8_t*>(::operator new(bytes + 2 * kPadding, std::align_val_t(kAlignment))));
}

// Memory that one worker keeps between records. Contents are lost when it grows.
class Buffer {
public:
    template <class T>
    T* reserve(std::size_t count) {
        const std::size_t bytes = checked_product(count, sizeof(T));
        if (bytes > capacity_) {
            memory_.reset();
            capacity_ = 0;
            memory_ = allocate_aligned(bytes);
            capacity_ = bytes;
        }
        return reinterpret_cast<T*>(memory_.get());
    }

    // Gives back what a rare, huge record left behind.
    void trim(std::size_t keep) {
        if (capacity_ > keep) {
            memory_.reset();
            capacity_ = 0;
        }
    }

private:
    AlignedMemory memory_;
    std::size_t capacity_ = 0;
};

}  // namespace imagefeed
