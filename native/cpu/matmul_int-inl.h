// Products with q8 and q4 matrices: integer dot products per group of 128, then one scale per row, token and group.
// Included only by one instruction set's file, inside an unnamed namespace.

struct HalfScales {
    using Scale = uint16_t;
    static const uint16_t* scales_of(const hc_matrix* w) { return w->scales; }
    static F load_scales(const uint16_t* p, int64_t n) { return load_f16_first(p, n); }
    static float scale_value(const uint16_t* p) { return f16_value(p); }
};

struct WideScales {
    using Scale = float;
    static const float* scales_of(const hc_matrix* w) { return w->wide_scales; }
    static F load_scales(const float* p, int64_t n) { return load_first(p, n); }
    static float scale_value(const float* p) { return *p; }
};

template <typename Scales>
struct Bytes : Scales {
    using Element = int8_t;
    static constexpr int32_t shift = q8_shift;
    static constexpr int64_t packed_tokens = packed_q8_tokens;
    static int64_t row_elements(int64_t cols) { return cols; }
    static int64_t group_elements() { return HC_GROUP; }
    static I dot4(I total, I w, I x) { return dot4_q8(total, w, x); }
    static I group_dot(const int8_t* w, int64_t n, const int8_t* x, int32_t activation_sum) {
        return n == HC_GROUP ? group_dot_q8_full(w, x, activation_sum) : group_dot_q8(w, n, x, activation_sum);
    }
    static void stage(const int8_t* w, int64_t n, int8_t* out) { stage_q8(w, n, out); }
};

using Q8 = Bytes<HalfScales>;
using S8 = Bytes<WideScales>;

struct Q4 : HalfScales {
    using Element = uint8_t;
    static constexpr int32_t shift = q4_shift;
    static constexpr int64_t packed_tokens = packed_q4_tokens;
    static int64_t row_elements(int64_t cols) { return cols / 2; }
    static int64_t group_elements() { return HC_GROUP / 2; }
    static I dot4(I total, I w, I x) { return dot4_q4(total, w, x); }
    static I group_dot(const uint8_t* w, int64_t n, const int8_t* x, int32_t activation_sum) {
        return n == HC_GROUP ? group_dot_q4_full(w, x, activation_sum) : group_dot_q4(w, n, x, activation_sum);
    }
    static void stage(const uint8_t* w, int64_t n, int8_t* out) {
        if (n == HC_GROUP) {
            stage_q4_full(w, out);
            return;
        }
        memset(out, 0, HC_GROUP);
        spread_nibbles(w, n, out);
    }
};

constexpr int64_t scale_groups = 64; // groups whose scales are combined at once

// y[r] for R rows and one token.
template <typename Q, int R>
inline void int_dot_rows(const typename Q::Element* w, int64_t cols, const typename Q::Scale* scales, const int8_t* codes,
                         const float* code_scales, const int32_t* code_sums, const float* bias, float* y) {
    const int64_t groups = group_count(cols);
    const int64_t row_elements = Q::row_elements(cols);
    F total[R];
    for (int r = 0; r < R; ++r) {
        total[r] = zero();
    }
    for (int64_t start = 0; start < groups; start += scale_groups) {
        const int64_t count = smaller(scale_groups, groups - start);
        float combined[R][scale_groups];
        for (int r = 0; r < R; ++r) {
            for_lanes(count, [&](int64_t g, int64_t n) {
                store(combined[r] + g, mul(Q::load_scales(scales + r * groups + start + g, n),
                                           load_first(code_scales + start + g, n)));
            });
        }
        for (int64_t i = 0; i < count; ++i) {
            const int64_t g = start + i;
            const int64_t n = smaller(HC_GROUP, cols - g * HC_GROUP);
            const typename Q::Element* at = w + g * Q::group_elements();
            for (int r = 0; r < R; ++r) {
                const I products = Q::group_dot(at + r * row_elements, n, codes + g * HC_GROUP, code_sums[g]);
                total[r] = fma(to_float(products), set1(combined[r][i]), total[r]);
            }
        }
    }
    for (int r = 0; r < R; ++r) {
        y[r] = sum(total[r]) + (bias != nullptr ? bias[r] : 0.0f);
    }
}

template <typename Q, int R>
inline void int_dot_tokens(const typename Q::Element* w, int64_t cols, const typename Q::Scale* scales, const hc_codes* x,
                           const float* bias, float* y, int64_t ldy) {
    for (int64_t t = 0; t < x->tokens; ++t) {
        const int64_t at = t * x->groups;
        int_dot_rows<Q, R>(w, cols, scales, x->codes + at * HC_GROUP, x->scales + at, x->sums + at, bias, y + t * ldy);
    }
}

constexpr int64_t packed_groups = 16; // 16 groups x 128 x 16 rows = 32 KiB of the scratch memory

// Up to `lanes` rows, some groups of them: words[g][k][lane] holds codes 4 k .. 4 k + 3 of row `lane`, scale[g][lane] its scale.
struct PackedInts {
    int32_t words[packed_groups][HC_GROUP / 4][lanes];
    float scale[packed_groups][lanes];
};
static_assert(sizeof(PackedInts) <= HC_MATMUL_SCRATCH, "the packed groups fit the scratch memory");

