// Sixteen floats at a time. Included only by cpu/avx512.cpp, inside an unnamed namespace.

using F = __m512;
using I = __m512i;

constexpr int64_t lanes = 16;
constexpr int token_tile = 12;     // tokens of a float tile: 24 sums, 2 weights, 1 activation in 32 registers
constexpr int tile_tokens = 6;     // of an integer tile with two registers of rows: 12 + 12 sums, 2 weights, 1 activation
constexpr int nibble_tile_tokens = 6;
constexpr int tile_registers = 2;
constexpr int lone_registers = 2;
constexpr int dot_tokens = 4;      // tokens sharing one pass over four weight rows

inline __mmask16 first(int64_t n) { return static_cast<__mmask16>((1u << n) - 1u); }

inline F zero() { return _mm512_setzero_ps(); }
inline F set1(float x) { return _mm512_set1_ps(x); }
inline F load(const float* p) { return _mm512_loadu_ps(p); }
inline F load_first(const float* p, int64_t n) { return _mm512_maskz_loadu_ps(first(n), p); }
inline void store(float* p, F x) { _mm512_storeu_ps(p, x); }
inline void store_first(float* p, F x, int64_t n) { _mm512_mask_storeu_ps(p, first(n), x); }
inline F add(F a, F b) { return _mm512_add_ps(a, b); }
inline F sub(F a, F b) { return _mm512_sub_ps(a, b); }
inline F mul(F a, F b) { return _mm512_mul_ps(a, b); }
inline F div(F a, F b) { return _mm512_div_ps(a, b); }
inline F fma(F a, F b, F c) { return _mm512_fmadd_ps(a, b, c); }   // a b + c
inline float fma_one(float a, float b, float c) { return _mm_cvtss_f32(_mm_fmadd_ss(_mm_set_ss(a), _mm_set_ss(b), _mm_set_ss(c))); }
inline F fnma(F a, F b, F c) { return _mm512_fnmadd_ps(a, b, c); } // c - a b
inline F min(F a, F b) { return _mm512_min_ps(a, b); } // not a number where b is none
inline F max(F a, F b) { return _mm512_max_ps(a, b); } // not a number where b is none
inline F absolute(F x) { return _mm512_andnot_ps(set1(-0.0f), x); }
inline float sum(F x) { return _mm512_reduce_add_ps(x); }
inline float largest(F x) { return _mm512_reduce_max_ps(x); }

// y, but 0 where x < limit.
inline F zero_below(F y, F x, float limit) {
    return _mm512_maskz_mov_ps(_mm512_cmp_ps_mask(x, set1(limit), _CMP_NLT_UQ), y);
}
// x with lanes outside [begin, end) replaced.
inline F keep_range(F x, int64_t begin, int64_t end, F other) {
    const unsigned keep = ((1u << end) - 1u) & ~((1u << begin) - 1u);
    return _mm512_mask_mov_ps(other, static_cast<__mmask16>(keep), x);
}
inline float square_root(float x) { return _mm_cvtss_f32(_mm_sqrt_ss(_mm_set_ss(x))); }
inline I nearest(F x) { return _mm512_cvtps_epi32(x); }
inline F to_float(I x) { return _mm512_cvtepi32_ps(x); }
inline F times_power(F x, I n) { return _mm512_scalef_ps(x, to_float(n)); }

inline I zero_int() { return _mm512_setzero_si512(); }
inline I set1_int(int32_t x) { return _mm512_set1_epi32(x); }
inline I add_int(I a, I b) { return _mm512_add_epi32(a, b); }
inline int32_t sum_int(I x) { return _mm512_reduce_add_epi32(x); }
inline I max_int(I a, I b) { return _mm512_max_epi32(a, b); }
inline int32_t largest_int(I x) { return _mm512_reduce_max_epi32(x); }
inline I load_int(const void* p) { return _mm512_loadu_si512(p); }
inline void store_int(void* p, I x) { _mm512_storeu_si512(p, x); }
inline I xor_int(I a, I b) { return _mm512_xor_si512(a, b); }

inline F load_bf16(const uint16_t* p) {
    const I wide = _mm512_cvtepu16_epi32(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)));
    return _mm512_castsi512_ps(_mm512_slli_epi32(wide, 16));
}
inline F load_bf16_first(const uint16_t* p, int64_t n) {
    const I wide = _mm512_cvtepu16_epi32(_mm256_maskz_loadu_epi16(first(n), p));
    return _mm512_castsi512_ps(_mm512_slli_epi32(wide, 16));
}
inline F load_f16(const uint16_t* p) {
    return _mm512_cvtph_ps(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)));
}
inline F load_f16_first(const uint16_t* p, int64_t n) {
    return _mm512_cvtph_ps(_mm256_maskz_loadu_epi16(first(n), p));
}
inline float f16_value(const uint16_t* bits) { return _mm_cvtss_f32(_mm_cvtph_ps(_mm_cvtsi32_si128(*bits))); }
inline void store_f16_first(uint16_t* p, F x, int64_t n) {
    _mm256_mask_storeu_epi16(p, first(n), _mm512_cvtps_ph(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC));
}
inline I load_i8_int(const int8_t* p) { return _mm512_cvtepi8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p))); }
inline F load_i8(const int8_t* p) { return to_float(load_i8_int(p)); }
inline F load_i8_first(const int8_t* p, int64_t n) {
    return to_float(_mm512_cvtepi8_epi32(_mm_maskz_loadu_epi8(first(n), p)));
}
// Lanes are within -128..127.
inline void store_i8_first(int8_t* p, I x, int64_t n) {
    _mm_mask_storeu_epi8(p, first(n), _mm512_cvtepi32_epi8(x));
}

