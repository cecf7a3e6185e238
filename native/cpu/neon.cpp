// The neon table: the shared bodies, compiled once more over this instruction set's lanes. Everything is in an unnamed
// namespace and no header with inline functions of its own is included but the compiler's, so nothing compiled here can be
// mistaken by the linker for code that must run everywhere.
#include <arm_neon.h>
#include <stdint.h>
#include <string.h>

#include "huisclos/kernels.h"

#define HC_TABLE_NAME "neon"

namespace {

#include "cpu/lanes_neon-inl.h"
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

extern "C" const hc_kernels* hc_kernels_neon(void) { return &table; }
