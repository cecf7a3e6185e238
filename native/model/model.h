// A `gla_swa` model: sizes, weights by role, the kernel table and the pool it runs on. Knows no tensor names and no files.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "core/arena.h"
#include "core/pool.h"
#include "core/status.h"
#include "huisclos/kernels.h"

namespace hc {

// A model whose layers run a linear and a softmax branch side by side over one input, and routed experts behind some of them.
struct Branches {
    bool on;              // all that follows is unused where this is false
    bool own_qkv;         // the linear branch has projections of its own
    bool own_output;      // and an output matrix of its own
    bool whole_norm;      // a branch is normed over all its channels, not head by head
    bool linear_rope;     // rotates queries and keys of the linear branch, behind their map
    bool linear_scale;    // its queries are scaled by 1 / sqrt(d)
    bool linear_sinks;    // its recurrence begins with the sinks
    bool sink_positions;  // sinks have the positions from 0 on and the text follows; else they are not rotated and the text begins at 0
    bool shared_expert;
    bool router_sigmoid;  // the router's map; else softmax
    bool router_weighs;   // the chosen expert's output is multiplied by its probability
    float norm_eps;       // of the branches' norms
    std::int64_t sinks;   // learned tokens before every text, seen by all of it
    std::int64_t experts, expert_size;  // 0 experts: none
    std::vector<char> is_routed;  // [layers]
};

struct Config {
    std::int64_t vocab_size, hidden_size, layers, heads, kv_heads, head_dim, intermediate_size, gate_rank, sliding_window;
    std::int64_t conv_size;  // 0: no short convolution
    bool merged_gate;        // the decay gate is one matrix instead of a low-rank pair
    bool spike_down;         // the input of the last MLP matrix is coded as well; only with spike_k
    float gate_normalizer, norm_eps;
    float spike_k;           // 0: no spike coding; else thresholds are mean|x| / spike_k
    double rope_theta;
    std::vector<char> is_window;  // [layers]: 1 window attention, 0 gated linear attention (with branches: attention to everything)
    Branches branches;

    bool has_linear(std::size_t layer) const { return branches.on || is_window[layer] == 0; }
    bool has_window(std::size_t layer) const { return is_window[layer] != 0; }
    bool has_cache(std::size_t layer) const { return branches.on && is_window[layer] == 0; }
    bool is_routed(std::size_t layer) const { return branches.on && branches.is_routed[layer] != 0; }
    std::int64_t widest_mlp() const { return std::max(intermediate_size, branches.expert_size); }
    std::int64_t group() const { return heads / kv_heads; }
    std::int64_t q_dim() const { return heads * head_dim; }
    std::int64_t kv_dim() const { return kv_heads * head_dim; }
    std::int64_t ring_entries() const { return sliding_window + 1; }
    std::int64_t conv_past() const { return conv_size > 0 ? conv_size - 1 : 0; }
    bool is_spiking() const { return spike_k > 0.0f; }
};

enum class Format { none, f32, bf16, q8, q4, s8 };

// Float matrices and those of which only rows are looked up are borrowed: the owner of the model keeps the arrays alive. Integer ones
// that are multiplied are packed copies (model/packing.h).
struct Matrix {
    hc_matrix weights{};  // with null data where there is a packed copy
    hc_packed packed{};   // with null data where there is none
    Format format = Format::none;
    std::shared_ptr<const Buffer> room;  // of the packed copy
    std::shared_ptr<const Buffer> far_room;  // of its far entries

