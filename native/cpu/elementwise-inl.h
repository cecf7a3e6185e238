// Norms, activations, rotation, short convolution, int8 activations, embedding rows.
// Included only by one instruction set's file, inside an unnamed namespace.

inline float inverse_rms(const float* x, int64_t n, float eps) {
    F a = zero();
    F b = zero();
    int64_t i = 0;
    for (; i + 2 * lanes <= n; i += 2 * lanes) {
        const F u = load(x + i);
        const F v = load(x + i + lanes);
        a = fma(u, u, a);
        b = fma(v, v, b);
    }
    for (; i < n; i += lanes) {
        const F u = load_first(x + i, smaller(lanes, n - i));
        a = fma(u, u, a);
    }
    const float mean = sum(add(a, b)) / static_cast<float>(n);
    return 1.0f / square_root(mean + eps);
}

void rmsnorm(const float* x, const float* w, int64_t rows, int64_t n, float eps, float* y) {
    for (int64_t t = 0; t < rows; ++t) {
        const float* in = x + t * n;
        float* out = y + t * n;
        const F factor = set1(inverse_rms(in, n, eps));
        for_lanes(n, [&](int64_t i, int64_t count) {
            store_first(out + i, mul(mul(load_first(in + i, count), factor), load_first(w + i, count)), count);
        });
    }
}

void add_rmsnorm(float* x, const float* a, const float* w, int64_t rows, int64_t n, float eps, float* y) {
    for_lanes(rows * n, [&](int64_t i, int64_t count) {
        store_first(x + i, add(load_first(x + i, count), load_first(a + i, count)), count);
    });
    rmsnorm(x, w, rows, n, eps, y);
}

void relu(float* x, int64_t n) {
    for_lanes(n, [&](int64_t i, int64_t count) { store_first(x + i, max(zero(), load_first(x + i, count)), count); });
}

void silu_mul(float* gate, const float* up, int64_t n) {
    for_lanes(n, [&](int64_t i, int64_t count) {
        store_first(gate + i, mul(silu(load_first(gate + i, count)), load_first(up + i, count)), count);
    });
}

void log_gate(float* z, int64_t n, float factor) {
    for_lanes(n, [&](int64_t i, int64_t count) {
        const F x = load_first(z + i, count);
        const F tail = log_one_plus(exponential(sub(zero(), absolute(x))));
        store_first(z + i, mul(sub(min(zero(), x), tail), set1(factor)), count);
    });
}

void sigmoid_gate(float* z, float* log_rest, int64_t n) {
    for_lanes(n, [&](int64_t i, int64_t count) {
        const F x = load_first(z + i, count);
        if (log_rest != nullptr) {
            const F tail = log_one_plus(exponential(sub(zero(), absolute(x))));
            store_first(log_rest + i, sub(min(zero(), sub(zero(), x)), tail), count);
        }
        store_first(z + i, div(set1(1.0f), add(set1(1.0f), exponential(sub(zero(), x)))), count);
    });
}

void rope(float* x, int64_t ld, int64_t tokens, int64_t heads, int64_t d, const float* cosine, const float* sine) {
    const int64_t half = d / 2;
    for (int64_t t = 0; t < tokens; ++t) {
        for (int64_t h = 0; h < heads; ++h) {
            float* head = x + t * ld + h * d;
            for_lanes(half, [&](int64_t i, int64_t count) {
                const F low = load_first(head + i, count);
                const F high = load_first(head + half + i, count);
                const F c = load_first(cosine + t * half + i, count);
                const F s = load_first(sine + t * half + i, count);
                store_first(head + i, fnma(high, s, mul(low, c)), count);
                store_first(head + half + i, fma(low, s, mul(high, c)), count);
            });
        }
    }
}

void short_conv(const float* x, const float* history, const float* w, int64_t tokens, int64_t channels, int64_t width,
                float* y, float* history_out) {
    const int64_t past = width - 1;
    const auto row = [&](int64_t t) { return t < 0 ? history + (t + past) * channels : x + t * channels; };
    for (int64_t t = 0; t < tokens; ++t) {
        for_lanes(channels, [&](int64_t c, int64_t count) {
            F total = zero();
            for (int64_t j = 0; j < width; ++j) {
                total = fma(load_first(w + j * channels + c, count), load_first(row(t - past + j) + c, count), total);
            }
            store_first(y + t * channels + c, silu(total), count);
        });
    }
    for (int64_t j = 0; j < past; ++j) {
        const float* last = row(tokens - past + j);
        for_lanes(channels, [&](int64_t c, int64_t count) {
            store_first(history_out + j * channels + c, load_first(last + c, count), count);
        });
    }
}

