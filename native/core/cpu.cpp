#include "core/cpu.h"

#include <algorithm>
#include <initializer_list>

#if defined(__x86_64__) || defined(_M_X64)
#define HC_X86 1
#if defined(_MSC_VER)
#include <intrin.h>
#else
#include <cpuid.h>
#endif
#endif

#if defined(__linux__)
#include <sys/syscall.h>
#include <unistd.h>
#if defined(__aarch64__)
#include <asm/hwcap.h>
#include <sys/auxv.h>
#endif
#elif defined(__APPLE__) && defined(__aarch64__)
#include <sys/sysctl.h>
#endif

namespace hc {

namespace {

bool has(const std::vector<std::string>& features, const char* name) {
    return std::find(features.begin(), features.end(), name) != features.end();
}

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

// Only valid where CPUID reports OSXSAVE.
std::uint64_t saved_registers() {
#if defined(_MSC_VER)
    return _xgetbv(0);
#else
    std::uint32_t low = 0, high = 0;
    __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return (static_cast<std::uint64_t>(high) << 32) | low;
#endif
}

constexpr int os_saves_registers = 27; // of leaf 1, ECX

std::vector<std::string> detect() {
    X86Answers answers;
    answers.last_leaf = cpuid(0, 0).eax;
    if (answers.last_leaf >= 7) {
        const Registers seven = cpuid(7, 0);
        answers.leaf1_ecx = cpuid(1, 0).ecx;
        answers.leaf7_eax = seven.eax;
        answers.leaf7_ebx = seven.ebx;
        answers.leaf7_ecx = seven.ecx;
        answers.leaf7_edx = seven.edx;
        answers.leaf7_1_eax = seven.eax >= 1 ? cpuid(7, 1).eax : 0;
        answers.saved_registers = ((answers.leaf1_ecx >> os_saves_registers) & 1u) != 0 ? saved_registers() : 0;
    }
    return features_of(answers);
}

#elif defined(__aarch64__) && defined(__linux__)

std::vector<std::string> detect() {
    return (getauxval(AT_HWCAP) & HWCAP_ASIMDDP) != 0 ? std::vector<std::string>{"dotprod"} : std::vector<std::string>{};
}

#elif defined(__aarch64__) && defined(__APPLE__)

std::vector<std::string> detect() {
    int present = 0;
    std::size_t size = sizeof present;
    const bool answered = sysctlbyname("hw.optional.arm.FEAT_DotProd", &present, &size, nullptr, 0) == 0;
    return answered && present != 0 ? std::vector<std::string>{"dotprod"} : std::vector<std::string>{};
}

#else

std::vector<std::string> detect() { return {}; }

#endif

// Linux gives a process the eight kilobytes of tile registers only when it asks for them.
#if defined(HC_WITH_AMX_TABLE) && defined(__linux__)
bool permit_tiles() {
    constexpr long request_permission = 0x1023; // ARCH_REQ_XCOMP_PERM
    constexpr long tile_data = 18;              // the bit of XCR0
    return syscall(SYS_arch_prctl, request_permission, tile_data) == 0;
}
#elif defined(HC_WITH_AMX_TABLE)
bool permit_tiles() { return false; } // never tried
#endif

struct Entry {
    const char* name;
    const hc_kernels* (*table)();
    std::initializer_list<const char*> needs;
    bool only_by_name;
    bool (*permit)(); // null: nothing to ask
};

// Slowest first. The last two are taken only when asked for: one runs on this instruction set what another one ships, for tests;
// the other has never met its hardware.
const Entry entries[] = {
    {"scalar", hc_kernels_scalar, {}, false, nullptr},
#if defined(HC_WITH_X86_TABLES)
    {"avx2", hc_kernels_avx2, {"avx2", "fma", "f16c"}, false, nullptr},
#endif
#if defined(HC_WITH_AVXVNNI_TABLE)
    {"avxvnni", hc_kernels_avxvnni, {"avx2", "fma", "f16c", "avxvnni"}, false, nullptr},
#endif
#if defined(HC_WITH_X86_TABLES)
    {"avx512", hc_kernels_avx512, {"avx2", "fma", "f16c", "avx512f", "avx512bw", "avx512vl", "avx512dq", "avx512vnni"}, false, nullptr},
#endif
#if defined(HC_WITH_NEON_TABLE)
    {"neon", hc_kernels_neon, {"dotprod"}, false, nullptr},
#endif
#if defined(HC_WITH_EVEX_TABLE)
    {"avxvnni-evex", hc_kernels_avxvnni_evex, {"avx2", "fma", "f16c", "avx512f", "avx512vl", "avx512vnni"}, true, nullptr},
#endif
#if defined(HC_WITH_AMX_TABLE)
    {"amx",
     hc_kernels_amx,
     {"avx2", "fma", "f16c", "avx512f", "avx512bw", "avx512vl", "avx512dq", "avx512vnni", "amx-tile", "amx-int8"},
     true,
     permit_tiles},
#endif
};

bool runs_with(const Entry& entry, const std::vector<std::string>& features) {
    return std::all_of(entry.needs.begin(), entry.needs.end(), [&](const char* need) { return has(features, need); });
}

}  // namespace

std::vector<std::string> features_of(const X86Answers& answers) {
    const auto bit = [](std::uint64_t word, int n) { return ((word >> n) & 1u) != 0; };
    const auto saves = [&](std::uint64_t mask) {
        return answers.last_leaf >= 7 && bit(answers.leaf1_ecx, 27) && (answers.saved_registers & mask) == mask;
    };
    const bool ymm = saves(0x6) && bit(answers.leaf1_ecx, 28);   // SSE and AVX registers; AVX itself
    const bool zmm = ymm && saves(0xe6) && bit(answers.leaf7_ebx, 16); // also masks and both halves of zmm; AVX-512F itself
    const bool tiles = saves(0x60000) && bit(answers.leaf7_edx, 24);   // tile configuration and data; AMX-TILE itself
    const struct {
        const char* name;
        bool present;
    } known[] = {
        {"avx2", ymm && bit(answers.leaf7_ebx, 5)},
        {"fma", ymm && bit(answers.leaf1_ecx, 12)},
        {"f16c", ymm && bit(answers.leaf1_ecx, 29)},
        {"avxvnni", ymm && answers.leaf7_eax >= 1 && bit(answers.leaf7_1_eax, 4)},
        {"avx512f", zmm},
        {"avx512dq", zmm && bit(answers.leaf7_ebx, 17)},
        {"avx512bw", zmm && bit(answers.leaf7_ebx, 30)},
        {"avx512vl", zmm && bit(answers.leaf7_ebx, 31)},
        {"avx512vnni", zmm && bit(answers.leaf7_ecx, 11)},
        {"amx-tile", tiles},
        {"amx-int8", tiles && bit(answers.leaf7_edx, 25)},
    };
    std::vector<std::string> names;
    for (const auto& feature : known) {
        if (feature.present) {
            names.emplace_back(feature.name);
        }
    }
    return names;
}

std::vector<std::string> tables_for(const std::vector<std::string>& features) {
    std::vector<std::string> names;
    for (const Entry& entry : entries) {
        if (runs_with(entry, features)) {
            names.emplace_back(entry.name);
        }
    }
    return names;
}

std::string best_table_for(const std::vector<std::string>& features) {
    std::string best;
    for (const Entry& entry : entries) {
        if (!entry.only_by_name && runs_with(entry, features)) {
            best = entry.name;
        }
    }
    return best;
}

const std::vector<std::string>& cpu_features() {
    static const std::vector<std::string> features = detect();
    return features;
}

const hc_kernels* find_table(const std::string& name) {
    for (const Entry& entry : entries) {
        if (name == entry.name) {
            const bool usable = runs_with(entry, cpu_features()) && (entry.permit == nullptr || entry.permit());
            return usable ? entry.table() : nullptr;
        }
    }
    return nullptr;
}

}  // namespace hc
