// engine._native: a thin binding. Shapes are checked in engine/kernels.py first and here again before any pointer is used.
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/map.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/tuple.h>
#include <nanobind/stl/unique_ptr.h>
#include <nanobind/stl/vector.h>

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "bind/bound_model.h"
#include "core/cpu.h"
#include "core/status.h"
#include "huisclos/build_hash.h"
#include "model/draft.h"
#include "model/limits.h"
#include "model/model.h"
#include "model/self_test.h"
#include "model/state.h"
#include "model/tally.h"

namespace nb = nanobind;
using namespace nb::literals;

namespace {

using namespace hc::bind;

// Counts and thresholds per layer and site, in the order of hc::Site; an empty array: not wanted.
std::vector<hc::SpikeRecord> spike_records(const hc::Config& config, std::int64_t tokens, const std::vector<FloatsOut>& arrays) {
    std::vector<hc::SpikeRecord> records;
    if (arrays.empty()) {
        return records;
    }
    require(config.is_spiking() && static_cast<std::int64_t>(arrays.size()) == 2 * config.layers * hc::site_count, "bad spike records");
    const std::int64_t inputs[] = {config.hidden_size, config.q_dim(), config.hidden_size, config.intermediate_size, config.q_dim()};
    for (std::size_t i = 0; i < arrays.size(); i += 2) {
        const std::size_t site = i / 2 % hc::site_count;
        const std::int64_t rows = site == static_cast<std::size_t>(hc::Site::query) ? tokens * config.heads : tokens;
        const bool wanted = arrays[i].size() > 0;
        require(!wanted || (static_cast<std::int64_t>(arrays[i].size()) == tokens * inputs[site] &&
                            static_cast<std::int64_t>(arrays[i + 1].size()) == rows),
                "bad room for spikes");
        records.push_back({wanted ? arrays[i].data() : nullptr, wanted ? arrays[i + 1].data() : nullptr});
    }
    return records;
}

void check_call(const BoundModel& bound, const hc::State& state, const Ids& ids, std::int64_t most_tok, std::int64_t logit_rows,
                const FloatsOut& logits, const hc::SpikeTally* tally) {
    const hc::Config& config = bound.model.config();
    const auto tokens = static_cast<std::int64_t>(ids.size());
    require(bound.sealed, "the model is not complete");
    require(tokens >= 1 && tokens <= most_tok, "bad chunk size");
    for (std::int64_t t = 0; t < tokens; ++t) {
        require(ids.data()[t] >= 0 && ids.data()[t] < config.vocab_size, "token id out of range");
    }
    require(logit_rows >= 0 && logit_rows <= tokens &&
                static_cast<std::int64_t>(logits.size()) == logit_rows * config.vocab_size,
            "bad room for logits");
    require(state.config.layers == config.layers && state.config.is_window == config.is_window &&
                state.config.heads == config.heads && state.config.kv_heads == config.kv_heads &&
                state.config.head_dim == config.head_dim && state.config.conv_size == config.conv_size &&
                state.config.sliding_window == config.sliding_window && state.config.branches.on == config.branches.on,
            "this state belongs to a model of another shape");
    require(!config.is_spiking() || state.precision == hc::WindowPrecision::i8, "a spiking model needs an int8 window");
    require(tally == nullptr || tally->sites() == config.layers * hc::site_count, "this tally belongs to a model of another shape");
}

// What a call ended with; an error of the caller's own that stopped it is raised again.
int ended(hc::Status status) {
    if (status == hc::Status::unreadable) {
        std::rethrow_exception(std::exchange(FetchedExperts::failure(), nullptr));
    }
    return static_cast<int>(status);
}

int run(const BoundModel& bound, hc::State& state, const Ids& ids, bool decode, std::int64_t logit_rows, const FloatsOut& logits,
        const std::optional<FloatsOut>& hidden, const hc::CancelFlag* cancel, const std::vector<FloatsOut>& spikes,
        hc::SpikeTally* tally) {
    check_call(bound, state, ids, 4096, logit_rows, logits, tally);
    const hc::Config& config = bound.model.config();
    const auto tokens = static_cast<std::int64_t>(ids.size());
    require(!hidden || static_cast<std::int64_t>(hidden->size()) == (config.layers + 2) * tokens * config.hidden_size,
            "bad room for hidden states");
    const std::vector<hc::SpikeRecord> records = spike_records(config, tokens, spikes);
    require(records.empty() || !config.branches.on, "spikes of parallel branches are not recorded");
    require(records.empty() || hidden, "spikes are recorded together with hidden states only");
    const hc::Request request{ids.data(), tokens, decode, logit_rows, logits.data(), hidden ? hidden->data() : nullptr, cancel,
                              tally, records.empty() ? nullptr : records.data()};
    hc::Status status{};
    {
        const nb::gil_scoped_release release;
        status = bound.model.run(state, request);
    }
    return ended(status);
}

constexpr std::int64_t largest_draft_tok = 64;

// A draft together with the model it is checked against.
class BoundDraft {
  public:
    BoundDraft(const BoundModel& bound, hc::State& state) : bound_(bound), state_(state), draft_(bound.model, state) {}

