#include "model/draft.h"

#include <new>
#include <utility>

#include "core/float_mode.h"
#include "model/workspace.h"

namespace hc {

Draft::Draft(const Model& model, State& state) : model_(model), state_(state) {}

Draft::~Draft() { give_back(); }

void Draft::give_back() noexcept {
    tokens_ = 0;
    if (workspace_ != nullptr) {
        model_.return_workspace(std::move(workspace_));
    }
}

Status Draft::compute(const Request& request) try {
    const StateHold hold(state_);
    if (!hold.taken()) {
        return Status::busy;
    }
    const FlushSubnormals flush;
    give_back();
    workspace_ = model_.borrow_workspace();
    Request own = request;
    own.decode = true;
    own.partial = true;
    const Status status = model_.compute(state_, own, *workspace_, seen_);
    if (status != Status::ok) {
        give_back();
        return status;
    }
    tally_ = request.tally;
    position_ = state_.position;
    tokens_ = request.tokens;
    return Status::ok;
} catch (const std::bad_alloc&) {
    give_back();
    return Status::out_of_memory;
}

Status Draft::commit(std::int64_t tokens) {
    const StateHold hold(state_);
    if (!hold.taken()) {
        return Status::busy;
    }
    if (workspace_ == nullptr || tokens < 1 || tokens > tokens_ || state_.position != position_) {
        return Status::stale;
    }
    const FlushSubnormals flush;
    Request request{};
    request.tokens = tokens_;
    request.tally = tally_;
    request.partial = true;
    model_.commit(state_, request, *workspace_, seen_, tokens);
    give_back();
    return Status::ok;
}

}  // namespace hc
