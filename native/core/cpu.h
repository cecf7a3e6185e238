// What this processor can run, asked of the processor and of the operating system.
#pragma once

#include <string>
#include <vector>

#include "huisclos/kernels.h"

namespace hc {

struct CpuFeatures {
    bool avx2 = false;    // AVX2, FMA and F16C, with the operating system saving the 256-bit registers
    bool avx512 = false;  // F, BW, VL, DQ and VNNI, with the operating system saving the 512-bit and mask registers
    std::vector<std::string> names;
};

const CpuFeatures& cpu_features();

// The tables that this build has and this machine can run, slowest first; never empty.
const std::vector<const hc_kernels*>& usable_tables();

// Null when there is no such table here.
const hc_kernels* find_table(const std::string& name);

}  // namespace hc
