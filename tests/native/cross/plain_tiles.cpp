// The body of the amx table over tile registers in plain code, as a table for kernel_test: what can be known of it without its
// hardware, on any x86 processor with AVX2. Only the few instructions of cpu/tiles_amx-inl.h are left out.
#include <immintrin.h>
#include <stdint.h>
#include <string.h>

#include "huisclos/kernels.h"

namespace {

#include "cpu/lanes_avx2-inl.h"
#include "cpu/math-inl.h"

struct Tiles {
    bool ready;
    int32_t sums[2][12][16];
    int8_t tokens[12][64];
    uint8_t weights[2][16][64];
};
Tiles tiles;

inline void begin_tiles() { tiles.ready = true; }
inline void end_tiles() { memset(&tiles, 0, sizeof tiles); }
inline void clear_sums() { memset(tiles.sums, 0, sizeof tiles.sums); }
inline void load_tokens(const int8_t* p) {
    for (int t = 0; t < 12; ++t) {
        memcpy(tiles.tokens[t], p + t * 128, 64);
    }
}
inline void load_weights(const uint8_t* p) {
    for (int half = 0; half < 2; ++half) {
        for (int k = 0; k < 16; ++k) {
            memcpy(tiles.weights[half][k], p + half * 64 + k * 128, 64);
        }
    }
}
inline void add_products() {
    for (int half = 0; half < 2 && tiles.ready; ++half) {
        for (int t = 0; t < 12; ++t) {
            for (int i = 0; i < 64; ++i) {
                for (int r = 0; r < 16; ++r) {
                    tiles.sums[half][t][r] += tiles.tokens[t][i] * tiles.weights[half][i / 4][r * 4 + i % 4];
                }
            }
        }
    }
}
inline void store_sums(int32_t* out) {
    for (int half = 0; half < 2; ++half) {
        for (int t = 0; t < 12; ++t) {
            memcpy(out + t * 32 + half * 16, tiles.sums[half][t], 64);
        }
    }
}

#include "cpu/matmul_tiles-inl.h"

hc_kernels with_tiles() {
    hc_kernels table = *hc_kernels_avx2();
    table.name = "plain-tiles";
    table.matmul_q8 = matmul_q8;
    table.matmul_q4 = matmul_q4;
    return table;
}

}  // namespace

extern "C" const hc_kernels* hc_kernels_plain_tiles(void) {
    static const hc_kernels table = with_tiles();
    return &table;
}
