// A model together with the Python arrays its weights lie in: named slots, checked before any pointer is used.
#pragma once

#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/tuple.h>
#include <nanobind/stl/vector.h>

#include <cstdint>
#include <exception>
#include <map>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "core/cpu.h"
#include "model/model.h"
#include "model/packing.h"

namespace hc::bind {

namespace nb = nanobind;

using Bytes = nb::ndarray<const std::uint8_t, nb::ndim<1>, nb::c_contig, nb::device::cpu>;
using Halves = nb::ndarray<const std::uint16_t, nb::ndim<1>, nb::c_contig, nb::device::cpu>;
using Words = nb::ndarray<const std::int32_t, nb::ndim<1>, nb::c_contig, nb::device::cpu>;
using Entries = nb::ndarray<const std::uint32_t, nb::ndim<1>, nb::c_contig, nb::device::cpu>;
using Floats = nb::ndarray<const float, nb::ndim<1>, nb::c_contig, nb::device::cpu>;
using Ids = nb::ndarray<const std::int32_t, nb::ndim<1>, nb::c_contig, nb::device::cpu>;
using FloatsOut = nb::ndarray<float, nb::c_contig, nb::device::cpu>;
using CountsOut = nb::ndarray<std::uint64_t, nb::ndim<1>, nb::c_contig, nb::device::cpu>;
using BytesOut = nb::ndarray<std::uint8_t, nb::ndim<1>, nb::c_contig, nb::device::cpu>;

inline void require(bool holds, const std::string& what) {
    if (!holds) {
        throw std::invalid_argument(what);
    }
}

inline const hc_kernels* table_named(const std::string& isa) {
    const hc_kernels* table = hc::find_table(isa);
    require(table != nullptr, "this machine has no kernel table " + isa);
    return table;
}

inline hc::Config config_of(const std::map<std::string, std::int64_t>& sizes, const std::map<std::string, double>& reals,
                     const std::vector<std::int64_t>& attn_layers, const std::vector<std::int64_t>& routed_layers) {
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
    hc::Branches& branches = config.branches;
    branches.on = flag("branches");
    if (!branches.on) {
        return config;
    }
    require(config.conv_size == 0 && !config.merged_gate, "branches go with neither a short convolution nor a decay gate");
    branches.own_qkv = flag("own_qkv");
    branches.own_output = flag("own_output");
    branches.whole_norm = flag("whole_norm");
    branches.linear_rope = flag("linear_rope");
    branches.linear_scale = flag("linear_scale");
    branches.linear_sinks = flag("linear_sinks");
    branches.sink_positions = flag("sink_positions");
    branches.shared_expert = flag("shared_expert");
    branches.router_sigmoid = flag("router_sigmoid");
    branches.router_weighs = flag("router_weighs");
    branches.norm_eps = static_cast<float>(real("branch_norm_eps"));
    branches.sinks = sizes.at("sinks");
    require(branches.sinks >= 0 && branches.sinks <= 4096, "bad number of sinks");
    branches.is_routed.assign(static_cast<std::size_t>(config.layers), 0);
    for (const std::int64_t layer : routed_layers) {
        require(layer >= 0 && layer < config.layers, "bad routed_layers");
        branches.is_routed[static_cast<std::size_t>(layer)] = 1;
    }
    branches.experts = routed_layers.empty() ? 0 : size("experts");
    branches.expert_size = routed_layers.empty() ? 0 : size("expert_size");
    return config;
}

struct MatrixSlot {
    hc::Matrix* matrix;
    std::int64_t rows, cols;
    bool coded;       // its input is coded as spikes
    bool multiplied;  // else only rows of it are looked up
};

struct VectorSlot {
    hc::Vector* vector;
    std::int64_t size;
};

// A matrix over the caller's bytes, once they fit.
inline hc::Matrix matrix_over(const std::string& slot, const std::string& kind, const Bytes& data, const std::optional<Halves>& scales,
                       std::int64_t rows, std::int64_t cols) {
    static const std::map<std::string, hc::Format> formats = {
        {"f32", hc::Format::f32}, {"bf16", hc::Format::bf16}, {"q8", hc::Format::q8}, {"q4", hc::Format::q4}};
    const auto format = formats.find(kind);
    require(format != formats.end(), "unknown matrix format " + kind);
    const std::int64_t count = rows * cols;
    std::int64_t size = count;
    std::uintptr_t alignment = 1;
    if (format->second == hc::Format::f32) {
        size = count * 4;
        alignment = 4;
    } else if (format->second == hc::Format::bf16) {
        size = count * 2;
        alignment = 2;
    } else if (format->second == hc::Format::q4) {
        require(cols % 2 == 0, slot + ": q4 needs an even number of inputs");
        size = count / 2;
    }
    require(static_cast<std::int64_t>(data.size()) == size, slot + ": wrong number of bytes");
    require(reinterpret_cast<std::uintptr_t>(data.data()) % alignment == 0, slot + ": misaligned data");
    const bool integer = format->second == hc::Format::q8 || format->second == hc::Format::q4;
    require(scales.has_value() == integer, slot + ": scales go with integer formats only");
    const std::int64_t groups = (cols + HC_GROUP - 1) / HC_GROUP;
    require(!integer || static_cast<std::int64_t>(scales->size()) == rows * groups, slot + ": wrong number of scales");
    return {{data.data(), integer ? scales->data() : nullptr, rows, cols}, {}, format->second, nullptr, nullptr};
}

inline void pack_or_throw(const hc::StoredInts& stored, const hc::Model& model, hc::Matrix& out) {
    if (hc::pack(stored, model.kernels(), model.pool(), out) != hc::Status::ok) {
        throw std::bad_alloc();
    }
}

using ExpertParts = std::vector<std::tuple<std::string, Bytes, std::optional<Halves>>>;

// Asks Python for an expert: fetch(layer, expert) gives kind, bytes and scales of its gate, up and down matrix.
class FetchedExperts final : public hc::ExpertSource {
  public:
    FetchedExperts(nb::callable fetch, const hc::Model& model) : fetch_(std::move(fetch)), model_(model) {}

