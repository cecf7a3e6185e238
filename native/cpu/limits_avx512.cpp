// The best loops of AVX-512 with VNNI. Everything but the two entries is in an unnamed namespace, as in avx512.cpp.
#include <immintrin.h>
#include <stdint.h>

namespace {

// A product has a latency of four or five cycles and up to two start in each: ten chains keep the units busy. Several turns a
// round, since the compiler moves the sums about at its end.
constexpr int chains = 12;
constexpr int turns = 8;

}  // namespace

extern "C" const int64_t hc_products_avx512;
extern "C" const int64_t hc_products_avx512 = turns * chains * 64;

extern "C" uint32_t hc_multiply_avx512(int64_t rounds);
extern "C" uint32_t hc_multiply_avx512(int64_t rounds) {
    const __m512i inputs = _mm512_set1_epi8(3);
    const __m512i weights = _mm512_set1_epi8(5);
    __m512i sums[chains];
    for (int chain = 0; chain < chains; ++chain) {
        sums[chain] = _mm512_set1_epi32(chain);
    }
    for (int64_t r = 0; r < rounds; ++r) {
        for (int turn = 0; turn < turns; ++turn) {
            for (int chain = 0; chain < chains; ++chain) {
                sums[chain] = _mm512_dpbusd_epi32(sums[chain], inputs, weights);
            }
        }
    }
    uint32_t words[16];
    uint32_t total = 0;
    for (int chain = 0; chain < chains; ++chain) {
        _mm512_storeu_si512(words, sums[chain]);
        for (const uint32_t word : words) {
            total += word;
        }
    }
    return total;
}

extern "C" uint32_t hc_read_avx512(const void* block, int64_t lines);
extern "C" uint32_t hc_read_avx512(const void* block, int64_t lines) {
    const char* at = static_cast<const char*>(block);
    __m512i found[8];
    for (__m512i& word : found) {
        word = _mm512_setzero_si512();
    }
    for (int64_t line = 0; line < lines; line += 8, at += 512) {
        for (int i = 0; i < 8; ++i) {
            found[i] = _mm512_xor_si512(found[i], _mm512_load_si512(at + i * 64));
        }
    }
    uint32_t words[16];
    for (int i = 1; i < 8; ++i) {
        found[0] = _mm512_xor_si512(found[0], found[i]);
    }
    _mm512_storeu_si512(words, found[0]);
    for (int i = 1; i < 16; ++i) {
        words[0] ^= words[i];
    }
    return words[0];
}
