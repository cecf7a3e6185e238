#include "ref/reference.h"

extern "C" const hc_kernels* hc_kernels_scalar(void) {
    using namespace hc::ref;
    static const hc_kernels table = {
        .abi = HC_KERNEL_ABI,
        .name = "scalar",
        .quantise_rows = quantise_rows,
        .tile_codes = tile_codes,
        .matmul_f32 = matmul_f32,
        .matmul_bf16 = matmul_bf16,
        .pack_q8 = pack_q8,
        .pack_q4 = pack_q4,
        .matmul_q8 = matmul_q8,
        .matmul_q4 = matmul_q4,
        .embed_f32 = embed_f32,
        .embed_bf16 = embed_bf16,
        .embed_q8 = embed_q8,
        .embed_q4 = embed_q4,
        .rmsnorm = rmsnorm,
        .add_rmsnorm = add_rmsnorm,
        .relu = relu,
        .silu_mul = silu_mul,
        .log_gate = log_gate,
        .rope = rope,
        .short_conv = short_conv,
        .gla_step = gla_step,
        .gla_chunk = gla_chunk,
        .window_store_f32 = window_store_f32,
        .window_store_f16 = window_store_f16,
        .window_store_i8 = window_store_i8,
        .window_attend_f32 = window_attend_f32,
        .window_attend_f16 = window_attend_f16,
        .window_attend_i8 = window_attend_i8,
        .window_finish = window_finish,
        .spike_rows = spike_rows,
        .spike_values = spike_values,
        .spike_columns = spike_columns,
        .matmul_spike = matmul_spike,
        .window_store_codes = window_store_codes,
        .sigmoid_gate = sigmoid_gate,
    };
    return &table;
}
