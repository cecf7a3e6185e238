// The scalar reference: every operation written the obvious way. It defines what the SIMD bodies must compute and is the
// table of machines without one.
#pragma once

#include "huisclos/kernels.h"

namespace hc::ref {

// The largest magnitude of n values; not a number where one of them is no finite number.
float largest_magnitude(const float* x, int64_t n);

void quantise_rows(const hc_rows* x, int64_t cols, const hc_codes* out);
void matmul_f32(const hc_matrix* w, int64_t row_begin, int64_t row_end, const hc_rows* x, const float* bias, float* y,
                int64_t ldy, void* scratch);
void matmul_bf16(const hc_matrix* w, int64_t row_begin, int64_t row_end, const hc_rows* x, const float* bias, float* y,
                 int64_t ldy, void* scratch);
void tile_codes(const hc_codes* codes, int64_t tile, const hc_tiles* x);
void pack_q8(const hc_matrix* w, int64_t block_begin, int64_t block_end, uint8_t* out);
void pack_q4(const hc_matrix* w, int64_t block_begin, int64_t block_end, uint8_t* out);
void matmul_q8(const hc_packed* w, int64_t row_begin, int64_t row_end, const hc_tiles* x, const float* bias, float* y, int64_t ldy);
void matmul_q4(const hc_packed* w, int64_t row_begin, int64_t row_end, const hc_tiles* x, const float* bias, float* y, int64_t ldy);
void embed_f32(const hc_matrix* w, int64_t row, float* out);
void embed_bf16(const hc_matrix* w, int64_t row, float* out);
void embed_q8(const hc_matrix* w, int64_t row, float* out);
void embed_q4(const hc_matrix* w, int64_t row, float* out);

void rmsnorm(const float* x, const float* w, int64_t rows, int64_t n, float eps, float* y);
void add_rmsnorm(float* x, const float* a, const float* w, int64_t rows, int64_t n, float eps, float* y);
void relu(float* x, int64_t n);
void silu_mul(float* gate, const float* up, int64_t n);
void log_gate(float* z, int64_t n, float factor);
void sigmoid_gate(float* z, float* log_rest, int64_t n);
void rope(float* x, int64_t ld, int64_t tokens, int64_t heads, int64_t d, const float* cosine, const float* sine);
void short_conv(const float* x, const float* history, const float* w, int64_t tokens, int64_t channels, int64_t width,
                float* y, float* history_out);

void gla_step(const hc_gla* args);
void gla_chunk(const hc_gla* args, void* scratch);

void window_store_f32(const float* x, int64_t ld, int64_t tokens, int64_t d, void* out, float* out_scales);
void window_store_f16(const float* x, int64_t ld, int64_t tokens, int64_t d, void* out, float* out_scales);
void window_store_i8(const float* x, int64_t ld, int64_t tokens, int64_t d, void* out, float* out_scales);
void window_attend_f32(const hc_span* span, const hc_queries* queries, void* scratch);
void window_attend_f16(const hc_span* span, const hc_queries* queries, void* scratch);
void window_attend_i8(const hc_span* span, const hc_queries* queries, void* scratch);
void window_finish(const hc_queries* queries, float* o, int64_t ldo);

void spike_rows(const hc_rows* x, int64_t cols, float k, const hc_spikes* out);
void spike_values(const float* x, int64_t rows, int64_t n, float k, float* y);
void spike_columns(const hc_spikes* x, int64_t cols, int64_t token);
void matmul_spike(const hc_packed* w, int64_t row_begin, int64_t row_end, const hc_spikes* x, const hc_tiles* tiles, const float* bias,
                  float* y, int64_t ldy, void* scratch);

// The code of one row and input, and the scale of one row and group, of a packed matrix. A q8 code without its offset.
int32_t packed_q8_code(const hc_packed* w, int64_t row, int64_t input);
int32_t packed_q4_code(const hc_packed* w, int64_t row, int64_t input);
int32_t packed_offset(const hc_packed* w, int64_t row, int64_t group);
float packed_scale(const hc_packed* w, int64_t row, int64_t group);
void window_store_codes(const float* x, int64_t ld, int64_t tokens, int64_t d, void* out, float* out_scales);

}  // namespace hc::ref
