// The contract between the model code and one instruction set's kernels: a table of plain functions.
//
// Plain C types only, and no inline function: this header is compiled into translation units that are built for different
// instruction sets, and a shared inline function could be emitted from the wrong one.
//
// Notation: [a, b] is a row-major array; `ld` is the distance between rows in elements. All float buffers are IEEE single.
// Every pointer belongs to the caller. Unless a line says otherwise, inputs and outputs do not overlap, no alignment beyond the
// element's own is required, and a kernel writes exactly the elements named and nothing past them. Kernels are pure: no
// allocation, no locks, no global state, so any number of threads may call them on disjoint outputs.
#pragma once

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define HC_KERNEL_ABI 6u
#define HC_TINY 1e-30f // activations no larger than this quantise as zeros: their reciprocal would overflow

enum {
    HC_GROUP = 128,      // inputs that share one weight scale and one activation scale
    HC_GLA_SUBCHUNK = 16, // tokens per sub-chunk of the gated linear layers
    HC_KEY_BLOCK = 32,   // keys scored at once by the window kernels
    HC_MAX_HEAD_DIM = 512, // largest d of any kernel
    HC_ROW_BLOCK = 32,   // rows of a packed block; callers split a matrix at multiples of this, so that a row's sum never depends on the split
    HC_TILE_TOKENS = 6,  // tokens whose codes lie together for the integer products
    HC_BEYOND_BITS = 13, // of a far entry: the part of a code that int8 cannot hold, plus HC_BEYOND_BIAS
    HC_BEYOND_BIAS = 4096,
    HC_COLUMN_STEP = 16, // tokens whose counts lie side by side are padded to multiples of this
    HC_MAX_SPIKES = 1 << 30, // a count's size stops here; only inputs beyond 10^13 get this far
    HC_FAR_PLACES = 32   // columns of a token's counts beyond int8 that are remembered
};

// Weight matrix [rows, cols] as files hold it, read only. Float matrices are multiplied as they are, integer ones once they are packed.
//   f32  : float [rows, cols]
//   bf16 : uint16_t [rows, cols], bfloat16 bits
//   q8   : int8_t [rows, cols], value = code * scale; s8: the same with scales of its own (hc_packed)
//   q4   : uint8_t [rows, cols / 2]; cols even. Inside a group of n inputs (128, or fewer in the last group) byte j holds
//          code j in its low and code n/2 + j in its high nibble, each as code + 8 with code in -8..7; value = code * scale
//   scales (q8, q4): float16 bits [rows, ceil(cols / 128)]; null for f32 and bf16
typedef struct hc_matrix {
    const void* data;
    const uint16_t* scales;
    int64_t rows;
    int64_t cols;
} hc_matrix;

// An integer matrix in the order in which the products read it: blocks of 32 rows, in each its groups of 128 inputs, in each steps of
// four inputs, row after row. Rows past the matrix and inputs past `cols` have code 0. groups = ceil(cols / 128).
//   q8, s8 : uint8_t [blocks, groups, 32 steps, 32 rows, 4], code + 128
//   q4     : uint8_t [blocks, groups, 16 steps, 32 rows, 4]; byte j of step k holds the codes of inputs 4 k + j (low nibble) and
//            64 + 4 k + j (high), each plus 8
//   scales (q8, q4): float16 bits [blocks, groups, 32]; null for s8
//   wide_scales (s8): float [blocks, groups, 32]; null otherwise
//   offsets (s8): int8_t [blocks, groups, 32], -127..127, added to every code of the row and group; null: all 0
//   far (s8): entries (column << HC_BEYOND_BITS) + rest + HC_BEYOND_BIAS, those of row r in far[far_starts[r] .. far_starts[r + 1]),
//          columns ascending; both null where every code fits a byte
// A whole code is code + offset + rest.
// data is 64-byte aligned.
typedef struct hc_packed {
    const uint8_t* data;
    const uint16_t* scales;
    const float* wide_scales;
    const int8_t* offsets;
    int64_t rows;
    int64_t cols;
    const int32_t* far_starts; // [rows + 1]
    const uint32_t* far;
} hc_packed;

// Activations in int8, one scale per token and group. groups = ceil(cols / 128), padded = groups * 128.
typedef struct hc_codes {
    int8_t* codes;   // [tokens, padded], -127..127, zero past cols
    float* scales;   // [tokens, groups]
    int32_t* sums;   // [tokens, groups], sum of the group's codes
    int64_t tokens;
    int64_t groups;
} hc_codes;

// The codes of `tokens` tokens in the order in which the integer products read them: tile i has the tokens from 6 i on, `width` of
// them (6, or what is left), and begins at word 32 * groups * 6 i (scale and sum groups * 6 i). One token alone lies as in hc_codes.
typedef struct hc_tiles {
    int32_t* words; // per tile [groups, 32 steps, width], four codes each, the first in the lowest byte
    float* scales;  // per tile [groups, width]
    int32_t* sums;  // per tile [groups, width]
    int64_t tokens;
    int64_t groups;
} hc_tiles;

