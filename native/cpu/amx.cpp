// The amx table: the avx512 table with q8 and q4 products on the tile registers. Only taken when it is asked for by name: it has been
// compiled, and its body has run over tiles in plain code (tests/native/cross), but never on its hardware. Everything is in an
// unnamed namespace, as in cpu/avx2.cpp and for the same reason.
#include <immintrin.h>
#include <stdint.h>
#include <string.h>

#include "huisclos/kernels.h"

namespace {

#include "cpu/lanes_avx512-inl.h"
#include "cpu/math-inl.h"
#include "cpu/tiles_amx-inl.h"
#include "cpu/matmul_tiles-inl.h"

hc_kernels with_tiles() {
    hc_kernels table = *hc_kernels_avx512();
    table.name = "amx";
    table.matmul_q8 = matmul_q8;
    table.matmul_q4 = matmul_q4;
    return table;
}

}  // namespace

extern "C" const hc_kernels* hc_kernels_amx(void) {
    static const hc_kernels table = with_tiles();
    return &table;
}