    int compute(const Ids& ids, const FloatsOut& logits, const hc::CancelFlag* cancel, hc::SpikeTally* tally) {
        const auto tokens = static_cast<std::int64_t>(ids.size());
        check_call(bound_, state_, ids, largest_draft_tok, tokens, logits, tally);
        hc::Request request{ids.data(), tokens, true, tokens, logits.data(), nullptr, cancel, tally, nullptr};
        request.partial = true;
        hc::Status status{};
        {
            const nb::gil_scoped_release release;
            status = draft_.compute(request);
        }
        return ended(status);
    }

    int commit(std::int64_t tokens) {
        const nb::gil_scoped_release release;
        return static_cast<int>(draft_.commit(tokens));
    }

  private:
    const BoundModel& bound_;
    hc::State& state_;
    hc::Draft draft_;
};

void bind_draft(nb::module_& m) {
    m.attr("LARGEST_DRAFT_TOK") = largest_draft_tok;
    // Model, state and tally live as long as the draft.
    nb::class_<BoundDraft>(m, "Draft")
        .def(nb::init<const BoundModel&, hc::State&>(), "model"_a, "state"_a, nb::keep_alive<1, 2>(), nb::keep_alive<1, 3>())
        .def("compute", &BoundDraft::compute, "ids"_a, "logits"_a, "cancel"_a.none(), "tally"_a.none(), nb::keep_alive<1, 5>())
        .def("commit", &BoundDraft::commit, "tokens"_a);
}

std::unique_ptr<hc::State> or_no_memory(std::unique_ptr<hc::State> state) {
    if (state == nullptr) {
        throw std::bad_alloc();
    }
    return state;
}

std::unique_ptr<hc::State> new_state(const BoundModel& bound, const std::string& precision, const std::string& mode) {
    static const std::map<std::string, hc::WindowPrecision> precisions = {
        {"f32", hc::WindowPrecision::f32}, {"f16", hc::WindowPrecision::f16}, {"int8", hc::WindowPrecision::i8}};
    static const std::map<std::string, hc::WindowMode> modes = {
        {"hf", hc::WindowMode::hf}, {"vllm", hc::WindowMode::vllm}, {"report", hc::WindowMode::report}};
    require(precisions.contains(precision) && modes.contains(mode), "unknown window precision or mode");
    return or_no_memory(hc::State::create(bound.model.config(), precisions.at(precision), modes.at(mode)));
}

std::size_t layer_index(const hc::State& state, std::int64_t layer, bool entries) {
    require(layer >= 0 && layer < state.config.layers, "no such layer");
    const auto index = static_cast<std::size_t>(layer);
    require(entries ? state.config.has_window(index) || state.config.has_cache(index) : state.config.has_linear(index),
            "that layer is of the other kind");
    return index;
}

// Refuses a state that another thread is running on.
class Quiet {
  public:
    explicit Quiet(hc::State& state) : state_(state) {
        if (state_.busy.exchange(true, std::memory_order_acquire)) {
            throw std::runtime_error("another thread is using this state");
        }
    }
    Quiet(const Quiet&) = delete;
    Quiet& operator=(const Quiet&) = delete;
    ~Quiet() { state_.busy.store(false, std::memory_order_release); }

