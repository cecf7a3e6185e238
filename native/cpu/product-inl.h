// Dense products of small float blocks in registers, the core of the float matrices, the gated chunk and the window.
// Included only by one instruction set's file, inside an unnamed namespace.

enum class Into { overwrite, accumulate };

// C[M, n] = or += A[M, steps] B[steps, n] for n <= 2 lanes. A is read as a[m * a_row + k * a_step].
template <int M, bool whole>
inline void tile(int64_t steps, const float* a, int64_t a_row, int64_t a_step, const float* b, int64_t ldb, float* c,
                 int64_t ldc, int64_t n, Into into) {
    const int64_t n0 = whole ? lanes : smaller(lanes, n);
    const int64_t n1 = whole ? lanes : (n > lanes ? n - lanes : 0);
    F left[M];
    F right[M];
    for (int m = 0; m < M; ++m) {
        const bool keep = into == Into::accumulate;
        left[m] = keep ? load_first(c + m * ldc, n0) : zero();
        right[m] = keep && n1 > 0 ? load_first(c + m * ldc + lanes, n1) : zero();
    }
    for (int64_t k = 0; k < steps; ++k) {
        const F b0 = whole ? load(b + k * ldb) : load_first(b + k * ldb, n0);
        const F b1 = whole ? load(b + k * ldb + lanes) : (n1 > 0 ? load_first(b + k * ldb + lanes, n1) : zero());
        for (int m = 0; m < M; ++m) {
            const F x = set1(a[m * a_row + k * a_step]);
            left[m] = fma(x, b0, left[m]);
            right[m] = fma(x, b1, right[m]);
        }
    }
    for (int m = 0; m < M; ++m) {
        store_first(c + m * ldc, left[m], n0);
        if (n1 > 0) {
            store_first(c + m * ldc + lanes, right[m], n1);
        }
    }
}

template <bool whole>
inline void tile_rows(int64_t rows, int64_t steps, const float* a, int64_t a_row, int64_t a_step, const float* b,
                      int64_t ldb, float* c, int64_t ldc, int64_t n, Into into) {
    int64_t m = 0;
    for (; m + token_tile <= rows; m += token_tile) {
        tile<token_tile, whole>(steps, a + m * a_row, a_row, a_step, b, ldb, c + m * ldc, ldc, n, into);
    }
    for (; m + 4 <= rows; m += 4) {
        tile<4, whole>(steps, a + m * a_row, a_row, a_step, b, ldb, c + m * ldc, ldc, n, into);
    }
    for (; m < rows; ++m) {
        tile<1, whole>(steps, a + m * a_row, a_row, a_step, b, ldb, c + m * ldc, ldc, n, into);
    }
}

// C[rows, cols] = or += A[rows, steps] B[steps, cols].
inline void product(int64_t rows, int64_t cols, int64_t steps, const float* a, int64_t a_row, int64_t a_step, const float* b,
                    int64_t ldb, float* c, int64_t ldc, Into into) {
    int64_t n = 0;
    for (; n + 2 * lanes <= cols; n += 2 * lanes) {
        tile_rows<true>(rows, steps, a, a_row, a_step, b + n, ldb, c + n, ldc, 2 * lanes, into);
    }
    if (n < cols) {
        tile_rows<false>(rows, steps, a, a_row, a_step, b + n, ldb, c + n, ldc, cols - n, into);
    }
}

// out[k][r] = in row r, element k, for r < rows <= lanes and k < count; columns at distance ldo, missing rows become 0.
template <typename LoadFirst>
inline void transpose_into(int64_t rows, int64_t count, float* out, int64_t ldo, LoadFirst load_row_first) {
    for (int64_t k = 0; k < count; k += lanes) {
        const int64_t n = smaller(lanes, count - k);
        F block[lanes];
        for (int64_t r = 0; r < lanes; ++r) {
            block[r] = r < rows ? load_row_first(r, k, n) : zero();
        }
        transpose(block);
        for (int64_t i = 0; i < n; ++i) {
            store(out + (k + i) * ldo, block[i]);
        }
    }
}
