// The two kinds of token mixing: gated linear attention and sliding-window attention.
#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "model/chunk.h"

namespace hc {

void Chunk::convolve(std::size_t index) {
    const Layer& layer = model_.layers[index];
    const float* past = state_.gla[index].past.as<float>();
    float* past_out = space_.staged[index].past.as<float>();
    const struct {
        float*& x;
        float*& y;
        const Vector& weight;
        std::int64_t channels;
    } parts[] = {
        {space_.q, space_.q_conv, layer.q_conv, config_.q_dim()},
        {space_.k, space_.k_conv, layer.k_conv, config_.kv_dim()},
        {space_.v, space_.v_conv, layer.v_conv, config_.kv_dim()},
    };
    float* kept = request_.partial ? space_.staged[index].convolved.as<float>() : nullptr;
    for (const auto& part : parts) {
        if (kept != nullptr) {
            std::copy(part.x, part.x + tokens_ * part.channels, kept);
            kept += tokens_ * part.channels;
        }
        kernels_.short_conv(part.x, past, part.weight.data(), tokens_, part.channels, config_.conv_size, part.y, past_out);
        std::swap(part.x, part.y);
        past += config_.conv_past() * part.channels;
        past_out += config_.conv_past() * part.channels;
    }
}

void Chunk::mix_gated(std::size_t index) {
    const Layer& layer = model_.layers[index];
    const std::int64_t d = config_.head_dim;
    const std::int64_t q_dim = config_.q_dim();
    const std::int64_t kv_dim = config_.kv_dim();
    const Product q{&layer.q, &layer.q_bias, space_.q};
    const Product k{&layer.k, &layer.k_bias, space_.k};
    const Product v{&layer.v, &layer.v_bias, space_.v};
    const Product gate{&layer.gate_up, &layer.gate_bias, space_.decay};
    if (config_.merged_gate) {
        coded_products(index, Site::mixer, {q, k, v, gate}, space_.normed, tokens_);
    } else {
        coded_products(index, Site::mixer, {q, k, v, {&layer.gate_down, nullptr, space_.rank}}, space_.normed, tokens_);
        products({gate}, space_.rank, tokens_);
    }
    if (config_.conv_size > 0) {
        convolve(index);
    }
    share(tokens_, tokens_ * (q_dim + 16 * kv_dim), [&](std::int64_t t, int) {
        kernels_.relu(space_.q + t * q_dim, q_dim);
        kernels_.relu(space_.k + t * kv_dim, kv_dim);
        kernels_.log_gate(space_.decay + t * kv_dim, kv_dim, 1.0f / config_.gate_normalizer);
    });
    recur(index, space_.q, space_.k, space_.v, 1.0f / std::sqrt(static_cast<float>(d)), space_.mixed);
    share(tokens_, tokens_ * q_dim * 4, [&](std::int64_t t, int) {
        float* heads = space_.mixed + t * q_dim;
        kernels_.rmsnorm(heads, layer.head_norm.data(), config_.heads, d, config_.norm_eps, heads);
    });
}

void Chunk::recur(std::size_t index, const float* q, const float* k, const float* v, float scale, float* o) {
    const std::int64_t d = config_.head_dim;
    const std::int64_t q_dim = config_.q_dim();
    const std::int64_t kv_dim = config_.kv_dim();
    const float* before = states_before(index);
    if (request_.partial) {
        float* kept = space_.staged[index].recurred.as<float>();
        const float* taken[] = {k, v, space_.decay};
        for (const float* part : taken) {
            kept = std::copy(part, part + tokens_ * kv_dim, kept);
        }
    }
    share(config_.kv_heads, tokens_ * (q_dim + kv_dim) * d, [&](std::int64_t head, int worker) {
        hc_gla args{};
        args.state_in = before + head * d * d;
        args.state_out = space_.staged[index].states.as<float>() + head * d * d;
        args.q = q + head * config_.group() * d;
        args.k = k + head * d;
        args.v = v + head * d;
        args.log_decay = space_.decay + head * d;
        args.o = o + head * config_.group() * d;
        args.ldq = args.ldo = q_dim;
        args.ldk = args.ldv = args.ldg = kv_dim;
        args.tokens = tokens_;
        args.group = config_.group();
        args.d = d;
        args.scale = scale;
        if (tokens_ > 1 && !request_.partial) {
            kernels_.gla_chunk(&args, space_.scratch(worker));
        } else {
            step(args);
        }
    });
}

// Token after token, as single steps do it.
void Chunk::step(hc_gla args) const {
    std::int64_t left = args.tokens;
    for (args.tokens = 1; left > 0; --left) {
        kernels_.gla_step(&args);
        args.state_in = args.state_out;
        args.q += args.ldq;
        args.k += args.ldk;
        args.v += args.ldv;
        args.log_decay += args.ldg;
        args.o += args.ldo;
    }
}

const float* Chunk::states_before(std::size_t index) const {
    const bool begun = state_.position == 0 && sinks_ != nullptr;  // by the sinks
    return (begun ? sinks_->layers[index].states : state_.gla[index].states).as<float>();
}

void Chunk::recur_again(std::size_t index, std::int64_t tokens, State& state) const {
    const std::int64_t d = config_.head_dim;
    const std::int64_t kv_dim = config_.kv_dim();
    const float* before = states_before(index);
    const float* kept = space_.staged[index].recurred.as<float>();
    share(config_.kv_heads, tokens * kv_dim * d, [&](std::int64_t head, int) {
        hc_gla args{};  // no queries: the state alone
        args.state_in = before + head * d * d;
        args.state_out = state.gla[index].states.as<float>() + head * d * d;
        args.k = kept + head * d;
        args.v = args.k + tokens_ * kv_dim;
        args.log_decay = args.v + tokens_ * kv_dim;
        args.ldk = args.ldv = args.ldg = kv_dim;
        args.tokens = tokens;
        args.d = d;
        step(args);
    });
}

// The last inputs before the token that comes next: older ones of the state move up, the rest are the chunk's.
void Chunk::convolve_again(std::size_t index, std::int64_t tokens, State& state) const {
    float* past = state.gla[index].past.as<float>();
    const float* kept = space_.staged[index].convolved.as<float>();
    const std::int64_t rows = config_.conv_past();
    for (const std::int64_t channels : {config_.q_dim(), config_.kv_dim(), config_.kv_dim()}) {
        for (std::int64_t row = 0; row < rows; ++row) {
            const std::int64_t from = row + tokens;
            const float* input = from < rows ? past + from * channels : kept + (from - rows) * channels;
            std::copy(input, input + channels, past + row * channels);
        }
        past += rows * channels;
        kept += tokens_ * channels;
    }
}

void Chunk::mix_window(std::size_t index, bool outputs_needed) {
    const Layer& layer = model_.layers[index];
    const std::int64_t d = config_.head_dim;
    const std::int64_t q_dim = config_.q_dim();
    const std::int64_t kv_dim = config_.kv_dim();
    coded_products(index, Site::mixer,
                   {{&layer.q, &layer.q_bias, space_.q}, {&layer.k, &layer.k_bias, space_.k}, {&layer.v, &layer.v_bias, space_.v}},
                   space_.normed, tokens_);
    kernels_.rope(space_.q, q_dim, tokens_, config_.heads, d, space_.cosine, space_.sine);
    kernels_.rope(space_.k, kv_dim, tokens_, config_.kv_heads, d, space_.cosine, space_.sine);
    attend(index, outputs_needed);
}

void Chunk::attend(std::size_t index, bool outputs_needed) {
    const std::int64_t d = config_.head_dim;
    const std::int64_t kv_dim = config_.kv_dim();
    if (config_.is_spiking()) {
        code_queries(index);
    }

    hc_window_store store = kernels_.window_store_f32;
    if (config_.is_spiking()) {
        store = kernels_.window_store_codes;  // such a model's states are int8
    } else if (state_.precision == WindowPrecision::f16) {
        store = kernels_.window_store_f16;
    } else if (state_.precision == WindowPrecision::i8) {
        store = kernels_.window_store_i8;
    }
    const StagedLayer& staged = space_.staged[index];
    const std::int64_t head_bytes = tokens_ * d * element_bytes(state_.precision);
    for (std::int64_t head = 0; head < config_.kv_heads; ++head) {
        store(space_.k + head * d, kv_dim, tokens_, d, staged.keys.bytes() + head * head_bytes,
              staged.key_scales.as<float>() + head * tokens_);
        store(space_.v + head * d, kv_dim, tokens_, d, staged.values.bytes() + head * head_bytes,
              staged.value_scales.as<float>() + head * tokens_);
    }
    if (!outputs_needed) {
        return;
    }
    const std::int64_t blocks = (tokens_ + attend_tokens - 1) / attend_tokens;
    const std::int64_t keys = state_.kept_entries(index) + tokens_;
    share(config_.kv_heads * blocks, 2 * tokens_ * keys * config_.q_dim(), [&](std::int64_t piece, int worker) {
        attend_piece(index, piece / blocks, piece % blocks, space_.scratch(worker));
    });
}

hc_window_attend Chunk::attend_kernel(WindowPrecision precision) const {
    switch (precision) {
        case WindowPrecision::f16:
            return kernels_.window_attend_f16;
        case WindowPrecision::i8:
            return kernels_.window_attend_i8;
        case WindowPrecision::f32:
            break;
    }
    return kernels_.window_attend_f32;
}

// The queries of one key/value head at up to 16 positions: over the sinks, over the ring (in one or two runs) or the cache, then over the
// chunk itself.
void Chunk::attend_piece(std::size_t index, std::int64_t head, std::int64_t block, float* scratch) const {
    const std::int64_t d = config_.head_dim;
    const std::int64_t group = config_.group();
    const std::int64_t first = block * attend_tokens;
    const std::int64_t count = std::min(attend_tokens, tokens_ - first);
    const std::int64_t slots = config_.ring_entries();
    const std::int64_t everything = state_.position + tokens_;
    const std::int64_t visible = config_.has_cache(index) || of_sinks() ? everything : state_.visible_keys(request_.decode);
    const std::int64_t start = state_.position;  // of the chunk
    std::int64_t begin[attend_tokens];
    std::int64_t end[attend_tokens];

    float* mix = scratch;
    float* peak = mix + attend_tokens * group * d;
    float* total = peak + attend_tokens * group;
    float* kernel_scratch = scratch + (attend_tokens * group * (d + 2) + 15) / 16 * 16;
    std::fill(mix, mix + count * group * d, 0.0f);
    std::fill(peak, peak + count * group, -std::numeric_limits<float>::infinity());
    std::fill(total, total + count * group, 0.0f);
    const hc_queries queries{space_.q + first * config_.q_dim() + head * group * d,
                             config_.q_dim(),
                             count,
                             group,
                             d,
                             begin,
                             end,
                             1.0f / std::sqrt(static_cast<float>(d)),
                             peak,
                             total,
                             mix};
    if (sinks_ != nullptr) {
        const StagedLayer& sinks = sinks_->layers[index];
        const std::int64_t stride = config_.branches.sinks;
        const std::int64_t entry_bytes = d * element_bytes(sinks_->precision);
        const bool scaled = sinks_->precision == WindowPrecision::i8;
        for (std::int64_t at = 0; at < stride && !cancelled(); at += attend_keys) {
            const std::int64_t here = std::min(attend_keys, stride - at);
            std::fill(begin, begin + count, std::int64_t{0});
            std::fill(end, end + count, here);
            const std::int64_t entry = head * stride + at;
            const hc_span span{sinks.keys.bytes() + entry * entry_bytes, sinks.values.bytes() + entry * entry_bytes,
                               scaled ? sinks.key_scales.as<float>() + entry : nullptr,
                               scaled ? sinks.value_scales.as<float>() + entry : nullptr, here};
            attend_kernel(sinks_->precision)(&span, &queries, kernel_scratch);
        }
    }
    const hc_window_attend add_span = attend_kernel(state_.precision);
    // Entries of positions [from, to), `at` entries into the head's part of a buffer that holds `stride` entries per head.
    const auto add = [&](const Buffer& keys, const Buffer& values, const Buffer& key_scales, const Buffer& value_scales,
                         std::int64_t stride, std::int64_t at, std::int64_t from, std::int64_t to) {
        for (std::int64_t slice = from; slice < to && !cancelled(); slice += attend_keys) {
            const std::int64_t slice_end = std::min(slice + attend_keys, to);
            for (std::int64_t t = 0; t < count; ++t) {
                const std::int64_t position = start + first + t;
                begin[t] = std::max<std::int64_t>(0, position - visible + 1 - slice);
                end[t] = of_sinks() ? slice_end - slice : std::min(slice_end, position + 1) - slice;
            }
            const std::int64_t entry = head * stride + at + (slice - from);
            const std::int64_t entry_bytes = d * element_bytes(state_.precision);
            const bool scaled = state_.precision == WindowPrecision::i8;
            const hc_span span{keys.bytes() + entry * entry_bytes, values.bytes() + entry * entry_bytes,
                               scaled ? key_scales.as<float>() + entry : nullptr,
                               scaled ? value_scales.as<float>() + entry : nullptr, slice_end - slice};
            add_span(&span, &queries, kernel_scratch);
        }
    };
    const StagedLayer& fresh = space_.staged[index];
    const std::int64_t oldest = std::max<std::int64_t>(0, start + first - visible + 1);
    if (config_.has_cache(index)) {
        for (std::int64_t from = 0; from < start; from += cache_block_tok) {
            const CacheBlock& past = *state_.cache[index].blocks[static_cast<std::size_t>(from / cache_block_tok)];
            add(past.keys, past.values, past.key_scales, past.value_scales, cache_block_tok, 0, from,
                std::min(start, from + cache_block_tok));
        }
    } else {
        const WindowMemory& ring = state_.window[index];
        const std::int64_t wrap = std::min(start, oldest - oldest % slots + slots);
        add(ring.keys, ring.values, ring.key_scales, ring.value_scales, slots, oldest % slots, oldest, wrap);
        add(ring.keys, ring.values, ring.key_scales, ring.value_scales, slots, 0, std::max(wrap, oldest), start);
    }
    const std::int64_t chunk_from = std::max(start, oldest);
    add(fresh.keys, fresh.values, fresh.key_scales, fresh.value_scales, tokens_, chunk_from - start, chunk_from,
        of_sinks() ? tokens_ : start + first + count);
    kernels_.window_finish(&queries, space_.mixed + first * config_.q_dim() + head * group * d, config_.q_dim());
}

}  // namespace hc
