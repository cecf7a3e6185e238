// Products with packed integer matrices on a processor that multiplies whole tiles: twelve tokens times 32 rows, 64 inputs at a time.
// Included only by one instruction set's file, inside an unnamed namespace, after the lanes and the tiles.

constexpr int64_t tokens_at_once = 2 * HC_TILE_TOKENS;
constexpr int64_t groups_in_room = 16; // 16 groups x 12 tokens x 128 = 24 KiB of the stack
constexpr int64_t row_registers = HC_ROW_BLOCK / lanes;

// One group of a packed block as bytes [32 steps, 32 rows, 4], shifted to be positive.
struct ByteWeights {
    static constexpr int32_t shift = 128;
    static constexpr int64_t group_bytes = HC_GROUP * HC_ROW_BLOCK;
    static const uint8_t* bytes(const uint8_t* packed, uint8_t*) { return packed; }
};

struct NibbleWeights {
    static constexpr int32_t shift = 8;
    static constexpr int64_t group_bytes = HC_GROUP * HC_ROW_BLOCK / 2;
    static const uint8_t* bytes(const uint8_t* packed, uint8_t* room) {
        constexpr int64_t register_bytes = lanes * 4;
        for (int64_t i = 0; i < group_bytes; i += register_bytes) {
            const I pairs = load_int(packed + i);
            store_int(room + i, low_nibbles(pairs));
            store_int(room + group_bytes + i, high_nibbles(pairs));
        }
        return room;
    }
};

// Up to 12 tokens and 16 groups, token after token.
struct TokenRoom {
    alignas(64) int8_t codes[groups_in_room][tokens_at_once][HC_GROUP];
    float scales[groups_in_room][tokens_at_once];
    int32_t sums[groups_in_room][tokens_at_once];
};

inline void take_tokens(const hc_tiles* x, int64_t first, int64_t first_group, int64_t groups, TokenRoom* room) {
    memset(room->codes, 0, sizeof room->codes); // tokens that are not there
    for (int64_t start = first; start < smaller(first + tokens_at_once, x->tokens); start += HC_TILE_TOKENS) {
        const int64_t width = smaller(HC_TILE_TOKENS, x->tokens - start);
        for (int64_t g = 0; g < groups; ++g) {
            const int64_t place = start * x->groups + (first_group + g) * width;
            for (int64_t t = 0; t < width; ++t) {
                const int64_t row = start - first + t;
                for (int64_t k = 0; k < HC_GROUP / 4; ++k) {
                    memcpy(room->codes[g][row] + 4 * k, x->words + place * (HC_GROUP / 4) + k * width + t, 4);
                }
                room->scales[g][row] = x->scales[place + t];
                room->sums[g][row] = x->sums[place + t];
            }
        }
    }
}

template <typename Weights>
inline void multiply_tiles(const hc_packed* w, int64_t row_begin, int64_t row_end, const hc_tiles* x, const float* bias, float* y,
                           int64_t ldy) {
    TokenRoom room;
    alignas(64) uint8_t weight_room[HC_GROUP * HC_ROW_BLOCK];
    alignas(64) int32_t sums[tokens_at_once][HC_ROW_BLOCK];
    begin_tiles();
    for (int64_t first = 0; first < x->tokens; first += tokens_at_once) {
        const int64_t tokens = smaller(tokens_at_once, x->tokens - first);
        for (int64_t first_group = 0; first_group < x->groups; first_group += groups_in_room) {
            const int64_t groups = smaller(groups_in_room, x->groups - first_group);
            take_tokens(x, first, first_group, groups, &room);
            for (int64_t row = row_begin; row < row_end; row += HC_ROW_BLOCK) {
                const int64_t rows = smaller(HC_ROW_BLOCK, w->rows - row);
                F total[tokens_at_once][row_registers];
                for (int64_t t = 0; t < tokens; ++t) {
                    const float* start = first_group > 0 ? y + (first + t) * ldy + row : (bias != nullptr ? bias + row : nullptr);
                    for (int64_t r = 0; r < row_registers; ++r) {
                        const int64_t n = smaller(lanes, rows - r * lanes);
                        total[t][r] = start != nullptr && n > 0 ? load_first(start + r * lanes, n) : zero();
                    }
                }
                for (int64_t g = 0; g < groups; ++g) {
                    const int64_t at = row / HC_ROW_BLOCK * x->groups + first_group + g;
                    const uint8_t* bytes = Weights::bytes(w->data + at * Weights::group_bytes, weight_room);
                    clear_sums();
                    for (int64_t half = 0; half < 2; ++half) {
                        load_tokens(room.codes[g][0] + half * 64);
                        load_weights(bytes + half * 64 * HC_ROW_BLOCK);
                        add_products();
                    }
                    store_sums(sums[0]);
                    for (int64_t r = 0; r < row_registers; ++r) {
                        const int64_t scale_at = at * HC_ROW_BLOCK + r * lanes;
                        const F scale = w->wide_scales != nullptr ? load(w->wide_scales + scale_at) : load_f16(w->scales + scale_at);
                        for (int64_t t = 0; t < tokens; ++t) {
                            const I whole = add_int(load_int(sums[t] + r * lanes), set1_int(-Weights::shift * room.sums[g][t]));
                            total[t][r] = fma(to_float(whole), mul(scale, set1(room.scales[g][t])), total[t][r]);
                        }
                    }
                }
                for (int64_t t = 0; t < tokens; ++t) {
                    for (int64_t r = 0; r * lanes < rows; ++r) {
                        store_first(y + (first + t) * ldy + row + r * lanes, total[t][r], smaller(lanes, rows - r * lanes));
                    }
                }
            }
        }
    }
    end_tiles();
}

void matmul_q8(const hc_packed* w, int64_t row_begin, int64_t row_end, const hc_tiles* x, const float* bias, float* y, int64_t ldy) {
    multiply_tiles<ByteWeights>(w, row_begin, row_end, x, bias, y, ldy);
}

void matmul_q4(const hc_packed* w, int64_t row_begin, int64_t row_end, const hc_tiles* x, const float* bias, float* y, int64_t ldy) {
    multiply_tiles<NibbleWeights>(w, row_begin, row_end, x, bias, y, ldy);
}
