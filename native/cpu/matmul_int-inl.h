// Products with packed q8, s8 and q4 matrices: integer dot products per group of 128, then one scale per row, token and group.
// Included only by one instruction set's file, inside an unnamed namespace.
//
// A tile is up to 6 tokens times some registers of rows, its sums in registers from the first input to the last. Both operands
// lie in the order in which they are read, so a weight is one load and an activation one broadcast, wherever the tile is cut.

constexpr int64_t group_steps = HC_GROUP / 4;                       // steps of four inputs
constexpr int64_t step_bytes = HC_ROW_BLOCK * 4;                    // of a packed block
constexpr int64_t row_registers = HC_ROW_BLOCK / lanes;

struct Q8 {
    static constexpr bool counts = false;
    static constexpr int32_t shift = q8_shift;
    static constexpr int tokens = tile_tokens;
    static constexpr int64_t group_bytes = group_steps * step_bytes;
};

// The same bytes times spike counts, which have one scale per token: it is multiplied at the end. Codes have an offset per row and group.
struct S8 : Q8 {
    static constexpr bool counts = true;
};

struct Q4 {
    static constexpr bool counts = false;
    static constexpr int32_t shift = q4_shift;
    static constexpr int tokens = nibble_tile_tokens;
    static constexpr int64_t group_bytes = group_steps * step_bytes / 2;
};

// The activations of a tile that is W tokens wide, from one group on.
struct TileInput {
    const int32_t* words;
    const float* scales;
    const int32_t* sums;
};

// Lines of the weights that come next, asked for while tiles pass over those at hand: of each group every `step`-th line from
// `first` on. Null data: none.
struct Ahead {
    const uint8_t* data;
    int64_t first, step;
};

// sums[r][t] += one group's products of R registers of rows and T tokens. `words` is the first token's first step.
template <int R, int T, int W>
inline void group_products(Q8, const uint8_t* w, const int32_t* words, I (&sums)[R][T]) {
    HC_UNROLL
    for (int64_t k = 0; k < group_steps; ++k) {
        I weights[R];
        for (int r = 0; r < R; ++r) {
            weights[r] = load_q8(w + k * step_bytes + r * lanes * 4);
        }
        for (int t = 0; t < T; ++t) {
            const I x = set1_int(words[k * W + t]);
            for (int r = 0; r < R; ++r) {
                sums[r][t] = dot4_q8(sums[r][t], weights[r], x);
            }
        }
    }
}

template <int R, int T, int W>
inline void group_products(Q4, const uint8_t* w, const int32_t* words, I (&sums)[R][T]) {
    HC_UNROLL
    for (int64_t k = 0; k < group_steps / 2; k += 2) {
        const int32_t* x = words + k * W;
        const int32_t* x_high = x + group_steps / 2 * W;
        for (int r = 0; r < R; ++r) {
            const I pairs = load_int(w + k * step_bytes + r * lanes * 4);
            const I next = load_int(w + (k + 1) * step_bytes + r * lanes * 4);
            const I weights[4] = {low_nibbles(pairs), high_nibbles(pairs), low_nibbles(next), high_nibbles(next)};
            for (int t = 0; t < T; ++t) {
                sums[r][t] = dot16_q4(sums[r][t], weights, x + t, x_high + t, W);
            }
        }
    }
}

inline F load_scales(const hc_packed* w, int64_t at) {
    return w->wide_scales != nullptr ? load(w->wide_scales + at) : load_f16(w->scales + at);
}

// Where a stretch of groups lies in the sum over all of them.
struct Part {
    bool begins, ends;
};

