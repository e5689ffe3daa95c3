#include "kernels.hpp"

#include <atomic>
#include <cstdlib>
#include <cstring>

#if defined(IMAGEFEED_X86)
#if defined(_MSC_VER)
#include <intrin.h>
#else
#include <cpuid.h>
#endif
#endif

namespace imagefeed {
namespace {

#if defined(IMAGEFEED_X86)
struct CpuSupport {
    bool avx2, avx512;
};

#if defined(_MSC_VER)
CpuSupport detect() {
    int leaf1[4], leaf7[4];
    __cpuid(leaf1, 1);
    __cpuidex(leaf7, 7, 0);
    const bool saves_state = (leaf1[2] & (1 << 27)) != 0;  // OSXSAVE
    const unsigned long long state = saves_state ? _xgetbv(0) : 0;
    const bool fma = (leaf1[2] & (1 << 12)) != 0, f16c = (leaf1[2] & (1 << 29)) != 0;
    // AVX2 and BMI2.
    const bool avx2 = (state & 0x06) == 0x06 && (leaf7[1] & (1 << 5)) != 0 && (leaf7[1] & (1 << 8)) != 0 && fma && f16c;
    // Foundation, DQ, BW, VL; opmask and upper registers saved by the system.
    const int wanted = (1 << 16) | (1 << 17) | (1 << 30) | static_cast<int>(1u << 31);
    const bool vbmi = (leaf7[2] & (1 << 1)) != 0, vnni = (leaf7[2] & (1 << 11)) != 0;
    return {avx2, avx2 && (state & 0xE6) == 0xE6 && (leaf7[1] & wanted) == wanted && vbmi && vnni};
}
#else
CpuSupport detect() {
    __builtin_cpu_init();
    unsigned leaf1[4] = {};
    const bool known = __get_cpuid(1, &leaf1[0], &leaf1[1], &leaf1[2], &leaf1[3]) != 0;
    const bool f16c = known && (leaf1[2] & (1u << 29)) != 0;  // Clang 14's __builtin_cpu_supports does not know it
    const bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi2") && __builtin_cpu_supports("fma") && f16c;
    const bool avx512 = avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                        __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") &&
                        __builtin_cpu_supports("avx512vbmi") && __builtin_cpu_supports("avx512vnni");
    return {avx2, avx512};
}
#endif
#endif

const Kernels* find(const char* name) {
    if (std::strcmp(name, "portable") == 0) return &portable_kernels();
#if defined(IMAGEFEED_X86)
    const CpuSupport cpu = detect();
    if (std::strcmp(name, "avx2") == 0 && cpu.avx2) return &avx2_kernels();
    if (std::strcmp(name, "avx512") == 0 && cpu.avx512) return &avx512_kernels();
#endif
    return nullptr;
}

const Kernels* choose() {
    if (const char* wanted = std::getenv("IMAGEFEED_SIMD")) {
        if (const Kernels* table = find(wanted)) return table;
    }
    if (const Kernels* table = find("avx512")) return table;
    if (const Kernels* table = find("avx2")) return table;
    return &portable_kernels();
}

std::atomic<const Kernels*>& current() {
    static std::atomic<const Kernels*> table{choose()};
    return table;
}

}  // namespace

const Kernels& kernels() { return *current().load(std::memory_order_relaxed); }

bool select_kernels(const char* name) {
    const Kernels* const table = find(name);
    if (table != nullptr) current().store(table, std::memory_order_relaxed);
    return table != nullptr;
}

}  // namespace imagefeed
