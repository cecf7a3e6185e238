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
            for (int64_t i = 0; i < cols; ++i) {
                const float count = out->counts[t * cols + i];
                beyond += count > 127.0f || count < -127.0f ? 1 : 0;
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

// What int8 could not hold of the weights of up to `lanes` rows, times the codes of up to 6 registers of tokens, which lie side by side.
inline void add_far_weights(const hc_packed* w, int64_t first_row, int64_t rows, const hc_spikes* x, int64_t first_token, float* y,
                            int64_t ldy) {
    const int64_t groups = group_count(w->cols);
    const int64_t registers = smaller(far_registers, (x->ldc - first_token) / lanes);
    F sums[far_registers][lanes];
    for (int64_t i = 0; i < lanes; ++i) {
        F total[far_registers] = {zero(), zero(), zero(), zero(), zero(), zero()};
        const int64_t r = first_row + i;
        const int32_t end = i < rows ? w->far_starts[r + 1] : 0;
        const int64_t scales = first_scale(w, r);
        for (int32_t e = i < rows ? w->far_starts[r] : 0; e < end; ++e) {
            const uint32_t column = w->far[e] >> HC_BEYOND_BITS;
            const F weight = set1(static_cast<float>(far_rest(w->far[e])) * scale_at(w, scales + column / HC_GROUP * HC_ROW_BLOCK));
            const int8_t* counts = x->columns + column * x->ldc + first_token;
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
        for (int64_t i = 0; i < lanes && first_token + j * lanes + i < x->codes.tokens; ++i) {
            const int64_t t = first_token + j * lanes + i;
            float* out = y + t * ldy + first_row;
            store_first(out, fma(sums[j][i], set1(x->codes.scales[t * groups]), load_first(out, rows)), rows);
        }
    }
}

// What int8 could not hold of the counts of one token, times the weights.
inline void add_far_counts(const hc_packed* w, int64_t row_begin, int64_t row_end, const hc_spikes* x, int64_t t, float* y) {
    const int64_t groups = group_count(w->cols);
    for (int64_t column = 0; column < w->cols; ++column) {
        const float rest = x->counts[t * w->cols + column] - static_cast<float>(x->codes.codes[t * groups * HC_GROUP + column]);
        if (rest == 0.0f) {
            continue;
        }
        const int64_t group = column / HC_GROUP;
        const int64_t step = column % HC_GROUP / 4;
        for (int64_t r = row_begin; r < row_end; ++r) {
            const int64_t block = r / HC_ROW_BLOCK * groups + group;
            const uint8_t* place = w->data + block * Q8::group_bytes + step * step_bytes + r % HC_ROW_BLOCK * 4;
            const float product = rest * static_cast<float>(static_cast<int32_t>(place[column % 4]) - 128);
            y[r] += product * (group_scale(w, r, group) * x->codes.scales[t * groups]);
        }
    }
    for (int64_t r = w->far_starts != nullptr ? row_begin : row_end; r < row_end; ++r) {
        for (int32_t e = w->far_starts[r]; e < w->far_starts[r + 1]; ++e) {
            const int64_t column = w->far[e] >> HC_BEYOND_BITS;
            const float rest = x->counts[t * w->cols + column] - static_cast<float>(x->codes.codes[t * groups * HC_GROUP + column]);
            const float scale = group_scale(w, r, column / HC_GROUP) * x->codes.scales[t * groups];
            y[r] += rest * static_cast<float>(far_rest(w->far[e])) * scale;
        }
    }
}

void matmul_spike(const hc_packed* w, int64_t row_begin, int64_t row_end, const hc_spikes* x, const hc_tiles* tiles, const float* bias,
                  float* y, int64_t ldy) {
    matmul_q8(w, row_begin, row_end, tiles, bias, y, ldy);
    if (w->far_starts != nullptr) {
        for (int64_t r = row_begin; r < row_end; r += lanes) {
            for (int64_t t = 0; t < x->codes.tokens; t += far_registers * lanes) {
                add_far_weights(w, r, smaller(lanes, row_end - r), x, t, y, ldy);
            }
        }
    }
    for (int64_t t = 0; t < x->codes.tokens; ++t) {
        if (x->beyond[t] > 0) {
            add_far_counts(w, row_begin, row_end, x, t, y + t * ldy);
        }
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
