#include "model/chunk.h"

#include <algorithm>
#include <cmath>
#include <cstring>

namespace hc {

Chunk::Chunk(const Model& model, const State& state, Workspace& space, const Request& request, const Sinks* sinks)
    : model_(model),
      config_(model.config()),
      kernels_(model.kernels()),
      state_(state),
      space_(space),
      request_(request),
      sinks_(sinks),
      tokens_(request.tokens) {}

Status Chunk::compute() {
    embed();
    rotations();
    keep_hidden(0);
    for (std::size_t i = 0; i < model_.layers.size(); ++i) {
        const Layer& layer = model_.layers[i];
        // Behind the last mixer only the positions whose logits are wanted go on.
        const bool last = i + 1 == model_.layers.size() && request_.hidden == nullptr;
        const std::int64_t from = last ? tokens_ - request_.logit_rows : 0;
        normalise(layer.attn_norm, 0, i > 0);
        if (i > 0) {
            keep_hidden(static_cast<std::int64_t>(i));
        }
        if (config_.branches.on) {
            mix_branches(i, from);
        } else if (config_.has_window(i)) {
            mix_window(i, from < tokens_);
        } else {
            mix_gated(i);
        }
        if (cancelled()) {
            return Status::cancelled;
        }
        if (from < tokens_) {
            if (const Status status = feed_forward(i, from); status != Status::ok) {
                return status;
            }
        }
        if (cancelled()) {
            return Status::cancelled;
        }
    }
    const std::int64_t from = request_.hidden != nullptr ? 0 : tokens_ - request_.logit_rows;
    if (from < tokens_) {
        normalise(model_.norm, from, true);
        keep_hidden(config_.layers);
        if (request_.hidden != nullptr) {
            const std::int64_t size = tokens_ * config_.hidden_size;
            std::memcpy(request_.hidden + (config_.layers + 1) * size, space_.normed,
                        static_cast<std::size_t>(size) * sizeof(float));
        }
    }
    if (request_.logit_rows > 0) {
        const std::int64_t first = (tokens_ - request_.logit_rows) * config_.hidden_size;
        products({{&model_.lm_head, nullptr, request_.logits}}, space_.normed + first, request_.logit_rows);
    }
    return cancelled() ? Status::cancelled : Status::ok;
}

void Chunk::commit(State& state, std::int64_t tokens) {
    const std::int64_t slots = config_.ring_entries();
    const std::int64_t entry_bytes = config_.head_dim * element_bytes(state.precision);
    // Entry t of the chunk goes to `slot` of memory that holds `stride` entries per head.
    const auto keep = [&](const StagedLayer& staged, auto& memory, std::int64_t stride, std::int64_t t, std::int64_t slot) {
        const auto copy = [&](const Buffer& to, const Buffer& fresh, std::int64_t head, std::int64_t size_bytes) {
            std::memcpy(to.bytes() + (head * stride + slot) * size_bytes, fresh.bytes() + (head * tokens_ + t) * size_bytes,
                        static_cast<std::size_t>(size_bytes));
        };
        for (std::int64_t head = 0; head < config_.kv_heads; ++head) {
            copy(memory.keys, staged.keys, head, entry_bytes);
            copy(memory.values, staged.values, head, entry_bytes);
            if (state.precision == WindowPrecision::i8) {
                copy(memory.key_scales, staged.key_scales, head, sizeof(float));
                copy(memory.value_scales, staged.value_scales, head, sizeof(float));
            }
        }
    };
    for (std::size_t i = 0; i < model_.layers.size(); ++i) {
        StagedLayer& staged = space_.staged[i];
        if (config_.has_linear(i) && tokens == tokens_) {
            state.gla[i].states.swap(staged.states);
            state.gla[i].past.swap(staged.past);
        } else if (config_.has_linear(i)) {
            recur_again(i, tokens, state);
            convolve_again(i, tokens, state);
        }
        if (config_.has_window(i)) {
            for (std::int64_t t = std::max<std::int64_t>(0, tokens - slots); t < tokens; ++t) {
                keep(staged, state.window[i], slots, t, (state.position + t) % slots);
            }
        } else if (config_.has_cache(i)) {
            for (std::int64_t t = 0; t < tokens; ++t) {
                const std::int64_t at = state.position + t;
                keep(staged, *state.cache[i].blocks[static_cast<std::size_t>(at / cache_block_tok)], cache_block_tok, t,
                     at % cache_block_tok);
            }
        }
    }
    state.position += tokens;
}

void Chunk::embed() {
    const Matrix& matrix = of_sinks() ? model_.sinks : model_.embeddings;
    hc_embed row = kernels_.embed_f32;
    switch (matrix.format) {
        case Format::bf16:
            row = kernels_.embed_bf16;
            break;
        case Format::q8:
            row = kernels_.embed_q8;
            break;
        case Format::q4:
            row = kernels_.embed_q4;
            break;
        case Format::f32:
        case Format::s8:
        case Format::none:
            break;
    }
    for (std::int64_t t = 0; t < tokens_; ++t) {
        row(&matrix.weights, of_sinks() ? t : request_.ids[t], space_.x + t * config_.hidden_size);
    }
}

// Angles as the training saw them, position times a float32 frequency, but the product and its sine in float64: in float32
// the angle itself would be off by 0.01 at position 10^5.
void Chunk::rotations() {
    const Branches& branches = config_.branches;
    if (!branches.on && std::find(config_.is_window.begin(), config_.is_window.end(), char{1}) == config_.is_window.end()) {
        return;
    }
    const std::int64_t first = state_.position + (branches.sink_positions && !of_sinks() ? branches.sinks : 0);
    const bool turned = branches.sink_positions || !of_sinks();
    const std::int64_t half = config_.head_dim / 2;
    for (std::int64_t i = 0; i < half; ++i) {
        const double exponent = -2.0 * static_cast<double>(i) / static_cast<double>(config_.head_dim);
        const float frequency = static_cast<float>(std::pow(config_.rope_theta, exponent));
        for (std::int64_t t = 0; t < tokens_; ++t) {
            const double angle = turned ? static_cast<double>(first + t) * static_cast<double>(frequency) : 0.0;
            space_.cosine[t * half + i] = static_cast<float>(std::cos(angle));
            space_.sine[t * half + i] = static_cast<float>(std::sin(angle));
        }
    }
}

// normed = rmsnorm(x) from position `from` on, after adding what the last block left in `added`.
void Chunk::normalise(const Vector& weight, std::int64_t from, bool add) {
    const std::int64_t n = config_.hidden_size;
    share(tokens_ - from, (tokens_ - from) * n * 4, [&](std::int64_t piece, int) {
        const std::int64_t at = (from + piece) * n;
        if (add) {
            kernels_.add_rmsnorm(space_.x + at, space_.added + at, weight.data(), 1, n, config_.norm_eps, space_.normed + at);
        } else {
            kernels_.rmsnorm(space_.x + at, weight.data(), 1, n, config_.norm_eps, space_.normed + at);
        }
    });
}

template <typename CodeRow>
hc_tiles Chunk::code(std::int64_t tokens, std::int64_t cols, std::int64_t operations, const CodeRow& code_row) {
    hc_codes codes = space_.codes;
    hc_tiles tiles = space_.tiles;
    codes.tokens = tiles.tokens = tokens;
    codes.groups = tiles.groups = (cols + HC_GROUP - 1) / HC_GROUP;
    share((tokens + HC_TILE_TOKENS - 1) / HC_TILE_TOKENS, operations, [&](std::int64_t tile, int worker) {
        const std::int64_t first = tile * HC_TILE_TOKENS;
        for (std::int64_t t = first; t < std::min<std::int64_t>(first + HC_TILE_TOKENS, tokens); ++t) {
            code_row(t, worker);
        }
        kernels_.tile_codes(&codes, tile, &tiles);
    });
    return tiles;
}

void Chunk::products(std::initializer_list<Product> list, const float* input, std::int64_t tokens) {
    const std::int64_t cols = list.begin()->matrix->weights.cols;
    const std::int64_t groups = (cols + HC_GROUP - 1) / HC_GROUP;
    hc_tiles tiles{};
    if (std::any_of(list.begin(), list.end(), [](const Product& p) { return p.matrix->is_integer(); })) {
        const hc_codes& codes = space_.codes;
        tiles = code(tokens, cols, tokens * cols * 2, [&](std::int64_t t, int) {
            const hc_rows row{input + t * cols, 1, cols};
            const hc_codes out{codes.codes + t * groups * HC_GROUP, codes.scales + t * groups, codes.sums + t * groups, 1, groups};
            kernels_.quantise_rows(&row, cols, &out);
        });
    }
    const hc_rows rows{input, tokens, cols};
    split(list, tokens, [&](const Product& product, std::int64_t begin, std::int64_t end, const float* bias, float* scratch) {
        const hc_matrix& w = product.matrix->weights;
        switch (product.matrix->format) {
            case Format::f32:
                kernels_.matmul_f32(&w, begin, end, &rows, bias, product.y, w.rows, scratch);
                break;
            case Format::bf16:
                kernels_.matmul_bf16(&w, begin, end, &rows, bias, product.y, w.rows, scratch);
                break;
            case Format::q8:
                kernels_.matmul_q8(&product.matrix->packed, begin, end, &tiles, bias, product.y, w.rows);
                break;
            case Format::q4:
                kernels_.matmul_q4(&product.matrix->packed, begin, end, &tiles, bias, product.y, w.rows);
                break;
            case Format::s8:  // the binding takes such matrices only where inputs are coded
            case Format::none:
                break;
        }
    });
}

// Runs multiply(product, first row, end row, bias, scratch) over all rows of all matrices of the list, in pieces.
template <typename Multiply>
void Chunk::split(std::initializer_list<Product> list, std::int64_t tokens, const Multiply& multiply) {
    const std::int64_t cols = list.begin()->matrix->weights.cols;
    const std::int64_t wanted = piece_operations / (cols * tokens) / HC_ROW_BLOCK * HC_ROW_BLOCK;
    const std::int64_t piece_rows = std::max<std::int64_t>(wanted, tokens < many_tokens ? std::int64_t{HC_ROW_BLOCK} : many_rows);
    std::int64_t pieces = 0;
    std::int64_t operations = 0;
    for (const Product& product : list) {
        pieces += (product.matrix->weights.rows + piece_rows - 1) / piece_rows;
        operations += product.matrix->weights.rows * cols * tokens;
    }
    share(pieces, operations, [&](std::int64_t piece, int worker) {
        const Product* product = list.begin();
        for (;; ++product) {
            const std::int64_t own = (product->matrix->weights.rows + piece_rows - 1) / piece_rows;
            if (piece < own) {
                break;
            }
            piece -= own;
        }
        const std::int64_t begin = piece * piece_rows;
        const float* bias = product->bias != nullptr && !product->bias->empty() ? product->bias->data() : nullptr;
        multiply(*product, begin, std::min(begin + piece_rows, product->matrix->weights.rows), bias, space_.scratch(worker));
    });
}

const SpikeRecord* Chunk::record(std::size_t layer, Site site) const {
    if (request_.spikes == nullptr) {
        return nullptr;
    }
    const SpikeRecord* found = request_.spikes + static_cast<std::int64_t>(layer) * site_count + static_cast<std::int64_t>(site);
    return found->counts != nullptr ? found : nullptr;
}

void Chunk::coded_products(std::size_t layer, Site site, std::initializer_list<Product> list, const float* input,
                           std::int64_t tokens, const std::int64_t* places) {
    if (!config_.is_spiking() || (site == Site::down && !config_.spike_down)) {
        products(list, input, tokens);
        return;
    }
    const std::int64_t cols = list.begin()->matrix->weights.cols;
    const std::int64_t groups = (cols + HC_GROUP - 1) / HC_GROUP;
    const SpikeRecord* wanted = record(layer, site);
    const auto is_integer = [](const Product& p) { return p.matrix->is_integer(); };
    const bool as_counts = wanted != nullptr || std::any_of(list.begin(), list.end(), is_integer);
    const bool as_floats = !std::all_of(list.begin(), list.end(), is_integer);
    hc_spikes spikes = space_.spikes;
    spikes.codes = space_.codes;
    spikes.codes.tokens = tokens;
    spikes.codes.groups = groups;
    const bool far = std::any_of(list.begin(), list.end(), [](const Product& p) { return p.matrix->packed.far_starts != nullptr; });
    spikes.ldc = (tokens + HC_COLUMN_STEP - 1) / HC_COLUMN_STEP * HC_COLUMN_STEP;
    spikes.columns = far ? space_.spikes.columns : nullptr;
    // A shared expert codes every token's input; the routed ones, which come after it, code some of the same again.
    const bool first = request_.tally == nullptr || !space_.tally.closed(site_place(layer, site));
    const bool again = !first && site == Site::mlp && config_.branches.shared_expert;
    const hc_tiles tiles = code(tokens, cols, tokens * cols * 4, [&](std::int64_t t, int worker) {
        const std::int64_t place = places != nullptr ? places[t] : tokens_ - tokens + t;
        const bool counted = space_.tally.counts(place) && !again;
        const bool sampled = space_.tally.samples(place) && first;
        if (as_counts || counted || sampled) {
            const hc_rows row{input + t * cols, 1, cols};
            const hc_spikes out{{spikes.codes.codes + t * groups * HC_GROUP, spikes.codes.scales + t * groups,
                                 spikes.codes.sums + t * groups, 1, groups},
                                spikes.counts + t * cols,
                                spikes.beyond + t,
                                spikes.far_places + t * HC_FAR_PLACES,
                                nullptr,
                                0};
            kernels_.spike_rows(&row, cols, config_.spike_k, &out);
            if (counted) {
                space_.tally.count(worker, place, out.codes.codes, cols, out.counts, out.beyond[0]);
            }
            if (sampled) {
                space_.tally.keep(site_place(layer, site), place, out.codes.codes, 0, cols, cols);
            }
            if (as_floats) {
                spell_out(out, cols, space_.spiked + t * cols);
            }
        } else {
            kernels_.spike_values(input + t * cols, 1, cols, config_.spike_k, space_.spiked + t * cols);
        }
    });
    if (request_.tally != nullptr) {
        space_.tally.close(site_place(layer, site));
    }
    if (wanted != nullptr) {
        for (std::int64_t t = 0; t < tokens; ++t) {
            wanted->thresholds[t] = spikes.codes.scales[t * groups];
            std::copy(spikes.counts + t * cols, spikes.counts + (t + 1) * cols, wanted->counts + t * cols);
        }
    }
    if (far) {
        share(spikes.ldc / HC_COLUMN_STEP, tokens * cols * 2, [&](std::int64_t step, int) {
            kernels_.spike_columns(&spikes, cols, step * HC_COLUMN_STEP);
        });
    }
    const hc_rows rows{space_.spiked, tokens, cols};
    split(list, tokens, [&](const Product& product, std::int64_t begin, std::int64_t end, const float* bias, float* scratch) {
        const hc_matrix& w = product.matrix->weights;
        switch (product.matrix->format) {
            case Format::f32:
                kernels_.matmul_f32(&w, begin, end, &rows, bias, product.y, w.rows, scratch);
                break;
            case Format::bf16:
                kernels_.matmul_bf16(&w, begin, end, &rows, bias, product.y, w.rows, scratch);
                break;
            case Format::q8:
            case Format::s8:
                kernels_.matmul_spike(&product.matrix->packed, begin, end, &spikes, &tiles, bias, product.y, w.rows, scratch);
                break;
            case Format::q4:
                kernels_.matmul_q4(&product.matrix->packed, begin, end, &tiles, bias, product.y, w.rows);
                add_far_counts_q4(product.matrix->packed, begin, end, spikes, product.y);
                break;
            case Format::none:
                break;
        }
    });
}

// From the mixed heads to the end of the layer; leaves the block's own contribution in `added`.
Status Chunk::feed_forward(std::size_t index, std::int64_t from) {
    const Layer& layer = model_.layers[index];
    const std::int64_t rows = tokens_ - from;
    const std::int64_t hidden = config_.hidden_size;
    float* added = space_.added + from * hidden;
    coded_products(index, Site::output, {{&layer.o, nullptr, added}}, space_.mixed + from * config_.q_dim(), rows);
    if (config_.branches.own_output) {
        coded_products(index, Site::output, {{&layer.linear_o, nullptr, space_.linear_added}},
                       space_.linear_mixed + from * config_.q_dim(), rows);
        for (std::int64_t i = 0; i < rows * hidden; ++i) {
            added[i] += space_.linear_added[i];
        }
    }
    normalise(layer.mlp_norm, from, true);
    if (config_.is_routed(index)) {
        return feed_experts(index, from);
    }
    feed_dense(index, {layer.mlp_gate, layer.mlp_up, layer.mlp_down}, config_.intermediate_size, space_.normed + from * hidden, rows,
               added);
    return Status::ok;
}

void Chunk::feed_dense(std::size_t index, const Expert& expert, std::int64_t inner, const float* input, std::int64_t rows, float* out,
                       const std::int64_t* places) {
    coded_products(index, Site::mlp, {{&expert.gate, nullptr, space_.mlp_gate}, {&expert.up, nullptr, space_.mlp_up}}, input, rows,
                   places);
    share(rows, rows * inner * 8, [&](std::int64_t t, int) {
        kernels_.silu_mul(space_.mlp_gate + t * inner, space_.mlp_up + t * inner, inner);
    });
    coded_products(index, Site::down, {{&expert.down, nullptr, out}}, space_.mlp_gate, rows, places);
}

void Chunk::keep_hidden(std::int64_t row) {
    if (request_.hidden != nullptr) {
        const std::int64_t size = tokens_ * config_.hidden_size;
        std::memcpy(request_.hidden + row * size, space_.x, static_cast<std::size_t>(size) * sizeof(float));
    }
}

}  // namespace hc
