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
#include <stdexcept>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "core/cpu.h"
#include "core/status.h"
#include "huisclos/build_hash.h"
#include "model/model.h"
#include "model/self_test.h"
#include "model/state.h"
#include "model/tally.h"

namespace nb = nanobind;
using namespace nb::literals;

namespace {

using Bytes = nb::ndarray<const std::uint8_t, nb::ndim<1>, nb::c_contig, nb::device::cpu>;
using Halves = nb::ndarray<const std::uint16_t, nb::ndim<1>, nb::c_contig, nb::device::cpu>;
using Words = nb::ndarray<const std::int32_t, nb::ndim<1>, nb::c_contig, nb::device::cpu>;
using Entries = nb::ndarray<const std::uint32_t, nb::ndim<1>, nb::c_contig, nb::device::cpu>;
using Floats = nb::ndarray<const float, nb::ndim<1>, nb::c_contig, nb::device::cpu>;
using Ids = nb::ndarray<const std::int32_t, nb::ndim<1>, nb::c_contig, nb::device::cpu>;
using FloatsOut = nb::ndarray<float, nb::c_contig, nb::device::cpu>;
using CountsOut = nb::ndarray<std::uint64_t, nb::ndim<1>, nb::c_contig, nb::device::cpu>;
using BytesOut = nb::ndarray<std::uint8_t, nb::ndim<1>, nb::c_contig, nb::device::cpu>;

void require(bool holds, const std::string& what) {
    if (!holds) {
        throw std::invalid_argument(what);
    }
}

const hc_kernels* table_named(const std::string& isa) {
    const hc_kernels* table = hc::find_table(isa);
    require(table != nullptr, "this machine has no kernel table " + isa);
    return table;
}

hc::Config config_of(const std::map<std::string, std::int64_t>& sizes, const std::map<std::string, double>& reals,
                     const std::vector<std::int64_t>& attn_layers) {
    const auto size = [&](const char* name) {
        const auto found = sizes.find(name);
        require(found != sizes.end() && found->second >= 1 && found->second <= (std::int64_t{1} << 24),
                std::string("bad size ") + name);
        return found->second;
    };
    const auto real = [&](const char* name) {
        const auto found = reals.find(name);
        require(found != reals.end() && found->second > 0.0, std::string("bad value ") + name);
        return found->second;
    };
    hc::Config config{};
    config.vocab_size = size("vocab_size");
    config.hidden_size = size("hidden_size");
    config.layers = size("layers");
    config.heads = size("heads");
    config.kv_heads = size("kv_heads");
    config.head_dim = size("head_dim");
    config.intermediate_size = size("intermediate_size");
    config.gate_rank = size("gate_rank");
    config.sliding_window = size("sliding_window");
    config.conv_size = sizes.at("use_short_conv") != 0 ? size("conv_size") : 0;
    config.gate_normalizer = static_cast<float>(real("gate_normalizer"));
    config.norm_eps = static_cast<float>(real("norm_eps"));
    config.rope_theta = real("rope_theta");
    const auto flag = [&](const char* name) {
        const auto found = sizes.find(name);
        return found != sizes.end() && found->second != 0;
    };
    config.merged_gate = flag("merged_gate");
    config.spike_down = flag("spike_down");
    config.spike_k = reals.contains("spike_k") ? static_cast<float>(reals.at("spike_k")) : 0.0f;
    require(config.spike_k >= 0.0f && config.spike_k <= 1024.0f && (config.is_spiking() || !config.spike_down), "bad spike coding");
    require(config.heads % config.kv_heads == 0 && config.head_dim % 2 == 0 && config.head_dim <= HC_MAX_HEAD_DIM &&
                config.conv_size != 1,
            "bad head shape");
    config.is_window.assign(static_cast<std::size_t>(config.layers), 0);
    for (const std::int64_t layer : attn_layers) {
        require(layer >= 0 && layer < config.layers, "bad attn_layers");
        config.is_window[static_cast<std::size_t>(layer)] = 1;
    }
    return config;
}

struct MatrixSlot {
    hc::Matrix* matrix;
    std::int64_t rows, cols;
    bool coded;  // its input is coded as spikes
};

struct VectorSlot {
    hc::Vector* vector;
    std::int64_t size;
};

// The model together with the arrays its matrices point into.
class BoundModel {
  public:
    BoundModel(const std::map<std::string, std::int64_t>& sizes, const std::map<std::string, double>& reals,
               const std::vector<std::int64_t>& attn_layers, const std::string& isa, int threads)
        : model(config_of(sizes, reals, attn_layers), table_named(isa), threads) {
        require(threads >= 1 && threads <= 256, "bad number of threads");
        add_slots();
    }

