// The avxvnni-evex table: the avxvnni table with its dot product in the other encoding, that of AVX-512. Never chosen by itself:
// it lets a machine that has only this encoding run the arithmetic of the other. Everything is in an unnamed namespace, as in
// cpu/avx2.cpp and for the same reason.
#include <immintrin.h>
#include <stdint.h>
#include <string.h>

#include "huisclos/kernels.h"

#define HC_TABLE_NAME "avxvnni-evex"
#define HC_DPBUSD _mm256_dpbusd_epi32

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

extern "C" const hc_kernels* hc_kernels_avxvnni_evex(void) { return &table; }
