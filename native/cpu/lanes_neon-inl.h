// Four floats at a time. Included only by cpu/neon.cpp, inside an unnamed namespace.

using F = float32x4_t;
using I = int32x4_t;

constexpr int64_t lanes = 4;
constexpr int token_tile = 8;      // tokens of a float tile: 16 sums, 2 weights, 8 activations in 32 registers
constexpr int tile_tokens = 6;     // of an integer tile with two registers of rows: 12 + 12 sums, 2 weights, 1 activation
constexpr int nibble_tile_tokens = 6;
constexpr int tile_registers = 2;
constexpr int lone_registers = 8;
constexpr int dot_tokens = 2;      // tokens sharing one pass over four weight rows

inline F zero() { return vdupq_n_f32(0.0f); }
inline F set1(float x) { return vdupq_n_f32(x); }
inline F load(const float* p) { return vld1q_f32(p); }
inline F load_first(const float* p, int64_t n) {
    if (n == lanes) {
        return load(p);
    }
    float padded[lanes] = {};
    memcpy(padded, p, static_cast<size_t>(n) * sizeof(float));
    return load(padded);
}
inline void store(float* p, F x) { vst1q_f32(p, x); }
inline void store_first(float* p, F x, int64_t n) {
    if (n == lanes) {
        store(p, x);
        return;
    }
    float all[lanes];
    store(all, x);
    memcpy(p, all, static_cast<size_t>(n) * sizeof(float));
}
inline F add(F a, F b) { return vaddq_f32(a, b); }
inline F sub(F a, F b) { return vsubq_f32(a, b); }
inline F mul(F a, F b) { return vmulq_f32(a, b); }
inline F div(F a, F b) { return vdivq_f32(a, b); }
inline F fma(F a, F b, F c) { return vfmaq_f32(c, a, b); }  // a b + c
inline float fma_one(float a, float b, float c) { return vget_lane_f32(vfma_f32(vdup_n_f32(c), vdup_n_f32(a), vdup_n_f32(b)), 0); }
inline F fnma(F a, F b, F c) { return vfmsq_f32(c, a, b); } // c - a b
inline F min(F a, F b) { return vminq_f32(a, b); } // not a number where either is none
inline F max(F a, F b) { return vmaxq_f32(a, b); } // not a number where either is none
inline F absolute(F x) { return vabsq_f32(x); }
inline float sum(F x) { return vaddvq_f32(x); }
inline float largest(F x) { return vmaxvq_f32(x); }

inline F as_float(I x) { return vreinterpretq_f32_s32(x); }
inline I as_int(F x) { return vreinterpretq_s32_f32(x); }

// y, but 0 where x < limit.
inline F zero_below(F y, F x, float limit) {
    return as_float(vbicq_s32(as_int(y), vreinterpretq_s32_u32(vcltq_f32(x, set1(limit)))));
}
// x with lanes outside [begin, end) replaced.
inline F keep_range(F x, int64_t begin, int64_t end, F other) {
    alignas(16) static const int32_t places[lanes] = {0, 1, 2, 3};
    const int32x4_t place = vld1q_s32(places);
    const uint32x4_t kept = vandq_u32(vcgeq_s32(place, vdupq_n_s32(static_cast<int32_t>(begin))),
                                      vcltq_s32(place, vdupq_n_s32(static_cast<int32_t>(end))));
    return vbslq_f32(kept, x, other);
}
inline float square_root(float x) { return vget_lane_f32(vsqrt_f32(vdup_n_f32(x)), 0); }
inline I nearest(F x) { return vcvtnq_s32_f32(x); }
inline F to_float(I x) { return vcvtq_f32_s32(x); }
inline F times_power(F x, I n) { return mul(x, as_float(vshlq_n_s32(vaddq_s32(n, vdupq_n_s32(127)), 23))); }

inline I zero_int() { return vdupq_n_s32(0); }
inline I set1_int(int32_t x) { return vdupq_n_s32(x); }
inline I add_int(I a, I b) { return vaddq_s32(a, b); }
inline int32_t sum_int(I x) { return vaddvq_s32(x); }
inline I max_int(I a, I b) { return vmaxq_s32(a, b); }
inline int32_t largest_int(I x) { return vmaxvq_s32(x); }
inline I load_int(const void* p) { return vreinterpretq_s32_u8(vld1q_u8(static_cast<const uint8_t*>(p))); } // of any alignment
inline void store_int(void* p, I x) { vst1q_u8(static_cast<uint8_t*>(p), vreinterpretq_u8_s32(x)); }
inline I xor_int(I a, I b) { return veorq_s32(a, b); }

