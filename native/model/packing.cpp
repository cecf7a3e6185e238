#include "model/packing.h"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <cstring>
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

constexpr int byte_min = -128;
constexpr int byte_max = 127;
constexpr int byte_span = byte_max - byte_min;
constexpr int offset_max = 127;

// Whole codes of one row and group, before a byte holds them.
struct GroupCodes {
    std::array<std::int16_t, HC_GROUP> codes;
    std::array<std::uint8_t, HC_GROUP> ends;  // places of those that may stay outside a byte
    std::size_t end_count;
    std::int16_t least, most;

    void measure(std::int64_t n) {
        std::int16_t low = codes[0];
        std::int16_t high = codes[0];
        for (std::int64_t i = 1; i < n; ++i) {
            low = std::min(low, codes[static_cast<std::size_t>(i)]);
            high = std::max(high, codes[static_cast<std::size_t>(i)]);
        }
        least = low;
        most = high;
    }

    // Codes that are in no byte with the one at the other end, or all.
    void find_ends(std::int64_t n, bool all) {
        const int low = all ? most + 1 : most - byte_span;
        const int high = least + byte_span;
        std::size_t count = 0;  // not the member, which a byte written to `ends` might change for all the compiler knows
        for (std::int64_t i = 0; i < n; ++i) {
            const int code = codes[static_cast<std::size_t>(i)];
            ends[count] = static_cast<std::uint8_t>(i);
            count += static_cast<unsigned>(code < low) | static_cast<unsigned>(code > high);
        }
        end_count = count;
    }

    bool fits(std::size_t end, int offset) const {
        const int moved = codes[ends[end]] - offset;
        return moved >= byte_min && moved <= byte_max;
    }

    // Whether a far entry can hold what a byte at this offset does not.
    bool is_possible(int offset) const {
        return std::abs(offset) <= offset_max && least - (offset + byte_min) >= -HC_BEYOND_BIAS &&
               most - (offset + byte_max) < HC_BEYOND_BIAS;
    }

    // The offset that leaves the fewest codes outside a byte, which are then among the ends: the best window of 256 values begins at a
    // code, or ends at the largest. Windows that begin below the least code or end above the largest are no better than one that does not,
    // and only the ends can be outside those; but an offset has limits.
    int choose_offset(std::int64_t n) {
        measure(n);
        end_count = 0;
        if (least >= byte_min && most <= byte_max) {
            return 0;
        }
        if (most - least <= byte_span) {
            if (const int near = most > byte_max ? most - byte_max : least - byte_min; is_possible(near)) {
                return near;
            }
        }
        const int first = least - byte_min;
        const int last = most - byte_max;
        const bool reached = first <= last && is_possible(std::clamp(0, first, last));
        find_ends(n, !reached);
        int best = 0;
        std::size_t outside = HC_GROUP + 1;
        const auto weigh = [&](int offset) {
            if (!is_possible(offset) || (reached && (offset < first || offset > last))) {
                return;
            }
            std::size_t here = 0;
            for (std::size_t i = 0; i < end_count; ++i) {
                here += fits(i, offset) ? 0u : 1u;
            }
            if (here < outside || (here == outside && std::abs(offset) < std::abs(best))) {
                outside = here;
                best = offset;
            }
        };
        for (const int offset : {0, last, offset_max, -offset_max}) {
            weigh(offset);
        }
        for (std::size_t i = 0; i < end_count; ++i) {
            weigh(codes[ends[i]] - byte_min);
        }
        return best;
    }
};

// One block of rows with far entries: bytes to pack [rows, cols], offsets [groups, 32] and the entries that are left, those of row r
// from far[far_starts[r]] on, `left[r]` of them.
struct OffsetBlock {
    const StoredInts& stored;
    std::int64_t block;
    std::int8_t* bytes;
    std::int8_t* offsets;
    std::uint32_t* far;
    std::int32_t* left;

    void fill() const {
        const hc_matrix& w = stored.matrix;
        const std::int64_t first = block * HC_ROW_BLOCK;
        for (std::int64_t r = first; r < std::min(first + HC_ROW_BLOCK, w.rows); ++r) {
            left[r] = fill_row(r, bytes + (r - first) * w.cols, offsets + (r - first));
        }
    }

