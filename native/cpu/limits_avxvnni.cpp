// The best product loop of AVX-VNNI; reading is AVX2's. Everything but the entry is in an unnamed namespace, as in avxvnni.cpp.
#include <immintrin.h>
#include <stdint.h>

namespace {

// A product has a latency of four or five cycles and up to two start in each: ten chains keep the units busy.
constexpr int chains = 12;
constexpr int turns = 8;  // a round, since the compiler moves the sums about at its end

}  // namespace

extern "C" const int64_t hc_products_avxvnni;
extern "C" const int64_t hc_products_avxvnni = turns * chains * 32;

extern "C" uint32_t hc_multiply_avxvnni(int64_t rounds);
extern "C" uint32_t hc_multiply_avxvnni(int64_t rounds) {
    const __m256i inputs = _mm256_set1_epi8(3);
    const __m256i weights = _mm256_set1_epi8(5);
    __m256i sums[chains];
    for (int chain = 0; chain < chains; ++chain) {
        sums[chain] = _mm256_set1_epi32(chain);
    }
    for (int64_t r = 0; r < rounds; ++r) {
        for (int turn = 0; turn < turns; ++turn) {
            for (int chain = 0; chain < chains; ++chain) {
                sums[chain] = _mm256_dpbusd_avx_epi32(sums[chain], inputs, weights);
            }
        }
    }
    uint32_t words[8];
    uint32_t total = 0;
    for (int chain = 0; chain < chains; ++chain) {
        _mm256_storeu_si256(reinterpret_cast<__m256i*>(words), sums[chain]);
        for (const uint32_t word : words) {
            total += word;
        }
    }
    return total;
}