    void set_matrix(const std::string& slot, std::int64_t layer, const std::string& kind, Bytes data,
                    std::optional<Halves> scales) {
        require(!sealed, "the model is sealed");
        const MatrixSlot target = find(matrices_, slot, layer);
        static const std::map<std::string, hc::Format> formats = {
            {"f32", hc::Format::f32}, {"bf16", hc::Format::bf16}, {"q8", hc::Format::q8}, {"q4", hc::Format::q4}};
        const auto format = formats.find(kind);
        require(format != formats.end(), "unknown matrix format " + kind);
        const std::int64_t count = target.rows * target.cols;
        std::int64_t size = count;
        std::uintptr_t alignment = 1;
        if (format->second == hc::Format::f32) {
            size = count * 4;
            alignment = 4;
        } else if (format->second == hc::Format::bf16) {
            size = count * 2;
            alignment = 2;
        } else if (format->second == hc::Format::q4) {
            require(target.cols % 2 == 0, slot + ": q4 needs an even number of inputs");
            size = count / 2;
        }
        require(static_cast<std::int64_t>(data.size()) == size, slot + ": wrong number of bytes");
        require(reinterpret_cast<std::uintptr_t>(data.data()) % alignment == 0, slot + ": misaligned data");
        const bool integer = format->second == hc::Format::q8 || format->second == hc::Format::q4;
        require(scales.has_value() == integer, slot + ": scales go with integer formats only");
        const std::int64_t groups = (target.cols + HC_GROUP - 1) / HC_GROUP;
        require(!integer || static_cast<std::int64_t>(scales->size()) == target.rows * groups, slot + ": wrong number of scales");
        target.matrix->weights = {data.data(), integer ? scales->data() : nullptr, target.rows, target.cols, nullptr, nullptr, nullptr};
        target.matrix->format = format->second;
        kept_bytes_.push_back(std::move(data));
        if (scales.has_value()) {
            kept_halves_.push_back(std::move(*scales));
        }
    }

    // int8 codes with float scales, and what lies beyond int8 (hc_matrix, s8): starts [rows + 1] into the entries of all rows.
    void set_spike_matrix(const std::string& slot, std::int64_t layer, Bytes data, Floats scales, Words starts, Entries far) {
        require(!sealed, "the model is sealed");
        const MatrixSlot target = find(matrices_, slot, layer);
        require(target.coded, slot + ": such a matrix needs spike coding");
        const std::int64_t groups = (target.cols + HC_GROUP - 1) / HC_GROUP;
        require(static_cast<std::int64_t>(data.size()) == target.rows * target.cols, slot + ": wrong number of bytes");
        require(static_cast<std::int64_t>(scales.size()) == target.rows * groups, slot + ": wrong number of scales");
        require(static_cast<std::int64_t>(starts.size()) == target.rows + 1 && starts.data()[0] == 0, slot + ": wrong number of starts");
        require(target.cols < (std::int64_t{1} << (31 - HC_BEYOND_BITS)), slot + ": too many columns");
        for (std::int64_t r = 0; r < target.rows; ++r) {
            const std::int64_t begin = starts.data()[r];
            const std::int64_t end = starts.data()[r + 1];
            require(begin <= end && end <= static_cast<std::int64_t>(far.size()), slot + ": bad starts");
            std::int64_t last = -1;
            for (std::int64_t e = begin; e < end; ++e) {
                const std::int64_t column = far.data()[e] >> HC_BEYOND_BITS;
                require(column > last && column < target.cols, slot + ": bad far entry");
                last = column;
            }
        }
        require(starts.data()[target.rows] == static_cast<std::int64_t>(far.size()), slot + ": bad starts");
        const bool none = far.size() == 0;
        target.matrix->weights = {data.data(), nullptr, target.rows, target.cols, scales.data(), none ? nullptr : starts.data(),
                                  none ? nullptr : far.data()};
        target.matrix->format = hc::Format::s8;
        kept_bytes_.push_back(std::move(data));
        kept_floats_.push_back(std::move(scales));
        kept_words_.push_back(std::move(starts));
        kept_entries_.push_back(std::move(far));
    }