inline F load_bf16(const uint16_t* p) { return vreinterpretq_f32_u32(vshll_n_u16(vld1_u16(p), 16)); }
inline F load_bf16_first(const uint16_t* p, int64_t n) {
    if (n == lanes) {
        return load_bf16(p);
    }
    uint16_t padded[lanes] = {};
    memcpy(padded, p, static_cast<size_t>(n) * 2);
    return load_bf16(padded);
}
inline F load_f16(const uint16_t* p) { return vcvt_f32_f16(vreinterpret_f16_u16(vld1_u16(p))); }
inline F load_f16_first(const uint16_t* p, int64_t n) {
    if (n == lanes) {
        return load_f16(p);
    }
    uint16_t padded[lanes] = {};
    memcpy(padded, p, static_cast<size_t>(n) * 2);
    return load_f16(padded);
}
inline float f16_value(const uint16_t* bits) {
    return vgetq_lane_f32(vcvt_f32_f16(vreinterpret_f16_u16(vdup_n_u16(*bits))), 0);
}
inline void store_f16_first(uint16_t* p, F x, int64_t n) {
    uint16_t all[lanes];
    vst1_u16(all, vreinterpret_u16_f16(vcvt_f16_f32(x)));
    memcpy(p, all, static_cast<size_t>(n) * 2);
}
inline I load_i8_int(const int8_t* p) {
    int8_t padded[8] = {};
    memcpy(padded, p, 4);
    return vmovl_s16(vget_low_s16(vmovl_s8(vld1_s8(padded))));
}
inline F load_i8(const int8_t* p) { return to_float(load_i8_int(p)); }
inline F load_i8_first(const int8_t* p, int64_t n) {
    int8_t padded[8] = {};
    memcpy(padded, p, static_cast<size_t>(n));
    return to_float(vmovl_s16(vget_low_s16(vmovl_s8(vld1_s8(padded)))));
}
// Lanes are within -128..127.
inline void store_i8_first(int8_t* p, I x, int64_t n) {
    const int16x4_t words = vmovn_s32(x);
    int8_t all[8];
    vst1_s8(all, vmovn_s16(vcombine_s16(words, words)));
    memcpy(p, all, static_cast<size_t>(n));
}

// Rows become columns.
inline void transpose(F* r) {
    const float64x2_t even0 = vreinterpretq_f64_f32(vtrn1q_f32(r[0], r[1]));
    const float64x2_t odd0 = vreinterpretq_f64_f32(vtrn2q_f32(r[0], r[1]));
    const float64x2_t even1 = vreinterpretq_f64_f32(vtrn1q_f32(r[2], r[3]));
    const float64x2_t odd1 = vreinterpretq_f64_f32(vtrn2q_f32(r[2], r[3]));
    r[0] = vreinterpretq_f32_f64(vtrn1q_f64(even0, even1));
    r[1] = vreinterpretq_f32_f64(vtrn1q_f64(odd0, odd1));
    r[2] = vreinterpretq_f32_f64(vtrn2q_f64(even0, even1));
    r[3] = vreinterpretq_f32_f64(vtrn2q_f64(odd0, odd1));
}

// Integer dot products multiply signed by signed bytes: q8 codes are turned back as they are loaded, q4 codes are nibbles until the
// known sum of the activations takes the 8 out.
constexpr int32_t q8_shift = 0;
constexpr int32_t q4_shift = 8;

inline I load_q8(const uint8_t* p) { return vreinterpretq_s32_u8(veorq_u8(vld1q_u8(p), vdupq_n_u8(0x80))); }
inline I low_nibbles(I pairs) { return vandq_s32(pairs, vdupq_n_s32(0x0f0f0f0f)); }
inline I high_nibbles(I pairs) { return vreinterpretq_s32_u8(vshrq_n_u8(vreinterpretq_u8_s32(pairs), 4)); }
// Four codes per lane: sum += w . x, w shifted.
inline I dot4_q8(I total, I w, I x) { return vdotq_s32(total, vreinterpretq_s8_s32(w), vreinterpretq_s8_s32(x)); }
// Sixteen: low and high nibbles of a step and of the next, times x[0], x_high[0], x[next] and x_high[next].
inline I dot16_q4(I total, const I (&w)[4], const int32_t* x, const int32_t* x_high, int64_t next) {
    total = dot4_q8(total, w[0], set1_int(x[0]));
    total = dot4_q8(total, w[1], set1_int(x_high[0]));
    total = dot4_q8(total, w[2], set1_int(x[next]));
    return dot4_q8(total, w[3], set1_int(x_high[next]));
}

// Byte `which` of every lane, 0..255.
inline I byte_of(I words, int64_t which) {
    const uint32x4_t moved = vshlq_u32(vreinterpretq_u32_s32(words), vdupq_n_s32(static_cast<int32_t>(-8 * which)));
    return vreinterpretq_s32_u32(vandq_u32(moved, vdupq_n_u32(255u)));
}
// What the sum of a group's activations is multiplied by where codes have offsets.
inline I lift_of(I offsets) { return vsubq_s32(offsets, vdupq_n_s32(q8_shift)); }
inline I times_sum(I lift, I sum) { return vmulq_s32(lift, sum); }
