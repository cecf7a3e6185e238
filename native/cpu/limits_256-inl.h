// Registers of 256 bits, for the best loops of AVX2 and AVX-VNNI.

struct Registers256 {
    using Register = __m256i;
    static constexpr int words = 8;

    static Register nothing() { return _mm256_setzero_si256(); }
    static Register load(const char* at) { return _mm256_load_si256(reinterpret_cast<const Register*>(at)); }
    static Register join(Register a, Register b) { return _mm256_xor_si256(a, b); }
    static void store(uint32_t* to, Register from) { _mm256_storeu_si256(reinterpret_cast<Register*>(to), from); }
};