    void set_vector(const std::string& slot, std::int64_t layer, const Floats& data) {
        require(!sealed, "the model is sealed");
        const VectorSlot target = find(vectors_, slot, layer);
        require(static_cast<std::int64_t>(data.size()) == target.size, slot + ": wrong number of values");
        target.vector->assign(data.data(), data.data() + data.size());
    }

    // Empty when every slot is filled, else the first that is not.
    std::string seal() {
        for (const auto& [key, slot] : matrices_) {
            if (slot.matrix->format == hc::Format::none) {
                return key.first;
            }
        }
        for (const auto& [key, slot] : vectors_) {
            if (slot.vector->empty()) {
                return key.first;
            }
        }
        sealed = true;
        return "";
    }

    hc::Model model;
    bool sealed = false;  // nothing may be set any more, and runs are allowed

  private:
    using Key = std::pair<std::string, std::int64_t>;

    template <typename Slot>
    static Slot find(const std::map<Key, Slot>& slots, const std::string& name, std::int64_t layer) {
        const auto found = slots.find({name, layer});
        require(found != slots.end(), "this model has no slot " + name);
        return found->second;
    }

    void add_slots() {
        const hc::Config& c = model.config();
        const bool spiking = c.is_spiking();
        matrices_[{"model.embeddings.weight", -1}] = {&model.embeddings, c.vocab_size, c.hidden_size, false};
        matrices_[{"lm_head.weight", -1}] = {&model.lm_head, c.vocab_size, c.hidden_size, false};
        vectors_[{"model.norm.weight", -1}] = {&model.norm, c.hidden_size};
        for (std::int64_t i = 0; i < c.layers; ++i) {
            hc::Layer& layer = model.layers[static_cast<std::size_t>(i)];
            vectors_[{"attn_norm.weight", i}] = {&layer.attn_norm, c.hidden_size};
            vectors_[{"mlp_norm.weight", i}] = {&layer.mlp_norm, c.hidden_size};
            matrices_[{"attn.q_proj.weight", i}] = {&layer.q, c.q_dim(), c.hidden_size, spiking};
            matrices_[{"attn.k_proj.weight", i}] = {&layer.k, c.kv_dim(), c.hidden_size, spiking};
            matrices_[{"attn.v_proj.weight", i}] = {&layer.v, c.kv_dim(), c.hidden_size, spiking};
            matrices_[{"attn.o_proj.weight", i}] = {&layer.o, c.hidden_size, c.q_dim(), spiking};
            vectors_[{"attn.q_proj.bias", i}] = {&layer.q_bias, c.q_dim()};
            vectors_[{"attn.k_proj.bias", i}] = {&layer.k_bias, c.kv_dim()};
            vectors_[{"attn.v_proj.bias", i}] = {&layer.v_bias, c.kv_dim()};
            matrices_[{"mlp.gate_proj.weight", i}] = {&layer.mlp_gate, c.intermediate_size, c.hidden_size, spiking};
            matrices_[{"mlp.up_proj.weight", i}] = {&layer.mlp_up, c.intermediate_size, c.hidden_size, spiking};
            matrices_[{"mlp.down_proj.weight", i}] = {&layer.mlp_down, c.hidden_size, c.intermediate_size, spiking && c.spike_down};
            if (c.is_window[static_cast<std::size_t>(i)] != 0) {
                continue;
            }
            if (c.merged_gate) {
                matrices_[{"attn.gk_proj.weight", i}] = {&layer.gate_up, c.kv_dim(), c.hidden_size, spiking};
                vectors_[{"attn.gk_proj.bias", i}] = {&layer.gate_bias, c.kv_dim()};
            } else {
                matrices_[{"attn.gk_proj.0.weight", i}] = {&layer.gate_down, c.gate_rank, c.hidden_size, spiking};
                matrices_[{"attn.gk_proj.1.weight", i}] = {&layer.gate_up, c.kv_dim(), c.gate_rank, false};
                vectors_[{"attn.gk_proj.1.bias", i}] = {&layer.gate_bias, c.kv_dim()};
            }
            vectors_[{"attn.g_norm.weight", i}] = {&layer.head_norm, c.head_dim};
            if (c.conv_size > 0) {
                vectors_[{"attn.q_conv1d.weight", i}] = {&layer.q_conv, c.q_dim() * c.conv_size};
                vectors_[{"attn.k_conv1d.weight", i}] = {&layer.k_conv, c.kv_dim() * c.conv_size};
                vectors_[{"attn.v_conv1d.weight", i}] = {&layer.v_conv, c.kv_dim() * c.conv_size};
            }
        }
    }

