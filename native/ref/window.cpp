#include <algorithm>
#include <cmath>

#include "core/half.h"
#include "ref/reference.h"

namespace hc::ref {

namespace {

// Entry e, dimension i of a span's keys or values.
struct F32Entries {
    const float* data;
    int64_t d;
    float at(int64_t e, int64_t i) const { return data[e * d + i]; }
};

struct F16Entries {
    const uint16_t* data;
    int64_t d;
    float at(int64_t e, int64_t i) const { return float_of_f16(data[e * d + i]); }
};

struct I8Entries {
    const int8_t* data;
    const float* scales;
    int64_t d;
    float at(int64_t e, int64_t i) const { return static_cast<float>(data[e * d + i]) * scales[e]; }
};

// Softmax with a running peak, one key at a time.
template <typename Entries>
void attend(const Entries& keys, const Entries& values, const hc_queries* queries) {
    const int64_t d = queries->d;
    for (int64_t t = 0; t < queries->tokens; ++t) {
        for (int64_t j = 0; j < queries->group; ++j) {
            const int64_t r = t * queries->group + j;
            const float* q = queries->q + t * queries->ld + j * d;
            float* mix = queries->mix + r * d;
            for (int64_t e = queries->begin[t]; e < queries->end[t]; ++e) {
                float score = 0.0f;
                for (int64_t i = 0; i < d; ++i) {
                    score += q[i] * keys.at(e, i);
                }
                score *= queries->scale;
                const float peak = std::max(queries->peak[r], score);
                const float shrink = std::exp(queries->peak[r] - peak);
                const float weight = std::exp(score - peak);
                queries->peak[r] = peak;
                queries->total[r] = queries->total[r] * shrink + weight;
                for (int64_t i = 0; i < d; ++i) {
                    mix[i] = mix[i] * shrink + weight * values.at(e, i);
                }
            }
        }
    }
}

}  // namespace

void window_store_f32(const float* x, int64_t ld, int64_t tokens, int64_t d, void* out, float*) {
    for (int64_t t = 0; t < tokens; ++t) {
        std::copy(x + t * ld, x + t * ld + d, static_cast<float*>(out) + t * d);
    }
}

void window_store_f16(const float* x, int64_t ld, int64_t tokens, int64_t d, void* out, float*) {
    for (int64_t t = 0; t < tokens; ++t) {
        for (int64_t i = 0; i < d; ++i) {
            static_cast<uint16_t*>(out)[t * d + i] = f16_of_float(x[t * ld + i]);
        }
    }
}

void window_store_i8(const float* x, int64_t ld, int64_t tokens, int64_t d, void* out, float* out_scales) {
    for (int64_t t = 0; t < tokens; ++t) {
        const float largest = largest_magnitude(x + t * ld, d);
        const bool coded = largest > HC_TINY; // false for what is not a number
        for (int64_t i = 0; i < d; ++i) {
            const float code = coded ? std::nearbyintf(x[t * ld + i] * (127.0f / largest)) : 0.0f;
            static_cast<int8_t*>(out)[t * d + i] = static_cast<int8_t>(code);
        }
        out_scales[t] = largest <= HC_TINY ? 0.0f : largest / 127.0f;
    }
}

void window_attend_f32(const hc_span* span, const hc_queries* queries, void*) {
    attend(F32Entries{static_cast<const float*>(span->keys), queries->d},
           F32Entries{static_cast<const float*>(span->values), queries->d}, queries);
}

void window_attend_f16(const hc_span* span, const hc_queries* queries, void*) {
    attend(F16Entries{static_cast<const uint16_t*>(span->keys), queries->d},
           F16Entries{static_cast<const uint16_t*>(span->values), queries->d}, queries);
}

void window_attend_i8(const hc_span* span, const hc_queries* queries, void*) {
    attend(I8Entries{static_cast<const int8_t*>(span->keys), span->key_scales, queries->d},
           I8Entries{static_cast<const int8_t*>(span->values), span->value_scales, queries->d}, queries);
}

void window_finish(const hc_queries* queries, float* o, int64_t ldo) {
    const int64_t d = queries->d;
    for (int64_t t = 0; t < queries->tokens; ++t) {
        for (int64_t j = 0; j < queries->group; ++j) {
            const int64_t r = t * queries->group + j;
            for (int64_t i = 0; i < d; ++i) {
                o[t * ldo + j * d + i] = queries->mix[r * d + i] / queries->total[r];
            }
        }
    }
}

}  // namespace hc::ref
