// The best loops of AVX-512 with VNNI. Everything but the entries is in an unnamed namespace, as in avx512.cpp.
#include <immintrin.h>
#include <stdint.h>

namespace {

#include "cpu/limits-inl.h"

// A product has a latency of four or five cycles and up to two start in each: ten chains keep the units busy.
struct Best {
    using Register = __m512i;
    static constexpr int words = 16;
    static constexpr int chains = 12;
    static constexpr int products = 64;
    Register sum;

    void begin(int chain) { sum = _mm512_set1_epi32(chain); }
    void multiply() { sum = _mm512_dpbusd_epi32(sum, _mm512_set1_epi8(3), _mm512_set1_epi8(5)); }

    static Register nothing() { return _mm512_setzero_si512(); }
    static Register load(const char* at) { return _mm512_load_si512(at); }
    static Register join(Register a, Register b) { return _mm512_xor_si512(a, b); }
    static void store(uint32_t* to, Register from) { _mm512_storeu_si512(to, from); }
};

}  // namespace

extern "C" const int64_t hc_products_avx512;
extern "C" const int64_t hc_products_avx512 = products_of<Best>;

extern "C" uint32_t hc_multiply_avx512(int64_t rounds);
extern "C" uint32_t hc_multiply_avx512(int64_t rounds) { return multiply_best<Best>(rounds); }

extern "C" uint32_t hc_read_avx512(const void* block, int64_t lines);
extern "C" uint32_t hc_read_avx512(const void* block, int64_t lines) { return read_best<Best>(block, lines); }
