// Products with f32 and bf16 matrices. Included only by one instruction set's file, inside an unnamed namespace.
//
// Few tokens: dot products straight from the matrix, whose every byte is read once. More tokens: two lanes' worth of rows are
// turned into columns, a stretch of inputs at a time so that they stay in the first cache, and reused for all tokens.

struct F32Row {
    using Element = float;
    static F at(const float* p) { return load(p); }
    static F at_first(const float* p, int64_t n) { return load_first(p, n); }
};

struct Bf16Row {
    using Element = uint16_t;
    static F at(const uint16_t* p) { return load_bf16(p); }
    static F at_first(const uint16_t* p, int64_t n) { return load_bf16_first(p, n); }
};

constexpr int64_t packed_inputs = 256;        // 256 inputs x 32 rows x 4 bytes = 32 KiB of the scratch memory
constexpr int64_t smallest_packed_tokens = 6; // from here on packing pays

// y[t, r] for R rows and T tokens.
template <typename Row, int R, int T>
inline void dot_block(const typename Row::Element* w, int64_t cols, const float* x, int64_t ldx, const float* bias, float* y,
                      int64_t ldy) {
    F total[R][T];
    for (int r = 0; r < R; ++r) {
        for (int t = 0; t < T; ++t) {
            total[r][t] = zero();
        }
    }
    int64_t i = 0;
    for (; i + lanes <= cols; i += lanes) {
        F in[T];
        for (int t = 0; t < T; ++t) {
            in[t] = load(x + t * ldx + i);
        }
        for (int r = 0; r < R; ++r) {
            const F weights = Row::at(w + r * cols + i);
            for (int t = 0; t < T; ++t) {
                total[r][t] = fma(weights, in[t], total[r][t]);
            }
        }
    }
    if (i < cols) {
        for (int r = 0; r < R; ++r) {
            const F weights = Row::at_first(w + r * cols + i, cols - i);
            for (int t = 0; t < T; ++t) {
                total[r][t] = fma(weights, load_first(x + t * ldx + i, cols - i), total[r][t]);
            }
        }
    }
    for (int r = 0; r < R; ++r) {
        for (int t = 0; t < T; ++t) {
            y[t * ldy + r] = sum(total[r][t]) + (bias != nullptr ? bias[r] : 0.0f);
        }
    }
}

template <typename Row, int R>
inline void dot_rows(const typename Row::Element* w, int64_t cols, const hc_rows* x, const float* bias, float* y, int64_t ldy) {
    int64_t t = 0;
    for (; t + dot_tokens <= x->tokens; t += dot_tokens) {
        dot_block<Row, R, dot_tokens>(w, cols, x->x + t * x->ld, x->ld, bias, y + t * ldy, ldy);
    }
    for (; t < x->tokens; ++t) {
        dot_block<Row, R, 1>(w, cols, x->x + t * x->ld, x->ld, bias, y + t * ldy, ldy);
    }
}

template <typename Row>
inline void packed_rows(const typename Row::Element* w, int64_t rows, int64_t cols, const hc_rows* x, const float* bias,
                        float* y, int64_t ldy, float* packed) {
    const int64_t ld = 2 * lanes;
    for (int64_t t = 0; t < x->tokens; ++t) {
        for_lanes(rows, [&](int64_t r, int64_t n) {
            store_first(y + t * ldy + r, bias != nullptr ? load_first(bias + r, n) : zero(), n);
        });
    }
    for (int64_t start = 0; start < cols; start += packed_inputs) {
        const int64_t count = smaller(packed_inputs, cols - start);
        for (int64_t half = 0; half < 2; ++half) {
            const int64_t left = rows - half * lanes;
            transpose_into(left < 0 ? 0 : left, count, packed + half * lanes, ld, [&](int64_t r, int64_t k, int64_t n) {
                const typename Row::Element* p = w + (half * lanes + r) * cols + start + k;
                return n == lanes ? Row::at(p) : Row::at_first(p, n);
            });
        }
        if (rows == ld) {
            tile_rows<true>(x->tokens, count, x->x + start, x->ld, 1, packed, ld, y, ldy, ld, Into::accumulate);
        } else {
            tile_rows<false>(x->tokens, count, x->x + start, x->ld, 1, packed, ld, y, ldy, rows, Into::accumulate);
        }
    }
}

template <typename Row>
inline void matmul_float(const hc_matrix* w, int64_t row_begin, int64_t row_end, const hc_rows* x, const float* bias, float* y,
                         int64_t ldy, void* scratch) {
    const typename Row::Element* data = static_cast<const typename Row::Element*>(w->data);
    const auto bias_at = [&](int64_t r) { return bias != nullptr ? bias + r : nullptr; };
    int64_t r = row_begin;
    if (x->tokens >= smallest_packed_tokens) {
        for (; r < row_end; r += 2 * lanes) {
            packed_rows<Row>(data + r * w->cols, smaller(2 * lanes, row_end - r), w->cols, x, bias_at(r), y + r, ldy,
                             static_cast<float*>(scratch));
        }
        return;
    }
    for (; r + 4 <= row_end; r += 4) {
        dot_rows<Row, 4>(data + r * w->cols, w->cols, x, bias_at(r), y + r, ldy);
    }
    for (; r < row_end; ++r) {
        dot_rows<Row, 1>(data + r * w->cols, w->cols, x, bias_at(r), y + r, ldy);
    }
}

void matmul_f32(const hc_matrix* w, int64_t row_begin, int64_t row_end, const hc_rows* x, const float* bias, float* y,
                int64_t ldy, void* scratch) {
    matmul_float<F32Row>(w, row_begin, row_end, x, bias, y, ldy, scratch);
}

void matmul_bf16(const hc_matrix* w, int64_t row_begin, int64_t row_end, const hc_rows* x, const float* bias, float* y,
                 int64_t ldy, void* scratch) {
    matmul_float<Bf16Row>(w, row_begin, row_end, x, bias, y, ldy, scratch);
}
