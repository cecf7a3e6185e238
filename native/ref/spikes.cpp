#include <algorithm>
#include <cmath>
#include <limits>

#include "core/half.h"
#include "ref/reference.h"

namespace hc::ref {

namespace {

float spike_threshold(const float* x, int64_t n, float k) {
    float partial[16] = {};
    for (int64_t i = 0; i < n; ++i) {
        partial[i % 16] += std::fabs(x[i]);
    }
    float total = 0.0f;
    for (const float part : partial) {
        total += part;
    }
    const float threshold = total / static_cast<float>(n) / k;
    if (!std::isfinite(threshold)) {
        return std::numeric_limits<float>::quiet_NaN();
    }
    return threshold < 1e-5f ? 1e-5f : (threshold > 1e4f ? 1e4f : threshold);
}

float spike_count(float x, float threshold) {
    if (std::isnan(threshold)) {
        return 0.0f;
    }
    const float limit = static_cast<float>(HC_MAX_SPIKES);
    return std::nearbyintf(std::max(std::min(limit, x / threshold), -limit));
}

}  // namespace

void spike_values(const float* x, int64_t rows, int64_t n, float k, float* y) {
    for (int64_t r = 0; r < rows; ++r) {
        const float threshold = spike_threshold(x + r * n, n, k);
        for (int64_t i = 0; i < n; ++i) {
            y[r * n + i] = spike_count(x[r * n + i], threshold) * threshold;
        }
    }
}

void spike_rows(const hc_rows* x, int64_t cols, float k, const hc_spikes* out) {
    const int64_t groups = out->codes.groups;
    for (int64_t t = 0; t < out->codes.tokens; ++t) {
        const float* row = x->x + t * x->ld;
        const float threshold = spike_threshold(row, cols, k);
        out->beyond[t] = 0;
        for (int64_t g = 0; g < groups; ++g) {
            int32_t sum = 0;
            for (int64_t i = 0; i < HC_GROUP; ++i) {
                const int64_t column = g * HC_GROUP + i;
                float kept = 0.0f;
                if (column < cols) {
                    const float count = spike_count(row[column], threshold);
                    kept = std::max(std::min(127.0f, count), -127.0f);
                    out->counts[t * cols + column] = count;
                    if (kept != count) {
                        if (out->beyond[t] < HC_FAR_PLACES) {
                            out->far_places[t * HC_FAR_PLACES + out->beyond[t]] = static_cast<int32_t>(column);
                        }
                        ++out->beyond[t];
                    }
                }
                out->codes.codes[(t * groups + g) * HC_GROUP + i] = static_cast<int8_t>(kept);
                sum += static_cast<int32_t>(kept);
            }
            out->codes.scales[t * groups + g] = threshold;
            out->codes.sums[t * groups + g] = sum;
        }
    }
}

void spike_columns(const hc_spikes* x, int64_t cols, int64_t token) {
    for (int64_t t = token; t < token + HC_COLUMN_STEP; ++t) {
        for (int64_t i = 0; i < cols; ++i) {
            x->columns[i * x->ldc + t] = t < x->codes.tokens ? x->codes.codes[t * x->codes.groups * HC_GROUP + i] : int8_t{0};
        }
    }
}

void matmul_spike(const hc_packed* w, int64_t row_begin, int64_t row_end, const hc_spikes* x, const hc_tiles*, const float* bias, float* y,
                  int64_t ldy, void*) {
    const int64_t groups = x->codes.groups;
    for (int64_t r = row_begin; r < row_end; ++r) {
        for (int64_t t = 0; t < x->codes.tokens; ++t) {
            const int8_t* codes = x->codes.codes + t * groups * HC_GROUP;
            int64_t far = w->far_starts != nullptr ? w->far_starts[r] : 0;
            const int64_t far_end = w->far_starts != nullptr ? w->far_starts[r + 1] : 0;
            float total = 0.0f;
            for (int64_t g = 0; g < groups; ++g) {
                const int64_t first = g * HC_GROUP;
                const int64_t n = std::min<int64_t>(HC_GROUP, w->cols - first);
                int64_t sum = 0;
                for (int64_t i = 0; i < n; ++i) {
                    // The whole count only where int8 could not hold it.
                    const auto count = x->beyond[t] > 0 ? static_cast<int64_t>(x->counts[t * w->cols + first + i])
                                                        : static_cast<int64_t>(codes[first + i]);
                    sum += count * (packed_q8_code(w, r, first + i) + packed_offset(w, r, g));
                }
                for (; far < far_end && static_cast<int64_t>(w->far[far] >> HC_BEYOND_BITS) < first + n; ++far) {
                    const int64_t column = w->far[far] >> HC_BEYOND_BITS;
                    const int64_t rest = static_cast<int64_t>(w->far[far] & ((1u << HC_BEYOND_BITS) - 1u)) - HC_BEYOND_BIAS;
                    sum += rest * static_cast<int64_t>(x->counts[t * w->cols + column]);
                }
                total += static_cast<float>(sum) * (packed_scale(w, r, g) * x->codes.scales[t * groups]);
            }
            y[t * ldy + r] = total + (bias != nullptr ? bias[r] : 0.0f);
        }
    }
}

void window_store_codes(const float* x, int64_t ld, int64_t tokens, int64_t d, void* out, float* out_scales) {
    for (int64_t t = 0; t < tokens; ++t) {
        const float largest = largest_magnitude(x + t * ld, d);
        const bool coded = std::isfinite(largest);
        const float scale = coded ? std::clamp(largest / 127.0f, 1e-5f, 1e4f) : largest;
        for (int64_t i = 0; i < d; ++i) {
            const float code = coded ? std::nearbyintf(std::clamp(x[t * ld + i] / scale, -128.0f, 127.0f)) : 0.0f;
            static_cast<int8_t*>(out)[t * d + i] = static_cast<int8_t>(code);
        }
        out_scales[t] = scale;
    }
}

}  // namespace hc::ref