// Activations as spike counts, whole numbers of one threshold per token.
typedef struct hc_spikes {
    hc_codes codes;   // counts limited to -127..127; every group of a token has the token's threshold as its scale
    float* counts;    // [tokens, cols] the counts themselves
    int32_t* beyond;  // [tokens] how many counts of the token codes could not hold
    int32_t* far_places; // [tokens, HC_FAR_PLACES] the columns of the first of these, ascending
    int8_t* columns;  // [cols, ldc] the codes again, token t in column t, 0 past the last; null where no matrix has far entries
    int64_t ldc;      // tokens, up to a multiple of HC_COLUMN_STEP
} hc_spikes;

// Float rows [tokens, cols] at distance ld.
typedef struct hc_rows {
    const float* x;
    int64_t tokens;
    int64_t ld;
} hc_rows;

// One run of consecutive window entries of one key/value head.
//   f32 : float [count, d]        f16 : float16 bits [count, d]        i8 : int8_t [count, d] and one scale per entry
typedef struct hc_span {
    const void* keys;
    const void* values;
    const float* key_scales;   // [count], i8 only
    const float* value_scales; // [count], i8 only
    int64_t count;
} hc_span;

// Queries of `tokens` positions, `group` heads each, that share one key/value head, with their running softmax.
// Row r = t * group + j. Before the first span: peak = -infinity, total = 0, mix = 0.
typedef struct hc_queries {
    const float* q;       // head j of token t at q + t * ld + j * d
    int64_t ld;
    int64_t tokens;
    int64_t group;
    int64_t d;
    const int64_t* begin; // [tokens] first visible entry of the span
    const int64_t* end;   // [tokens] one past the last visible entry; begin >= end: nothing visible
    float scale;          // multiplies every score
    float* peak;          // [tokens * group] largest score so far
    float* total;         // [tokens * group] sum of exp(score - peak)
    float* mix;           // [tokens * group, d] sum of exp(score - peak) * value
} hc_queries;

// One chunk of one key/value head of a gated linear layer.
typedef struct hc_gla {
    const float* state_in; // [d, d], key index first
    float* state_out;      // [d, d]; may be state_in itself
    const float* q;        // head j of token t at q + t * ldq + j * d; after relu, not scaled
    const float* k;        // [tokens, d] at ldk, after relu
    const float* v;        // [tokens, d] at ldv
    const float* log_decay;// [tokens, d] at ldg, every value <= 0
    float* o;              // head j of token t at o + t * ldo + j * d
    int64_t ldq, ldk, ldv, ldg, ldo;
    int64_t tokens;
    int64_t group;         // query heads per key/value head; 0: only the state moves on, q and o are not looked at
    int64_t d;
    float scale;           // multiplies q
} hc_gla;

// y[t * ldy + r] = bias[r] + sum_i w[r, i] x[t, i] for r in [row_begin, row_end); bias may be null, else it has w->rows entries.
// scratch: HC_MATMUL_SCRATCH bytes, 64-byte aligned, one per thread.
typedef void (*hc_matmul_float)(const hc_matrix* w, int64_t row_begin, int64_t row_end, const hc_rows* x, const float* bias,
                                float* y, int64_t ldy, void* scratch);
// Rows and inputs as above; row_begin is a multiple of 32.
typedef void (*hc_matmul_int)(const hc_packed* w, int64_t row_begin, int64_t row_end, const hc_tiles* x, const float* bias,
                              float* y, int64_t ldy);
// As hc_matmul_int with x = count * threshold, for q8 and s8 matrices; `tiles` holds x->codes. Whatever is summed before it meets its
// scale is whole and exact. scratch: HC_MATMUL_SCRATCH bytes, 64-byte aligned, one per thread.
typedef void (*hc_matmul_spike)(const hc_packed* w, int64_t row_begin, int64_t row_end, const hc_spikes* x, const hc_tiles* tiles,
                                const float* bias, float* y, int64_t ldy, void* scratch);
enum { HC_MATMUL_SCRATCH = 32 * 1024 };

// Blocks [block_begin, block_end) of a q8 (s8) or q4 matrix in packed order; `out` is where block 0 begins. Scales are the caller's.
typedef void (*hc_pack)(const hc_matrix* w, int64_t block_begin, int64_t block_end, uint8_t* out);

// out[0 .. w->cols) = row `row` of w as floats.
typedef void (*hc_embed)(const hc_matrix* w, int64_t row, float* out);

// out and out_scales get `tokens` entries of [d]; out_scales only for i8 (null otherwise).
typedef void (*hc_window_store)(const float* x, int64_t ld, int64_t tokens, int64_t d, void* out, float* out_scales);

// Adds one span to the running softmax of the queries. scratch: see the table.
typedef void (*hc_window_attend)(const hc_span* span, const hc_queries* queries, void* scratch);

