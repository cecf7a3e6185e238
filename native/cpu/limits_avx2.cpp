// The best loops of AVX2. Everything but the two entries is in an unnamed namespace, as in avx2.cpp.
#include <immintrin.h>
#include <stdint.h>

namespace {

// Three instructions make 32 products and add them. Sixteen registers hold six chains.
constexpr int chains = 6;
constexpr int turns = 8;  // a round, since the compiler moves the sums about at its end

}  // namespace

extern "C" const int64_t hc_products_avx2;
extern "C" const int64_t hc_products_avx2 = turns * chains * 32;

extern "C" uint32_t hc_multiply_avx2(int64_t rounds);
extern "C" uint32_t hc_multiply_avx2(int64_t rounds) {
    const __m256i weights = _mm256_set1_epi8(5);
    const __m256i ones = _mm256_set1_epi16(1);
    __m256i products[chains];  // each the next one's input, so that no round can be left out
    __m256i sums[chains];
    for (int chain = 0; chain < chains; ++chain) {
        products[chain] = _mm256_set1_epi32(chain);
        sums[chain] = _mm256_setzero_si256();
    }
    for (int64_t r = 0; r < rounds; ++r) {
        for (int turn = 0; turn < turns; ++turn) {
            for (int chain = 0; chain < chains; ++chain) {
                products[chain] = _mm256_maddubs_epi16(products[chain], weights);
                sums[chain] = _mm256_add_epi32(sums[chain], _mm256_madd_epi16(products[chain], ones));
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

extern "C" uint32_t hc_read_avx2(const void* block, int64_t lines);
extern "C" uint32_t hc_read_avx2(const void* block, int64_t lines) {
    const char* at = static_cast<const char*>(block);
    __m256i found[8];
    for (__m256i& word : found) {
        word = _mm256_setzero_si256();
    }
    for (int64_t line = 0; line < lines; line += 4, at += 256) {
        for (int i = 0; i < 8; ++i) {
            found[i] = _mm256_xor_si256(found[i], _mm256_load_si256(reinterpret_cast<const __m256i*>(at + i * 32)));
        }
    }
    for (int i = 1; i < 8; ++i) {
        found[0] = _mm256_xor_si256(found[0], found[i]);
    }
    uint32_t words[8];
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(words), found[0]);
    for (int i = 1; i < 8; ++i) {
        words[0] ^= words[i];
    }
    return words[0];
}
