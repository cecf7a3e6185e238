// The best loops of NEON with dot products. Everything but the entries is in an unnamed namespace, as in neon.cpp.
#include <arm_neon.h>
#include <stdint.h>

namespace {

// A product has a latency of three or four cycles and up to four start in each.
constexpr int chains = 16;
constexpr int turns = 8;  // a round, since the compiler moves the sums about at its end

}  // namespace

extern "C" const int64_t hc_products_neon;
extern "C" const int64_t hc_products_neon = turns * chains * 16;

extern "C" uint32_t hc_multiply_neon(int64_t rounds);
extern "C" uint32_t hc_multiply_neon(int64_t rounds) {
    const int8x16_t inputs = vdupq_n_s8(3);
    const int8x16_t weights = vdupq_n_s8(5);
    int32x4_t sums[chains];
    for (int chain = 0; chain < chains; ++chain) {
        sums[chain] = vdupq_n_s32(chain);
    }
    for (int64_t r = 0; r < rounds; ++r) {
        for (int turn = 0; turn < turns; ++turn) {
            for (int chain = 0; chain < chains; ++chain) {
                sums[chain] = vdotq_s32(sums[chain], inputs, weights);
            }
        }
    }
    uint32_t total = 0;
    for (const int32x4_t& sum : sums) {
        total += static_cast<uint32_t>(vaddvq_s32(sum));
    }
    return total;
}

extern "C" uint32_t hc_read_neon(const void* block, int64_t lines);
extern "C" uint32_t hc_read_neon(const void* block, int64_t lines) {
    const uint32_t* at = static_cast<const uint32_t*>(block);
    uint32x4_t found[8];
    for (uint32x4_t& word : found) {
        word = vdupq_n_u32(0);
    }
    for (int64_t line = 0; line < lines; line += 2, at += 32) {
        for (int i = 0; i < 8; ++i) {
            found[i] = veorq_u32(found[i], vld1q_u32(at + i * 4));
        }
    }
    for (int i = 1; i < 8; ++i) {
        found[0] = veorq_u32(found[0], found[i]);
    }
    uint32_t words[4];
    vst1q_u32(words, found[0]);
    return words[0] ^ words[1] ^ words[2] ^ words[3];
}