typedef struct hc_kernels {
    uint32_t abi;     // HC_KERNEL_ABI
    const char* name; // "scalar", "avx2", ...: those of core/cpu.cpp

    // Activations to int8: scale = max|x| / 127 of the group, code = x / scale rounded to nearest even; a group whose largest is below
    // HC_TINY counts as zeros and gets scale 0. A group that holds what is no finite number gets codes 0 and a scale that is not a
    // number, so that whatever is computed from it is none either.
    void (*quantise_rows)(const hc_rows* x, int64_t cols, const hc_codes* out);
    // Tile `tile` of x, whose tokens begin at row 6 * tile of codes.
    void (*tile_codes)(const hc_codes* codes, int64_t tile, const hc_tiles* x);
    hc_matmul_float matmul_f32;
    hc_matmul_float matmul_bf16;
    hc_pack pack_q8;
    hc_pack pack_q4;
    hc_matmul_int matmul_q8;
    hc_matmul_int matmul_q4;
    hc_embed embed_f32;
    hc_embed embed_bf16;
    hc_embed embed_q8;
    hc_embed embed_q4;

    // y[t, i] = x[t, i] / sqrt(mean_i(x^2) + eps) * w[i]; x and y [rows, n] dense; y may be x.
    void (*rmsnorm)(const float* x, const float* w, int64_t rows, int64_t n, float eps, float* y);
    // x += a, then y = rmsnorm(x); all [rows, n] dense.
    void (*add_rmsnorm)(float* x, const float* a, const float* w, int64_t rows, int64_t n, float eps, float* y);
    // x[i] = max(x[i], 0) in place.
    void (*relu)(float* x, int64_t n);
    // gate[i] = gate[i] / (1 + exp(-gate[i])) * up[i] in place.
    void (*silu_mul)(float* gate, const float* up, int64_t n);
    // z[i] = logsigmoid(z[i]) * factor in place.
    void (*log_gate)(float* z, int64_t n, float factor);
    // Rotates heads [tokens, heads, d] at ld in place; cosine and sine [tokens, d / 2]; dimension i pairs with i + d / 2.
    void (*rope)(float* x, int64_t ld, int64_t tokens, int64_t heads, int64_t d, const float* cosine, const float* sine);
    // y[t, c] = silu(sum_j w[j, c] z[t - width + 1 + j, c]); rows before the first come from history [width - 1, channels],
    // oldest first; history_out gets the last width - 1 rows. x, y [tokens, channels] dense; w [width, channels].
    void (*short_conv)(const float* x, const float* history, const float* w, int64_t tokens, int64_t channels, int64_t width,
                       float* y, float* history_out);

    // One token (tokens is 1). No scratch.
    void (*gla_step)(const hc_gla* args);
    // Any number of tokens in sub-chunks of 16. scratch: (group * 16 * (d + 16) + 17 * d) floats, 64-byte aligned.
    void (*gla_chunk)(const hc_gla* args, void* scratch);

    hc_window_store window_store_f32;
    hc_window_store window_store_f16;
    hc_window_store window_store_i8; // as quantise_rows, one scale per entry
    // scratch: (2 * d + tokens * group) * HC_KEY_BLOCK + tokens * group * d floats, 64-byte aligned.
    hc_window_attend window_attend_f32;
    hc_window_attend window_attend_f16;
    hc_window_attend window_attend_i8;
    // o of head j, token t at o + t * ldo + j * d = mix / total.
    void (*window_finish)(const hc_queries* queries, float* o, int64_t ldo);

    // Adaptive-threshold spike coding: threshold = mean|x| / k of the row within [1e-5, 1e4], count = x / threshold rounded to nearest even,
    // by true division. x has out->codes.tokens rows of cols; codes, counts, beyond and as many far_places as there are of out are written.
    // A row whose mean is no finite number gets counts 0 and a threshold that is not a number.
    void (*spike_rows)(const hc_rows* x, int64_t cols, float k, const hc_spikes* out);
    // y = count * threshold of each row of x; both [rows, n] dense; y may be x.
    void (*spike_values)(const float* x, int64_t rows, int64_t n, float k, float* y);
    // Columns [token, token + 16) of x->columns from the codes; token is a multiple of 16.
    void (*spike_columns)(const hc_spikes* x, int64_t cols, int64_t token);
    hc_matmul_spike matmul_spike;
    // Exact eight-bit entries for window_attend_i8: scale = max|x| / 127 within [1e-5, 1e4], code = x / scale rounded to nearest even, within
    // -128..127, by true division; what is no finite number as in quantise_rows.
    hc_window_store window_store_codes;
    // log_rest[i] = log(1 - sigmoid(z[i])), unless log_rest is null; then z[i] = sigmoid(z[i]) in place.
    void (*sigmoid_gate)(float* z, float* log_rest, int64_t n);
} hc_kernels;

// Each is there in a build whose compiler and processor have it (cmake/tables.cmake); whether the machine can run it is asked of
// core/cpu.
const hc_kernels* hc_kernels_scalar(void);
const hc_kernels* hc_kernels_avx2(void);
const hc_kernels* hc_kernels_avxvnni(void);
const hc_kernels* hc_kernels_avxvnni_evex(void);
const hc_kernels* hc_kernels_avx512(void);
const hc_kernels* hc_kernels_amx(void);
const hc_kernels* hc_kernels_neon(void);

#ifdef __cplusplus
}
#endif
