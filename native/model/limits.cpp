#include "model/limits.h"

#include <atomic>

#include "core/pool.h"

extern "C" {
#if defined(HC_WITH_X86_TABLES)
std::uint32_t hc_multiply_avx2(std::int64_t rounds);
std::uint32_t hc_read_avx2(const void* block, std::int64_t lines);
std::uint32_t hc_multiply_avx512(std::int64_t rounds);
std::uint32_t hc_read_avx512(const void* block, std::int64_t lines);
extern const std::int64_t hc_products_avx2;
extern const std::int64_t hc_products_avx512;
#endif
#if defined(HC_WITH_AVXVNNI_TABLE)
std::uint32_t hc_multiply_avxvnni(std::int64_t rounds);
extern const std::int64_t hc_products_avxvnni;
#endif
#if defined(HC_WITH_NEON_TABLE)
std::uint32_t hc_multiply_neon(std::int64_t rounds);
std::uint32_t hc_read_neon(const void* block, std::int64_t lines);
extern const std::int64_t hc_products_neon;
#endif
}

namespace hc {

namespace {

constexpr std::int64_t plain_chains = 8;

std::uint32_t multiply_plain(std::int64_t rounds) {
    std::uint32_t sums[plain_chains] = {};
    for (std::int64_t r = 0; r < rounds; ++r) {
        for (std::uint32_t chain = 0; chain < plain_chains; ++chain) {
            sums[chain] += (sums[chain] & 0x7f) * (chain + 3);
            sums[chain] += 1;
        }
    }
    std::uint32_t total = 0;
    for (const std::uint32_t sum : sums) {
        total += sum;
    }
    return total;
}

std::uint32_t read_plain(const void* block, std::int64_t lines) {
    const auto* words = static_cast<const std::uint32_t*>(block);
    std::uint32_t found[16] = {};
    for (std::int64_t line = 0; line < lines; ++line) {
        for (std::size_t i = 0; i < 16; ++i) {
            found[i] ^= words[line * 16 + static_cast<std::int64_t>(i)];
        }
    }
    std::uint32_t all = 0;
    for (const std::uint32_t word : found) {
        all ^= word;
    }
    return all;
}

}  // namespace

const Limits& limits_of([[maybe_unused]] const std::string& isa) {
    static const Limits plain{multiply_plain, plain_chains, read_plain};
#if defined(HC_WITH_X86_TABLES)
    static const Limits avx2{hc_multiply_avx2, hc_products_avx2, hc_read_avx2};
    static const Limits avx512{hc_multiply_avx512, hc_products_avx512, hc_read_avx512};
#if defined(HC_WITH_AVXVNNI_TABLE)
    static const Limits avxvnni{hc_multiply_avxvnni, hc_products_avxvnni, hc_read_avx2};
    if (isa == "avxvnni") {
        return avxvnni;
    }
#endif
    if (isa != "scalar") {
        // The tables of tiles, and of small registers in the encoding of AVX-512, have no loop of their own.
        return isa == "avx2" ? avx2 : avx512;
    }
#endif
#if defined(HC_WITH_NEON_TABLE)
    static const Limits neon{hc_multiply_neon, hc_products_neon, hc_read_neon};
    if (isa != "scalar") {
        return neon;
    }
#endif
    return plain;
}

std::int64_t multiply_at_once(const Limits& limits, std::int64_t rounds, int threads) {
    Pool pool(threads);
    std::atomic<std::uint32_t> seen{0};  // a result that nobody looks at would let the compiler drop the work
    pool.run(pool.threads(), [&](std::int64_t, int) { seen.fetch_xor(limits.multiply(rounds), std::memory_order_relaxed); });
    return pool.threads() * rounds * limits.products;
}

std::uint32_t read_at_once(const Limits& limits, const std::byte* block, std::int64_t lines, int threads) {
    constexpr std::int64_t step = 8;
    Pool pool(threads);
    std::atomic<std::uint32_t> found{0};
    const std::int64_t steps = lines / step;
    const std::int64_t parts = pool.threads();
    pool.run(parts, [&](std::int64_t part, int) {
        const std::int64_t begin = steps * part / parts * step;
        const std::int64_t end = steps * (part + 1) / parts * step;
        found.fetch_xor(limits.read(block + begin * 64, end - begin), std::memory_order_relaxed);
    });
    return found.load(std::memory_order_relaxed);
}

}  // namespace hc
