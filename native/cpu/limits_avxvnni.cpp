// The best product loop of AVX-VNNI; reading is AVX2's. Everything but the entry is in an unnamed namespace, as in avxvnni.cpp.
#include <immintrin.h>
#include <stdint.h>

namespace {

#include "cpu/limits-inl.h"
#include "cpu/limits_256-inl.h"

// A product has a latency of four or five cycles and up to two start in each: ten chains keep the units busy.
struct Best : Registers256 {
    static constexpr int chains = 12;
    static constexpr int products = 32;
    __m256i sum;

    void begin(int chain) { sum = _mm256_set1_epi32(chain); }
    void multiply() { sum = _mm256_dpbusd_avx_epi32(sum, _mm256_set1_epi8(3), _mm256_set1_epi8(5)); }
};

}  // namespace

extern "C" const int64_t hc_products_avxvnni;
extern "C" const int64_t hc_products_avxvnni = products_of<Best>;

extern "C" uint32_t hc_multiply_avxvnni(int64_t rounds);
extern "C" uint32_t hc_multiply_avxvnni(int64_t rounds) { return multiply_best<Best>(rounds); }
