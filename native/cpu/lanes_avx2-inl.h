// Eight floats at a time. Included only by cpu/avx2.cpp and the two files of AVX-VNNI, inside an unnamed namespace. These define
// HC_DPBUSD, the four-byte dot product; without it pairs of bytes are multiplied and added up in two steps.

using F = __m256;
using I = __m256i;

constexpr int64_t lanes = 8;
constexpr int token_tile = 6;     // tokens of a float tile: 12 sums, 2 weights, 1 activation in 16 registers
#if defined(HC_DPBUSD)
constexpr int tile_tokens = 6;        // of an integer tile with two registers of rows: 12 sums, 2 weights, 1 activation; scaled sums wait
constexpr int nibble_tile_tokens = 3; // 6 sums, 4 weights, 1 activation
constexpr int tile_registers = 2;
#else
constexpr int tile_tokens = 6;        // of an integer tile with one register of rows: 6 sums, weights, their sizes, ones
constexpr int nibble_tile_tokens = 6;
constexpr int tile_registers = 1;
#endif
constexpr int lone_registers = 4;
constexpr int dot_tokens = 2;     // tokens sharing one pass over four weight rows

inline I first(int64_t n) {
    alignas(32) static const int32_t window[16] = {-1, -1, -1, -1, -1, -1, -1, -1, 0, 0, 0, 0, 0, 0, 0, 0};
    return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(window + 8 - n));
}

inline F zero() { return _mm256_setzero_ps(); }
inline F set1(float x) { return _mm256_set1_ps(x); }
inline F load(const float* p) { return _mm256_loadu_ps(p); }
inline F load_first(const float* p, int64_t n) { return _mm256_maskload_ps(p, first(n)); }
inline void store(float* p, F x) { _mm256_storeu_ps(p, x); }
inline void store_first(float* p, F x, int64_t n) { _mm256_maskstore_ps(p, first(n), x); }
inline F add(F a, F b) { return _mm256_add_ps(a, b); }
inline F sub(F a, F b) { return _mm256_sub_ps(a, b); }
inline F mul(F a, F b) { return _mm256_mul_ps(a, b); }
inline F div(F a, F b) { return _mm256_div_ps(a, b); }
inline F fma(F a, F b, F c) { return _mm256_fmadd_ps(a, b, c); }   // a b + c
inline float fma_one(float a, float b, float c) { return _mm_cvtss_f32(_mm_fmadd_ss(_mm_set_ss(a), _mm_set_ss(b), _mm_set_ss(c))); }
inline F fnma(F a, F b, F c) { return _mm256_fnmadd_ps(a, b, c); } // c - a b
inline F min(F a, F b) { return _mm256_min_ps(a, b); } // not a number where b is none
inline F max(F a, F b) { return _mm256_max_ps(a, b); } // not a number where b is none
inline F absolute(F x) { return _mm256_andnot_ps(set1(-0.0f), x); }
inline float sum(F x) {
    const __m128 four = _mm_add_ps(_mm256_castps256_ps128(x), _mm256_extractf128_ps(x, 1));
    const __m128 two = _mm_add_ps(four, _mm_movehl_ps(four, four));
    return _mm_cvtss_f32(_mm_add_ss(two, _mm_shuffle_ps(two, two, 1)));
}
inline float largest(F x) {
    const __m128 four = _mm_max_ps(_mm256_castps256_ps128(x), _mm256_extractf128_ps(x, 1));
    const __m128 two = _mm_max_ps(four, _mm_movehl_ps(four, four));
    return _mm_cvtss_f32(_mm_max_ss(two, _mm_shuffle_ps(two, two, 1)));
}

// y, but 0 where x < limit.
inline F zero_below(F y, F x, float limit) { return _mm256_and_ps(_mm256_cmp_ps(x, set1(limit), _CMP_NLT_UQ), y); }
// x with lanes outside [begin, end) replaced.
inline F keep_range(F x, int64_t begin, int64_t end, F other) {
    const I keep = _mm256_andnot_si256(first(begin), first(end));
    return _mm256_blendv_ps(other, x, _mm256_castsi256_ps(keep));
}
inline float square_root(float x) { return _mm_cvtss_f32(_mm_sqrt_ss(_mm_set_ss(x))); }
inline I nearest(F x) { return _mm256_cvtps_epi32(x); }
inline F to_float(I x) { return _mm256_cvtepi32_ps(x); }
inline F times_power(F x, I n) {
    return mul(x, _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_add_epi32(n, _mm256_set1_epi32(127)), 23)));
}