    std::int32_t fill_row(std::int64_t r, std::int8_t* out, std::int8_t* row_offsets) const {
        const hc_matrix& w = stored.matrix;
        const auto* in = static_cast<const std::int8_t*>(w.data) + r * w.cols;
        std::int32_t next = stored.far_starts[r];
        const std::int32_t end = stored.far_starts[r + 1];
        std::int32_t kept = 0;
        GroupCodes group;
        for (std::int64_t start = 0; start < w.cols; start += HC_GROUP) {
            const std::int64_t n = std::min<std::int64_t>(HC_GROUP, w.cols - start);
            const std::int32_t here = next;
            std::copy_n(in + start, n, group.codes.begin());
            for (; next < end && static_cast<std::int64_t>(stored.far[next] >> HC_BEYOND_BITS) < start + n; ++next) {
                const auto place = static_cast<std::size_t>((stored.far[next] >> HC_BEYOND_BITS) - start);
                const auto rest = static_cast<int>(stored.far[next] & ((1u << HC_BEYOND_BITS) - 1u)) - HC_BEYOND_BIAS;
                group.codes[place] = static_cast<std::int16_t>(group.codes[place] + rest);
            }
            if (next == here) {
                std::memcpy(out + start, in + start, static_cast<std::size_t>(n));
                continue;
            }
            const auto offset = static_cast<std::int16_t>(group.choose_offset(n));
            row_offsets[start / HC_GROUP * HC_ROW_BLOCK] = static_cast<std::int8_t>(offset);
            for (std::int64_t i = 0; i < n; ++i) {
                const auto moved = static_cast<std::int16_t>(group.codes[static_cast<std::size_t>(i)] - offset);
                out[start + i] = static_cast<std::int8_t>(std::clamp<std::int16_t>(moved, byte_min, byte_max));
            }
            for (std::size_t i = 0; i < group.end_count; ++i) {
                if (const std::int64_t column = start + group.ends[i]; !group.fits(i, offset)) {
                    const int rest = group.codes[group.ends[i]] - offset - out[column];
                    far[stored.far_starts[r] + kept++] =
                        (static_cast<std::uint32_t>(column) << HC_BEYOND_BITS) + static_cast<std::uint32_t>(rest + HC_BEYOND_BIAS);
                }
            }
        }
        return kept;
    }
};

// The far entries that are left, row after row, as `out` owns them.
Status keep_far(const StoredInts& stored, const std::uint32_t* far, const std::int32_t* left, Matrix& out) {
    const std::int64_t rows = stored.matrix.rows;
    std::int64_t total = 0;
    for (std::int64_t r = 0; r < rows; ++r) {
        total += left[r];
    }
    if (total == 0) {
        return Status::ok;
    }
    auto room = std::make_shared<Buffer>();
    if (!room->allocate(static_cast<std::size_t>(rows + 1 + total) * 4)) {
        return Status::out_of_memory;
    }
    auto* starts = room->as<std::int32_t>();
    auto* entries = reinterpret_cast<std::uint32_t*>(starts + rows + 1);
    for (std::int64_t r = 0; r < rows; ++r) {
        starts[r + 1] = starts[r] + left[r];
        std::copy_n(far + stored.far_starts[r], left[r], entries + starts[r]);
    }
    out.packed.far_starts = starts;
    out.packed.far = entries;
    out.far_room = std::move(room);
    return Status::ok;
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
    const bool far = stored.far_starts != nullptr;
    const std::int64_t offset_bytes = far ? blocks * groups * HC_ROW_BLOCK : 0;
    auto room = std::make_shared<Buffer>();
    Buffer staged_bytes;  // a block per worker
    Buffer staged_far;
    if (!room->allocate(static_cast<std::size_t>(data_bytes + scale_bytes + offset_bytes)) ||
        (far && (!staged_bytes.allocate(static_cast<std::size_t>(pool.threads() * HC_ROW_BLOCK * w.cols)) ||
                 !staged_far.allocate(static_cast<std::size_t>(stored.far_starts[w.rows] + w.rows) * 4)))) {
        return Status::out_of_memory;
    }
    auto* data = room->as<std::uint8_t>();
    auto* scales = reinterpret_cast<std::uint16_t*>(data + data_bytes);
    auto* wide_scales = reinterpret_cast<float*>(data + data_bytes);
    auto* offsets = reinterpret_cast<std::int8_t*>(data + data_bytes + scale_bytes);
    auto* left = staged_far.as<std::int32_t>();
    auto* moved_far = staged_far.as<std::uint32_t>() + w.rows;
    pool.run(blocks, [&](std::int64_t block, int worker) {
        if (far) {
            auto* bytes = staged_bytes.as<std::int8_t>() + worker * HC_ROW_BLOCK * w.cols;
            const OffsetBlock moved{stored, block, bytes, offsets + block * groups * HC_ROW_BLOCK, moved_far, left};
            moved.fill();
            const hc_matrix rows{bytes, nullptr, std::min<std::int64_t>(HC_ROW_BLOCK, w.rows - block * HC_ROW_BLOCK), w.cols};
            kernels.pack_q8(&rows, 0, 1, data + block * groups * HC_ROW_BLOCK * HC_GROUP);
        } else {
            (halves ? kernels.pack_q4 : kernels.pack_q8)(&w, block, block + 1, data);
        }
        if (wide) {
            pack_scales(stored.wide_scales, w.rows, groups, block, wide_scales);
        } else {
            pack_scales(w.scales, w.rows, groups, block, scales);
        }
    });
    Matrix made;
    made.weights = {nullptr, nullptr, w.rows, w.cols};
    made.packed = {data,   wide ? nullptr : scales, wide ? wide_scales : nullptr, far ? offsets : nullptr,
                   w.rows, w.cols,                  nullptr,                      nullptr};
    made.format = stored.format;
    made.room = std::move(room);
    if (far && keep_far(stored, moved_far, left, made) != Status::ok) {
        return Status::out_of_memory;
    }
    out = std::move(made);
    return Status::ok;
} catch (const std::bad_alloc&) {
    return Status::out_of_memory;
}

}  // namespace hc
