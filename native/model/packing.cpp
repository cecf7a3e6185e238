#include "model/packing.h"

#include <algorithm>
#include <new>
#include <utility>

namespace hc {

namespace {

// Scales [rows, groups] become [blocks, groups, 32]; rows past the matrix get 0.
template <typename Scale>
void pack_scales(const Scale* in, std::int64_t rows, std::int64_t groups, std::int64_t block, Scale* out) {
    const std::int64_t first = block * HC_ROW_BLOCK;
    const std::int64_t count = std::min<std::int64_t>(HC_ROW_BLOCK, rows - first);
    for (std::int64_t g = 0; g < groups; ++g) {
        for (std::int64_t r = 0; r < count; ++r) {
            out[(block * groups + g) * HC_ROW_BLOCK + r] = in[(first + r) * groups + g];
        }
    }
}

}  // namespace

Status pack(const StoredInts& stored, const hc_kernels& kernels, Pool& pool, Matrix& out) try {
    const hc_matrix& w = stored.matrix;
    const std::int64_t groups = (w.cols + HC_GROUP - 1) / HC_GROUP;
    const std::int64_t blocks = (w.rows + HC_ROW_BLOCK - 1) / HC_ROW_BLOCK;
    const bool halves = stored.format == Format::q4;
    const bool wide = stored.format == Format::s8;
    const std::int64_t data_bytes = blocks * groups * HC_ROW_BLOCK * HC_GROUP / (halves ? 2 : 1);  // a multiple of 64
    const std::int64_t scale_bytes = blocks * groups * HC_ROW_BLOCK * (wide ? 4 : 2);
    auto room = std::make_shared<Buffer>();
    if (!room->allocate(static_cast<std::size_t>(data_bytes + scale_bytes))) {
        return Status::out_of_memory;
    }
    auto* data = room->as<std::uint8_t>();
    auto* scales = reinterpret_cast<std::uint16_t*>(data + data_bytes);
    auto* wide_scales = reinterpret_cast<float*>(data + data_bytes);
    pool.run(blocks, [&](std::int64_t block, int) {
        (halves ? kernels.pack_q4 : kernels.pack_q8)(&w, block, block + 1, data);
        if (wide) {
            pack_scales(stored.wide_scales, w.rows, groups, block, wide_scales);
        } else {
            pack_scales(w.scales, w.rows, groups, block, scales);
        }
    });
    out.weights = {nullptr, nullptr, w.rows, w.cols};
    out.packed = {data, wide ? nullptr : scales, wide ? wide_scales : nullptr, w.rows, w.cols, stored.far_starts, stored.far};
    out.format = stored.format;
    out.room = std::move(room);
    return Status::ok;
} catch (const std::bad_alloc&) {
    return Status::out_of_memory;
}

}  // namespace hc
