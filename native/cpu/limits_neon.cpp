// The best loops of NEON with dot products. Everything but the entries is in an unnamed namespace, as in neon.cpp.
#include <arm_neon.h>
#include <stdint.h>

namespace {

#include "cpu/limits-inl.h"

// A product has a latency of three or four cycles and up to four start in each.
struct Best {
    using Register = uint32x4_t;
    static constexpr int words = 4;
    static constexpr int chains = 16;
    static constexpr int products = 16;
    Register sum;

    void begin(int chain) { sum = vdupq_n_u32(static_cast<uint32_t>(chain)); }
    void multiply() {
        sum = vreinterpretq_u32_s32(vdotq_s32(vreinterpretq_s32_u32(sum), vdupq_n_s8(3), vdupq_n_s8(5)));
    }

    static Register nothing() { return vdupq_n_u32(0); }
    static Register load(const char* at) { return vld1q_u32(reinterpret_cast<const uint32_t*>(at)); }
    static Register join(Register a, Register b) { return veorq_u32(a, b); }
    static void store(uint32_t* to, Register from) { vst1q_u32(to, from); }
};

}  // namespace

extern "C" const int64_t hc_products_neon;
extern "C" const int64_t hc_products_neon = products_of<Best>;

extern "C" uint32_t hc_multiply_neon(int64_t rounds);
extern "C" uint32_t hc_multiply_neon(int64_t rounds) { return multiply_best<Best>(rounds); }

extern "C" uint32_t hc_read_neon(const void* block, int64_t lines);
extern "C" uint32_t hc_read_neon(const void* block, int64_t lines) { return read_best<Best>(block, lines); }
