// Sliding-window attention over entries kept in three precisions. Included only by one instruction set's file, inside an
// unnamed namespace.

void window_store_f32(const float* x, int64_t ld, int64_t tokens, int64_t d, void* out, float*) {
    for (int64_t t = 0; t < tokens; ++t) {
        float* entry = static_cast<float*>(out) + t * d;
        for_lanes(d, [&](int64_t i, int64_t n) { store_first(entry + i, load_first(x + t * ld + i, n), n); });
    }
}

void window_store_f16(const float* x, int64_t ld, int64_t tokens, int64_t d, void* out, float*) {
    for (int64_t t = 0; t < tokens; ++t) {
        uint16_t* entry = static_cast<uint16_t*>(out) + t * d;
        for_lanes(d, [&](int64_t i, int64_t n) { store_f16_first(entry + i, load_first(x + t * ld + i, n), n); });
    }
}

void window_store_i8(const float* x, int64_t ld, int64_t tokens, int64_t d, void* out, float* out_scales) {
    for (int64_t t = 0; t < tokens; ++t) {
        int32_t unused;
        out_scales[t] = quantise(x + t * ld, d, static_cast<int8_t*>(out) + t * d, &unused);
    }
}

struct F32Entries {
    const float* data;
    const float* scales;
    F at_first(int64_t entry, int64_t d, int64_t i, int64_t n) const { return load_first(data + entry * d + i, n); }
};

struct F16Entries {
    const uint16_t* data;
    const float* scales;
    F at_first(int64_t entry, int64_t d, int64_t i, int64_t n) const {
        const uint16_t* p = data + entry * d + i;
        return n == lanes ? load_f16(p) : load_f16_first(p, n);
    }
};

struct I8Entries {
    const int8_t* data;
    const float* scales;
    F at_first(int64_t entry, int64_t d, int64_t i, int64_t n) const {
        return mul(load_i8_first(data + entry * d + i, n), set1(scales[entry]));
    }
};

inline float exponential_of(float x) {
    float all[lanes];
    store(all, exponential(set1(x)));
    return all[0];
}

// Scores of one query against a block become weights; peak, total and mix follow. Entries outside [begin, end) weigh 0.
inline void weigh(float* scores, int64_t begin, int64_t end, float* peak, float* total, float* mix, int64_t d) {
    const F nothing = as_float(set1_int(-0x00800000)); // the bits of minus infinity
    F best = nothing;
    for (int64_t i = 0; i < HC_KEY_BLOCK; i += lanes) {
        const int64_t from = begin <= i ? 0 : smaller(lanes, begin - i);
        const int64_t to = end <= i ? 0 : smaller(lanes, end - i);
        const F masked = keep_range(load(scores + i), smaller(from, to), to, nothing);
        store(scores + i, masked);
        best = max(best, masked);
    }
    const float top = largest(best);
    const float raised = top > *peak ? top : *peak;
    const float shrink = exponential_of(*peak - raised);
    F weights = zero();
    for (int64_t i = 0; i < HC_KEY_BLOCK; i += lanes) {
        const F weight = exponential(sub(load(scores + i), set1(raised)));
        store(scores + i, weight);
        weights = add(weights, weight);
    }
    *peak = raised;
    *total = *total * shrink + sum(weights);
    if (shrink != 1.0f) {
        for_lanes(d, [&](int64_t i, int64_t n) { store_first(mix + i, mul(set1(shrink), load_first(mix + i, n)), n); });
    }
}

