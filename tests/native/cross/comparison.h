// Fixed numbers, and the count of what agrees with the reference and what does not.
#pragma once

#include <cmath>
#include <cstdint>
#include <cstdio>
#include <limits>
#include <type_traits>
#include <vector>

#include "guarded.h"
#include "huisclos/kernels.h"

namespace cross {

using Floats = Guarded<float>;
constexpr float no_number = std::numeric_limits<float>::quiet_NaN();
constexpr float infinity = std::numeric_limits<float>::infinity();

inline std::size_t of(std::int64_t n) { return static_cast<std::size_t>(n); }

class Stream {
  public:
    explicit Stream(std::uint64_t seed) : state_(seed * 0x9e3779b97f4a7c15u + 1u) {}
    std::uint32_t bits() {
        state_ = state_ * 6364136223846793005u + 1442695040888963407u;
        return static_cast<std::uint32_t>(state_ >> 32);
    }
    // In [-size, size), a multiple of size / 1024: sums of a few thousand are exact for a power of two.
    float number(float size = 1.0f) { return (static_cast<float>(bits() % 2048u) - 1024.0f) / 1024.0f * size; }
    std::vector<float> numbers(std::int64_t count, float size = 1.0f) {
        std::vector<float> out(of(count));
        for (float& x : out) {
            x = number(size);
        }
        return out;
    }
    template <typename T>
    std::vector<T> whole(std::int64_t count) {
        std::vector<T> out(of(count));
        for (T& x : out) {
            x = static_cast<T>(bits() >> 8);
        }
        return out;
    }
    // float16 bits of numbers from 2^-7 to 2^-5.
    std::vector<std::uint16_t> scales(std::int64_t count) {
        std::vector<std::uint16_t> out(of(count));
        for (std::uint16_t& x : out) {
            x = static_cast<std::uint16_t>(0x2000u + bits() % 0x800u);
        }
        return out;
    }

  private:
    std::uint64_t state_;
};

class Comparison {
  public:
    Comparison(const hc_kernels& tested, const hc_kernels& reference) : k(tested), ref(reference) {}

    // The largest difference against the largest expected value; what is not a number must be none on both sides.
    void near(const char* kernel, const Floats& found, const Floats& expected, double relative) {
        double size = 1e-30;
        double error = 0.0;
        bool same = true;
        for (std::size_t i = 0; i < expected.size(); ++i) {
            same = same && std::isnan(found[i]) == std::isnan(expected[i]) && std::isinf(found[i]) == std::isinf(expected[i]);
            if (std::isfinite(expected[i])) {
                size = std::fmax(size, std::fabs(static_cast<double>(expected[i])));
                error = std::fmax(error, std::fabs(static_cast<double>(found[i]) - static_cast<double>(expected[i])));
            }
        }
        check(kernel, same && error <= relative * size && found.intact(), error / size);
    }

    template <typename T>
    void equal(const char* kernel, const Guarded<T>& found, const Guarded<T>& expected) {
        bool same = true;
        for (std::size_t i = 0; i < expected.size(); ++i) {
            if constexpr (std::is_same_v<T, float>) {
                same = same && (found[i] == expected[i] || (std::isnan(found[i]) && std::isnan(expected[i])));
            } else {
                same = same && found[i] == expected[i];
            }
        }
        check(kernel, same && found.intact(), 0.0);
    }

    void check(const char* kernel, bool right, double error) {
        ++cases_;
        if (!right) {
            ++wrong_;
            std::printf("%s: %s differs from the reference (%.2g)\n", k.name, kernel, error);
        }
    }

    int cases() const { return cases_; }
    int wrong() const { return wrong_; }

    const hc_kernels& k;
    const hc_kernels& ref;

  private:
    int cases_ = 0;
    int wrong_ = 0;
};

// Scratch memory, 64-byte aligned as the contract says, whatever size: it ends at a page without rights.
class Scratch {
  public:
    explicit Scratch(std::int64_t floats) : room_(of((floats + 15) / 16 * 16)) {}
    void* get() { return room_.data(); }

  private:
    Floats room_;
};

}  // namespace cross
