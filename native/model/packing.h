// Integer matrices in the order in which the kernels read them.
#pragma once

#include "core/arena.h"
#include "core/pool.h"
#include "core/status.h"
#include "model/model.h"

namespace hc {

// An integer matrix as files hold it. Borrowed for the call.
struct StoredInts {
    hc_matrix matrix;          // q8, s8 or q4
    Format format;
    const float* wide_scales;  // [rows, groups], s8 only
    const std::int32_t* far_starts;
    const std::uint32_t* far;
};

// Makes `out` a packed copy of `stored`. out_of_memory leaves it as it was. Codes beyond a byte get an offset per row and group, chosen so
// that few are left for far entries.
Status pack(const StoredInts& stored, const hc_kernels& kernels, Pool& pool, Matrix& out);

}  // namespace hc