    bool is_integer() const { return format == Format::q8 || format == Format::q4 || format == Format::s8; }
};

using Vector = std::vector<float>;  // owned copy; empty while unset

struct Expert {
    Matrix gate, up, down;
};

// Keeps an expert's weights in memory while it lives.
class ExpertLease {
  public:
    ExpertLease() = default;
    ExpertLease(const ExpertLease&) = delete;
    ExpertLease& operator=(const ExpertLease&) = delete;
    virtual ~ExpertLease() = default;
    Expert expert;
};

// Where experts come from that are not held by the model itself. Thread rule: called on the thread of a run, of several at once.
class ExpertSource {
  public:
    ExpertSource() = default;
    ExpertSource(const ExpertSource&) = delete;
    ExpertSource& operator=(const ExpertSource&) = delete;
    virtual ~ExpertSource() = default;
    // Null when it cannot be had; the source remembers why.
    virtual std::unique_ptr<ExpertLease> take(std::int64_t layer, std::int64_t expert) const = 0;
};

struct Layer {
    Vector attn_norm, mlp_norm;
    Matrix q, k, v, o;
    Vector q_bias, k_bias, v_bias;
    Matrix gate_down, gate_up;  // the low-rank pair of the decay gate, or the merged one in gate_up; gated linear layers only
    Vector gate_bias, head_norm;
    Vector q_conv, k_conv, v_conv;  // [conv_size, channels]; gated linear layers with short convolution only
    Matrix mlp_gate, mlp_up, mlp_down;  // of the shared expert in a routed layer
    // With branches only:
    Matrix linear_q, linear_k, linear_v, linear_o;
    Vector linear_q_bias, linear_k_bias, linear_v_bias;
    Vector linear_norm, softmax_norm;  // [head_dim], or [q_dim] with whole_norm
    Vector mixture;                    // [2] what the linear and the softmax branch are multiplied by
    Matrix router;                     // [experts, hidden]
    std::vector<Expert> experts;       // empty where they come from a source
};

class Workspace;
class State;
class SpikeTally;
struct Sinks;

// Where inputs are coded as spikes; one record per layer and site.
enum class Site { mixer, output, mlp, down, query };
inline constexpr std::int64_t site_count = 5;

struct SpikeRecord {
    float* counts;      // [tokens, inputs] (query: [tokens, heads, d]); null: not wanted
    float* thresholds;  // [tokens] (query: [tokens, heads])
};

// What one call asks for beside advancing the state.
struct Request {
    const std::int32_t* ids;  // [tokens], each below vocab_size
    std::int64_t tokens;      // at least 1
    bool decode;              // which window rule the positions follow (mode hf)
    std::int64_t logit_rows;  // logits of the last so many positions
    float* logits;            // [logit_rows, vocab_size]
    float* hidden;            // null, or [layers + 2, tokens, hidden_size]
    const CancelFlag* cancel; // may be null
    SpikeTally* tally;        // null, or gets what was coded; only where inputs are
    const SpikeRecord* spikes; // null, or [layers * site_count]; only together with hidden, which keeps every position to the end
    bool partial = false;      // any number of its first tokens may be committed (model/draft.h); every token is then computed as a step's
};

// Thread rule: read-only once sealed; `run` may be called by several threads with different states.
class Model {
  public:
    Model(Config config, const hc_kernels* kernels, int threads);
    ~Model();
    Model(const Model&) = delete;
    Model& operator=(const Model&) = delete;

    const Config& config() const { return config_; }
    const hc_kernels& kernels() const { return *kernels_; }
    Pool& pool() const { return pool_; }

    std::vector<Layer> layers;
    Matrix embeddings, lm_head;
    Matrix sinks;  // [sinks, hidden]
    Vector norm;
    std::unique_ptr<const ExpertSource> expert_source;  // may be null

    // Reads the tokens into the state. On anything but ok the state is exactly as before.
    Status run(State& state, const Request& request) const;

  private:
    friend class Draft;
    // Computes a chunk beside the state, which has room for it afterwards; `seen` is what its sinks left behind.
    Status compute(State& state, const Request& request, Workspace& workspace, const Sinks*& seen) const;
    // Makes the first `tokens` of a computed chunk part of the state and of the tally. Cannot fail.
    void commit(State& state, const Request& request, Workspace& workspace, const Sinks* seen, std::int64_t tokens) const;
    // What the sinks leave behind in every layer, computed by the first call that needs it.
    Status ready_sinks(const CancelFlag* cancel, const Sinks*& ready) const;
    std::unique_ptr<Workspace> borrow_workspace() const;
    void return_workspace(std::unique_ptr<Workspace> workspace) const noexcept;

    Config config_;
    const hc_kernels* kernels_;
    mutable Pool pool_;
    mutable std::mutex spare_gate_;
    mutable std::vector<std::unique_ptr<Workspace>> spares_;
    mutable std::mutex sink_gate_;
    mutable std::unique_ptr<const Sinks> sinks_;
};

}  // namespace hc
