// The best loops of AVX2. Everything but the entries is in an unnamed namespace, as in avx2.cpp.
#include <immintrin.h>
#include <stdint.h>

namespace {

#include "cpu/limits-inl.h"
#include "cpu/limits_256-inl.h"

// Three instructions make 32 products and add them. Sixteen registers hold six chains.
struct Best : Registers256 {
    static constexpr int chains = 6;
    static constexpr int products = 32;
    __m256i product;  // each the next one's input, so that no round can be left out
    __m256i sum;

    void begin(int chain) {
        product = _mm256_set1_epi32(chain);
        sum = _mm256_setzero_si256();
    }
    void multiply() {
        product = _mm256_maddubs_epi16(product, _mm256_set1_epi8(5));
        sum = _mm256_add_epi32(sum, _mm256_madd_epi16(product, _mm256_set1_epi16(1)));
    }
};

}  // namespace

extern "C" const int64_t hc_products_avx2;
extern "C" const int64_t hc_products_avx2 = products_of<Best>;

extern "C" uint32_t hc_multiply_avx2(int64_t rounds);
extern "C" uint32_t hc_multiply_avx2(int64_t rounds) { return multiply_best<Best>(rounds); }

extern "C" uint32_t hc_read_avx2(const void* block, int64_t lines);
extern "C" uint32_t hc_read_avx2(const void* block, int64_t lines) { return read_best<Best>(block, lines); }
