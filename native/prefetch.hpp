// Asking for memory before it is read, where the compiler knows how.
#pragma once

#include <cstddef>
#include <cstdint>

namespace imagefeed {

constexpr std::ptrdiff_t kCacheLine = 64;

inline void prefetch([[maybe_unused]] const std::uint8_t* p) {
#if defined(__GNUC__)
    __builtin_prefetch(p);
#endif
}

}  // namespace imagefeed
