// What every instruction set's best loops have in common. Included inside an unnamed namespace, like the other -inl.h files;
// a set brings a `Best` with its registers: how many chains of products keep its units busy, what one product is, and how a
// register is read, joined with another and taken apart.

// A round, since the compiler moves the sums about at its end.
constexpr int turns = 8;

template <typename Best>
constexpr int64_t products_of = turns * Best::chains * Best::products;

template <typename Best>
uint32_t multiply_best(int64_t rounds) {
    Best sums[Best::chains];
    for (int chain = 0; chain < Best::chains; ++chain) {
        sums[chain].begin(chain);
    }
    for (int64_t r = 0; r < rounds; ++r) {
        for (int turn = 0; turn < turns; ++turn) {
            for (int chain = 0; chain < Best::chains; ++chain) {
                sums[chain].multiply();
            }
        }
    }
    uint32_t words[Best::words];
    uint32_t total = 0;
    for (int chain = 0; chain < Best::chains; ++chain) {
        Best::store(words, sums[chain].sum);
        for (const uint32_t word : words) {
            total += word;
        }
    }
    return total;
}

template <typename Best>
uint32_t read_best(const void* block, int64_t lines) {
    constexpr int registers = 8;
    constexpr int64_t bytes = Best::words * 4;
    const char* at = static_cast<const char*>(block);
    typename Best::Register found[registers];
    for (auto& word : found) {
        word = Best::nothing();
    }
    for (int64_t line = 0; line < lines; line += registers * bytes / 64, at += registers * bytes) {
        for (int i = 0; i < registers; ++i) {
            found[i] = Best::join(found[i], Best::load(at + i * bytes));
        }
    }
    for (int i = 1; i < registers; ++i) {
        found[0] = Best::join(found[0], found[i]);
    }
    uint32_t words[Best::words];
    Best::store(words, found[0]);
    for (int i = 1; i < Best::words; ++i) {
        words[0] ^= words[i];
    }
    return words[0];
}