// Rows become columns.
inline void transpose(F* r) {
    F t[16];
    for (int i = 0; i < 16; i += 2) {
        t[i] = _mm512_unpacklo_ps(r[i], r[i + 1]);
        t[i + 1] = _mm512_unpackhi_ps(r[i], r[i + 1]);
    }
    for (int i = 0; i < 16; i += 4) {
        const __m512d a = _mm512_castps_pd(t[i]);
        const __m512d b = _mm512_castps_pd(t[i + 1]);
        const __m512d c = _mm512_castps_pd(t[i + 2]);
        const __m512d e = _mm512_castps_pd(t[i + 3]);
        r[i] = _mm512_castpd_ps(_mm512_unpacklo_pd(a, c));
        r[i + 1] = _mm512_castpd_ps(_mm512_unpackhi_pd(a, c));
        r[i + 2] = _mm512_castpd_ps(_mm512_unpacklo_pd(b, e));
        r[i + 3] = _mm512_castpd_ps(_mm512_unpackhi_pd(b, e));
    }
    // Quarter q of r[4 i + j] is now column 4 q + j of rows 4 i .. 4 i + 3.
    for (int j = 0; j < 4; ++j) {
        t[j] = _mm512_shuffle_f32x4(r[j], r[4 + j], 0x88);
        t[4 + j] = _mm512_shuffle_f32x4(r[j], r[4 + j], 0xdd);
        t[8 + j] = _mm512_shuffle_f32x4(r[8 + j], r[12 + j], 0x88);
        t[12 + j] = _mm512_shuffle_f32x4(r[8 + j], r[12 + j], 0xdd);
    }
    for (int j = 0; j < 4; ++j) {
        r[j] = _mm512_shuffle_f32x4(t[j], t[8 + j], 0x88);
        r[8 + j] = _mm512_shuffle_f32x4(t[j], t[8 + j], 0xdd);
        r[4 + j] = _mm512_shuffle_f32x4(t[4 + j], t[12 + j], 0x88);
        r[12 + j] = _mm512_shuffle_f32x4(t[4 + j], t[12 + j], 0xdd);
    }
}
inline F as_float(I x) { return _mm512_castsi512_ps(x); }
inline I as_int(F x) { return _mm512_castps_si512(x); }

// Integer dot products. VNNI multiplies unsigned by signed bytes, as weights are packed; the shift is taken out again by the sum
// of the activations, which is known.
constexpr int32_t q8_shift = 128;
constexpr int32_t q4_shift = 8;

inline I load_q8(const uint8_t* p) { return load_int(p); }
// Byte `which` of every lane, 0..255.
inline I byte_of(I words, int64_t which) {
    return _mm512_and_si512(_mm512_srl_epi32(words, _mm_cvtsi64_si128(8 * which)), set1_int(255));
}
// What the sum of a group's activations is multiplied by where codes have offsets: a pair of halves, the upper one 0.
inline I lift_of(I offsets) { return _mm512_and_si512(_mm512_sub_epi32(offsets, set1_int(q8_shift)), set1_int(0xffff)); }
inline I times_sum(I lift, I sum) { return _mm512_madd_epi16(lift, sum); }
inline I low_nibbles(I pairs) { return _mm512_and_si512(pairs, _mm512_set1_epi8(15)); }
inline I high_nibbles(I pairs) { return _mm512_and_si512(_mm512_srli_epi16(pairs, 4), _mm512_set1_epi8(15)); }
// Four codes per lane: sum += w . x, w shifted.
inline I dot4_q8(I total, I w, I x) { return _mm512_dpbusd_epi32(total, w, x); }
// Sixteen: low and high nibbles of a step and of the next, times x[0], x_high[0], x[next] and x_high[next].
inline I dot16_q4(I total, const I (&w)[4], const int32_t* x, const int32_t* x_high, int64_t next) {
    total = _mm512_dpbusd_epi32(total, w[0], set1_int(x[0]));
    total = _mm512_dpbusd_epi32(total, w[1], set1_int(x_high[0]));
    total = _mm512_dpbusd_epi32(total, w[2], set1_int(x[next]));
    return _mm512_dpbusd_epi32(total, w[3], set1_int(x_high[next]));
}
