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

// Entries of a layer that sees everything, in blocks: keys, values [kv_heads, cache_block_tok, d] elements of the precision, scales (int8 only)
// [kv_heads, cache_block_tok]. A full block never changes, so copies of a state share it.
inline constexpr std::int64_t cache_block_tok = 512;
struct CacheBlock {
    Buffer keys, values, key_scales, value_scales;
};
struct CacheMemory {
    std::vector<std::shared_ptr<CacheBlock>> blocks;
};

// Thread rule: one thread at a time; Model::run and Draft take `busy` for their duration and refuse a second caller.
class State {
  public:
    State(const Config& config, WindowPrecision precision, WindowMode mode);

    // Null when out of memory. Windows have memory from the first `reserve` on, and it is only touched as they fill. A state that stands at
    // a position `at` beyond 0 is to be reserved and filled by the caller.
    static std::unique_ptr<State> create(const Config& config, WindowPrecision precision, WindowMode mode, std::int64_t at = 0);
    std::unique_ptr<State> fork() const;
    // A state that stands at `position`, its contents to be filled by write_at.
    std::unique_ptr<State> blank(std::int64_t position) const;

    // Room for so many more tokens. False when out of memory; the state is as it was either way.
    bool reserve(std::int64_t tokens);

    std::int64_t kept_entries(std::size_t layer) const;  // entries of the window or cache that exist now
    std::int64_t visible_keys(bool decode) const;
    std::int64_t used_bytes() const;

    // The payload: position (int64, little endian), then layer by layer what there is of GLA states and convolution past, and per
    // key/value head keys, values and scales of the window or cache, oldest entry first. Returns how many bytes were moved.
    std::int64_t payload_bytes() const;
    std::int64_t read_at(std::int64_t offset, std::byte* out, std::int64_t count) const;
    std::int64_t write_at(std::int64_t offset, const std::byte* in, std::int64_t count);

    // Dequantised copies [kv_heads, kept_entries, d], oldest first.
    void window_entries(std::int64_t layer, float* keys, float* values) const;

    const Config config;
    const WindowPrecision precision;
    const WindowMode mode;
    std::int64_t position = 0;
    std::vector<GlaMemory> gla;        // [layers], empty buffers where there is no linear attention
    std::vector<WindowMemory> window;  // [layers], empty buffers where there is no window, or nothing was read yet
    std::vector<CacheMemory> cache;    // [layers], empty where there is no growing cache
    std::atomic<bool> busy{false};

  private:
    struct Stretch {
        std::byte* data;
        std::int64_t size_bytes;
    };
    bool allocate();
    bool allocate_windows();
    bool add_block(CacheMemory& memory) const;
    std::vector<Stretch> payload() const;
    template <typename Move>
    std::int64_t move_at(std::int64_t offset, std::int64_t count, Move move) const;

    bool has_windows_ = false;
};

// A state for one caller alone, while this lives; another's is not taken.
class StateHold {
  public:
    explicit StateHold(State& state) : busy_(state.busy), taken_(!busy_.exchange(true, std::memory_order_acquire)) {}
    StateHold(const StateHold&) = delete;
    StateHold& operator=(const StateHold&) = delete;
    ~StateHold() {
        if (taken_) {
            busy_.store(false, std::memory_order_release);
        }
    }
    bool taken() const { return taken_; }

  private:
    std::atomic<bool>& busy_;
    const bool taken_;
};

}  // namespace hc
