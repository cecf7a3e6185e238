#include "model/workspace.h"

#include <algorithm>
#include <new>

namespace hc {

namespace {

std::int64_t round_up(std::int64_t value, std::int64_t step) { return (value + step - 1) / step * step; }

std::size_t float_bytes(std::int64_t count) { return static_cast<std::size_t>(count) * sizeof(float); }

}  // namespace

std::int64_t gla_scratch_floats(const Config& config) {
    return config.group() * HC_GLA_SUBCHUNK * (config.head_dim + HC_GLA_SUBCHUNK) + 17 * config.head_dim;
}

std::int64_t attend_scratch_floats(const Config& config) {
    const std::int64_t rows = attend_tokens * config.group();
    return (2 * config.head_dim + rows) * HC_KEY_BLOCK + rows * config.head_dim;
}

bool Workspace::prepare(const Config& config, std::int64_t tokens, int workers) try {
    if (tokens <= tokens_ && workers <= workers_) {
        return true;
    }
    tokens_ = 0;
    const std::int64_t inner = config.widest_mlp();
    const std::int64_t widest = std::max({config.hidden_size, config.q_dim(), inner, config.gate_rank});
    const std::int64_t groups = (widest + HC_GROUP - 1) / HC_GROUP;
    const std::int64_t conv = config.conv_size > 0 ? 1 : 0;
    const std::int64_t half = config.head_dim / 2;
    const std::int64_t coded = !config.is_spiking() ? 0
                                                    : std::max({config.hidden_size, config.q_dim(),
                                                                config.spike_down ? inner : std::int64_t{0}});
    const Branches& branches = config.branches;
    const auto where = [](bool needed, std::int64_t floats) { return needed ? floats : std::int64_t{0}; };
    struct Part {
        float** where;
        std::int64_t floats;
    };
    float* code_room = nullptr;
    float* sum_room = nullptr;
    float* word_room = nullptr;
    float* tile_sum_room = nullptr;
    float* column_room = nullptr;
    float* beyond_room = nullptr;
    float* place_room = nullptr;
    const Part parts[] = {
        {&x, config.hidden_size},
        {&normed, config.hidden_size},
        {&q, config.q_dim()},
        {&k, config.kv_dim()},
        {&v, config.kv_dim()},
        {&q_conv, conv * config.q_dim()},
        {&k_conv, conv * config.kv_dim()},
        {&v_conv, conv * config.kv_dim()},
        {&rank, config.gate_rank},
        {&decay, config.kv_dim()},
        {&mixed, config.q_dim()},
        {&added, config.hidden_size},
        {&mlp_gate, inner},
        {&mlp_up, inner},
        {&linear_q, where(branches.on, config.q_dim())},
        {&linear_k, where(branches.on, config.kv_dim())},
        {&linear_v, where(branches.own_qkv, config.kv_dim())},
        {&linear_mixed, where(branches.on, config.q_dim())},
        {&linear_added, where(branches.own_output, config.hidden_size)},
        {&routes, branches.experts},
        {&gathered, where(branches.experts > 0, config.hidden_size)},
        {&expert_out, where(branches.experts > 0, config.hidden_size)},
        {&weight, where(branches.experts > 0, 1)},
        {&cosine, half},
        {&sine, half},
        {&code_room, groups * HC_GROUP / 4},
        {&codes.scales, groups},
        {&sum_room, groups},
        {&word_room, groups * HC_GROUP / 4},
        {&tiles.scales, groups},
        {&tile_sum_room, groups},
        {&spikes.counts, coded},
        {&column_room, (coded + 3) / 4},
        {&spiked, coded},
        {&beyond_room, 1},
        {&place_room, where(config.is_spiking(), HC_FAR_PLACES)},
    };
    std::int64_t total = 0;
    for (const Part& part : parts) {
        total += round_up(part.floats * round_up(tokens, HC_COLUMN_STEP), 16);
    }
    if (!block_.allocate(float_bytes(total))) {
        return false;
    }
    float* next = block_.as<float>();
    for (const Part& part : parts) {
        *part.where = next;
        next += round_up(part.floats * round_up(tokens, HC_COLUMN_STEP), 16);
    }
    codes.codes = reinterpret_cast<std::int8_t*>(code_room);
    codes.sums = reinterpret_cast<std::int32_t*>(sum_room);
    tiles.words = reinterpret_cast<std::int32_t*>(word_room);
    tiles.sums = reinterpret_cast<std::int32_t*>(tile_sum_room);
    spikes.columns = reinterpret_cast<std::int8_t*>(column_room);
    spikes.beyond = reinterpret_cast<std::int32_t*>(beyond_room);
    spikes.far_places = reinterpret_cast<std::int32_t*>(place_room);

    const std::int64_t attend = round_up(attend_scratch_floats(config), 16) +
                                round_up(attend_tokens * config.group() * (config.head_dim + 2), 16);
    scratch_floats_ = round_up(std::max({std::int64_t{HC_MATMUL_SCRATCH / 4}, gla_scratch_floats(config), attend}), 16);
    if (!scratch_block_.allocate(float_bytes(scratch_floats_ * workers))) {
        return false;
    }
    scratch_ = scratch_block_.as<float>();

    choice.resize(static_cast<std::size_t>(branches.experts > 0 ? tokens : 0));
    places.resize(choice.size());
    staged.resize(static_cast<std::size_t>(config.layers));
    for (std::size_t i = 0; i < staged.size(); ++i) {
        StagedLayer& layer = staged[i];
        if (config.has_linear(i)) {
            const std::int64_t past = config.conv_past() * (config.q_dim() + 2 * config.kv_dim());
            if (!layer.states.allocate(float_bytes(config.kv_dim() * config.head_dim)) ||
                !layer.past.allocate(float_bytes(past))) {
                return false;
            }
        }
        if (!config.has_window(i) && !config.has_cache(i)) {
            continue;
        }
        if (!layer.keys.allocate(float_bytes(tokens * config.kv_dim())) ||
                   !layer.values.allocate(float_bytes(tokens * config.kv_dim())) ||
                   !layer.key_scales.allocate(float_bytes(tokens * config.kv_heads)) ||
                   !layer.value_scales.allocate(float_bytes(tokens * config.kv_heads))) {
            return false;
        }
    }
    tokens_ = tokens;
    workers_ = workers;
    return true;
} catch (const std::bad_alloc&) {
    return false;
}

bool Workspace::prepare_partial(const Config& config, std::int64_t tokens) {
    if (tokens <= partial_tokens_) {
        return true;
    }
    partial_tokens_ = 0;
    for (std::size_t i = 0; i < staged.size(); ++i) {
        const std::int64_t convolved = config.conv_size > 0 ? config.q_dim() + 2 * config.kv_dim() : 0;
        if (config.has_linear(i) && (!staged[i].recurred.allocate(float_bytes(3 * tokens * config.kv_dim())) ||
                                     !staged[i].convolved.allocate(float_bytes(tokens * convolved)))) {
            return false;
        }
    }
    partial_tokens_ = tokens;
    return true;
}

}  // namespace hc
