// Gated linear attention. Included only by one instruction set's file, inside an unnamed namespace.

void gla_step(const hc_gla* args) {
    const int64_t d = args->d;
    float decay[HC_MAX_HEAD_DIM];
    for_lanes(d, [&](int64_t i, int64_t n) { store_first(decay + i, exponential(load_first(args->log_decay + i, n)), n); });
    for (int64_t row = 0; row < d; ++row) {
        const F keep = set1(decay[row]);
        const F key = set1(args->k[row]);
        const float* in = args->state_in + row * d;
        float* out = args->state_out + row * d;
        for_lanes(d, [&](int64_t i, int64_t n) {
            store_first(out + i, fma(key, load_first(args->v + i, n), mul(keep, load_first(in + i, n))), n);
        });
    }
    product(args->group, d, d, args->q, d, 1, args->state_out, d, args->o, d, Into::overwrite);
    for_lanes(args->group * d, [&](int64_t i, int64_t n) {
        store_first(args->o + i, mul(set1(args->scale), load_first(args->o + i, n)), n);
    });
}

// Sub-chunks: decays are only ever multiplied up, never divided out, so nothing can overflow however strong they are.
void gla_chunk(const hc_gla* args, void* scratch) {
    constexpr int64_t size = HC_GLA_SUBCHUNK;
    const int64_t d = args->d;
    const int64_t group = args->group;
    float* decayed_q = static_cast<float*>(scratch);     // [group, 16, d] queries times the decay since the sub-chunk began
    float* decayed_k = decayed_q + group * size * d;     // [16, d] keys times the decay since their own token
    float* since_start = decayed_k + size * d;           // [d] decay since the sub-chunk began
    float* scores = since_start + d;                     // [group, 16, 16] query . key inside the sub-chunk
    const float* state = args->state_in;
    for (int64_t start = 0; start < args->tokens; start += size) {
        const int64_t count = smaller(size, args->tokens - start);
        for_lanes(d, [&](int64_t i, int64_t n) { store_first(since_start + i, set1(1.0f), n); });
        for (int64_t t = 0; t < count; ++t) {
            const float* g = args->log_decay + (start + t) * args->ldg;
            const float* k = args->k + (start + t) * args->ldk;
            const float* q = args->q + (start + t) * args->ldq;
            for_lanes(d, [&](int64_t i, int64_t n) {
                const F decay = exponential(load_first(g + i, n));
                const F total = mul(load_first(since_start + i, n), decay);
                store_first(since_start + i, total, n);
                for (int64_t s = 0; s < t; ++s) {
                    store_first(decayed_k + s * d + i, mul(load_first(decayed_k + s * d + i, n), decay), n);
                }
                store_first(decayed_k + t * d + i, load_first(k + i, n), n);
                for (int64_t j = 0; j < group; ++j) {
                    const F query = mul(load_first(q + j * d + i, n), set1(args->scale));
                    store_first(decayed_q + (j * size + t) * d + i, mul(query, total), n);
                }
            });
            for (int64_t j = 0; j < group; ++j) {
                float* row = scores + (j * size + t) * size;
                for (int64_t s = 0; s < size; ++s) {
                    F total = zero();
                    if (s <= t) {
                        for_lanes(d, [&](int64_t i, int64_t n) {
                            total = fma(load_first(q + j * d + i, n), load_first(decayed_k + s * d + i, n), total);
                        });
                    }
                    row[s] = sum(total) * args->scale;
                }
            }
        }
        const float* v = args->v + start * args->ldv;
        for (int64_t j = 0; j < group; ++j) {
            float* o = args->o + start * args->ldo + j * d;
            product(count, d, d, decayed_q + j * size * d, d, 1, state, d, o, args->ldo, Into::overwrite);
            product(count, d, count, scores + j * size * size, size, 1, v, args->ldv, o, args->ldo, Into::accumulate);
        }
        for (int64_t row = 0; row < d; ++row) {
            const F keep = set1(since_start[row]);
            for_lanes(d, [&](int64_t i, int64_t n) {
                store_first(args->state_out + row * d + i, mul(keep, load_first(state + row * d + i, n)), n);
            });
        }
        product(d, d, count, decayed_k, 1, d, v, args->ldv, args->state_out, d, Into::accumulate);
        state = args->state_out;
    }
}
