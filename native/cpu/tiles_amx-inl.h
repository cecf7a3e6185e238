// The tile registers of AMX, as cpu/matmul_tiles-inl.h uses them. Included only by cpu/amx.cpp, inside an unnamed namespace.
//
// Registers 0 and 1 hold sums [12 tokens, 16 rows], 2 holds activations [12 tokens, 64 inputs], 3 and 4 weights [16 steps, 16 rows, 4].

struct alignas(64) TileShapes {
    uint8_t palette = 1;
    uint8_t start_row = 0;
    uint8_t reserved[14] = {};
    uint16_t row_bytes[16] = {64, 64, 64, 64, 64};
    uint8_t rows[16] = {12, 12, 12, 16, 16};
};
static_assert(sizeof(TileShapes) == 64, "the processor reads 64 bytes");

constexpr TileShapes tile_shapes;

// GCC's loads do not say that they read memory, so what is to be read could still be on its way, or dropped.
inline void finish_stores() { __asm__ volatile("" : : : "memory"); }

inline void begin_tiles() { _tile_loadconfig(&tile_shapes); }
inline void end_tiles() { _tile_release(); }
inline void clear_sums() {
    _tile_zero(0);
    _tile_zero(1);
}
// 64 inputs of each token; a token's lie 128 bytes after those of the one before.
inline void load_tokens(const int8_t* p) {
    finish_stores();
    _tile_loadd(2, p, 128);
}
// 16 steps of a packed block.
inline void load_weights(const uint8_t* p) {
    finish_stores();
    _tile_loadd(3, p, 128);
    _tile_loadd(4, p + 64, 128);
}
// Signed activations times unsigned weights.
inline void add_products() {
    _tile_dpbsud(0, 2, 3);
    _tile_dpbsud(1, 2, 4);
}
// out [12 tokens, 32 rows].
inline void store_sums(int32_t* out) {
    _tile_stored(0, out, 128);
    _tile_stored(1, out + 16, 128);
}
