// Spike coding and products with spike counts. Included only by one instruction set's file, inside an unnamed namespace.

inline float spike_threshold(const float* x, int64_t n, float k) {
    F total = zero();
    for_lanes(n, [&](int64_t i, int64_t count) { total = add(total, absolute(load_first(x + i, count))); });
    const float threshold = sum(total) / static_cast<float>(n) / k;
    if (!is_finite(threshold)) {
        return threshold - threshold; // not a number
    }
    return threshold < 1e-5f ? 1e-5f : (threshold > 1e4f ? 1e4f : threshold);
}

inline I spike_counts(F x, F threshold) {
    const F limit = set1(static_cast<float>(HC_MAX_SPIKES));
    return nearest(max(min(div(x, threshold), limit), sub(zero(), limit)));
}

void spike_values(const float* x, int64_t rows, int64_t n, float k, float* y) {
    for (int64_t r = 0; r < rows; ++r) {
        const F threshold = set1(spike_threshold(x + r * n, n, k));
        for_lanes(n, [&](int64_t i, int64_t count) {
            const I counts = spike_counts(load_first(x + r * n + i, count), threshold);
            store_first(y + r * n + i, mul(to_float(counts), threshold), count);
        });
    }
}

// A row without spikes under a threshold that is no number.
inline void spike_silence(int64_t cols, int64_t t, float threshold, const hc_spikes* out) {
    const int64_t groups = out->codes.groups;
    memset(out->codes.codes + t * groups * HC_GROUP, 0, static_cast<size_t>(groups * HC_GROUP));
    for (int64_t g = 0; g < groups; ++g) {
        out->codes.scales[t * groups + g] = threshold;
        out->codes.sums[t * groups + g] = 0;
    }
    memset(out->counts + t * cols, 0, static_cast<size_t>(cols) * sizeof(float));
    out->beyond[t] = 0;
}

void spike_rows(const hc_rows* x, int64_t cols, float k, const hc_spikes* out) {
    const int64_t groups = out->codes.groups;
    for (int64_t t = 0; t < out->codes.tokens; ++t) {
        const float* row = x->x + t * x->ld;
        const float threshold = spike_threshold(row, cols, k);
        if (!is_finite(threshold)) {
            spike_silence(cols, t, threshold, out);
            continue;
        }
        F most = zero();
        for (int64_t g = 0; g < groups; ++g) {
            const int64_t n = smaller(HC_GROUP, cols - g * HC_GROUP);
            int8_t* codes = out->codes.codes + (t * groups + g) * HC_GROUP;
            memset(codes, 0, HC_GROUP);
            I total = zero_int();
            for_lanes(n, [&](int64_t i, int64_t count) {
                const int64_t column = g * HC_GROUP + i;
                const F whole = to_float(spike_counts(load_first(row + column, count), set1(threshold)));
                const I kept = nearest(max(min(whole, set1(127.0f)), set1(-127.0f)));
                store_i8_first(codes + i, kept, count);
                total = add_int(total, kept); // lanes past count are zero: load_first makes them so
                store_first(out->counts + t * cols + column, whole, count);
                most = max(most, absolute(whole));
            });
            out->codes.scales[t * groups + g] = threshold;
            out->codes.sums[t * groups + g] = sum_int(total);
        }
        int32_t beyond = 0;
        if (largest(most) > 127.0f) {  // hardly ever
            int32_t* places = out->far_places + t * HC_FAR_PLACES;
            for (int64_t i = 0; i < cols; ++i) {
                const float count = out->counts[t * cols + i];
                if (count > 127.0f || count < -127.0f) {
                    if (beyond < HC_FAR_PLACES) {
                        places[beyond] = static_cast<int32_t>(i);
                    }
                    ++beyond;
                }
            }
        }
        out->beyond[t] = beyond;
    }
}

// Where a row's scales begin; those of its groups follow at distance 32.
inline int64_t first_scale(const hc_packed* w, int64_t row) {
    return row / HC_ROW_BLOCK * group_count(w->cols) * HC_ROW_BLOCK + row % HC_ROW_BLOCK;
}

inline float scale_at(const hc_packed* w, int64_t place) {
    return w->wide_scales != nullptr ? w->wide_scales[place] : f16_value(w->scales + place);
}

inline float group_scale(const hc_packed* w, int64_t row, int64_t group) {
    return scale_at(w, first_scale(w, row) + group * HC_ROW_BLOCK);
}