    std::unique_ptr<hc::ExpertLease> take(std::int64_t layer, std::int64_t expert) const override {
        const hc::Config& config = model_.config();
        const nb::gil_scoped_acquire hold;
        try {
            auto lease = std::make_unique<Lease>();
            lease->parts = nb::cast<ExpertParts>(fetch_(layer, expert));
            require(lease->parts.size() == 3, "an expert has three matrices");
            const auto matrix = [&](std::size_t part, std::int64_t rows, std::int64_t cols) {
                const auto& [kind, data, scales] = lease->parts[part];
                hc::Matrix found = matrix_over("expert", kind, data, scales, rows, cols);
                if (found.is_integer()) {
                    pack_or_throw({found.weights, found.format, nullptr, nullptr, nullptr}, model_, found);
                }
                return found;
            };
            const std::int64_t inner = config.branches.expert_size;
            lease->expert.gate = matrix(0, inner, config.hidden_size);
            lease->expert.up = matrix(1, inner, config.hidden_size);
            lease->expert.down = matrix(2, config.hidden_size, inner);
            return lease;
        } catch (...) {
            failure() = std::current_exception();
            return nullptr;
        }
    }

    // Why the last `take` of this thread gave nothing.
    static std::exception_ptr& failure() {
        static thread_local std::exception_ptr last;
        return last;
    }

  private:
    class Lease final : public hc::ExpertLease {
      public:
        ~Lease() override {
            const nb::gil_scoped_acquire hold;
            parts.clear();
        }
        ExpertParts parts;
    };
    nb::callable fetch_;
    const hc::Model& model_;
};

// The model together with the arrays its matrices point into.
class BoundModel {
  public:
    BoundModel(const std::map<std::string, std::int64_t>& sizes, const std::map<std::string, double>& reals,
               const std::vector<std::int64_t>& attn_layers, const std::vector<std::int64_t>& routed_layers, const std::string& isa,
               int threads, std::optional<nb::callable> fetch_expert)
        : model(config_of(sizes, reals, attn_layers, routed_layers), table_named(isa), threads) {
        require(threads >= 1 && threads <= 256, "bad number of threads");
        const bool affine = sizes.contains("branch_affine") && sizes.at("branch_affine") != 0;
        const bool learned = sizes.contains("branch_learned") && sizes.at("branch_learned") != 0;
        if (fetch_expert.has_value()) {
            model.expert_source = std::make_unique<FetchedExperts>(std::move(*fetch_expert), model);
        }
        add_slots();
        if (model.config().branches.on) {
            add_branch_slots(affine, learned);
        }
    }

