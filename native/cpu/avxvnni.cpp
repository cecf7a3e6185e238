// The avxvnni table: the avx2 lanes with the four-byte dot product of AVX-VNNI, which processors without AVX-512 have had since
// 2021. Everything is in an unnamed namespace, as in cpu/avx2.cpp and for the same reason.
#include <immintrin.h>
#include <stdint.h>
#include <string.h>

#include "huisclos/kernels.h"

#define HC_TABLE_NAME "avxvnni"
#define HC_DPBUSD _mm256_dpbusd_avx_epi32

namespace {

#include "cpu/lanes_avx2-inl.h"
#include "cpu/math-inl.h"
#include "cpu/elementwise-inl.h"
#include "cpu/product-inl.h"
#include "cpu/matmul_float-inl.h"
#include "cpu/matmul_int-inl.h"
#include "cpu/gla-inl.h"
#include "cpu/window-inl.h"
#include "cpu/spikes-inl.h"
#include "cpu/table-inl.h"

}  // namespace

extern "C" const hc_kernels* hc_kernels_avxvnni(void) { return &table; }
