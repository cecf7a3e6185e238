#include "model/model.h"

#include <new>
#include <utility>

#include "core/float_mode.h"
#include "model/chunk.h"
#include "model/state.h"
#include "model/tally.h"
#include "model/workspace.h"

namespace hc {

Model::Model(Config config, const hc_kernels* kernels, int threads)
    : layers(static_cast<std::size_t>(config.layers)), config_(std::move(config)), kernels_(kernels), pool_(threads) {}

Model::~Model() = default;

std::unique_ptr<Workspace> Model::borrow_workspace() const {
    {
        const std::lock_guard<std::mutex> lock(spare_gate_);
        if (!spares_.empty()) {
            auto workspace = std::move(spares_.back());
            spares_.pop_back();
            return workspace;
        }
    }
    return std::make_unique<Workspace>();
}

// A call that has already changed its state must not fail for want of room to keep its workspace.
void Model::return_workspace(std::unique_ptr<Workspace> workspace) const noexcept try {
    const std::lock_guard<std::mutex> lock(spare_gate_);
    spares_.push_back(std::move(workspace));
} catch (const std::bad_alloc&) {
}

// Sinks see one another and never the text, so what text sees of them is the same for every text.
Status Model::ready_sinks(const CancelFlag* cancel, const Sinks*& ready) const {
    ready = nullptr;
    if (config_.branches.sinks == 0) {
        return Status::ok;
    }
    const std::lock_guard<std::mutex> lock(sink_gate_);
    if (sinks_ == nullptr) {
        const WindowPrecision precision = config_.is_spiking() ? WindowPrecision::i8 : WindowPrecision::f32;
        const auto empty = State::create(config_, precision, WindowMode::hf);
        auto found = std::make_unique<Sinks>();
        Workspace workspace;
        const Request request{nullptr, config_.branches.sinks, false, 0, nullptr, nullptr, cancel, nullptr, nullptr};
        if (empty == nullptr || !workspace.prepare(config_, request.tokens, pool_.threads())) {
            return Status::out_of_memory;
        }
        Chunk chunk(*this, *empty, workspace, request, nullptr);
        if (const Status status = chunk.compute(); status != Status::ok) {
            return status;
        }
        found->precision = precision;
        found->layers = std::move(workspace.staged);
        sinks_ = std::move(found);
    }
    ready = sinks_.get();
    return Status::ok;
}

Status Model::compute(State& state, const Request& request, Workspace& workspace, const Sinks*& seen) const {
    if (const Status status = ready_sinks(request.cancel, seen); status != Status::ok) {
        return status;
    }
    if (!workspace.prepare(config_, request.tokens, pool_.threads()) ||
        (request.partial && !workspace.prepare_partial(config_, request.tokens)) || !state.reserve(request.tokens)) {
        return Status::out_of_memory;
    }
    const bool counted = request.tally != nullptr && config_.is_spiking();
    workspace.tally.begin(config_, counted ? request.tally : nullptr, state.position, request.tokens, pool_.threads(), request.partial);
    return Chunk(*this, state, workspace, request, seen).compute();
}

void Model::commit(State& state, const Request& request, Workspace& workspace, const Sinks* seen, std::int64_t tokens) const {
    Chunk(*this, state, workspace, request, seen).commit(state, tokens);
    if (request.tally != nullptr && config_.is_spiking()) {
        request.tally->add(workspace.tally, tokens);
    }
}

Status Model::run(State& state, const Request& request) const try {
    const StateHold hold(state);
    if (!hold.taken()) {
        return Status::busy;
    }
    const FlushSubnormals flush;
    const Sinks* seen = nullptr;
    auto workspace = borrow_workspace();
    const Status status = compute(state, request, *workspace, seen);
    if (status == Status::ok) {
        commit(state, request, *workspace, seen, request.tokens);
    }
    return_workspace(std::move(workspace));
    return status;
} catch (const std::bad_alloc&) {
    return Status::out_of_memory;
}

}  // namespace hc