// The largest magnitude of n values; no finite number where one of them is none. Bits of magnitudes are ordered as whole numbers,
// with infinity above all numbers and what is no number above infinity, so that none of it can get lost.
inline float largest_magnitude(const float* in, int64_t n) {
    I peak = zero_int();
    for_lanes(n, [&](int64_t i, int64_t count) { peak = max_int(peak, as_int(absolute(load_first(in + i, count)))); });
    const int32_t bits = largest_int(peak);
    float top;
    memcpy(&top, &bits, sizeof top);
    return top;
}

inline bool is_finite(float x) { return x - x == 0.0f; }

// Codes of n values under one scale; returns the scale. Sums the codes.
inline float quantise(const float* in, int64_t n, int8_t* codes, int32_t* code_sum) {
    const float top = largest_magnitude(in, n);
    if (!is_finite(top)) {
        memset(codes, 0, static_cast<size_t>(n));
        *code_sum = 0;
        return top - top; // not a number
    }
    const F inverse = set1(top > HC_TINY ? 127.0f / top : 0.0f);
    I total = zero_int();
    for_lanes(n, [&](int64_t i, int64_t count) {
        const I code = nearest(mul(load_first(in + i, count), inverse));
        total = add_int(total, code);
        store_i8_first(codes + i, code, count);
    });
    *code_sum = sum_int(total);
    return top > HC_TINY ? top / 127.0f : 0.0f;
}

void quantise_rows(const hc_rows* x, int64_t cols, const hc_codes* out) {
    for (int64_t t = 0; t < x->tokens; ++t) {
        for (int64_t g = 0; g < out->groups; ++g) {
            const int64_t n = smaller(HC_GROUP, cols - g * HC_GROUP);
            const int64_t at = t * out->groups + g;
            int8_t* codes = out->codes + at * HC_GROUP;
            out->scales[at] = quantise(x->x + t * x->ld + g * HC_GROUP, n, codes, out->sums + at);
            memset(codes + n, 0, static_cast<size_t>(HC_GROUP - n));
        }
    }
}

void embed_f32(const hc_matrix* w, int64_t row, float* out) {
    const float* in = static_cast<const float*>(w->data) + row * w->cols;
    for_lanes(w->cols, [&](int64_t i, int64_t count) { store_first(out + i, load_first(in + i, count), count); });
}

void embed_bf16(const hc_matrix* w, int64_t row, float* out) {
    const uint16_t* in = static_cast<const uint16_t*>(w->data) + row * w->cols;
    for_lanes(w->cols, [&](int64_t i, int64_t count) { store_first(out + i, load_bf16_first(in + i, count), count); });
}

void embed_q8(const hc_matrix* w, int64_t row, float* out) {
    const int8_t* in = static_cast<const int8_t*>(w->data) + row * w->cols;
    const uint16_t* scales = w->scales + row * group_count(w->cols);
    for (int64_t start = 0; start < w->cols; start += HC_GROUP) {
        const F scale = set1(f16_value(scales + start / HC_GROUP));
        for_lanes(smaller(HC_GROUP, w->cols - start), [&](int64_t i, int64_t count) {
            store_first(out + start + i, mul(load_i8_first(in + start + i, count), scale), count);
        });
    }
}

// The codes 0..15 of one q4 group, in order of the inputs.
inline void spread_nibbles(const uint8_t* bytes, int64_t n, int8_t* out) {
    const int64_t half = n / 2;
    for (int64_t i = 0; i < half; ++i) {
        out[i] = static_cast<int8_t>(bytes[i] & 15);
        out[half + i] = static_cast<int8_t>(bytes[i] >> 4);
    }
}

void embed_q4(const hc_matrix* w, int64_t row, float* out) {
    const uint8_t* in = static_cast<const uint8_t*>(w->data) + row * (w->cols / 2);
    const uint16_t* scales = w->scales + row * group_count(w->cols);
    for (int64_t start = 0; start < w->cols; start += HC_GROUP) {
        const int64_t n = smaller(HC_GROUP, w->cols - start);
        const F scale = set1(f16_value(scales + start / HC_GROUP));
        int8_t codes[HC_GROUP];
        spread_nibbles(in + start / 2, n, codes);
        for_lanes(n, [&](int64_t i, int64_t count) {
            store_first(out + start + i, mul(sub(load_i8_first(codes + i, count), set1(8.0f)), scale), count);
        });
    }
}