inline I zero_int() { return _mm256_setzero_si256(); }
inline I set1_int(int32_t x) { return _mm256_set1_epi32(x); }
inline I add_int(I a, I b) { return _mm256_add_epi32(a, b); }
inline int32_t sum_int(I x) {
    const __m128i four = _mm_add_epi32(_mm256_castsi256_si128(x), _mm256_extracti128_si256(x, 1));
    const __m128i two = _mm_add_epi32(four, _mm_shuffle_epi32(four, 0x4e));
    return _mm_cvtsi128_si32(_mm_add_epi32(two, _mm_shuffle_epi32(two, 0xb1)));
}
inline I max_int(I a, I b) { return _mm256_max_epi32(a, b); }
inline int32_t largest_int(I x) {
    const __m128i four = _mm_max_epi32(_mm256_castsi256_si128(x), _mm256_extracti128_si256(x, 1));
    const __m128i two = _mm_max_epi32(four, _mm_shuffle_epi32(four, 0x4e));
    return _mm_cvtsi128_si32(_mm_max_epi32(two, _mm_shuffle_epi32(two, 0xb1)));
}
inline I load_int(const void* p) { return _mm256_loadu_si256(static_cast<const __m256i*>(p)); }
inline void store_int(void* p, I x) { _mm256_storeu_si256(static_cast<__m256i*>(p), x); }
inline I xor_int(I a, I b) { return _mm256_xor_si256(a, b); }

inline F load_bf16(const uint16_t* p) {
    const I wide = _mm256_cvtepu16_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)));
    return _mm256_castsi256_ps(_mm256_slli_epi32(wide, 16));
}
inline F load_bf16_first(const uint16_t* p, int64_t n) {
    uint16_t padded[8] = {};
    memcpy(padded, p, static_cast<size_t>(n) * 2);
    return load_bf16(padded);
}
inline F load_f16(const uint16_t* p) { return _mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p))); }
inline F load_f16_first(const uint16_t* p, int64_t n) {
    uint16_t padded[8] = {};
    memcpy(padded, p, static_cast<size_t>(n) * 2);
    return load_f16(padded);
}
inline float f16_value(const uint16_t* bits) { return _mm_cvtss_f32(_mm_cvtph_ps(_mm_cvtsi32_si128(*bits))); }
inline void store_f16_first(uint16_t* p, F x, int64_t n) {
    uint16_t all[8];
    _mm_storeu_si128(reinterpret_cast<__m128i*>(all), _mm256_cvtps_ph(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC));
    memcpy(p, all, static_cast<size_t>(n) * 2);
}
inline I load_i8_int(const int8_t* p) { return _mm256_cvtepi8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(p))); }
inline F load_i8(const int8_t* p) { return to_float(load_i8_int(p)); }
inline F load_i8_first(const int8_t* p, int64_t n) {
    int8_t padded[8] = {};
    memcpy(padded, p, static_cast<size_t>(n));
    return to_float(_mm256_cvtepi8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(padded))));
}
// Lanes are within -128..127.
inline void store_i8_first(int8_t* p, I x, int64_t n) {
    const __m128i words = _mm_packs_epi32(_mm256_castsi256_si128(x), _mm256_extracti128_si256(x, 1));
    int8_t all[8];
    _mm_storel_epi64(reinterpret_cast<__m128i*>(all), _mm_packs_epi16(words, words));
    memcpy(p, all, static_cast<size_t>(n));
}