// y[t, r] for T tokens of a tile W wide and R registers of rows, `rows` of which are written: begins with the bias, or goes on from y.
// Of spike counts y has the sums without threshold and bias until the last part.
template <typename Q, int R, int T, int W>
inline void int_tile(const hc_packed* matrix, const uint8_t* w, int64_t scale_at, int64_t groups, const TileInput& x, const Ahead& ahead,
                     const float* bias, Part part, float* y, int64_t ldy, int64_t rows) {
    F total[R][T];
    for (int r = 0; r < R; ++r) {
        const int64_t n = rows < r * lanes ? 0 : smaller(lanes, rows - r * lanes);
        for (int t = 0; t < T; ++t) {
            const float* start = !part.begins ? y + t * ldy : (Q::counts ? nullptr : bias);
            total[r][t] = start != nullptr && n > 0 ? load_first(start + r * lanes, n) : zero();
        }
    }
    for (int64_t g = 0; g < groups; ++g) {
        for (int64_t line = ahead.data != nullptr ? ahead.first : Q::group_bytes; line < Q::group_bytes; line += ahead.step) {
            fetch_ahead(ahead.data + g * Q::group_bytes + line);
        }
        I products[R][T];
        if constexpr (Q::counts) {
            I lifts[R];
            for (int r = 0; r < R; ++r) {
                const int64_t place = scale_at + g * HC_ROW_BLOCK + r * lanes;
                lifts[r] = lift_of(matrix->offsets != nullptr ? load_i8_int(matrix->offsets + place) : zero_int());
            }
            for (int t = 0; t < T; ++t) {
                const I sum = set1_int(x.sums[g * W + t]);
                for (int r = 0; r < R; ++r) {
                    products[r][t] = times_sum(lifts[r], sum);
                }
            }
        } else {
            for (int t = 0; t < T; ++t) {
                const I start = set1_int(-Q::shift * x.sums[g * W + t]);
                for (int r = 0; r < R; ++r) {
                    products[r][t] = start;
                }
            }
        }
        group_products<R, T, W>(Q{}, w + g * Q::group_bytes, x.words + g * group_steps * W, products);
        for (int r = 0; r < R; ++r) {
            const F scale = load_scales(matrix, scale_at + g * HC_ROW_BLOCK + r * lanes);
            for (int t = 0; t < T; ++t) {
                const F factor = Q::counts ? scale : mul(scale, set1(x.scales[g * W + t]));
                total[r][t] = fma(to_float(products[r][t]), factor, total[r][t]);
            }
        }
    }
    for (int r = 0; r < R; ++r) {
        const int64_t n = rows < r * lanes ? 0 : smaller(lanes, rows - r * lanes);
        const F added = Q::counts && part.ends && bias != nullptr && n > 0 ? load_first(bias + r * lanes, n) : zero();
        for (int t = 0; t < T && n > 0; ++t) {
            const F sum = Q::counts && part.ends ? fma(total[r][t], set1(x.scales[t]), added) : total[r][t];
            store_first(y + t * ldy + r * lanes, sum, n);
        }
    }
}

// A stretch of groups of one block of rows, times one tile of tokens.
struct BlockTask {
    const hc_packed* matrix;
    int64_t first_row;
    int64_t first_group, groups;
    Ahead ahead;
    Part part;
    const float* bias;
    float* y; // of the tile's first token and the matrix's first row
    int64_t ldy;
};

template <typename Q, int W, int T>
inline void int_slices(const BlockTask& task, const TileInput& x, int t0) {
    constexpr int R = T == 1 ? lone_registers : tile_registers;
    const hc_packed* matrix = task.matrix;
    const int64_t groups = group_count(matrix->cols);
    const int64_t at = task.first_row / HC_ROW_BLOCK * groups + task.first_group;
    const TileInput from{x.words + t0, x.scales + t0, x.sums + t0};
    for (int64_t r = 0; r < row_registers; r += R) {
        const int64_t row = task.first_row + r * lanes;
        if (row < matrix->rows) {
            int_tile<Q, R, T, W>(matrix, matrix->data + at * Q::group_bytes + r * lanes * 4, at * HC_ROW_BLOCK + r * lanes, task.groups,
                                 from, r == 0 && t0 == 0 ? task.ahead : Ahead{}, task.bias != nullptr ? task.bias + row : nullptr,
                                 task.part, task.y + t0 * task.ldy + row, task.ldy, smaller(R * lanes, matrix->rows - row));
        }
    }
}

