// Layers whose linear and softmax branch run side by side, and their routed experts.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <memory>

#include "model/chunk.h"

namespace hc {

// Leaves the branches' sum in `mixed`, or each branch in its own place where each has its own output matrix.
void Chunk::mix_branches(std::size_t index, std::int64_t from) {
    const Layer& layer = model_.layers[index];
    const Branches& branches = config_.branches;
    const std::int64_t d = config_.head_dim;
    const std::int64_t q_dim = config_.q_dim();
    const std::int64_t kv_dim = config_.kv_dim();
    const Product q{&layer.q, &layer.q_bias, space_.q};
    const Product k{&layer.k, &layer.k_bias, space_.k};
    const Product v{&layer.v, &layer.v_bias, space_.v};
    if (branches.own_qkv) {
        coded_products(index, Site::mixer,
                       {q, k, v, {&layer.linear_q, &layer.linear_q_bias, space_.linear_q},
                        {&layer.linear_k, &layer.linear_k_bias, space_.linear_k},
                        {&layer.linear_v, &layer.linear_v_bias, space_.linear_v}},
                       space_.normed, tokens_);
    } else {
        coded_products(index, Site::mixer, {q, k, v}, space_.normed, tokens_);
        std::copy(space_.q, space_.q + tokens_ * q_dim, space_.linear_q);
        std::copy(space_.k, space_.k + tokens_ * kv_dim, space_.linear_k);
    }
    kernels_.rope(space_.q, q_dim, tokens_, config_.heads, d, space_.cosine, space_.sine);
    kernels_.rope(space_.k, kv_dim, tokens_, config_.kv_heads, d, space_.cosine, space_.sine);
    attend(index, from < tokens_);

    if (of_sinks() && !branches.linear_sinks) {
        std::fill(space_.linear_mixed, space_.linear_mixed + tokens_ * q_dim, 0.0f);
        const Buffer& states = space_.staged[index].states;
        std::memset(states.bytes(), 0, states.size_bytes());
    } else {
        share(tokens_, tokens_ * 16 * (q_dim + kv_dim), [&](std::int64_t t, int) {
            kernels_.sigmoid_gate(space_.linear_q + t * q_dim, nullptr, q_dim);
            kernels_.sigmoid_gate(space_.linear_k + t * kv_dim, space_.decay + t * kv_dim, kv_dim);
        });
        if (branches.linear_rope) {
            kernels_.rope(space_.linear_q, q_dim, tokens_, config_.heads, d, space_.cosine, space_.sine);
            kernels_.rope(space_.linear_k, kv_dim, tokens_, config_.kv_heads, d, space_.cosine, space_.sine);
        }
        const float scale = branches.linear_scale ? 1.0f / std::sqrt(static_cast<float>(d)) : 1.0f;
        recur(index, space_.linear_q, space_.linear_k, branches.own_qkv ? space_.linear_v : space_.v, scale, space_.linear_mixed);
    }
    if (from == tokens_) {
        return;
    }
    norm_branch(layer.linear_norm, layer.mixture[0], space_.linear_mixed, from);
    norm_branch(layer.softmax_norm, layer.mixture[1], space_.mixed, from);
    if (!branches.own_output) {
        for (std::int64_t i = from * q_dim; i < tokens_ * q_dim; ++i) {
            space_.mixed[i] += space_.linear_mixed[i];
        }
    }
}

void Chunk::norm_branch(const Vector& weight, float factor, float* heads, std::int64_t from) {
    const std::int64_t q_dim = config_.q_dim();
    const std::int64_t rows = config_.branches.whole_norm ? 1 : config_.heads;
    share(tokens_ - from, (tokens_ - from) * q_dim * 4, [&](std::int64_t piece, int) {
        float* row = heads + (from + piece) * q_dim;
        kernels_.rmsnorm(row, weight.data(), rows, q_dim / rows, config_.branches.norm_eps, row);
        for (std::int64_t i = 0; i < q_dim; ++i) {
            row[i] *= factor;
        }
    });
}

// The expert of each token and what its output is multiplied by; of equal experts the first.
void Chunk::route(std::size_t index, const float* input, std::int64_t rows) {
    const Branches& branches = config_.branches;
    products({{&model_.layers[index].router, nullptr, space_.routes}}, input, rows);
    for (std::int64_t t = 0; t < rows; ++t) {
        const float* scores = space_.routes + t * branches.experts;
        const float* best = std::max_element(scores, scores + branches.experts);
        float total = 0.0f;
        if (branches.router_sigmoid) {
            total = 1.0f + std::exp(-*best);
        } else {
            for (std::int64_t e = 0; e < branches.experts; ++e) {
                total += std::exp(scores[e] - *best);
            }
        }
        space_.choice[static_cast<std::size_t>(t)] = static_cast<std::int32_t>(best - scores);
        space_.weight[t] = branches.router_weighs ? 1.0f / total : 1.0f;
    }
}

// Takes one expert after the other, only those that a token chose, each with all its tokens.
Status Chunk::feed_experts(std::size_t index, std::int64_t from) {
    const Layer& layer = model_.layers[index];
    const Branches& branches = config_.branches;
    const std::int64_t hidden = config_.hidden_size;
    const std::int64_t rows = tokens_ - from;
    const float* input = space_.normed + from * hidden;
    float* added = space_.added + from * hidden;
    route(index, input, rows);
    if (branches.shared_expert) {
        feed_dense(index, {layer.mlp_gate, layer.mlp_up, layer.mlp_down}, branches.expert_size, input, rows, added);
    } else {
        std::fill(added, added + rows * hidden, 0.0f);
    }
    for (std::int64_t e = 0; e < branches.experts; ++e) {
        std::int64_t count = 0;
        for (std::int64_t t = 0; t < rows; ++t) {
            if (space_.choice[static_cast<std::size_t>(t)] == e) {
                std::copy(input + t * hidden, input + (t + 1) * hidden, space_.gathered + count * hidden);
                space_.places[static_cast<std::size_t>(count)] = from + t;
                ++count;
            }
        }
        if (count == 0) {
            continue;
        }
        if (cancelled()) {
            return Status::cancelled;
        }
        std::unique_ptr<ExpertLease> lease;
        if (layer.experts.empty()) {
            lease = model_.expert_source->take(static_cast<std::int64_t>(index), e);
            if (lease == nullptr) {
                return Status::unreadable;
            }
        }
        const Expert& expert = lease != nullptr ? lease->expert : layer.experts[static_cast<std::size_t>(e)];
        feed_dense(index, expert, branches.expert_size, space_.gathered, count, space_.expert_out, space_.places.data());
        const float* out = space_.expert_out;
        for (std::int64_t t = 0; t < rows; ++t) {
            if (space_.choice[static_cast<std::size_t>(t)] == e) {
                for (std::int64_t i = 0; i < hidden; ++i) {
                    added[t * hidden + i] += space_.weight[t] * out[i];
                }
                out += hidden;
            }
        }
    }
    return Status::ok;
}

}  // namespace hc
