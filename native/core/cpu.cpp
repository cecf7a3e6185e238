#include "core/cpu.h"

#include <cstdint>

#if defined(__x86_64__) || defined(_M_X64)
#define HC_X86 1
#if defined(_MSC_VER)
#include <intrin.h>
#else
#include <cpuid.h>
#endif
#endif

namespace hc {

namespace {

#if defined(HC_X86)

struct Registers {
    std::uint32_t eax = 0, ebx = 0, ecx = 0, edx = 0;
};

Registers cpuid(std::uint32_t leaf, std::uint32_t subleaf) {
    Registers r;
#if defined(_MSC_VER)
    int out[4];
    __cpuidex(out, static_cast<int>(leaf), static_cast<int>(subleaf));
    r = {static_cast<std::uint32_t>(out[0]), static_cast<std::uint32_t>(out[1]), static_cast<std::uint32_t>(out[2]),
         static_cast<std::uint32_t>(out[3])};
#else
    __cpuid_count(leaf, subleaf, r.eax, r.ebx, r.ecx, r.edx);
#endif
    return r;
}

// Which register files the operating system saves at a task switch. Only valid where CPUID reports OSXSAVE.
std::uint64_t saved_registers() {
#if defined(_MSC_VER)
    return _xgetbv(0);
#else
    std::uint32_t low = 0, high = 0;
    __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return (static_cast<std::uint64_t>(high) << 32) | low;
#endif
}

CpuFeatures detect() {
    CpuFeatures found;
    const std::uint32_t last_leaf = cpuid(0, 0).eax;
    if (last_leaf < 7) {
        return found;
    }
    const Registers one = cpuid(1, 0);
    const Registers seven = cpuid(7, 0);
    const auto bit = [](std::uint32_t word, int n) { return ((word >> n) & 1u) != 0; };
    const std::uint64_t saved = bit(one.ecx, 27) ? saved_registers() : 0;
    const bool saves_ymm = (saved & 0x6) == 0x6;
    const bool saves_zmm = (saved & 0xe6) == 0xe6;
    const struct {
        const char* name;
        bool present;
    } known[] = {
        {"avx2", saves_ymm && bit(seven.ebx, 5)},      {"fma", saves_ymm && bit(one.ecx, 12)},
        {"f16c", saves_ymm && bit(one.ecx, 29)},       {"avx512f", saves_zmm && bit(seven.ebx, 16)},
        {"avx512dq", saves_zmm && bit(seven.ebx, 17)}, {"avx512bw", saves_zmm && bit(seven.ebx, 30)},
        {"avx512vl", saves_zmm && bit(seven.ebx, 31)}, {"avx512vnni", saves_zmm && bit(seven.ecx, 11)},
    };
    found.avx2 = known[0].present && known[1].present && known[2].present;
    found.avx512 = found.avx2;
    for (std::size_t i = 0; i < sizeof known / sizeof known[0]; ++i) {
        if (known[i].present) {
            found.names.emplace_back(known[i].name);
        }
        found.avx512 = found.avx512 && (i < 3 || known[i].present);
    }
    return found;
}

#else

CpuFeatures detect() { return {}; }

#endif

}  // namespace

const CpuFeatures& cpu_features() {
    static const CpuFeatures features = detect();
    return features;
}

const std::vector<const hc_kernels*>& usable_tables() {
    static const std::vector<const hc_kernels*> tables = [] {
        std::vector<const hc_kernels*> usable{hc_kernels_scalar()};
#if defined(HC_WITH_X86_TABLES)
        if (cpu_features().avx2) {
            usable.push_back(hc_kernels_avx2());
        }
        if (cpu_features().avx512) {
            usable.push_back(hc_kernels_avx512());
        }
#endif
        return usable;
    }();
    return tables;
}

const hc_kernels* find_table(const std::string& name) {
    for (const hc_kernels* table : usable_tables()) {
        if (name == table->name) {
            return table;
        }
    }
    return nullptr;
}

}  // namespace hc
