#include <cmath>

#include "ref/reference.h"

namespace hc::ref {

// One token of the recurrence: decay the old state, add the outer product, then read.
void gla_step(const hc_gla* args) {
    const int64_t d = args->d;
    for (int64_t row = 0; row < d; ++row) {
        const float decay = std::exp(args->log_decay[row]);
        const float key = args->k[row];
        for (int64_t col = 0; col < d; ++col) {
            args->state_out[row * d + col] = decay * args->state_in[row * d + col] + key * args->v[col];
        }
    }
    for (int64_t j = 0; j < args->group; ++j) {
        float* out = args->o + j * d;
        for (int64_t col = 0; col < d; ++col) {
            out[col] = 0.0f;
        }
        for (int64_t row = 0; row < d; ++row) {
            const float query = args->q[j * d + row] * args->scale;
            for (int64_t col = 0; col < d; ++col) {
                out[col] += query * args->state_out[row * d + col];
            }
        }
    }
}

// The reference of a chunk is the recurrence itself.
void gla_chunk(const hc_gla* args, void*) {
    hc_gla token = *args;
    token.tokens = 1;
    for (int64_t t = 0; t < args->tokens; ++t) {
        token.q = args->q + t * args->ldq;
        token.k = args->k + t * args->ldk;
        token.v = args->v + t * args->ldv;
        token.log_decay = args->log_decay + t * args->ldg;
        token.o = args->o + t * args->ldo;
        token.state_in = t == 0 ? args->state_in : args->state_out;
        gla_step(&token);
    }
}

}  // namespace hc::ref