void spike_columns(const hc_spikes* x, int64_t cols, int64_t token) {
    const int64_t row_bytes = x->codes.groups * HC_GROUP;
    const int64_t here = smaller(HC_COLUMN_STEP, x->codes.tokens - token);
    for (int64_t i = 0; i < cols; ++i) {
        const int8_t* in = x->codes.codes + token * row_bytes + i;
        int8_t column[HC_COLUMN_STEP] = {};
        for (int64_t t = 0; t < here; ++t) {
            column[t] = in[t * row_bytes];
        }
        memcpy(x->columns + i * x->ldc + token, column, sizeof column);
    }
}

inline int32_t far_rest(uint32_t entry) {
    return static_cast<int32_t>(entry & ((1u << HC_BEYOND_BITS) - 1u)) - HC_BEYOND_BIAS;
}

constexpr int64_t far_registers = 6; // of tokens whose sums are kept while a row's far entries pass
constexpr int64_t far_ahead = 20; // entries: the lines of their counts come from beyond the second cache

// What a byte could not hold of the weights of up to `lanes` rows, times the codes of up to 6 registers of tokens, which lie side by side.
inline void add_far_weights(const hc_packed* w, int64_t first_row, int64_t rows, const hc_spikes* x, int64_t first_token, float* y,
                            int64_t ldy) {
    const int64_t groups = group_count(w->cols);
    const int64_t registers = smaller(far_registers, (x->ldc - first_token) / lanes);
    const int64_t final = w->far_starts[w->rows] - 1;
    F sums[far_registers][lanes];
    for (int64_t i = 0; i < lanes; ++i) {
        F total[far_registers] = {zero(), zero(), zero(), zero(), zero(), zero()};
        const int64_t r = first_row + i;
        const int64_t scales = first_scale(w, r);
        const int32_t end = i < rows ? w->far_starts[r + 1] : 0;
        for (int32_t e = i < rows ? w->far_starts[r] : 0; e < end; ++e) {
            const uint32_t input = w->far[e] >> HC_BEYOND_BITS;
            const F weight = set1(static_cast<float>(far_rest(w->far[e])) * scale_at(w, scales + input / HC_GROUP * HC_ROW_BLOCK));
            const int8_t* counts = x->columns + input * x->ldc + first_token;
            const int64_t later = w->far[smaller(e + far_ahead, final)] >> HC_BEYOND_BITS;
            const int8_t* next = x->columns + later * x->ldc + first_token;
            fetch_ahead(next);
            fetch_ahead(next + far_registers * lanes - 1);
            if (registers == far_registers) {
                HC_UNROLL
                for (int64_t j = 0; j < far_registers; ++j) {
                    total[j] = fma(weight, load_i8(counts + j * lanes), total[j]);
                }
            } else {
                for (int64_t j = 0; j < registers; ++j) {
                    total[j] = fma(weight, load_i8(counts + j * lanes), total[j]);
                }
            }
        }
        for (int64_t j = 0; j < far_registers; ++j) {
            sums[j][i] = total[j];
        }
    }
    for (int64_t j = 0; j < registers; ++j) {
        transpose(sums[j]);
        const int64_t tokens = smaller(lanes, x->codes.tokens - first_token - j * lanes);
        for (int64_t i = 0; i < tokens; ++i) {
            const int64_t t = first_token + j * lanes + i;
            float* out = y + t * ldy + first_row;
            const F threshold = set1(x->codes.scales[t * groups]);
            if (rows == lanes) {
                store(out, fma(sums[j][i], threshold, load(out)));
            } else {
                store_first(out, fma(sums[j][i], threshold, load_first(out, rows)), rows);
            }
        }
    }
}

// The same of one token alone, in the same order of sums.
inline void add_far_weights_alone(const hc_packed* w, int64_t row_begin, int64_t row_end, const hc_spikes* x, float* y) {
    for (int64_t r = row_begin; r < row_end; ++r) {
        const int64_t scales = first_scale(w, r);
        float total = 0.0f;
        for (int32_t e = w->far_starts[r]; e < w->far_starts[r + 1]; ++e) {
            const uint32_t input = w->far[e] >> HC_BEYOND_BITS;
            const float weight = static_cast<float>(far_rest(w->far[e])) * scale_at(w, scales + input / HC_GROUP * HC_ROW_BLOCK);
            total = fma_one(weight, static_cast<float>(x->codes.codes[input]), total);
        }
        y[r] = fma_one(total, x->codes.scales[0], y[r]);
    }
}