template <typename Entries>
inline void attend(const Entries& keys, const Entries& values, int64_t entries, const hc_queries* queries, void* scratch) {
    const int64_t d = queries->d;
    const int64_t group = queries->group;
    const int64_t rows = queries->tokens * group;
    float* key_columns = static_cast<float*>(scratch);          // [d, 32]
    float* value_rows = key_columns + d * HC_KEY_BLOCK;         // [32, d]
    float* scores = value_rows + d * HC_KEY_BLOCK;              // [rows, 32]
    float* scaled = scores + rows * HC_KEY_BLOCK;               // [rows, d]
    for (int64_t t = 0; t < queries->tokens; ++t) {
        for_lanes(group * d, [&](int64_t i, int64_t n) {
            store_first(scaled + t * group * d + i, mul(load_first(queries->q + t * queries->ld + i, n), set1(queries->scale)), n);
        });
    }
    for (int64_t start = 0; start < entries; start += HC_KEY_BLOCK) {
        const int64_t count = smaller(HC_KEY_BLOCK, entries - start);
        // Tokens that see something of this block; visibility only moves forward, so they are neighbours.
        int64_t first_token = 0;
        while (first_token < queries->tokens &&
               !(queries->begin[first_token] < start + count && queries->end[first_token] > start &&
                 queries->begin[first_token] < queries->end[first_token])) {
            ++first_token;
        }
        int64_t last_token = queries->tokens;
        while (last_token > first_token &&
               !(queries->begin[last_token - 1] < start + count && queries->end[last_token - 1] > start &&
                 queries->begin[last_token - 1] < queries->end[last_token - 1])) {
            --last_token;
        }
        if (first_token == last_token) {
            continue;
        }
        for (int64_t k = 0; k < HC_KEY_BLOCK; k += lanes) {
            const int64_t here = count - k < 0 ? 0 : smaller(lanes, count - k);
            transpose_into(here, d, key_columns + k, HC_KEY_BLOCK,
                           [&](int64_t r, int64_t i, int64_t n) { return keys.at_first(start + k + r, d, i, n); });
        }
        for (int64_t e = 0; e < count; ++e) {
            for_lanes(d, [&](int64_t i, int64_t n) {
                store_first(value_rows + e * d + i, values.at_first(start + e, d, i, n), n);
            });
        }
        const int64_t first_row = first_token * group;
        const int64_t used_rows = (last_token - first_token) * group;
        product(used_rows, HC_KEY_BLOCK, d, scaled + first_row * d, d, 1, key_columns, HC_KEY_BLOCK,
                scores + first_row * HC_KEY_BLOCK, HC_KEY_BLOCK, Into::overwrite);
        for (int64_t t = first_token; t < last_token; ++t) {
            const int64_t begin = queries->begin[t] > start ? smaller(queries->begin[t] - start, count) : 0;
            const int64_t end = queries->end[t] > start ? smaller(queries->end[t] - start, count) : 0;
            for (int64_t r = t * group; r < (t + 1) * group; ++r) {
                if (begin < end) {
                    weigh(scores + r * HC_KEY_BLOCK, begin, end, queries->peak + r, queries->total + r, queries->mix + r * d, d);
                } else {
                    memset(scores + r * HC_KEY_BLOCK, 0, HC_KEY_BLOCK * sizeof(float));
                }
            }
        }
        product(used_rows, d, count, scores + first_row * HC_KEY_BLOCK, HC_KEY_BLOCK, 1, value_rows, d,
                queries->mix + first_row * d, d, Into::accumulate);
    }
}

void window_attend_f32(const hc_span* span, const hc_queries* queries, void* scratch) {
    attend(F32Entries{static_cast<const float*>(span->keys), nullptr}, F32Entries{static_cast<const float*>(span->values), nullptr},
           span->count, queries, scratch);
}

void window_attend_f16(const hc_span* span, const hc_queries* queries, void* scratch) {
    attend(F16Entries{static_cast<const uint16_t*>(span->keys), nullptr},
           F16Entries{static_cast<const uint16_t*>(span->values), nullptr}, span->count, queries, scratch);
}

void window_attend_i8(const hc_span* span, const hc_queries* queries, void* scratch) {
    attend(I8Entries{static_cast<const int8_t*>(span->keys), span->key_scales},
           I8Entries{static_cast<const int8_t*>(span->values), span->value_scales}, span->count, queries, scratch);
}

void window_finish(const hc_queries* queries, float* o, int64_t ldo) {
    const int64_t d = queries->d;
    for (int64_t t = 0; t < queries->tokens; ++t) {
        for (int64_t j = 0; j < queries->group; ++j) {
            const int64_t r = t * queries->group + j;
            const F total = set1(queries->total[r]);
            for_lanes(d, [&](int64_t i, int64_t n) {
                store_first(o + t * ldo + j * d + i, div(load_first(queries->mix + r * d + i, n), total), n);
            });
        }
    }
}