    void set_matrix(const std::string& slot, std::int64_t layer, const std::string& kind, Bytes data,
                    std::optional<Halves> scales) {
        require(!sealed, "the model is sealed");
        const MatrixSlot target = find(matrices_, slot, layer);
        hc::Matrix found = matrix_over(slot, kind, data, scales, target.rows, target.cols);
        if (found.is_integer() && target.multiplied) {
            const nb::gil_scoped_release release;
            pack_or_throw({found.weights, found.format, nullptr, nullptr, nullptr}, model, *target.matrix);
            return;
        }
        *target.matrix = std::move(found);
        kept_bytes_.push_back(std::move(data));
        if (scales.has_value()) {
            kept_halves_.push_back(std::move(*scales));
        }
    }

    // int8 codes with float scales, and what lies beyond int8 (hc_matrix, s8): starts [rows + 1] into the entries of all rows.
    void set_spike_matrix(const std::string& slot, std::int64_t layer, const Bytes& data, const Floats& scales, const Words& starts,
                          const Entries& far) {
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
        const hc_matrix stored{data.data(), nullptr, target.rows, target.cols};
        {
            const nb::gil_scoped_release release;
            pack_or_throw({stored, hc::Format::s8, scales.data(), none ? nullptr : starts.data(), none ? nullptr : far.data()}, model,
                          *target.matrix);
        }
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
        matrices_[{"model.embeddings.weight", -1}] = {&model.embeddings, c.vocab_size, c.hidden_size, false, false};
        matrices_[{"lm_head.weight", -1}] = {&model.lm_head, c.vocab_size, c.hidden_size, false, true};
        vectors_[{"model.norm.weight", -1}] = {&model.norm, c.hidden_size};
        for (std::int64_t i = 0; i < c.layers; ++i) {
            hc::Layer& layer = model.layers[static_cast<std::size_t>(i)];
            vectors_[{"attn_norm.weight", i}] = {&layer.attn_norm, c.hidden_size};
            vectors_[{"mlp_norm.weight", i}] = {&layer.mlp_norm, c.hidden_size};
            matrices_[{"attn.q_proj.weight", i}] = {&layer.q, c.q_dim(), c.hidden_size, spiking, true};
            matrices_[{"attn.k_proj.weight", i}] = {&layer.k, c.kv_dim(), c.hidden_size, spiking, true};
            matrices_[{"attn.v_proj.weight", i}] = {&layer.v, c.kv_dim(), c.hidden_size, spiking, true};
            matrices_[{"attn.o_proj.weight", i}] = {&layer.o, c.hidden_size, c.q_dim(), spiking, true};
            vectors_[{"attn.q_proj.bias", i}] = {&layer.q_bias, c.q_dim()};
            vectors_[{"attn.k_proj.bias", i}] = {&layer.k_bias, c.kv_dim()};
            vectors_[{"attn.v_proj.bias", i}] = {&layer.v_bias, c.kv_dim()};
            if (c.branches.on) {
                continue;
            }
            add_mlp("mlp.", i, layer.mlp_gate, layer.mlp_up, layer.mlp_down, c.intermediate_size);
            if (c.is_window[static_cast<std::size_t>(i)] != 0) {
                continue;
            }
            if (c.merged_gate) {
                matrices_[{"attn.gk_proj.weight", i}] = {&layer.gate_up, c.kv_dim(), c.hidden_size, spiking, true};
                vectors_[{"attn.gk_proj.bias", i}] = {&layer.gate_bias, c.kv_dim()};
            } else {
                matrices_[{"attn.gk_proj.0.weight", i}] = {&layer.gate_down, c.gate_rank, c.hidden_size, spiking, true};
                matrices_[{"attn.gk_proj.1.weight", i}] = {&layer.gate_up, c.kv_dim(), c.gate_rank, false, true};
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

    void add_mlp(const std::string& prefix, std::int64_t layer, hc::Matrix& gate, hc::Matrix& up, hc::Matrix& down, std::int64_t inner) {
        const hc::Config& c = model.config();
        matrices_[{prefix + "gate_proj.weight", layer}] = {&gate, inner, c.hidden_size, c.is_spiking(), true};
        matrices_[{prefix + "up_proj.weight", layer}] = {&up, inner, c.hidden_size, c.is_spiking(), true};
        matrices_[{prefix + "down_proj.weight", layer}] = {&down, c.hidden_size, inner, c.spike_down, true};
    }

    void add_branch_slots(bool affine, bool learned) {
        const hc::Config& c = model.config();
        const hc::Branches& branches = c.branches;
        if (branches.sinks > 0) {
            matrices_[{"model.sinks.weight", -1}] = {&model.sinks, branches.sinks, c.hidden_size, false, false};
        }
        const std::int64_t norm_size = branches.whole_norm ? c.q_dim() : c.head_dim;
        for (std::int64_t i = 0; i < c.layers; ++i) {
            hc::Layer& layer = model.layers[static_cast<std::size_t>(i)];
            if (branches.own_qkv) {
                matrices_[{"attn.linear_q_proj.weight", i}] = {&layer.linear_q, c.q_dim(), c.hidden_size, c.is_spiking(), true};
                matrices_[{"attn.linear_k_proj.weight", i}] = {&layer.linear_k, c.kv_dim(), c.hidden_size, c.is_spiking(), true};
                matrices_[{"attn.linear_v_proj.weight", i}] = {&layer.linear_v, c.kv_dim(), c.hidden_size, c.is_spiking(), true};
                vectors_[{"attn.linear_q_proj.bias", i}] = {&layer.linear_q_bias, c.q_dim()};
                vectors_[{"attn.linear_k_proj.bias", i}] = {&layer.linear_k_bias, c.kv_dim()};
                vectors_[{"attn.linear_v_proj.bias", i}] = {&layer.linear_v_bias, c.kv_dim()};
            }
            if (branches.own_output) {
                matrices_[{"attn.linear_o_proj.weight", i}] = {&layer.linear_o, c.hidden_size, c.q_dim(), c.is_spiking(), true};
            }
            layer.linear_norm.assign(affine ? 0 : static_cast<std::size_t>(norm_size), 1.0f);
            layer.softmax_norm = layer.linear_norm;
            if (affine) {
                vectors_[{"attn.linear_norm.weight", i}] = {&layer.linear_norm, norm_size};
                vectors_[{"attn.softmax_norm.weight", i}] = {&layer.softmax_norm, norm_size};
            }
            layer.mixture.assign(learned ? 0 : 2, 0.5f);
            if (learned) {
                vectors_[{"attn.branch_weights", i}] = {&layer.mixture, 2};
            }
            if (!c.is_routed(static_cast<std::size_t>(i))) {
                add_mlp("mlp.", i, layer.mlp_gate, layer.mlp_up, layer.mlp_down, c.intermediate_size);
                continue;
            }
            matrices_[{"mlp.router.weight", i}] = {&layer.router, branches.experts, c.hidden_size, false, true};
            if (branches.shared_expert) {
                add_mlp("mlp.shared_expert.", i, layer.mlp_gate, layer.mlp_up, layer.mlp_down, branches.expert_size);
            }
            if (model.expert_source == nullptr) {
                layer.experts.resize(static_cast<std::size_t>(branches.experts));
                for (std::int64_t e = 0; e < branches.experts; ++e) {
                    hc::Expert& expert = layer.experts[static_cast<std::size_t>(e)];
                    add_mlp("mlp.experts." + std::to_string(e) + ".", i, expert.gate, expert.up, expert.down, branches.expert_size);
                }
            }
        }
    }

    std::map<Key, MatrixSlot> matrices_;
    std::map<Key, VectorSlot> vectors_;
    std::vector<Bytes> kept_bytes_;
    std::vector<Halves> kept_halves_;
};

}  // namespace hc::bind