inline void add_all_far_weights(const hc_packed* w, int64_t row_begin, int64_t row_end, const hc_spikes* x, float* y, int64_t ldy) {
    if (x->codes.tokens == 1) {
        add_far_weights_alone(w, row_begin, row_end, x, y);
        return;
    }
    // These tokens through all rows, then the next: so many inputs' counts stay nearer.
    for (int64_t t = 0; t < x->codes.tokens; t += far_registers * lanes) {
        for (int64_t r = row_begin; r < row_end; r += lanes) {
            add_far_weights(w, r, smaller(lanes, row_end - r), x, t, y, ldy);
        }
    }
}

constexpr int64_t far_tokens = 4; // that have counts beyond int8 in the same columns, and go together

// Some counts beyond int8 of tokens that have them in the same columns.
struct FarCounts {
    int64_t tokens, count;
    int64_t places[far_tokens]; // of the tokens
    int32_t columns[HC_FAR_PLACES];
    float rests[far_tokens][HC_FAR_PLACES]; // what codes do not hold
};

// The next of one token once `done`, the last of which was in column `last`, were taken.
inline void take_far_counts(const hc_spikes* x, int64_t cols, int64_t t, int64_t done, int64_t last, FarCounts* out) {
    const int8_t* codes = x->codes.codes + t * x->codes.groups * HC_GROUP;
    const float* counts = x->counts + t * cols;
    out->tokens = 1;
    out->places[0] = t;
    out->count = smaller(HC_FAR_PLACES, x->beyond[t] - done);
    for (int64_t i = 0; i < out->count; ++i) {
        if (done == 0) {
            last = x->far_places[t * HC_FAR_PLACES + i];
        } else {
            for (++last; counts[last] == static_cast<float>(codes[last]); ++last) {
            }
        }
        out->columns[i] = static_cast<int32_t>(last);
        out->rests[0][i] = counts[last] - static_cast<float>(codes[last]);
    }
}

// Takes another token's in where they are in the same columns.
inline bool join_far_counts(FarCounts* all, const FarCounts* one) {
    const size_t bytes = static_cast<size_t>(one->count) * sizeof(int32_t);
    if (all->tokens == far_tokens || all->count != one->count || memcmp(all->columns, one->columns, bytes) != 0) {
        return false;
    }
    all->places[all->tokens] = one->places[0];
    memcpy(all->rests[all->tokens], one->rests[0], bytes);
    ++all->tokens;
    return true;
}

// Those of T tokens times the weights, but for what these have beyond a byte.
template <int T>
inline void multiply_far_counts(const hc_packed* w, int64_t row_begin, int64_t row_end, const hc_spikes* x, const FarCounts& far, float* y,
                                int64_t ldy) {
    const int64_t groups = group_count(w->cols);
    for (int64_t r = row_begin; r < row_end; r += lanes) {
        F total[T];
        for (int t = 0; t < T; ++t) {
            total[t] = zero();
        }
        for (int64_t i = 0; i < far.count; ++i) {
            const int64_t column = far.columns[i];
            const int64_t block = r / HC_ROW_BLOCK * groups + column / HC_GROUP;
            const int64_t place = block * HC_ROW_BLOCK + r % HC_ROW_BLOCK;
            const uint8_t* words = w->data + block * Q8::group_bytes + column % HC_GROUP / 4 * step_bytes + r % HC_ROW_BLOCK * 4;
            const I offset = w->offsets != nullptr ? load_i8_int(w->offsets + place) : zero_int();
            const F code = to_float(add_int(byte_of(load_int(words), column % 4), add_int(offset, set1_int(-128))));
            const F scale = load_scales(w, place);
            for (int t = 0; t < T; ++t) {
                total[t] = fma(mul(set1(far.rests[t][i]), code), scale, total[t]);
            }
        }
        const int64_t n = smaller(lanes, row_end - r);
        for (int t = 0; t < T; ++t) {
            float* out = y + far.places[t] * ldy + r;
            store_first(out, fma(total[t], set1(x->codes.scales[far.places[t] * groups]), load_first(out, n)), n);
        }
    }
}