// Rows become columns.
inline void transpose(F* r) {
    F t[8];
    for (int i = 0; i < 8; i += 2) {
        t[i] = _mm256_unpacklo_ps(r[i], r[i + 1]);
        t[i + 1] = _mm256_unpackhi_ps(r[i], r[i + 1]);
    }
    F u[8];
    for (int i = 0; i < 8; i += 4) {
        u[i] = _mm256_shuffle_ps(t[i], t[i + 2], 0x44);
        u[i + 1] = _mm256_shuffle_ps(t[i], t[i + 2], 0xee);
        u[i + 2] = _mm256_shuffle_ps(t[i + 1], t[i + 3], 0x44);
        u[i + 3] = _mm256_shuffle_ps(t[i + 1], t[i + 3], 0xee);
    }
    for (int i = 0; i < 4; ++i) {
        r[i] = _mm256_permute2f128_ps(u[i], u[i + 4], 0x20);
        r[i + 4] = _mm256_permute2f128_ps(u[i], u[i + 4], 0x31);
    }
}
inline F as_float(I x) { return _mm256_castsi256_ps(x); }
inline I as_int(F x) { return _mm256_castps_si256(x); }

// Integer dot products multiply unsigned by signed bytes.
constexpr int32_t q4_shift = 8;

inline I low_nibbles(I pairs) { return _mm256_and_si256(pairs, _mm256_set1_epi8(15)); }
inline I high_nibbles(I pairs) { return _mm256_and_si256(_mm256_srli_epi16(pairs, 4), _mm256_set1_epi8(15)); }

#if defined(HC_DPBUSD)

// Weights stay as they are packed; the shift is taken out again by the sum of the activations, which is known.
constexpr int32_t q8_shift = 128;

inline I load_q8(const uint8_t* p) { return load_int(p); }
// Four codes per lane: sum += w . x, w shifted.
inline I dot4_q8(I total, I w, I x) { return HC_DPBUSD(total, w, x); }
// Sixteen: low and high nibbles of a step and of the next, times x[0], x_high[0], x[next] and x_high[next].
inline I dot16_q4(I total, const I (&w)[4], const int32_t* x, const int32_t* x_high, int64_t next) {
    total = HC_DPBUSD(total, w[0], set1_int(x[0]));
    total = HC_DPBUSD(total, w[1], set1_int(x_high[0]));
    total = HC_DPBUSD(total, w[2], set1_int(x[next]));
    return HC_DPBUSD(total, w[3], set1_int(x_high[next]));
}

#else

// The product saturates at 16 bits: |w| times x with w's sign stays below, also for code -128, since activations never are.
constexpr int32_t q8_shift = 0;

inline I load_q8(const uint8_t* p) { return xor_int(load_int(p), _mm256_set1_epi8(static_cast<char>(0x80))); }
inline I add_pairs(I total, I words) { return _mm256_add_epi32(total, _mm256_madd_epi16(words, _mm256_set1_epi16(1))); }
// Four codes per lane: sum += w . x, w shifted.
inline I dot4_q8(I total, I w, I x) {
    return add_pairs(total, _mm256_maddubs_epi16(_mm256_abs_epi8(w), _mm256_sign_epi8(x, w)));
}
// Sixteen: low and high nibbles of a step and of the next, times x[0], x_high[0], x[next] and x_high[next]; their pairs fit 16 bits.
inline I dot16_q4(I total, const I (&w)[4], const int32_t* x, const int32_t* x_high, int64_t next) {
    const I first = _mm256_add_epi16(_mm256_maddubs_epi16(w[0], set1_int(x[0])), _mm256_maddubs_epi16(w[1], set1_int(x_high[0])));
    const I second =
        _mm256_add_epi16(_mm256_maddubs_epi16(w[2], set1_int(x[next])), _mm256_maddubs_epi16(w[3], set1_int(x_high[next])));
    return add_pairs(total, _mm256_add_epi16(first, second));
}

#endif

// Byte `which` of every lane, 0..255.
inline I byte_of(I words, int64_t which) {
    return _mm256_and_si256(_mm256_srl_epi32(words, _mm_cvtsi64_si128(8 * which)), set1_int(255));
}
// What the sum of a group's activations is multiplied by where codes have offsets: a pair of halves, the upper one 0.
inline I lift_of(I offsets) { return _mm256_and_si256(_mm256_sub_epi32(offsets, set1_int(q8_shift)), set1_int(0xffff)); }
inline I times_sum(I lift, I sum) { return _mm256_madd_epi16(lift, sum); }