template <typename Q, int W>
inline void int_block(const BlockTask& task, const TileInput& x) {
    constexpr int T = W < Q::tokens ? W : Q::tokens;
    int t0 = 0;
    for (; t0 + T <= W; t0 += T) {
        int_slices<Q, W, T>(task, x, t0);
    }
    if constexpr (W % T != 0) {
        int_slices<Q, W, W % T>(task, x, t0);
    }
}

constexpr int64_t cache_line = 64;
constexpr int64_t groups_at_once = 32; // 4096 inputs: a block of rows then takes 128 KiB, and stays near while tiles pass
constexpr int64_t tiles_at_once = 8;   // 48 tokens: 192 KiB beside it, which stay near while blocks of rows pass

template <typename Q>
inline void matmul_int(const hc_packed* w, int64_t row_begin, int64_t row_end, const hc_tiles* x, const float* bias, float* y,
                       int64_t ldy) {
    const int64_t tiles = (x->tokens + HC_TILE_TOKENS - 1) / HC_TILE_TOKENS;
    const int64_t stretch = tiles == 1 ? x->groups : groups_at_once;
    for (int64_t first_tile = 0; first_tile < tiles; first_tile += tiles_at_once) {
        const int64_t last_tile = smaller(tiles, first_tile + tiles_at_once);
        for (int64_t g = 0; g < x->groups; g += stretch) {
            for (int64_t r = row_begin; r < row_end; r += HC_ROW_BLOCK) {
                // Of the next block of rows, or the next stretch of this piece's first; each tile asks for its share.
                const bool same_stretch = r + HC_ROW_BLOCK < row_end;
                const int64_t next_group = same_stretch ? g : g + stretch;
                const int64_t next_block = (same_stretch ? r + HC_ROW_BLOCK : row_begin) / HC_ROW_BLOCK;
                const uint8_t* next =
                    tiles > 1 && next_group < x->groups ? w->data + (next_block * x->groups + next_group) * Q::group_bytes : nullptr;
                for (int64_t tile = first_tile; tile < last_tile; ++tile) {
                    const int64_t t = tile * HC_TILE_TOKENS;
                    const int64_t width = smaller(HC_TILE_TOKENS, x->tokens - t);
                    const Ahead ahead{next, (tile - first_tile) * cache_line, (last_tile - first_tile) * cache_line};
                    const Part part{g == 0, g + stretch >= x->groups};
                    const BlockTask task{w, r, g, smaller(stretch, x->groups - g), ahead, part, bias, y + t * ldy, ldy};
                    const int64_t place = t * x->groups + g * width;
                    const TileInput in{x->words + place * group_steps, x->scales + place, x->sums + place};
                    switch (width) {
                        case 1: int_block<Q, 1>(task, in); break;
                        case 2: int_block<Q, 2>(task, in); break;
                        case 3: int_block<Q, 3>(task, in); break;
                        case 4: int_block<Q, 4>(task, in); break;
                        case 5: int_block<Q, 5>(task, in); break;
                        default: int_block<Q, 6>(task, in); break;
                    }
                }
            }
        }
    }
}

void matmul_q8(const hc_packed* w, int64_t row_begin, int64_t row_end, const hc_tiles* x, const float* bias, float* y, int64_t ldy) {
    matmul_int<Q8>(w, row_begin, row_end, x, bias, y, ldy);
}

void matmul_q4(const hc_packed* w, int64_t row_begin, int64_t row_end, const hc_tiles* x, const float* bias, float* y, int64_t ldy) {
    matmul_int<Q4>(w, row_begin, row_end, x, bias, y, ldy);
}

void tile_codes(const hc_codes* codes, int64_t tile, const hc_tiles* x) {
    const int64_t first = tile * HC_TILE_TOKENS;
    const int64_t width = smaller(HC_TILE_TOKENS, x->tokens - first);
    for (int64_t g = 0; g < x->groups; ++g) {
        const int64_t place = first * x->groups + g * width;
        for (int64_t t = 0; t < width; ++t) {
            const int64_t at = (first + t) * x->groups + g;
            const int8_t* in = codes->codes + at * HC_GROUP;
            int32_t* out = x->words + place * group_steps + t;
            for (int64_t k = 0; k < group_steps; ++k) {
                memcpy(out + k * width, in + 4 * k, 4);
            }
            x->scales[place + t] = codes->scales[at];
            x->sums[place + t] = codes->sums[at];
        }
    }
}

