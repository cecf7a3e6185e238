// One chunk (or one token) through the layers. Split from the model so that each half of a layer has its own file.
#pragma once

#include <atomic>
#include <cstdint>
#include <initializer_list>

#include "model/model.h"
#include "model/state.h"
#include "model/workspace.h"

namespace hc {

// One matrix product of a batch that shares its input.
struct Product {
    const Matrix* matrix;
    const Vector* bias;  // null or empty: none
    float* y;            // [tokens, matrix rows] dense
};

// Everything the parts of a chunk need. Thread rule: lives on the calling thread; pieces only read it.
class Chunk {
  public:
    // Without ids the chunk is the model's sinks; `sinks` is what those left behind, where there are any.
    Chunk(const Model& model, const State& state, Workspace& space, const Request& request, const Sinks* sinks);

    // Computes all layers into the workspace. The state is not touched, whatever the end.
    Status compute();
    // Makes the first `tokens` of the computed chunk part of the state; fewer than all only of a partial request. Cannot fail.
    void commit(State& state, std::int64_t tokens);

  private:
    void embed();
    void rotations();
    void normalise(const Vector& weight, std::int64_t from, bool add);
    // Codes rows of `input` with code_row(t, worker) into the workspace, and gives them in the order of the products.
    template <typename CodeRow>
    hc_tiles code(std::int64_t tokens, std::int64_t cols, std::int64_t operations, const CodeRow& code_row);
    void products(std::initializer_list<Product> list, const float* input, std::int64_t tokens);
    // The same with the input coded as spikes, where the model does that.
    // Input row t is token places[t] of the chunk; without places, the rows are its last tokens.
    void coded_products(std::size_t layer, Site site, std::initializer_list<Product> list, const float* input, std::int64_t tokens,
                        const std::int64_t* places = nullptr);
    template <typename Multiply>
    void split(std::initializer_list<Product> list, std::int64_t tokens, const Multiply& multiply);
    void code_queries(std::size_t layer);
    static void add_far_counts_q4(const hc_packed& w, std::int64_t begin, std::int64_t end, const hc_spikes& x, float* y);
    static void spell_out(const hc_spikes& row, std::int64_t cols, float* y);
    static std::int64_t site_place(std::size_t layer, Site site) {
        return static_cast<std::int64_t>(layer) * site_count + static_cast<std::int64_t>(site);
    }
    const SpikeRecord* record(std::size_t layer, Site site) const;
    void mix_gated(std::size_t layer);
    void mix_window(std::size_t layer, bool outputs_needed);
    void convolve(std::size_t layer);
    // Outputs [tokens, q_dim] of one layer's recurrence, every head normed later; rows as the products leave them.
    void recur(std::size_t layer, const float* q, const float* k, const float* v, float scale, float* o);
    // Moves one layer's part of the state on by the first tokens of a partial chunk, as its recurrence and convolution did.
    void recur_again(std::size_t layer, std::int64_t tokens, State& state) const;
    void convolve_again(std::size_t layer, std::int64_t tokens, State& state) const;
    const float* states_before(std::size_t layer) const;
    void step(hc_gla tokens) const;
    // Rotated queries and keys are in q and k: keeps the new entries and leaves what the heads see in `mixed`.
    void attend(std::size_t layer, bool outputs_needed);
    void attend_piece(std::size_t layer, std::int64_t head, std::int64_t block, float* scratch) const;
    hc_window_attend attend_kernel(WindowPrecision precision) const;
    void mix_branches(std::size_t layer, std::int64_t from);
    void norm_branch(const Vector& weight, float factor, float* heads, std::int64_t from);
    Status feed_forward(std::size_t layer, std::int64_t from);
    void feed_dense(std::size_t layer, const Expert& expert, std::int64_t inner, const float* input, std::int64_t rows, float* out,
                    const std::int64_t* places = nullptr);
    Status feed_experts(std::size_t layer, std::int64_t from);
    void route(std::size_t layer, const float* input, std::int64_t rows);
    void keep_hidden(std::int64_t row);

    bool of_sinks() const { return request_.ids == nullptr; }
    bool cancelled() const { return request_.cancel != nullptr && request_.cancel->is_set(); }

    // Runs body(piece, worker) over the pool, or here when the work is too small to share. Pieces are skipped once cancelled.
    template <typename Body>
    void share(std::int64_t pieces, std::int64_t operations, const Body& body) const {
        const auto guarded = [&](std::int64_t piece, int worker) {
            if (!cancelled()) {
                body(piece, worker);
            }
        };
        if (operations < shared_operations) {
            for (std::int64_t piece = 0; piece < pieces; ++piece) {
                guarded(piece, 0);
            }
            return;
        }
        model_.pool().run(pieces, guarded);
    }

    static constexpr std::int64_t shared_operations = 100'000;  // below, waking a thread costs more than it gives
    static constexpr std::int64_t piece_operations = 400'000;   // a piece of a matrix product, at least one row block
    static constexpr std::int64_t many_tokens = 24;  // from here on a piece is at least so many rows, whose weights are fetched
    static constexpr std::int64_t many_rows = 128;   // while others are multiplied, and for which activations stay near

    const Model& model_;
    const Config& config_;
    const hc_kernels& kernels_;
    const State& state_;
    Workspace& space_;
    const Request& request_;
    const Sinks* sinks_;
    const std::int64_t tokens_;
};

}  // namespace hc
