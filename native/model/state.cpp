#include "model/state.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <new>

#include "core/half.h"

namespace hc {

static_assert(std::endian::native == std::endian::little, "the payload of a state is little endian");

std::int64_t element_bytes(WindowPrecision precision) {
    switch (precision) {
        case WindowPrecision::f32:
            return 4;
        case WindowPrecision::f16:
            return 2;
        case WindowPrecision::i8:
            return 1;
    }
    return 4;
}

namespace {

std::size_t float_bytes(std::int64_t count) { return static_cast<std::size_t>(count) * sizeof(float); }

}  // namespace

State::State(const Config& shape, WindowPrecision window_precision, WindowMode window_mode)
    : config(shape), precision(window_precision), mode(window_mode) {}

bool State::allocate() {
    gla.resize(static_cast<std::size_t>(config.layers));
    window.resize(static_cast<std::size_t>(config.layers));
    cache.resize(static_cast<std::size_t>(config.layers));
    for (std::size_t i = 0; i < gla.size(); ++i) {
        if (!config.has_linear(i)) {
            continue;
        }
        const std::int64_t past = config.conv_past() * (config.q_dim() + 2 * config.kv_dim());
        if (!gla[i].states.allocate(float_bytes(config.kv_dim() * config.head_dim)) || !gla[i].past.allocate(float_bytes(past))) {
            return false;
        }
    }
    return true;
}

bool State::allocate_windows() {
    // A window that stands full is about to be written whole; one that fills must not take more memory than it has entries.
    const Filling filling = position < config.ring_entries() ? Filling::as_needed : Filling::at_once;
    const auto entries = static_cast<std::size_t>(config.ring_entries() * config.kv_dim() * element_bytes(precision));
    const std::size_t scales = float_bytes(config.ring_entries() * config.kv_heads);
    for (std::size_t i = 0; i < window.size(); ++i) {
        if (!config.has_window(i)) {
            continue;
        }
        WindowMemory fresh;
        if (!fresh.keys.allocate(entries, filling) || !fresh.values.allocate(entries, filling)) {
            return false;
        }
        if (precision == WindowPrecision::i8 && (!fresh.key_scales.allocate(scales) || !fresh.value_scales.allocate(scales))) {
            return false;
        }
        window[i] = std::move(fresh);
    }
    has_windows_ = true;
    return true;
}

std::unique_ptr<State> State::create(const Config& config, WindowPrecision precision, WindowMode mode, std::int64_t at) try {
    auto state = std::make_unique<State>(config, precision, mode);
    state->position = at;
    return state->allocate() ? std::move(state) : nullptr;
} catch (const std::bad_alloc&) {
    return nullptr;
}

bool State::add_block(CacheMemory& memory) const {
    auto block = std::make_shared<CacheBlock>();
    const auto entries = static_cast<std::size_t>(cache_block_tok * config.kv_dim() * element_bytes(precision));
    if (!block->keys.allocate(entries) || !block->values.allocate(entries)) {
        return false;
    }
    if (precision == WindowPrecision::i8) {
        const std::size_t scales = static_cast<std::size_t>(cache_block_tok * config.kv_heads) * sizeof(float);
        if (!block->key_scales.allocate(scales) || !block->value_scales.allocate(scales)) {
            return false;
        }
    }
    memory.blocks.push_back(std::move(block));
    return true;
}

bool State::reserve(std::int64_t tokens) try {
    if (!has_windows_ && position + tokens > 0 && !allocate_windows()) {
        return false;
    }
    const auto wanted = static_cast<std::size_t>((position + tokens + cache_block_tok - 1) / cache_block_tok);
    for (std::size_t i = 0; i < cache.size(); ++i) {
        while (config.has_cache(i) && cache[i].blocks.size() < wanted) {
            if (!add_block(cache[i])) {
                return false;
            }
        }
    }
    return true;
} catch (const std::bad_alloc&) {
    return false;
}

std::unique_ptr<State> State::blank(std::int64_t at) const {
    auto state = create(config, precision, mode, at);
    return state != nullptr && state->reserve(0) ? std::move(state) : nullptr;
}

std::unique_ptr<State> State::fork() const try {
    auto copy = create(config, precision, mode, position);
    if (copy == nullptr) {
        return nullptr;
    }
    for (std::size_t i = 0; i < cache.size(); ++i) {
        if (config.has_cache(i)) {
            const auto full = static_cast<std::ptrdiff_t>(position / cache_block_tok);
            copy->cache[i].blocks.assign(cache[i].blocks.begin(), cache[i].blocks.begin() + full);
        }
    }
    if (!copy->reserve(0)) {
        return nullptr;
    }
    // The same position gives the same stretches in both.
    const std::vector<Stretch> from = payload();
    const std::vector<Stretch> to = copy->payload();
    for (std::size_t i = 0; i < from.size(); ++i) {
        if (to[i].data != from[i].data) {  // else a block that both hold
            std::memcpy(to[i].data, from[i].data, static_cast<std::size_t>(from[i].size_bytes));
        }
    }
    return copy;
} catch (const std::bad_alloc&) {
    return nullptr;
}

std::int64_t State::kept_entries(std::size_t layer) const {
    return config.has_cache(layer) ? position : std::min(position, config.ring_entries());
}

std::int64_t State::visible_keys(bool decode) const {
    if (config.branches.on) {
        return config.sliding_window;  // itself included, whatever the mode
    }
    const bool short_rule = mode == WindowMode::report || (mode == WindowMode::hf && decode);
    return short_rule ? config.sliding_window : config.sliding_window + 1;
}

std::vector<State::Stretch> State::payload() const {
    std::vector<Stretch> out;
    out.push_back({reinterpret_cast<std::byte*>(const_cast<std::int64_t*>(&position)), 8});
    const std::int64_t slots = config.ring_entries();
    const std::int64_t kept = std::min(position, slots);
    const std::int64_t oldest = (position - kept) % slots;
    const std::int64_t before_wrap = std::min(kept, slots - oldest);
    const auto add_ring = [&](const Buffer& buffer, std::int64_t head, std::int64_t entry_bytes) {
        if (kept == 0) {
            return;  // no memory yet
        }
        std::byte* base = buffer.bytes() + head * slots * entry_bytes;
        out.push_back({base + oldest * entry_bytes, before_wrap * entry_bytes});
        out.push_back({base, (kept - before_wrap) * entry_bytes});
    };
    const std::int64_t entry_bytes = config.head_dim * element_bytes(precision);
    const auto add_blocks = [&](const CacheMemory& memory, Buffer CacheBlock::*part, std::int64_t head, std::int64_t size_bytes) {
        for (std::int64_t done = 0; done < position; done += cache_block_tok) {
            const Buffer& buffer = (*memory.blocks[static_cast<std::size_t>(done / cache_block_tok)]).*part;
            out.push_back({buffer.bytes() + head * cache_block_tok * size_bytes,
                           std::min(cache_block_tok, position - done) * size_bytes});
        }
    };
    for (std::size_t i = 0; i < gla.size(); ++i) {
        if (config.has_linear(i)) {
            out.push_back({gla[i].states.bytes(), static_cast<std::int64_t>(gla[i].states.size_bytes())});
            out.push_back({gla[i].past.bytes(), static_cast<std::int64_t>(gla[i].past.size_bytes())});
        }
        for (std::int64_t head = 0; config.has_cache(i) && head < config.kv_heads; ++head) {
            add_blocks(cache[i], &CacheBlock::keys, head, entry_bytes);
            add_blocks(cache[i], &CacheBlock::values, head, entry_bytes);
            if (precision == WindowPrecision::i8) {
                add_blocks(cache[i], &CacheBlock::key_scales, head, sizeof(float));
                add_blocks(cache[i], &CacheBlock::value_scales, head, sizeof(float));
            }
        }
        if (!config.has_window(i)) {
            continue;
        }
        for (std::int64_t head = 0; head < config.kv_heads; ++head) {
            add_ring(window[i].keys, head, entry_bytes);
            add_ring(window[i].values, head, entry_bytes);
            if (precision == WindowPrecision::i8) {
                add_ring(window[i].key_scales, head, sizeof(float));
                add_ring(window[i].value_scales, head, sizeof(float));
            }
        }
    }
    return out;
}

std::int64_t State::payload_bytes() const {
    std::int64_t total = 0;
    for (const Stretch& stretch : payload()) {
        total += stretch.size_bytes;
    }
    return total;
}

std::int64_t State::used_bytes() const { return payload_bytes() + static_cast<std::int64_t>(sizeof(State)); }

template <typename Move>
std::int64_t State::move_at(std::int64_t offset, std::int64_t count, Move move) const {
    std::int64_t moved = 0;
    std::int64_t start = 0;
    for (const Stretch& stretch : payload()) {
        const std::int64_t skip = offset + moved - start;
        if (skip >= 0 && skip < stretch.size_bytes && moved < count) {
            const std::int64_t size = std::min(stretch.size_bytes - skip, count - moved);
            move(stretch.data + skip, moved, static_cast<std::size_t>(size));
            moved += size;
        }
        start += stretch.size_bytes;
    }
    return moved;
}

std::int64_t State::read_at(std::int64_t offset, std::byte* out, std::int64_t count) const {
    return move_at(offset, count, [out](const std::byte* here, std::int64_t done, std::size_t size) {
        std::memcpy(out + done, here, size);
    });
}

std::int64_t State::write_at(std::int64_t offset, const std::byte* in, std::int64_t count) {
    if (offset < 8) {
        return 0;  // the position decides the layout and is fixed when the state is made
    }
    return move_at(offset, count, [in](std::byte* here, std::int64_t done, std::size_t size) {
        std::memcpy(here, in + done, size);
    });
}

void State::window_entries(std::int64_t layer, float* keys, float* values) const {
    const auto index = static_cast<std::size_t>(layer);
    const std::int64_t slots = config.has_cache(index) ? cache_block_tok : config.ring_entries();
    const std::int64_t kept = kept_entries(index);
    const std::int64_t d = config.head_dim;
    const auto widen = [&](const Buffer& codes, const Buffer& scales, std::int64_t slot, std::int64_t i) {
        const std::int64_t at = slot * d + i;
        switch (precision) {
            case WindowPrecision::f32:
                return codes.as<float>()[at];
            case WindowPrecision::f16:
                return float_of_f16(codes.as<std::uint16_t>()[at]);
            case WindowPrecision::i8:
                return static_cast<float>(codes.as<std::int8_t>()[at]) * scales.as<float>()[slot];
        }
        return 0.0f;
    };
    const auto copy = [&](const auto& memory, std::int64_t slot, std::int64_t to) {
        for (std::int64_t i = 0; i < d; ++i) {
            keys[to * d + i] = widen(memory.keys, memory.key_scales, slot, i);
            values[to * d + i] = widen(memory.values, memory.value_scales, slot, i);
        }
    };
    for (std::int64_t head = 0; head < config.kv_heads; ++head) {
        for (std::int64_t e = 0; e < kept; ++e) {
            const std::int64_t slot = head * slots + (position - kept + e) % slots;
            if (config.has_cache(index)) {
                copy(*cache[index].blocks[static_cast<std::size_t>(e / cache_block_tok)], slot, head * kept + e);
            } else {
                copy(window[index], slot, head * kept + e);
            }
        }
    }
}

}  // namespace hc