// Rows of `words` words become steps: out[k, row] = in[row, k] with `flip` in its bits turned. Rows at distance `ld` bytes.
inline void pack_words(const uint8_t* in, int64_t ld, int64_t words, int32_t flip, uint8_t* out) {
    for (int64_t r = 0; r < HC_ROW_BLOCK; r += lanes) {
        for (int64_t k = 0; k < words; k += lanes) {
            F block[lanes];
            for (int64_t i = 0; i < lanes; ++i) {
                block[i] = as_float(xor_int(load_int(in + (r + i) * ld + 4 * k), set1_int(flip)));
            }
            transpose(block);
            for (int64_t i = 0; i < lanes; ++i) {
                store_int(out + (k + i) * step_bytes + r * 4, as_int(block[i]));
            }
        }
    }
}

void pack_q8(const hc_matrix* w, int64_t block_begin, int64_t block_end, uint8_t* out) {
    const uint8_t* data = static_cast<const uint8_t*>(w->data);
    const int64_t groups = group_count(w->cols);
    constexpr int32_t to_unsigned = static_cast<int32_t>(0x80808080u);
    for (int64_t b = block_begin; b < block_end; ++b) {
        const int64_t rows = smaller(HC_ROW_BLOCK, w->rows - b * HC_ROW_BLOCK);
        for (int64_t g = 0; g < groups; ++g) {
            const int64_t n = smaller(HC_GROUP, w->cols - g * HC_GROUP);
            const uint8_t* in = data + b * HC_ROW_BLOCK * w->cols + g * HC_GROUP;
            uint8_t* place = out + (b * groups + g) * Q8::group_bytes;
            if (rows == HC_ROW_BLOCK && n == HC_GROUP) {
                pack_words(in, w->cols, group_steps, to_unsigned, place);
                continue;
            }
            uint8_t staged[HC_ROW_BLOCK][HC_GROUP] = {};
            for (int64_t r = 0; r < rows; ++r) {
                memcpy(staged[r], in + r * w->cols, static_cast<size_t>(n));
            }
            pack_words(staged[0], HC_GROUP, group_steps, to_unsigned, place);
        }
    }
}

void pack_q4(const hc_matrix* w, int64_t block_begin, int64_t block_end, uint8_t* out) {
    const uint8_t* data = static_cast<const uint8_t*>(w->data);
    const int64_t groups = group_count(w->cols);
    constexpr int64_t half = HC_GROUP / 2;
    for (int64_t b = block_begin; b < block_end; ++b) {
        const int64_t rows = smaller(HC_ROW_BLOCK, w->rows - b * HC_ROW_BLOCK);
        for (int64_t g = 0; g < groups; ++g) {
            const int64_t n = smaller(HC_GROUP, w->cols - g * HC_GROUP);
            const uint8_t* in = data + b * HC_ROW_BLOCK * (w->cols / 2) + g * half;
            uint8_t* place = out + (b * groups + g) * Q4::group_bytes;
            if (rows == HC_ROW_BLOCK && n == HC_GROUP) {
                pack_words(in, w->cols / 2, group_steps / 2, 0, place);
                continue;
            }
            uint8_t staged[HC_ROW_BLOCK][half];
            memset(staged, 0x88, sizeof staged);
            for (int64_t r = 0; r < rows; ++r) {
                int8_t codes[HC_GROUP];
                memset(codes, 8, sizeof codes);
                spread_nibbles(in + r * (w->cols / 2), n, codes);
                for (int64_t j = 0; j < half; ++j) {
                    staged[r][j] = static_cast<uint8_t>(codes[j] | codes[half + j] << 4);
                }
            }
            pack_words(staged[0], half, group_steps / 2, 0, place);
        }
    }
}
