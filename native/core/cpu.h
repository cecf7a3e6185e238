// What this processor can run, asked of the processor and of the operating system, and the kernel tables that go with it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "huisclos/kernels.h"

namespace hc {

// The words in which an x86 processor and its operating system answer. A machine is judged by these alone, so a test can be any.
struct X86Answers {
    std::uint32_t last_leaf = 0;     // CPUID 0, EAX
    std::uint32_t leaf1_ecx = 0;
    std::uint32_t leaf7_eax = 0;     // last subleaf of leaf 7
    std::uint32_t leaf7_ebx = 0;
    std::uint32_t leaf7_ecx = 0;
    std::uint32_t leaf7_edx = 0;
    std::uint32_t leaf7_1_eax = 0;
    std::uint64_t saved_registers = 0; // XCR0: which register files are saved at a task switch
};

// Names of the features that processor and operating system both grant, of those the tables ask for. A bit counts only where
// everything it rests on is there.
std::vector<std::string> features_of(const X86Answers& answers);

// Names of the tables that this build has and a processor with these features can run, slowest first; never empty.
std::vector<std::string> tables_for(const std::vector<std::string>& features);

// The one of `tables_for` that is taken unless another is asked for by name.
std::string best_table_for(const std::vector<std::string>& features);

// Of this machine.
const std::vector<std::string>& cpu_features();

// Null when there is no such table here, or the operating system does not permit it.
const hc_kernels* find_table(const std::string& name);

}  // namespace hc