  private:
    hc::State& state_;
};

std::unique_ptr<hc::SpikeTally> new_tally(const BoundModel& bound, std::int64_t every_tok, std::int64_t neurons, std::int64_t sample_tok) {
    require(every_tok >= 1 && neurons >= 0 && neurons <= 4096 && sample_tok >= 0 && sample_tok <= 4096, "bad size of a sample");
    return std::make_unique<hc::SpikeTally>(bound.model.config(), every_tok, neurons, sample_tok);
}

void bind_limits(nb::module_& m) {
    m.def("multiply_at_once", [](const std::string& isa, std::int64_t rounds, int threads) {
        require(rounds >= 0 && rounds <= (std::int64_t{1} << 40) && threads >= 1 && threads <= 256, "bad number of rounds or threads");
        const nb::gil_scoped_release release;
        return hc::multiply_at_once(hc::limits_of(isa), rounds, threads);
    });
    m.def("read_at_once", [](const std::string& isa, const Bytes& block, int threads) {
        const auto address = reinterpret_cast<std::uintptr_t>(block.data());
        require(address % 64 == 0 && block.size() % 512 == 0 && threads >= 1 && threads <= 256, "bad block or number of threads");
        const nb::gil_scoped_release release;
        return hc::read_at_once(hc::limits_of(isa), reinterpret_cast<const std::byte*>(block.data()),
                                static_cast<std::int64_t>(block.size() / 64), threads);
    });
}

void bind_tally(nb::module_& m) {
    nb::class_<hc::SpikeTally>(m, "SpikeTally")
        .def(nb::new_(&new_tally), "model"_a, "every_tok"_a, "neurons"_a, "sample_tok"_a)
        .def_prop_ro("sampled_tok", &hc::SpikeTally::sampled_tok)
        .def("read",
             [](const hc::SpikeTally& tally, const CountsOut& out) {
                 require(static_cast<std::int64_t>(out.size()) == tally.sites() * std::int64_t{hc::tally_places}, "bad room for counts");
                 tally.read(out.data());
             })
        .def("read_sample", [](const hc::SpikeTally& tally, std::int64_t tokens, const BytesOut& out) {
            require(tokens >= 0 && static_cast<std::int64_t>(out.size()) == tokens * tally.sites() * tally.neurons() &&
                        tally.read_sample(reinterpret_cast<std::int8_t*>(out.data()), tokens),
                    "bad room for a sample");
        });
}

void bind_state(nb::module_& m) {
    nb::class_<hc::State>(m, "State")
        .def(nb::new_(&new_state), "model"_a, "precision"_a, "mode"_a)
        .def_prop_ro("position", [](const hc::State& s) { return s.position; })
        .def_prop_ro("nbytes", &hc::State::used_bytes)
        .def_prop_ro("payload_bytes", &hc::State::payload_bytes)
        .def("fork",
             [](hc::State& s) {
                 const Quiet quiet(s);
                 const nb::gil_scoped_release release;
                 return or_no_memory(s.fork());
             })
        .def("blank",
             [](const hc::State& s, std::int64_t position) {
                 require(position >= 0, "bad position");
                 return or_no_memory(s.blank(position));
             })
        .def("read_at",
             [](hc::State& s, std::int64_t offset, const BytesOut& out) {
                 require(offset >= 0, "bad offset");
                 const Quiet quiet(s);
                 const nb::gil_scoped_release release;
                 return s.read_at(offset, reinterpret_cast<std::byte*>(out.data()), static_cast<std::int64_t>(out.size()));
             })
        .def("write_at",
             [](hc::State& s, std::int64_t offset, const Bytes& data) {
                 require(offset >= 0, "bad offset");
                 const Quiet quiet(s);
                 const nb::gil_scoped_release release;
                 return s.write_at(offset, reinterpret_cast<const std::byte*>(data.data()),
                                   static_cast<std::int64_t>(data.size()));
             })
        .def("gla_state",
             [](hc::State& s, std::int64_t layer, const FloatsOut& out) {
                 const Quiet quiet(s);
                 const hc::Buffer& states = s.gla[layer_index(s, layer, false)].states;
                 require(out.nbytes() == states.size_bytes(), "bad room for a state");
                 std::copy(states.as<float>(), states.as<float>() + out.size(), out.data());
             })
        .def("window_entries", [](hc::State& s, std::int64_t layer, const FloatsOut& keys, const FloatsOut& values) {
            const Quiet quiet(s);
            const auto size = static_cast<std::size_t>(s.kept_entries(layer_index(s, layer, true)) * s.config.kv_dim());
            require(keys.size() == size && values.size() == size, "bad room for window entries");
            s.window_entries(layer, keys.data(), values.data());
        });
}

}  // namespace

