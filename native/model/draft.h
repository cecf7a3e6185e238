// A chunk computed beside a state and not yet part of it: any number of its first tokens may be committed, or none.
//
// Every token of a draft sees what it would have seen as a single step, so what is committed never depends on the tokens behind it. How a
// draft of tokens that were only guessed is verified: compute it with the logits of all of them, commit those that were right.
#pragma once

#include <cstdint>
#include <memory>

#include "model/model.h"
#include "model/state.h"

namespace hc {

class Workspace;

// Thread rule: one thread at a time. The state may be read, copied and dropped meanwhile, and even moved on, which makes the draft stale.
// Model and state outlive it.
class Draft {
  public:
    Draft(const Model& model, State& state);
    Draft(const Draft&) = delete;
    Draft& operator=(const Draft&) = delete;
    ~Draft();

    // Computes the request beside the state, as decoding, once. On anything but ok there is nothing to commit.
    Status compute(const Request& request);
    // Makes the first `tokens` of 1 .. the request's part of the state. Not ok: stale or busy, and the state is as it was. A draft is
    // committed once; dropping it instead leaves the state as if it had never been.
    Status commit(std::int64_t tokens);

    std::int64_t tokens() const { return tokens_; }  // that can be committed

  private:
    void give_back() noexcept;

    const Model& model_;
    State& state_;
    std::unique_ptr<Workspace> workspace_;  // null: nothing to commit
    SpikeTally* tally_ = nullptr;
    const Sinks* seen_ = nullptr;
    std::int64_t position_ = 0;  // of the state when this was computed
    std::int64_t tokens_ = 0;
};

}  // namespace hc
