// The memory of one running call: activations of a chunk and the next version of everything the chunk changes.
#pragma once

#include <cstdint>
#include <vector>

#include "core/arena.h"
#include "model/model.h"
#include "model/state.h"
#include "model/tally.h"

namespace hc {

// New contents of one layer's part of the state; committed only when the whole chunk is done.
struct StagedLayer {
    Buffer states, past;                             // as GlaMemory
    Buffer keys, values, key_scales, value_scales;   // window layers: [kv_heads, tokens, d], scales [kv_heads, tokens]
    // Of a chunk that may be committed in part: what its recurrence took, [tokens, kv_dim] each of k | v | log-decay, and what its
    // short convolution took, [tokens, channels] each of q | k | v.
    Buffer recurred, convolved;
};

// What the sinks leave in every layer: keys and values [kv_heads, sinks, d] in their own precision, states as GlaMemory.
struct Sinks {
    WindowPrecision precision;
    std::vector<StagedLayer> layers;
};

// Thread rule: belongs to one call at a time; `scratch(worker)` belongs to that worker.
class Workspace {
  public:
    Workspace() = default;

    // Makes room for a chunk. False when out of memory.
    [[nodiscard]] bool prepare(const Config& config, std::int64_t tokens, int workers);
    // And for what a commit of fewer tokens needs.
    [[nodiscard]] bool prepare_partial(const Config& config, std::int64_t tokens);

    float* x;       // [tokens, hidden] residual stream
    float* normed;  // [tokens, hidden]
    float* q;       // [tokens, q_dim]
    float* k;       // [tokens, kv_dim]
    float* v;       // [tokens, kv_dim]
    float* q_conv;  // as q, k, v; where there is a short convolution
    float* k_conv;
    float* v_conv;
    float* rank;    // [tokens, gate_rank]
    float* decay;   // [tokens, kv_dim] log-decay
    float* mixed;   // [tokens, q_dim]
    float* added;   // [tokens, hidden] what the last block adds to the residual stream
    float* mlp_gate;  // [tokens, intermediate]
    float* mlp_up;    // [tokens, intermediate]
    float* cosine;  // [tokens, d / 2]
    float* sine;    // [tokens, d / 2]
    // With branches only, as their namesakes:
    float* linear_q;
    float* linear_k;
    float* linear_v;      // projections of their own only
    float* linear_mixed;
    float* linear_added;  // an output matrix of its own only
    float* routes;        // [tokens, experts]
    float* gathered;      // [tokens, hidden] inputs of one expert
    float* expert_out;    // [tokens, hidden]
    float* weight;        // [tokens] what the chosen expert's output is multiplied by
    std::vector<std::int32_t> choice;  // [tokens] the chosen expert
    std::vector<std::int64_t> places;  // [tokens] which tokens of the chunk were gathered
    hc_codes codes; // activations in int8, room for the widest matrix input
    hc_tiles tiles;  // the same codes in the order of the products
    hc_spikes spikes;  // over the same codes; these and spiked only where inputs are coded as spikes
    float* spiked;     // [tokens, widest coded input] the same as floats
    std::vector<StagedLayer> staged;  // [layers]
    CallTally tally;                  // what was coded, where somebody counts

    float* scratch(int worker) const { return scratch_ + worker * scratch_floats_; }

  private:
    Buffer block_;
    Buffer scratch_block_;
    float* scratch_ = nullptr;
    std::int64_t scratch_floats_ = 0;
    std::int64_t tokens_ = 0;
    std::int64_t partial_tokens_ = 0;
    int workers_ = 0;
};

// Tokens whose window attention is one piece of work.
inline constexpr std::int64_t attend_tokens = 16;
// Window entries between two looks at the cancel flag: a full window of the reference kernels would take too long at once.
// A multiple of the kernels' own blocks, so that no sum depends on it.
inline constexpr std::int64_t attend_keys = 512;
static_assert(attend_keys % HC_KEY_BLOCK == 0);

// Float counts of the kernels' scratch memory, as the table's comments state them.
std::int64_t gla_scratch_floats(const Config& config);
std::int64_t attend_scratch_floats(const Config& config);

}  // namespace hc
