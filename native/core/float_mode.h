// Decaying states drift into subnormal numbers, which many processors handle a hundred times slower. While a thread
// computes for us they count as zero; the thread's own setting comes back afterwards.
#pragma once

#if defined(__x86_64__) || defined(_M_X64)
#include <xmmintrin.h>
#endif

#include <cstdint>

namespace hc {

class FlushSubnormals {
  public:
    FlushSubnormals() noexcept : saved_(read()) { write(saved_ | flush_bits); }
    FlushSubnormals(const FlushSubnormals&) = delete;
    FlushSubnormals& operator=(const FlushSubnormals&) = delete;
    ~FlushSubnormals() { write(saved_); }

  private:
#if defined(__x86_64__) || defined(_M_X64)
    using Word = unsigned;
    static constexpr Word flush_bits = 0x8040;  // flush results, treat inputs as zero
    static Word read() noexcept { return _mm_getcsr(); }
    static void write(Word word) noexcept { _mm_setcsr(word); }
#elif defined(__aarch64__) && !defined(_MSC_VER)
    using Word = std::uint64_t;
    static constexpr Word flush_bits = Word{1} << 24;
    static Word read() noexcept {
        Word word;
        __asm__ volatile("mrs %0, fpcr" : "=r"(word));
        return word;
    }
    static void write(Word word) noexcept { __asm__ volatile("msr fpcr, %0" : : "r"(word)); }
#else
    using Word = unsigned;
    static constexpr Word flush_bits = 0;
    static Word read() noexcept { return 0; }
    static void write(Word) noexcept {}
#endif
    Word saved_;
};

}  // namespace hc