template <typename Q>
inline void pack_ints(const typename Q::Element* w, int64_t rows, int64_t cols, const typename Q::Scale* scales, int64_t first_group,
                      int64_t count, PackedInts* out) {
    const int64_t groups = group_count(cols);
    alignas(64) int8_t staged[lanes][HC_GROUP];
    memset(staged, 0, sizeof staged);
    for (int64_t i = 0; i < count; ++i) {
        const int64_t g = first_group + i;
        const int64_t n = smaller(HC_GROUP, cols - g * HC_GROUP);
        for (int64_t r = 0; r < lanes; ++r) {
            if (r < rows) {
                Q::stage(w + r * Q::row_elements(cols) + g * Q::group_elements(), n, staged[r]);
            }
            out->scale[i][r] = r < rows ? Q::scale_value(scales + r * groups + g) : 0.0f;
        }
        for (int64_t k = 0; k < HC_GROUP / 4; k += lanes) {
            F block[lanes];
            for (int64_t r = 0; r < lanes; ++r) {
                block[r] = as_float(load_int(staged[r] + 4 * k));
            }
            transpose(block);
            for (int64_t j = 0; j < lanes; ++j) {
                store_int(out->words[i][k + j], as_int(block[j]));
            }
        }
    }
}

// y[t, 0 .. rows) of T tokens += the packed groups' part.
template <typename Q, int T>
inline void int_tile(const PackedInts* packed, int64_t rows, int64_t first_group, int64_t count, const hc_codes* x, int64_t t0,
                     float* y, int64_t ldy) {
    F total[T];
    for (int t = 0; t < T; ++t) {
        total[t] = load_first(y + (t0 + t) * ldy, rows);
    }
    for (int64_t i = 0; i < count; ++i) {
        const int64_t at = t0 * x->groups + first_group + i;
        const int8_t* codes = x->codes + at * HC_GROUP;
        const int64_t token_bytes = x->groups * HC_GROUP;
        I products[T];
        for (int t = 0; t < T; ++t) {
            products[t] = set1_int(-Q::shift * x->sums[at + t * x->groups]);
        }
        for (int64_t k = 0; k < HC_GROUP / 4; ++k) {
            const I w = load_int(packed->words[i][k]);
            for (int t = 0; t < T; ++t) {
                int32_t four;
                memcpy(&four, codes + t * token_bytes + 4 * k, 4);
                products[t] = Q::dot4(products[t], w, set1_int(four));
            }
        }
        const F scale = load(packed->scale[i]);
        for (int t = 0; t < T; ++t) {
            const F combined = mul(scale, set1(x->scales[at + t * x->groups]));
            total[t] = fma(to_float(products[t]), combined, total[t]);
        }
    }
    for (int t = 0; t < T; ++t) {
        store_first(y + (t0 + t) * ldy, total[t], rows);
    }
}

template <typename Q>
inline void matmul_int(const hc_matrix* w, int64_t row_begin, int64_t row_end, const hc_codes* x, const float* bias, float* y,
                       int64_t ldy, void* scratch) {
    const typename Q::Element* data = static_cast<const typename Q::Element*>(w->data);
    const int64_t row_elements = Q::row_elements(w->cols);
    const int64_t groups = group_count(w->cols);
    const typename Q::Scale* scales = Q::scales_of(w);
    const auto bias_at = [&](int64_t r) { return bias != nullptr ? bias + r : nullptr; };
    if (x->tokens < Q::packed_tokens) {
        int64_t r = row_begin;
        for (; r + 4 <= row_end; r += 4) {
            int_dot_tokens<Q, 4>(data + r * row_elements, w->cols, scales + r * groups, x, bias_at(r), y + r, ldy);
        }
        for (; r < row_end; ++r) {
            int_dot_tokens<Q, 1>(data + r * row_elements, w->cols, scales + r * groups, x, bias_at(r), y + r, ldy);
        }
        return;
    }
    PackedInts* packed = static_cast<PackedInts*>(scratch);
    for (int64_t r = row_begin; r < row_end; r += lanes) {
        const int64_t rows = smaller(lanes, row_end - r);
        for (int64_t t = 0; t < x->tokens; ++t) {
            store_first(y + t * ldy + r, bias != nullptr ? load_first(bias + r, rows) : zero(), rows);
        }
        for (int64_t g = 0; g < groups; g += packed_groups) {
            const int64_t count = smaller(packed_groups, groups - g);
            pack_ints<Q>(data + r * row_elements, rows, w->cols, scales + r * groups, g, count, packed);
            int64_t t = 0;
            for (; t + int_token_tile <= x->tokens; t += int_token_tile) {
                int_tile<Q, int_token_tile>(packed, rows, g, count, x, t, y + r, ldy);
            }
            for (; int_token_tile > 4 && t + 4 <= x->tokens; t += 4) {
                int_tile<Q, 4>(packed, rows, g, count, x, t, y + r, ldy);
            }
            for (; t < x->tokens; ++t) {
                int_tile<Q, 1>(packed, rows, g, count, x, t, y + r, ldy);
            }
        }
    }
}

void matmul_q8(const hc_matrix* w, int64_t row_begin, int64_t row_end, const hc_codes* x, const float* bias, float* y,
               int64_t ldy, void* scratch) {
    matmul_int<Q8>(w, row_begin, row_end, x, bias, y, ldy, scratch);
}

void matmul_q4(const hc_matrix* w, int64_t row_begin, int64_t row_end, const hc_codes* x, const float* bias, float* y,
               int64_t ldy, void* scratch) {
    matmul_int<Q4>(w, row_begin, row_end, x, bias, y, ldy, scratch);
}
