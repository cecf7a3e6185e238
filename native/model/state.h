// The reading state as a value: everything the next token depends on. Caller-owned, copied by fork, written out byte by byte.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <vector>

#include "core/arena.h"
#include "model/model.h"

namespace hc {

enum class WindowPrecision { f32, f16, i8 };
enum class WindowMode { hf, vllm, report };

std::int64_t element_bytes(WindowPrecision precision);

// A gated linear layer. states: float [kv_heads, d, d]; past: float [conv_past, q_dim + 2 kv_dim] as three blocks q | k | v.
struct GlaMemory {
    Buffer states;
    Buffer past;
};

// A window layer: ring of ring_entries() slots per key/value head; the entry of position p is in slot p % ring_entries().
// keys, values: [kv_heads, slots, d] elements of the precision; scales (int8 only): float [kv_heads, slots].
struct WindowMemory {
    Buffer keys, values, key_scales, value_scales;
};

// Thread rule: one thread at a time; Model::run takes `busy` for its duration and refuses a second caller.
class State {
  public:
    State(const Config& config, WindowPrecision precision, WindowMode mode);

    // Null when out of memory. The memory of a window is only touched as it fills.
    static std::unique_ptr<State> create(const Config& config, WindowPrecision precision, WindowMode mode);
    std::unique_ptr<State> fork() const;
    // A state that stands at `position`, its contents to be filled by write_at.
    std::unique_ptr<State> blank(std::int64_t position) const;

    std::int64_t kept_entries() const;     // entries of the window that exist now
    std::int64_t visible_keys(bool decode) const;
    std::int64_t used_bytes() const;

    // The payload: position (int64, little endian), then layer by layer either GLA states and convolution past, or per
    // key/value head the window's keys, values and scales, oldest entry first. Returns how many bytes were moved.
    std::int64_t payload_bytes() const;
    std::int64_t read_at(std::int64_t offset, std::byte* out, std::int64_t count) const;
    std::int64_t write_at(std::int64_t offset, const std::byte* in, std::int64_t count);

    // Dequantised copies [kv_heads, kept_entries, d].
    void window_entries(std::int64_t layer, float* keys, float* values) const;

    const Config config;
    const WindowPrecision precision;
    const WindowMode mode;
    std::int64_t position = 0;
    std::vector<GlaMemory> gla;        // [layers], empty buffers for window layers
    std::vector<WindowMemory> window;  // [layers], empty buffers for gated linear layers
    std::atomic<bool> busy{false};

  private:
    struct Stretch {
        std::byte* data;
        std::int64_t size_bytes;
    };
    bool allocate();
    std::vector<Stretch> payload() const;
    template <typename Move>
    std::int64_t move_at(std::int64_t offset, std::int64_t count, Move move) const;
};

}  // namespace hc
