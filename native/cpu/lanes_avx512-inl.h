// Sixteen floats at a time. Included only by cpu/avx512.cpp, inside an unnamed namespace.

using F = __m512;
using I = __m512i;

constexpr int64_t lanes = 16;
constexpr int token_tile = 12;     // tokens of a float tile: 24 sums, 2 weights, 1 activation in 32 registers
constexpr int int_token_tile = 12; // tokens of an integer tile: 12 + 12 sums
constexpr int dot_tokens = 4;      // tokens sharing one pass over four weight rows
constexpr int64_t packed_q8_tokens = 16; // from here on turning rows into columns pays
constexpr int64_t packed_q4_tokens = 16;

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
inline F fnma(F a, F b, F c) { return _mm512_fnmadd_ps(a, b, c); } // c - a b
inline F min(F a, F b) { return _mm512_min_ps(a, b); } // b where either is not a number
inline F max(F a, F b) { return _mm512_max_ps(a, b); } // b where either is not a number
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
inline I nearest(F x) { return _mm512_cvtps_epi32(x); }
inline F to_float(I x) { return _mm512_cvtepi32_ps(x); }
inline F times_power(F x, I n) { return _mm512_scalef_ps(x, to_float(n)); }

inline I zero_int() { return _mm512_setzero_si512(); }
inline I set1_int(int32_t x) { return _mm512_set1_epi32(x); }
inline I add_int(I a, I b) { return _mm512_add_epi32(a, b); }
inline int32_t sum_int(I x) { return _mm512_reduce_add_epi32(x); }
inline I load_int(const void* p) { return _mm512_loadu_si512(p); }
inline void store_int(void* p, I x) { _mm512_storeu_si512(p, x); }
// Lane 0 holds x, the others 0.
inline I lane0(int32_t x) { return _mm512_zextsi128_si512(_mm_cvtsi32_si128(x)); }

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
inline void store_f16_first(uint16_t* p, F x, int64_t n) {
    _mm256_mask_storeu_epi16(p, first(n), _mm512_cvtps_ph(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC));
}
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

// Integer dot products. VNNI multiplies unsigned by signed bytes, so q8 weights are shifted by 128 and the sum of the
// activations, which is known, takes the shift out again: corrections start the sum.
constexpr int32_t q8_shift = 128;
constexpr int32_t q4_shift = 8;

// Four codes per lane: sum += w . x, w shifted.
inline I dot4_q8(I total, I w, I x) { return _mm512_dpbusd_epi32(total, w, x); }
inline I dot4_q4(I total, I w, I x) { return _mm512_dpbusd_epi32(total, w, x); }

inline __mmask64 first_bytes(int64_t n) {
    return n >= 64 ? ~__mmask64{0} : (n <= 0 ? __mmask64{0} : (__mmask64{1} << n) - 1);
}

// The products of one group of n <= 128 codes, spread over the lanes; x has 128 readable bytes, zero past n.
inline I group_dot_q8(const int8_t* w, int64_t n, const int8_t* x, int32_t activation_sum) {
    const I flip = _mm512_set1_epi8(static_cast<char>(0x80));
    const I w0 = _mm512_maskz_loadu_epi8(first_bytes(n), w);
    const I w1 = _mm512_maskz_loadu_epi8(first_bytes(n - 64), w + 64);
    const I total = _mm512_dpbusd_epi32(lane0(-q8_shift * activation_sum), _mm512_xor_si512(w0, flip), load_int(x));
    return _mm512_dpbusd_epi32(total, _mm512_xor_si512(w1, flip), load_int(x + 64));
}
inline I group_dot_q8_full(const int8_t* w, const int8_t* x, int32_t activation_sum) {
    const I flip = _mm512_set1_epi8(static_cast<char>(0x80));
    const I total =
        _mm512_dpbusd_epi32(lane0(-q8_shift * activation_sum), _mm512_xor_si512(load_int(w), flip), load_int(x));
    return _mm512_dpbusd_epi32(total, _mm512_xor_si512(load_int(w + 64), flip), load_int(x + 64));
}
inline I nibble_dot(I bytes, const int8_t* x, int64_t half, int32_t activation_sum) {
    const I low = _mm512_set1_epi8(15);
    const I total =
        _mm512_dpbusd_epi32(lane0(-q4_shift * activation_sum), _mm512_and_si512(bytes, low), load_int(x));
    return _mm512_dpbusd_epi32(total, _mm512_and_si512(_mm512_srli_epi16(bytes, 4), low), load_int(x + half));
}
inline I group_dot_q4(const uint8_t* w, int64_t n, const int8_t* x, int32_t activation_sum) {
    return nibble_dot(_mm512_maskz_loadu_epi8(first_bytes(n / 2), w), x, n / 2, activation_sum);
}
inline I group_dot_q4_full(const uint8_t* w, const int8_t* x, int32_t activation_sum) {
    return nibble_dot(load_int(w), x, 64, activation_sum);
}

// One group of a row as 128 shifted codes, whatever past n.
inline void stage_q8(const int8_t* w, int64_t n, int8_t* out) {
    const I flip = _mm512_set1_epi8(static_cast<char>(0x80));
    store_int(out, _mm512_xor_si512(_mm512_maskz_loadu_epi8(first_bytes(n), w), flip));
    store_int(out + 64, _mm512_xor_si512(_mm512_maskz_loadu_epi8(first_bytes(n - 64), w + 64), flip));
}
inline void stage_q4_full(const uint8_t* w, int8_t* out) {
    const I low = _mm512_set1_epi8(15);
    const I bytes = load_int(w);
    store_int(out, _mm512_and_si512(bytes, low));
    store_int(out + 64, _mm512_and_si512(_mm512_srli_epi16(bytes, 4), low));
}
