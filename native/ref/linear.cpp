#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

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

// sum over groups of scale * activation scale * integer dot product of the group, group after group for all tokens.
template <typename CodeAt>
void packed_products(const hc_packed* w, int64_t row_begin, int64_t row_end, const hc_tiles* x, const float* bias, float* y, int64_t ldy,
                     CodeAt code_at) {
    for (int64_t r = row_begin; r < row_end; ++r) {
        for (int64_t t = 0; t < x->tokens; ++t) {
            y[t * ldy + r] = 0.0f;
        }
        for (int64_t g = 0; g < x->groups; ++g) {
            int32_t codes[HC_GROUP];
            for (int64_t i = 0; i < HC_GROUP; ++i) {
                codes[i] = code_at(r, g * HC_GROUP + i);
            }
            const float scale = packed_scale(w, r, g);
            for (int64_t t = 0; t < x->tokens; ++t) {
                const int64_t first = t / HC_TILE_TOKENS * HC_TILE_TOKENS;
                const int64_t width = std::min<int64_t>(HC_TILE_TOKENS, x->tokens - first);
                const int64_t place = first * x->groups + g * width;
                const int32_t* words = x->words + place * (HC_GROUP / 4) + t - first;
                int32_t sum = 0;
                for (int64_t k = 0; k < HC_GROUP / 4; ++k) {
                    int8_t four[4];
                    std::memcpy(four, words + k * width, 4);
                    for (int64_t i = 0; i < 4; ++i) {
                        sum += codes[4 * k + i] * static_cast<int32_t>(four[i]);
                    }
                }
                y[t * ldy + r] += static_cast<float>(sum) * (scale * x->scales[place + t - first]);
            }
        }
        for (int64_t t = 0; t < x->tokens && bias != nullptr; ++t) {
            y[t * ldy + r] += bias[r];
        }
    }
}

// Where the word of a row and step lies in a block of `steps` steps.
int64_t word_place(int64_t step, int64_t row) { return (step * HC_ROW_BLOCK + row % HC_ROW_BLOCK) * 4; }

// Bytes of the group of `row` that holds `input`.
const uint8_t* packed_group(const hc_packed* w, int64_t row, int64_t input, int64_t steps) {
    const int64_t block = row / HC_ROW_BLOCK * group_count(w->cols) + input / HC_GROUP;
    return w->data + block * steps * HC_ROW_BLOCK * 4;
}

// Where what is kept per row and group lies.
int64_t row_place(const hc_packed* w, int64_t row, int64_t group) {
    return (row / HC_ROW_BLOCK * group_count(w->cols) + group) * HC_ROW_BLOCK + row % HC_ROW_BLOCK;
}

}  // namespace

float largest_magnitude(const float* x, int64_t n) {
    float largest = 0.0f;
    for (int64_t i = 0; i < n; ++i) {
        if (!std::isfinite(x[i])) {
            return std::numeric_limits<float>::quiet_NaN();
        }
        largest = std::max(largest, std::fabs(x[i]));
    }
    return largest;
}

