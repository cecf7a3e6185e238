#include <algorithm>
#include <cmath>

#include "core/half.h"
#include "ref/reference.h"

namespace hc::ref {

namespace {

int64_t group_count(int64_t cols) { return (cols + HC_GROUP - 1) / HC_GROUP; }

// Sixteen partial sums: still obvious, and any compiler turns it into the baseline's own vectors.
template <typename WeightAt>
float dot(int64_t n, const float* x, WeightAt weight_at) {
    float partial[16] = {};
    int64_t i = 0;
    for (; i + 16 <= n; i += 16) {
        for (int64_t lane = 0; lane < 16; ++lane) {
            partial[lane] += weight_at(i + lane) * x[i + lane];
        }
    }
    for (int64_t lane = 0; i < n; ++i, ++lane) {
        partial[lane] += weight_at(i) * x[i];
    }
    float total = 0.0f;
    for (const float part : partial) {
        total += part;
    }
    return total;
}

template <typename RowDot>
void for_each_output(int64_t row_begin, int64_t row_end, int64_t tokens, const float* bias, float* y, int64_t ldy,
                     RowDot row_dot) {
    for (int64_t r = row_begin; r < row_end; ++r) {
        for (int64_t t = 0; t < tokens; ++t) {
            y[t * ldy + r] = row_dot(r, t) + (bias != nullptr ? bias[r] : 0.0f);
        }
    }
}

// Code of input i within a q4 group of n inputs whose bytes start at `bytes`.
int32_t q4_code(const uint8_t* bytes, int64_t n, int64_t i) {
    const int64_t half = n / 2;
    const unsigned nibble = i < half ? bytes[i] & 15u : static_cast<unsigned>(bytes[i - half]) >> 4;
    return static_cast<int32_t>(nibble) - 8;
}

// sum over groups of scale * activation scale * integer dot product of the group.
template <typename GroupDot>
float grouped_dot(const hc_matrix* w, int64_t r, const hc_codes* x, int64_t t, GroupDot group_dot) {
    float total = 0.0f;
    for (int64_t g = 0; g < x->groups; ++g) {
        const int64_t n = std::min<int64_t>(HC_GROUP, w->cols - g * HC_GROUP);
        const int32_t sum = group_dot(g, n, x->codes + (t * x->groups + g) * HC_GROUP);
        total += static_cast<float>(sum) * (float_of_f16(w->scales[r * x->groups + g]) * x->scales[t * x->groups + g]);
    }
    return total;
}

}  // namespace

void quantise_rows(const hc_rows* x, int64_t cols, const hc_codes* out) {
    for (int64_t t = 0; t < x->tokens; ++t) {
        for (int64_t g = 0; g < out->groups; ++g) {
            const int64_t n = std::min<int64_t>(HC_GROUP, cols - g * HC_GROUP);
            const float* in = x->x + t * x->ld + g * HC_GROUP;
            int8_t* codes = out->codes + (t * out->groups + g) * HC_GROUP;
            float largest = 0.0f;
            for (int64_t i = 0; i < n; ++i) {
                largest = std::max(largest, std::fabs(in[i]));
            }
            const float inverse = largest > HC_TINY ? 127.0f / largest : 0.0f;
            int32_t sum = 0;
            for (int64_t i = 0; i < HC_GROUP; ++i) {
                const int32_t code = i < n ? static_cast<int32_t>(std::nearbyintf(in[i] * inverse)) : 0;
                codes[i] = static_cast<int8_t>(code);
                sum += code;
            }
            out->scales[t * out->groups + g] = largest > HC_TINY ? largest / 127.0f : 0.0f;
            out->sums[t * out->groups + g] = sum;
        }
    }
}

void matmul_f32(const hc_matrix* w, int64_t row_begin, int64_t row_end, const hc_rows* x, const float* bias, float* y,
                int64_t ldy, void*) {
    const float* data = static_cast<const float*>(w->data);
    for_each_output(row_begin, row_end, x->tokens, bias, y, ldy, [&](int64_t r, int64_t t) {
        const float* row = data + r * w->cols;
        return dot(w->cols, x->x + t * x->ld, [row](int64_t i) { return row[i]; });
    });
}

void matmul_bf16(const hc_matrix* w, int64_t row_begin, int64_t row_end, const hc_rows* x, const float* bias, float* y,
                 int64_t ldy, void*) {
    const uint16_t* data = static_cast<const uint16_t*>(w->data);
    for_each_output(row_begin, row_end, x->tokens, bias, y, ldy, [&](int64_t r, int64_t t) {
        const uint16_t* row = data + r * w->cols;
        return dot(w->cols, x->x + t * x->ld, [row](int64_t i) { return float_of_bf16(row[i]); });
    });
}

void matmul_q8(const hc_matrix* w, int64_t row_begin, int64_t row_end, const hc_codes* x, const float* bias, float* y,
               int64_t ldy, void*) {
    const int8_t* data = static_cast<const int8_t*>(w->data);
    for_each_output(row_begin, row_end, x->tokens, bias, y, ldy, [&](int64_t r, int64_t t) {
        return grouped_dot(w, r, x, t, [&](int64_t g, int64_t n, const int8_t* codes) {
            const int8_t* row = data + r * w->cols + g * HC_GROUP;
            int32_t sum = 0;
            for (int64_t i = 0; i < n; ++i) {
                sum += static_cast<int32_t>(row[i]) * static_cast<int32_t>(codes[i]);
            }
            return sum;
        });
    });
}

void matmul_q4(const hc_matrix* w, int64_t row_begin, int64_t row_end, const hc_codes* x, const float* bias, float* y,
               int64_t ldy, void*) {
    const uint8_t* data = static_cast<const uint8_t*>(w->data);
    for_each_output(row_begin, row_end, x->tokens, bias, y, ldy, [&](int64_t r, int64_t t) {
        return grouped_dot(w, r, x, t, [&](int64_t g, int64_t n, const int8_t* codes) {
            const uint8_t* bytes = data + r * (w->cols / 2) + g * (HC_GROUP / 2);
            int32_t sum = 0;
            for (int64_t i = 0; i < n; ++i) {
                sum += q4_code(bytes, n, i) * static_cast<int32_t>(codes[i]);
            }
            return sum;
        });
    });
}

void embed_f32(const hc_matrix* w, int64_t row, float* out) {
    const float* in = static_cast<const float*>(w->data) + row * w->cols;
    std::copy(in, in + w->cols, out);
}

void embed_bf16(const hc_matrix* w, int64_t row, float* out) {
    const uint16_t* in = static_cast<const uint16_t*>(w->data) + row * w->cols;
    for (int64_t i = 0; i < w->cols; ++i) {
        out[i] = float_of_bf16(in[i]);
    }
}

void embed_q8(const hc_matrix* w, int64_t row, float* out) {
    const int8_t* in = static_cast<const int8_t*>(w->data) + row * w->cols;
    const uint16_t* scales = w->scales + row * group_count(w->cols);
    for (int64_t i = 0; i < w->cols; ++i) {
        out[i] = static_cast<float>(in[i]) * float_of_f16(scales[i / HC_GROUP]);
    }
}

void embed_q4(const hc_matrix* w, int64_t row, float* out) {
    const uint8_t* in = static_cast<const uint8_t*>(w->data) + row * (w->cols / 2);
    const uint16_t* scales = w->scales + row * group_count(w->cols);
    for (int64_t i = 0; i < w->cols; ++i) {
        const int64_t start = i / HC_GROUP * HC_GROUP;
        const int64_t n = std::min<int64_t>(HC_GROUP, w->cols - start);
        out[i] = static_cast<float>(q4_code(in + start / 2, n, i - start)) * float_of_f16(scales[i / HC_GROUP]);
    }
}

}  // namespace hc::ref
