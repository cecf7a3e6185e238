// How fast this processor multiplies and reads at the very best: what the speed of the kernels is set beside.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace hc {

// Loops of one instruction set. Pure functions of their arguments.
struct Limits {
    // Products of bytes, each added to a 32-bit sum, in registers only and in as many chains as saturate the units: `products` of
    // them a round. Gives the sums (which wrap around) as one number.
    std::uint32_t (*multiply)(std::int64_t rounds);
    std::int64_t products;
    // Reads `block` in order, once, `lines` of 64 bytes (a multiple of 8) from an aligned address. Gives its 32-bit words, one xor.
    std::uint32_t (*read)(const void* block, std::int64_t lines);
};

// The loops beside the kernel table of that name; those of the portable baseline where it has none of its own.
const Limits& limits_of(const std::string& isa);

// `rounds` on each of `threads` threads at once, the calling one among them and fewer where the system gives no more. Gives the
// products made by all.
std::int64_t multiply_at_once(const Limits& limits, std::int64_t rounds, int threads);

// Every line read once by so many threads at once, each its own stretch. Gives the xor.
std::uint32_t read_at_once(const Limits& limits, const std::byte* block, std::int64_t lines, int threads);

}  // namespace hc
