#include <algorithm>
#include <cmath>

#include "ref/reference.h"

namespace hc::ref {

namespace {

float silu(float x) { return x / (1.0f + std::exp(-x)); }

}  // namespace

void rmsnorm(const float* x, const float* w, int64_t rows, int64_t n, float eps, float* y) {
    for (int64_t t = 0; t < rows; ++t) {
        double squares = 0.0;
        for (int64_t i = 0; i < n; ++i) {
            squares += static_cast<double>(x[t * n + i]) * static_cast<double>(x[t * n + i]);
        }
        const float mean = static_cast<float>(squares / static_cast<double>(n));
        const float factor = 1.0f / std::sqrt(mean + eps);
        for (int64_t i = 0; i < n; ++i) {
            y[t * n + i] = x[t * n + i] * factor * w[i];
        }
    }
}

void add_rmsnorm(float* x, const float* a, const float* w, int64_t rows, int64_t n, float eps, float* y) {
    for (int64_t i = 0; i < rows * n; ++i) {
        x[i] += a[i];
    }
    rmsnorm(x, w, rows, n, eps, y);
}

void relu(float* x, int64_t n) {
    for (int64_t i = 0; i < n; ++i) {
        x[i] = std::max(x[i], 0.0f);
    }
}

void silu_mul(float* gate, const float* up, int64_t n) {
    for (int64_t i = 0; i < n; ++i) {
        gate[i] = silu(gate[i]) * up[i];
    }
}

void log_gate(float* z, int64_t n, float factor) {
    for (int64_t i = 0; i < n; ++i) {
        z[i] = (std::min(z[i], 0.0f) - std::log1p(std::exp(-std::fabs(z[i])))) * factor;
    }
}

void sigmoid_gate(float* z, float* log_rest, int64_t n) {
    for (int64_t i = 0; i < n; ++i) {
        const float x = z[i];
        if (log_rest != nullptr) {
            log_rest[i] = std::min(-x, 0.0f) - std::log1p(std::exp(-std::fabs(x)));
        }
        z[i] = 1.0f / (1.0f + std::exp(-x));
    }
}

void rope(float* x, int64_t ld, int64_t tokens, int64_t heads, int64_t d, const float* cosine, const float* sine) {
    const int64_t half = d / 2;
    for (int64_t t = 0; t < tokens; ++t) {
        for (int64_t h = 0; h < heads; ++h) {
            float* head = x + t * ld + h * d;
            for (int64_t i = 0; i < half; ++i) {
                const float low = head[i];
                const float high = head[i + half];
                const float c = cosine[t * half + i];
                const float s = sine[t * half + i];
                head[i] = low * c - high * s;
                head[i + half] = high * c + low * s;
            }
        }
    }
}

void short_conv(const float* x, const float* history, const float* w, int64_t tokens, int64_t channels, int64_t width,
                float* y, float* history_out) {
    const int64_t past = width - 1;
    const auto row = [&](int64_t t) { return t < 0 ? history + (t + past) * channels : x + t * channels; };
    for (int64_t t = 0; t < tokens; ++t) {
        for (int64_t c = 0; c < channels; ++c) {
            float sum = 0.0f;
            for (int64_t j = 0; j < width; ++j) {
                sum += w[j * channels + c] * row(t - past + j)[c];
            }
            y[t * channels + c] = silu(sum);
        }
    }
    for (int64_t j = 0; j < past; ++j) {
        const float* last = row(tokens - past + j);
        std::copy(last, last + channels, history_out + j * channels);
    }
}

}  // namespace hc::ref