NB_MODULE(_native, m) {
    m.attr("abi") = HC_KERNEL_ABI;
    m.attr("build_hash") = HC_BUILD_HASH;
    m.attr("OK") = static_cast<int>(hc::Status::ok);
    m.attr("CANCELLED") = static_cast<int>(hc::Status::cancelled);
    m.attr("OUT_OF_MEMORY") = static_cast<int>(hc::Status::out_of_memory);
    m.attr("BUSY") = static_cast<int>(hc::Status::busy);
    m.attr("STALE") = static_cast<int>(hc::Status::stale);
    m.def("cpu_features", &hc::cpu_features);
    m.def("features_of",
          [](const std::map<std::string, std::uint64_t>& answers) {
              const auto word = [&](const char* name) {
                  const auto found = answers.find(name);
                  return found == answers.end() ? std::uint64_t{0} : found->second;
              };
              const auto half = [&](const char* name) { return static_cast<std::uint32_t>(word(name)); };
              return hc::features_of({half("last_leaf"), half("leaf1_ecx"), half("leaf7_eax"), half("leaf7_ebx"), half("leaf7_ecx"),
                                      half("leaf7_edx"), half("leaf7_1_eax"), word("saved_registers")});
          });
    m.def("tables_for", &hc::tables_for);
    m.def("best_table_for", &hc::best_table_for);
    m.def("table_address", [](const std::string& isa) { return reinterpret_cast<std::uintptr_t>(table_named(isa)); });
    m.def("digests", [](const std::string& isa) {
        std::vector<std::tuple<std::string, double, double>> out;
        for (const hc::Digest& digest : hc::digests(*table_named(isa))) {
            out.emplace_back(digest.kernel, digest.value, digest.size);
        }
        return out;
    });
    m.def("self_test", [](const std::string& isa) { return hc::self_test(*table_named(isa)); });

    nb::class_<hc::CancelFlag>(m, "CancelFlag")
        .def(nb::init<>())
        .def("set", &hc::CancelFlag::set)
        .def("is_set", &hc::CancelFlag::is_set);

    nb::class_<BoundModel>(m, "Model")
        .def(nb::init<const std::map<std::string, std::int64_t>&, const std::map<std::string, double>&,
                      const std::vector<std::int64_t>&, const std::vector<std::int64_t>&, const std::string&, int,
                      std::optional<nb::callable>>(),
             "sizes"_a, "reals"_a, "attn_layers"_a, "routed_layers"_a, "isa"_a, "threads"_a, "fetch_expert"_a.none())
        .def("set_matrix", &BoundModel::set_matrix, "slot"_a, "layer"_a, "kind"_a, "data"_a, "scales"_a.none())
        .def("set_spike_matrix", &BoundModel::set_spike_matrix)
        .def("set_vector", &BoundModel::set_vector)
        .def("seal", &BoundModel::seal)
        .def("run", &run, "state"_a, "ids"_a, "decode"_a, "logit_rows"_a, "logits"_a, "hidden"_a.none(), "cancel"_a.none(),
             "spikes"_a, "tally"_a.none());
    m.attr("TALLY_PLACES") = static_cast<int>(hc::tally_places);
    bind_limits(m);
    bind_tally(m);
    bind_state(m);
    bind_draft(m);
}