void quantise_rows(const hc_rows* x, int64_t cols, const hc_codes* out) {
    for (int64_t t = 0; t < x->tokens; ++t) {
        for (int64_t g = 0; g < out->groups; ++g) {
            const int64_t n = std::min<int64_t>(HC_GROUP, cols - g * HC_GROUP);
            const float* in = x->x + t * x->ld + g * HC_GROUP;
            int8_t* codes = out->codes + (t * out->groups + g) * HC_GROUP;
            const float largest = largest_magnitude(in, n);
            const float inverse = largest > HC_TINY ? 127.0f / largest : 0.0f;
            int32_t sum = 0;
            for (int64_t i = 0; i < HC_GROUP; ++i) {
                const bool coded = i < n && largest > HC_TINY; // false for what is not a number
                const int32_t code = coded ? static_cast<int32_t>(std::nearbyintf(in[i] * inverse)) : 0;
                codes[i] = static_cast<int8_t>(code);
                sum += code;
            }
            out->scales[t * out->groups + g] = largest <= HC_TINY ? 0.0f : largest / 127.0f;
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

int32_t packed_q8_code(const hc_packed* w, int64_t row, int64_t input) {
    const uint8_t* group = packed_group(w, row, input, HC_GROUP / 4);
    return static_cast<int32_t>(group[word_place(input % HC_GROUP / 4, row) + input % 4]) - 128;
}

int32_t packed_q4_code(const hc_packed* w, int64_t row, int64_t input) {
    const uint8_t* group = packed_group(w, row, input, HC_GROUP / 8);
    const int64_t place = input % HC_GROUP;
    const unsigned pair = group[word_place(place % (HC_GROUP / 2) / 4, row) + place % 4];
    return static_cast<int32_t>(place < HC_GROUP / 2 ? pair & 15u : pair >> 4) - 8;
}

int32_t packed_offset(const hc_packed* w, int64_t row, int64_t group) {
    return w->offsets != nullptr ? w->offsets[row_place(w, row, group)] : 0;
}

float packed_scale(const hc_packed* w, int64_t row, int64_t group) {
    const int64_t place = row_place(w, row, group);
    return w->wide_scales != nullptr ? w->wide_scales[place] : float_of_f16(w->scales[place]);
}

void pack_q8(const hc_matrix* w, int64_t block_begin, int64_t block_end, uint8_t* out) {
    const int8_t* data = static_cast<const int8_t*>(w->data);
    for (int64_t row = block_begin * HC_ROW_BLOCK; row < block_end * HC_ROW_BLOCK; ++row) {
        for (int64_t i = 0; i < group_count(w->cols) * HC_GROUP; ++i) {
            const int32_t code = row < w->rows && i < w->cols ? data[row * w->cols + i] : 0;
            const int64_t group = row / HC_ROW_BLOCK * group_count(w->cols) + i / HC_GROUP;
            out[group * HC_ROW_BLOCK * HC_GROUP + word_place(i % HC_GROUP / 4, row) + i % 4] = static_cast<uint8_t>(code + 128);
        }
    }
}

void pack_q4(const hc_matrix* w, int64_t block_begin, int64_t block_end, uint8_t* out) {
    const uint8_t* data = static_cast<const uint8_t*>(w->data);
    const auto code_at = [&](int64_t row, int64_t input) {
        if (row >= w->rows || input >= w->cols) {
            return 8;
        }
        const int64_t start = input / HC_GROUP * HC_GROUP;
        const int64_t n = std::min<int64_t>(HC_GROUP, w->cols - start);
        return q4_code(data + row * (w->cols / 2) + start / 2, n, input - start) + 8;
    };
    for (int64_t row = block_begin * HC_ROW_BLOCK; row < block_end * HC_ROW_BLOCK; ++row) {
        for (int64_t g = 0; g < group_count(w->cols); ++g) {
            const int64_t group = row / HC_ROW_BLOCK * group_count(w->cols) + g;
            for (int64_t j = 0; j < HC_GROUP / 2; ++j) {
                const int low = code_at(row, g * HC_GROUP + j);
                const int high = code_at(row, g * HC_GROUP + HC_GROUP / 2 + j);
                out[group * HC_ROW_BLOCK * (HC_GROUP / 2) + word_place(j / 4, row) + j % 4] = static_cast<uint8_t>(low + 16 * high);
            }
        }
    }
}

void tile_codes(const hc_codes* codes, int64_t tile, const hc_tiles* x) {
    const int64_t first = tile * HC_TILE_TOKENS;
    const int64_t width = std::min<int64_t>(HC_TILE_TOKENS, x->tokens - first);
    for (int64_t t = 0; t < width; ++t) {
        for (int64_t g = 0; g < x->groups; ++g) {
            const int64_t place = first * x->groups + g * width;
            const int64_t row = (first + t) * x->groups + g;
            for (int64_t k = 0; k < HC_GROUP / 4; ++k) {
                std::memcpy(x->words + place * (HC_GROUP / 4) + k * width + t, codes->codes + row * HC_GROUP + 4 * k, 4);
            }
            x->scales[place + t] = codes->scales[row];
            x->sums[place + t] = codes->sums[row];
        }
    }
}

void matmul_q8(const hc_packed* w, int64_t row_begin, int64_t row_end, const hc_tiles* x, const float* bias, float* y, int64_t ldy) {
    packed_products(w, row_begin, row_end, x, bias, y, ldy, [&](int64_t r, int64_t i) { return packed_q8_code(w, r, i); });
}

void matmul_q4(const hc_packed* w, int64_t row_begin, int64_t row_end, const hc_tiles* x, const float* bias, float* y, int64_t ldy) {
    packed_products(w, row_begin, row_end, x, bias, y, ldy, [&](int64_t r, int64_t i) { return packed_q4_code(w, r, i); });
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
