// Spike coding that needs no instruction set of its own: what is rare, and queries while they are counted.
#include <algorithm>
#include <cmath>

#include "core/half.h"
#include "model/chunk.h"

namespace hc {

// What int8 could not hold of the counts of a token, times four-bit weights. Rare: a count is the size of its input over a third of the mean.
void Chunk::add_far_counts_q4(const hc_packed& w, std::int64_t begin, std::int64_t end, const hc_spikes& x, float* y) {
    const std::int64_t groups = x.codes.groups;
    for (std::int64_t t = 0; t < x.codes.tokens; ++t) {
        const auto rest_of = [&](std::int64_t column) {
            return x.counts[t * w.cols + column] - static_cast<float>(x.codes.codes[t * groups * HC_GROUP + column]);
        };
        std::int64_t column = -1;
        for (std::int64_t i = 0; i < x.beyond[t]; ++i) {
            if (i < HC_FAR_PLACES) {
                column = x.far_places[t * HC_FAR_PLACES + i];
            } else {
                for (++column; rest_of(column) == 0.0f; ++column) {
                }
            }
            const float rest = rest_of(column);
            const std::int64_t group = column / HC_GROUP;
            constexpr std::int64_t half = HC_GROUP / 2;
            const std::int64_t place = column - group * HC_GROUP;
            for (std::int64_t r = begin; r < end; ++r) {
                const std::int64_t block = r / HC_ROW_BLOCK * groups + group;
                const std::int64_t word = (block * (half / 4) + place % half / 4) * HC_ROW_BLOCK + r % HC_ROW_BLOCK;
                const unsigned pair = w.data[word * 4 + place % 4];
                const int code = static_cast<int>(place < half ? pair & 15u : pair >> 4) - 8;
                const float scale = float_of_f16(w.scales[block * HC_ROW_BLOCK + r % HC_ROW_BLOCK]) * x.codes.scales[t * groups];
                y[t * w.rows + r] += rest * static_cast<float>(code) * scale;
            }
        }
    }
}

// y = count * threshold of a row that was coded already.
void Chunk::spell_out(const hc_spikes& row, std::int64_t cols, float* y) {
    const float threshold = row.codes.scales[0];
    if (row.beyond[0] == 0) {
        for (std::int64_t i = 0; i < cols; ++i) {
            y[i] = static_cast<float>(row.codes.codes[i]) * threshold;
        }
    } else {
        for (std::int64_t i = 0; i < cols; ++i) {
            y[i] = row.counts[i] * threshold;
        }
    }
}

// Each query head becomes its spike counts times its threshold, in place.
void Chunk::code_queries(std::size_t index) {
    const std::int64_t d = config_.head_dim;
    const std::int64_t q_dim = config_.q_dim();
    const std::int64_t groups = (d + HC_GROUP - 1) / HC_GROUP;
    const std::int64_t site = site_place(index, Site::query);
    const SpikeRecord* wanted = record(index, Site::query);
    share(tokens_, tokens_ * q_dim * 4, [&](std::int64_t t, int worker) {
        float* heads = space_.q + t * q_dim;
        if (wanted == nullptr && !space_.tally.counts(t) && !space_.tally.samples(t)) {
            kernels_.spike_values(heads, config_.heads, d, config_.spike_k, heads);
            return;
        }
        // Head after head through the token's own stretch of the rooms for codes.
        const std::int64_t room = (q_dim + HC_GROUP - 1) / HC_GROUP;
        const hc_spikes row{{space_.codes.codes + t * room * HC_GROUP, space_.codes.scales + t * room, space_.codes.sums + t * room, 1, groups},
                            space_.spikes.counts + t * q_dim,
                            space_.spikes.beyond + t,
                            space_.spikes.far_places + t * HC_FAR_PLACES,
                            nullptr,
                            0};
        for (std::int64_t head = 0; head < config_.heads; ++head) {
            float* values = heads + head * d;
            const hc_rows in{values, 1, d};
            kernels_.spike_rows(&in, d, config_.spike_k, &row);
            if (wanted != nullptr) {
                std::copy(row.counts, row.counts + d, wanted->counts + (t * config_.heads + head) * d);
                wanted->thresholds[t * config_.heads + head] = row.codes.scales[0];
            }
            if (space_.tally.counts(t)) {
                space_.tally.count(worker, t, row.codes.codes, d, row.counts, row.beyond[0]);
            }
            if (space_.tally.samples(t)) {
                space_.tally.keep(site, t, row.codes.codes, head * d, d, q_dim);
            }
            spell_out(row, d, values);
        }
    });
    if (request_.tally != nullptr) {
        space_.tally.close(site);
    }
}

}  // namespace hc
