// Exponential and logarithm on lanes. Included only by one instruction set's file, inside an unnamed namespace.

// e^x to about one unit in the last place; 0 below -87.3, infinity above 88.
inline F exponential(F x) {
    // Clamped with x second: min and max give back what is not a number.
    const F bounded = min(set1(89.0f), max(set1(-87.3f), x));
    const I n = nearest(mul(bounded, set1(1.44269504088896341f)));
    const F whole = to_float(n);
    // ln 2 in two parts, the first exact in products with small whole numbers.
    const F rest = fnma(whole, set1(-2.12194440e-4f), fnma(whole, set1(0.693359375f), bounded));
    F p = set1(1.9875691500e-4f);
    p = fma(p, rest, set1(1.3981999507e-3f));
    p = fma(p, rest, set1(8.3334519073e-3f));
    p = fma(p, rest, set1(4.1665795894e-2f));
    p = fma(p, rest, set1(1.6666665459e-1f));
    p = fma(p, rest, set1(5.0000001201e-1f));
    const F y = add(fma(p, mul(rest, rest), rest), set1(1.0f));
    return zero_below(times_power(y, n), x, -87.3f);
}

// log(1 + y) for y in [0, 1], as 2 artanh(y / (2 + y)); no cancellation anywhere.
inline F log_one_plus(F y) {
    const F s = div(y, add(set1(2.0f), y));
    const F s2 = mul(s, s);
    F p = set1(2.0f / 15.0f);
    p = fma(p, s2, set1(2.0f / 13.0f));
    p = fma(p, s2, set1(2.0f / 11.0f));
    p = fma(p, s2, set1(2.0f / 9.0f));
    p = fma(p, s2, set1(2.0f / 7.0f));
    p = fma(p, s2, set1(2.0f / 5.0f));
    p = fma(p, s2, set1(2.0f / 3.0f));
    return fma(mul(p, s2), s, add(s, s));
}

inline F silu(F x) { return div(x, add(set1(1.0f), exponential(sub(zero(), x)))); }

// Runs body(i, n) over [0, count) in steps of the lanes; n is the number of valid lanes.
template <typename Body>
inline void for_lanes(int64_t count, Body body) {
    int64_t i = 0;
    for (; i + lanes <= count; i += lanes) {
        body(i, lanes);
    }
    if (i < count) {
        body(i, count - i);
    }
}

// Asks for a cache line that will be read soon.
inline void fetch_ahead(const void* p) {
#if defined(_MSC_VER) && !defined(__clang__)
    _mm_prefetch(static_cast<const char*>(p), _MM_HINT_T1);
#else
    __builtin_prefetch(p, 0, 2);
#endif
}

#if defined(__clang__)
#define HC_UNROLL _Pragma("unroll")
#elif defined(__GNUC__)
#define HC_UNROLL _Pragma("GCC unroll 32")
#else
#define HC_UNROLL
#endif

inline int64_t smaller(int64_t a, int64_t b) { return a < b ? a : b; }
inline int64_t group_count(int64_t cols) { return (cols + HC_GROUP - 1) / HC_GROUP; }