    std::map<Key, MatrixSlot> matrices_;
    std::map<Key, VectorSlot> vectors_;
    std::vector<Bytes> kept_bytes_;
    std::vector<Halves> kept_halves_;
    std::vector<Floats> kept_floats_;
    std::vector<Words> kept_words_;
    std::vector<Entries> kept_entries_;
};

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

int run(const BoundModel& bound, hc::State& state, const Ids& ids, bool decode, std::int64_t logit_rows, const FloatsOut& logits,
        const std::optional<FloatsOut>& hidden, const hc::CancelFlag* cancel, const std::vector<FloatsOut>& spikes,
        hc::SpikeTally* tally) {
    const hc::Config& config = bound.model.config();
    const auto tokens = static_cast<std::int64_t>(ids.size());
    require(bound.sealed, "the model is not complete");
    require(tokens >= 1 && tokens <= 4096, "bad chunk size");
    for (std::int64_t t = 0; t < tokens; ++t) {
        require(ids.data()[t] >= 0 && ids.data()[t] < config.vocab_size, "token id out of range");
    }
    require(logit_rows >= 0 && logit_rows <= tokens &&
                static_cast<std::int64_t>(logits.size()) == logit_rows * config.vocab_size,
            "bad room for logits");
    require(!hidden || static_cast<std::int64_t>(hidden->size()) == (config.layers + 2) * tokens * config.hidden_size,
            "bad room for hidden states");
    require(state.config.layers == config.layers && state.config.is_window == config.is_window &&
                state.config.heads == config.heads && state.config.kv_heads == config.kv_heads &&
                state.config.head_dim == config.head_dim && state.config.conv_size == config.conv_size &&
                state.config.sliding_window == config.sliding_window,
            "this state belongs to a model of another shape");
    require(!config.is_spiking() || state.precision == hc::WindowPrecision::i8, "a spiking model needs an int8 window");
    const std::vector<hc::SpikeRecord> records = spike_records(config, tokens, spikes);
    require(records.empty() || hidden, "spikes are recorded together with hidden states only");
    require(tally == nullptr || tally->sites() == config.layers * hc::site_count, "this tally belongs to a model of another shape");
    const hc::Request request{ids.data(), tokens, decode, logit_rows, logits.data(), hidden ? hidden->data() : nullptr, cancel,
                              tally, records.empty() ? nullptr : records.data()};
    const nb::gil_scoped_release release;
    return static_cast<int>(bound.model.run(state, request));
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

std::size_t layer_index(const hc::State& state, std::int64_t layer, bool window) {
    require(layer >= 0 && layer < state.config.layers, "no such layer");
    const auto index = static_cast<std::size_t>(layer);
    require((state.config.is_window[index] != 0) == window, "that layer is of the other kind");
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
            layer_index(s, layer, true);
            const auto size = static_cast<std::size_t>(s.kept_entries() * s.config.kv_dim());
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
    m.def("cpu_features", [] { return hc::cpu_features().names; });
    m.def("tables", [] {
        std::vector<std::string> names;
        for (const hc_kernels* table : hc::usable_tables()) {
            names.emplace_back(table->name);
        }
        return names;
    });
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
                      const std::vector<std::int64_t>&, const std::string&, int>(),
             "sizes"_a, "reals"_a, "attn_layers"_a, "isa"_a, "threads"_a)
        .def("set_matrix", &BoundModel::set_matrix, "slot"_a, "layer"_a, "kind"_a, "data"_a, "scales"_a.none())
        .def("set_spike_matrix", &BoundModel::set_spike_matrix)
        .def("set_vector", &BoundModel::set_vector)
        .def("seal", &BoundModel::seal)
        .def("run", &run, "state"_a, "ids"_a, "decode"_a, "logit_rows"_a, "logits"_a, "hidden"_a.none(), "cancel"_a.none(),
             "spikes"_a, "tally"_a.none());
    m.attr("TALLY_PLACES") = static_cast<int>(hc::tally_places);
    bind_tally(m);
    bind_state(m);
}