inline void add_far_counts(const hc_packed* w, int64_t row_begin, int64_t row_end, const hc_spikes* x, const FarCounts& far, float* y,
                           int64_t ldy) {
    switch (far.tokens) {
        case 0: break;
        case 1: multiply_far_counts<1>(w, row_begin, row_end, x, far, y, ldy); break;
        case 2: multiply_far_counts<2>(w, row_begin, row_end, x, far, y, ldy); break;
        case 3: multiply_far_counts<3>(w, row_begin, row_end, x, far, y, ldy); break;
        default: multiply_far_counts<far_tokens>(w, row_begin, row_end, x, far, y, ldy); break;
    }
}

inline bool is_marked(const uint8_t* marks, uint32_t column) { return (marks[column / 8] >> column % 8 & 1) != 0; }

// What a byte could not hold of weights in marked columns, times what it could not hold of counts.
inline void add_far_pairs(const hc_packed* w, int64_t row_begin, int64_t row_end, const hc_spikes* x, const uint8_t* marks, float* y,
                          int64_t ldy) {
    const int64_t groups = group_count(w->cols);
    for (int64_t r = row_begin; r < row_end; ++r) {
        for (int32_t e = w->far_starts[r]; e < w->far_starts[r + 1]; ++e) {
            const uint32_t column = w->far[e] >> HC_BEYOND_BITS;
            if (!is_marked(marks, column)) {
                continue;
            }
            const float weight = static_cast<float>(far_rest(w->far[e]));
            const float scale = group_scale(w, r, column / HC_GROUP);
            const int8_t* codes = x->columns + column * x->ldc;
            for (int64_t t = 0; t < x->codes.tokens; ++t) {
                if (codes[t] == 127 || codes[t] == -127) {
                    const float rest = x->counts[t * w->cols + column] - static_cast<float>(codes[t]);
                    y[t * ldy + r] += rest * weight * (scale * x->codes.scales[t * groups]);
                }
            }
        }
    }
}

void matmul_spike(const hc_packed* w, int64_t row_begin, int64_t row_end, const hc_spikes* x, const hc_tiles* tiles, const float* bias,
                  float* y, int64_t ldy, void* scratch) {
    matmul_int<S8>(w, row_begin, row_end, tiles, bias, y, ldy);
    if (w->far_starts != nullptr) {
        add_all_far_weights(w, row_begin, row_end, x, y, ldy);
    }
    uint8_t* marks = static_cast<uint8_t*>(scratch); // a bit per column
    bool marked = false;
    FarCounts far;
    far.tokens = 0;
    for (int64_t t = 0; t < x->codes.tokens; ++t) {
        FarCounts next;
        for (int64_t done = 0; done < x->beyond[t]; done += next.count) {
            take_far_counts(x, w->cols, t, done, done > 0 ? next.columns[next.count - 1] : 0, &next);
            if (far.tokens > 0 && join_far_counts(&far, &next)) {
                continue;
            }
            add_far_counts(w, row_begin, row_end, x, far, y, ldy);
            far = next;
            if (w->far_starts == nullptr) {
                continue;
            }
            if (!marked) {
                memset(marks, 0, static_cast<size_t>((w->cols + 7) / 8));
                marked = true;
            }
            for (int64_t i = 0; i < next.count; ++i) {
                marks[next.columns[i] / 8] = static_cast<uint8_t>(marks[next.columns[i] / 8] | 1u << next.columns[i] % 8);
            }
        }
    }
    add_far_counts(w, row_begin, row_end, x, far, y, ldy);
    if (marked) {
        add_far_pairs(w, row_begin, row_end, x, marks, y, ldy);
    }
}

void window_store_codes(const float* x, int64_t ld, int64_t tokens, int64_t d, void* out, float* out_scales) {
    for (int64_t t = 0; t < tokens; ++t) {
        const float* row = x + t * ld;
        const float wanted = largest_magnitude(row, d) / 127.0f;
        int8_t* entry = static_cast<int8_t*>(out) + t * d;
        if (!is_finite(wanted)) {
            memset(entry, 0, static_cast<size_t>(d));
            out_scales[t] = wanted - wanted; // not a number
            continue;
        }
        const float scale = wanted < 1e-5f ? 1e-5f : (wanted > 1e4f ? 1e4f : wanted);
        for_lanes(d, [&](int64_t i, int64_t count) {
            const F ratio = div(load_first(row + i, count), set1(scale));
            store_i8_first(entry + i, nearest(max(min(ratio, set1(127.0f)), set1(-128.0f))), count);
        });
        out_scales[t] = scale;
    }
}
