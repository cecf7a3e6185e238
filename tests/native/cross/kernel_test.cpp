// Every kernel of every table that this machine can run against the scalar reference, at odd sizes, without Python: what a build
// for another processor runs under an emulator. With arguments, only the tables named. With HC_WITH_PLAIN_TILES also the table of
// plain_tiles.cpp.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "comparison.h"
#include "core/cpu.h"
#include "core/float_mode.h"
#include "guarded.h"
#include "huisclos/kernels.h"
#include "model/packing.h"
#include "model/self_test.h"
#include "ref/reference.h"

namespace {

using namespace cross;

void compare_elementwise(Comparison& c, std::int64_t n) {
    Stream s(of(n));
    const Floats x(s.numbers(3 * n, 4.0f)), a(s.numbers(3 * n)), w(s.numbers(n));
    Floats y(of(3 * n)), wanted(of(3 * n));
    c.k.rmsnorm(x.data(), w.data(), 3, n, 1e-5f, y.data());
    c.ref.rmsnorm(x.data(), w.data(), 3, n, 1e-5f, wanted.data());
    c.near("rmsnorm", y, wanted, 2e-6);
    const auto start = s.numbers(3 * n, 4.0f);
    Floats both(start), both_wanted(start);
    c.k.add_rmsnorm(both.data(), a.data(), w.data(), 3, n, 1e-5f, y.data());
    c.ref.add_rmsnorm(both_wanted.data(), a.data(), w.data(), 3, n, 1e-5f, wanted.data());
    c.equal("add_rmsnorm", both, both_wanted);
    c.near("add_rmsnorm", y, wanted, 2e-6);

    auto wide = s.numbers(n, 40.0f);
    wide[0] = n % 2 == 0 ? 200.0f : -200.0f;
    wide[of(n) / 2] = n > 2 ? no_number : 0.0f;
    const Floats up(s.numbers(n));
    const auto alone = [&](const char* kernel, double relative, auto run) {
        Floats found(wide), expected(wide);
        run(c.k, found);
        run(c.ref, expected);
        c.near(kernel, found, expected, relative);
    };
    alone("relu", 0.0, [&](const hc_kernels& k, Floats& z) { k.relu(z.data(), n); });
    alone("silu_mul", 2e-6, [&](const hc_kernels& k, Floats& z) { k.silu_mul(z.data(), up.data(), n); });
    alone("log_gate", 2e-6, [&](const hc_kernels& k, Floats& z) { k.log_gate(z.data(), n, 1.0f / 16.0f); });
    Floats gate(wide), gate_wanted(wide), rest(of(n)), rest_wanted(of(n));
    c.k.sigmoid_gate(gate.data(), rest.data(), n);
    c.ref.sigmoid_gate(gate_wanted.data(), rest_wanted.data(), n);
    c.near("sigmoid_gate", gate, gate_wanted, 2e-6);
    c.near("sigmoid_gate", rest, rest_wanted, 2e-6);
    alone("sigmoid_gate", 2e-6, [&](const hc_kernels& k, Floats& z) { k.sigmoid_gate(z.data(), nullptr, n); });

    const std::int64_t d = 2 * n, heads = 3, tokens = 2, ld = heads * d + 5;
    const Floats cosine(s.numbers(tokens * n)), sine(s.numbers(tokens * n));
    const auto turned = s.numbers(tokens * ld);
    Floats found(turned), expected(turned);
    c.k.rope(found.data(), ld, tokens, heads, d, cosine.data(), sine.data());
    c.ref.rope(expected.data(), ld, tokens, heads, d, cosine.data(), sine.data());
    c.near("rope", found, expected, 2e-6);

    for (const std::int64_t length : {1, 2, 9}) {
        const Floats line(s.numbers(length * n)), past(s.numbers(3 * n)), filter(s.numbers(4 * n));
        Floats out(of(length * n)), kept(of(3 * n)), out_wanted(of(length * n)), kept_wanted(of(3 * n));
        c.k.short_conv(line.data(), past.data(), filter.data(), length, n, 4, out.data(), kept.data());
        c.ref.short_conv(line.data(), past.data(), filter.data(), length, n, 4, out_wanted.data(), kept_wanted.data());
        c.near("short_conv", out, out_wanted, 2e-6);
        c.equal("short_conv", kept, kept_wanted);
    }
}

struct Coded {
    Coded(std::int64_t tokens, std::int64_t cols)
        : groups((cols + HC_GROUP - 1) / HC_GROUP), codes(of(tokens * groups * HC_GROUP)), scales(of(tokens * groups)),
          sums(of(tokens * groups)), raw{codes.data(), scales.data(), sums.data(), tokens, groups} {}
    std::int64_t groups;
    Guarded<std::int8_t> codes;
    Floats scales;
    Guarded<std::int32_t> sums;
    hc_codes raw;
};

// Codes in the order in which the integer products read them.
struct Tiled {
    Tiled(const hc_kernels& k, const hc_codes& codes)
        : words(of(codes.tokens * codes.groups * HC_GROUP / 4)), scales(of(codes.tokens * codes.groups)),
          sums(of(codes.tokens * codes.groups)), raw{words.data(), scales.data(), sums.data(), codes.tokens, codes.groups} {
        for (std::int64_t tile = 0; tile * HC_TILE_TOKENS < codes.tokens; ++tile) {
            k.tile_codes(&codes, tile, &raw);
        }
    }
    Guarded<std::int32_t> words;
    Floats scales;
    Guarded<std::int32_t> sums;
    hc_tiles raw;
};

// Scales [rows, groups] become [blocks, groups, 32], 0 past the last row.
template <typename T>
std::vector<T> packed_scales(const std::vector<T>& scales, std::int64_t rows) {
    const std::int64_t blocks = (rows + HC_ROW_BLOCK - 1) / HC_ROW_BLOCK;
    const std::int64_t groups = static_cast<std::int64_t>(scales.size()) / rows;
    std::vector<T> out(of(blocks * groups * HC_ROW_BLOCK));
    for (std::int64_t r = 0; r < rows; ++r) {
        for (std::int64_t g = 0; g < groups; ++g) {
            out[of((r / HC_ROW_BLOCK * groups + g) * HC_ROW_BLOCK + r % HC_ROW_BLOCK)] = scales[of(r * groups + g)];
        }
    }
    return out;
}

using Pack = void (*)(const hc_matrix*, std::int64_t, std::int64_t, std::uint8_t*);

// The bytes that a table's kernel makes of a matrix, block by block; compared with the reference's.
class PackedBytes {
  public:
    PackedBytes(Comparison& c, const char* kernel, Pack tested, Pack reference, const hc_matrix& w, std::int64_t code_bits)
        : bytes_(of(size(w, code_bits))) {
        Guarded<std::uint8_t> expected(bytes_.size());
        const std::int64_t blocks = (w.rows + HC_ROW_BLOCK - 1) / HC_ROW_BLOCK;
        for (std::int64_t block = 0; block < blocks; ++block) {
            tested(&w, block, block + 1, bytes_.data());
        }
        reference(&w, 0, blocks, expected.data());
        c.equal(kernel, bytes_, expected);
    }
    const std::uint8_t* data() const { return bytes_.data(); }

  private:
    static std::int64_t size(const hc_matrix& w, std::int64_t code_bits) {
        const std::int64_t groups = (w.cols + HC_GROUP - 1) / HC_GROUP;
        return (w.rows + HC_ROW_BLOCK - 1) / HC_ROW_BLOCK * groups * HC_ROW_BLOCK * HC_GROUP * code_bits / 8; // a multiple of 64
    }
    Guarded<std::uint8_t> bytes_;
};

void compare_matrices(Comparison& c, std::int64_t rows, std::int64_t cols) {
    Stream s(of(1000 * rows + cols));
    const std::int64_t groups = (cols + HC_GROUP - 1) / HC_GROUP;
    const Floats wide(s.numbers(rows * cols));
    auto half_bits = s.whole<std::uint16_t>(rows * cols);
    for (std::uint16_t& bits : half_bits) {
        bits = static_cast<std::uint16_t>(0x3f00u + bits % 0x100u + (bits & 0x8000u));
    }
    const auto row_scales = s.scales(rows * groups);
    const Guarded<std::uint16_t> half(half_bits), scales(row_scales), block_scales(packed_scales(row_scales, rows));
    auto codes = s.whole<std::int8_t>(rows * cols);
    std::memset(codes.data(), -128, of(cols)); // the smallest code everywhere: the largest sums there are
    const Guarded<std::int8_t> bytes(codes);
    const Guarded<std::uint8_t> nibbles(s.whole<std::uint8_t>(rows * (cols / 2)));
    const Floats bias(s.numbers(rows));
    const hc_matrix f32{wide.data(), nullptr, rows, cols};
    const hc_matrix bf16{half.data(), nullptr, rows, cols};
    const hc_matrix q8{bytes.data(), scales.data(), rows, cols};
    const hc_matrix q4{nibbles.data(), scales.data(), rows, cols};
    const bool even = cols % 2 == 0;

    const auto row = [&](const char* kernel, hc_embed tested, hc_embed reference, const hc_matrix& w) {
        Floats found(of(cols)), expected(of(cols));
        tested(&w, rows - 1, found.data());
        reference(&w, rows - 1, expected.data());
        c.equal(kernel, found, expected);
    };
    row("embed_f32", c.k.embed_f32, c.ref.embed_f32, f32);
    row("embed_bf16", c.k.embed_bf16, c.ref.embed_bf16, bf16);
    row("embed_q8", c.k.embed_q8, c.ref.embed_q8, q8);
    if (even) {
        row("embed_q4", c.k.embed_q4, c.ref.embed_q4, q4);
    }

    const PackedBytes q8_bytes(c, "pack_q8", c.k.pack_q8, c.ref.pack_q8, q8, 8);
    const hc_packed q8_packed{q8_bytes.data(), block_scales.data(), nullptr, nullptr, rows, cols, nullptr, nullptr};
    Scratch scratch(HC_MATMUL_SCRATCH / 4);
    for (const std::int64_t tokens : {1, 2, 3, 4, 5, 6, 11, 19, 45}) {
        const std::int64_t ld = cols + 3;
        auto values = s.numbers((tokens - 1) * ld + cols);
        for (std::int64_t i = 0; i < cols; ++i) {
            values[of(i)] = 1.0f; // the largest activation code everywhere
        }
        const Floats x(values);
        const hc_rows in{x.data(), tokens, ld};
        Coded coded(tokens, cols), coded_wanted(tokens, cols);
        c.k.quantise_rows(&in, cols, &coded.raw);
        c.ref.quantise_rows(&in, cols, &coded_wanted.raw);
        c.equal("quantise_rows", coded.codes, coded_wanted.codes);
        c.equal("quantise_rows", coded.scales, coded_wanted.scales);
        c.equal("quantise_rows", coded.sums, coded_wanted.sums);

        const auto product = [&](const char* kernel, auto tested, auto reference, const auto& w, const auto& inputs, auto... room) {
            for (const float* added : {bias.data(), static_cast<const float*>(nullptr)}) {
                Floats found(of(tokens * rows)), expected(of(tokens * rows));
                tested(&w, 0, rows, &inputs, added, found.data(), rows, room...);
                reference(&w, 0, rows, &inputs, added, expected.data(), rows, room...);
                c.near(kernel, found, expected, 2e-6);
                if (rows > HC_ROW_BLOCK) {
                    Floats part(of(tokens * rows));
                    tested(&w, HC_ROW_BLOCK, rows, &inputs, added, part.data(), rows, room...);
                    bool same = true;
                    for (std::int64_t i = 0; i < tokens * rows; ++i) {
                        same = same && (i % rows < HC_ROW_BLOCK ? std::isnan(part[of(i)]) : part[of(i)] == found[of(i)]);
                    }
                    c.check(kernel, same, no_number);
                }
            }
        };
        product("matmul_f32", c.k.matmul_f32, c.ref.matmul_f32, f32, in, scratch.get());
        product("matmul_bf16", c.k.matmul_bf16, c.ref.matmul_bf16, bf16, in, scratch.get());
        const Tiled tiled(c.k, coded.raw), tiled_wanted(c.ref, coded.raw);
        c.equal("tile_codes", tiled.words, tiled_wanted.words);
        c.equal("tile_codes", tiled.scales, tiled_wanted.scales);
        c.equal("tile_codes", tiled.sums, tiled_wanted.sums);
        product("matmul_q8", c.k.matmul_q8, c.ref.matmul_q8, q8_packed, tiled.raw);
        if (even) {
            const PackedBytes q4_bytes(c, "pack_q4", c.k.pack_q4, c.ref.pack_q4, q4, 4);
            const hc_packed q4_packed{q4_bytes.data(), block_scales.data(), nullptr, nullptr, rows, cols, nullptr, nullptr};
            product("matmul_q4", c.k.matmul_q4, c.ref.matmul_q4, q4_packed, tiled.raw);
        }
    }
}

void compare_spikes(Comparison& c, std::int64_t rows, std::int64_t cols) {
    Stream s(of(7000 * rows + cols));
    const std::int64_t groups = (cols + HC_GROUP - 1) / HC_GROUP;
    const Guarded<std::int8_t> bytes(s.whole<std::int8_t>(rows * cols));
    const Guarded<std::uint16_t> scales(packed_scales(s.scales(rows * groups), rows));
    const Floats wide(packed_scales(s.numbers(rows * groups, 0.03125f), rows)), bias(s.numbers(rows));
    std::vector<std::int32_t> starts{0};
    std::vector<std::uint32_t> far;
    for (std::int64_t r = 0; r < rows; ++r) {
        for (auto column = static_cast<std::int64_t>(s.bits() % 70u); column < cols; column += 1 + s.bits() % 70u) {
            far.push_back((static_cast<std::uint32_t>(column) << HC_BEYOND_BITS) + s.bits() % 8000u);
        }
        starts.push_back(static_cast<std::int32_t>(far.size()));
    }
    const Guarded<std::int32_t> far_starts(starts);
    const Guarded<std::uint32_t> far_entries(far);
    auto moves = s.whole<std::int8_t>(rows * groups);
    std::replace(moves.begin(), moves.end(), std::int8_t{-128}, std::int8_t{-127});
    const Guarded<std::int8_t> offsets(packed_scales(moves, rows));
    const PackedBytes packed(c, "pack_q8", c.k.pack_q8, c.ref.pack_q8, {bytes.data(), nullptr, rows, cols}, 8);
    const hc_packed kinds[] = {
        {packed.data(), scales.data(), nullptr, nullptr, rows, cols, nullptr, nullptr},
        {packed.data(), nullptr, wide.data(), nullptr, rows, cols, nullptr, nullptr},
        {packed.data(), nullptr, wide.data(), nullptr, rows, cols, far_starts.data(), far_entries.data()},
        {packed.data(), nullptr, wide.data(), offsets.data(), rows, cols, far_starts.data(), far_entries.data()},
    };
    for (const std::int64_t tokens : {1, 5, 19, 45}) {
        auto values = s.numbers(tokens * cols);
        values[of(cols) / 2] = 512.0f; // beyond int8 where the row is long enough
        if (tokens > 4) {
            values[of(4 * cols)] = tokens == 5 ? no_number : infinity;
            for (std::int64_t i = 0; i < cols; ++i) { // more beyond int8 than are remembered, where the row is long; sums stay exact
                float& value = values[of(2 * cols + i)];
                value = i % 67 == 1 ? 900.0f : std::nearbyintf(value * 8.0f) / 8.0f;
            }
        }
        const Floats x(values);
        const hc_rows in{x.data(), tokens, cols};
        const std::int64_t ldc = (tokens + HC_COLUMN_STEP - 1) / HC_COLUMN_STEP * HC_COLUMN_STEP;
        struct Spikes {
            Spikes(std::int64_t tokens, std::int64_t cols, std::int64_t ldc)
                : coded(tokens, cols), counts(of(tokens * cols)), beyond(of(tokens)), places(of(tokens * HC_FAR_PLACES)),
                  columns(of(cols * ldc)), raw{coded.raw, counts.data(), beyond.data(), places.data(), columns.data(), ldc} {}
            Coded coded;
            Floats counts;
            Guarded<std::int32_t> beyond, places;
            Guarded<std::int8_t> columns;
            hc_spikes raw;
        } found(tokens, cols, ldc), expected(tokens, cols, ldc);
        c.k.spike_rows(&in, cols, 2.0f, &found.raw);
        c.ref.spike_rows(&in, cols, 2.0f, &expected.raw);
        c.equal("spike_rows", found.coded.codes, expected.coded.codes);
        c.equal("spike_rows", found.coded.scales, expected.coded.scales);
        c.equal("spike_rows", found.coded.sums, expected.coded.sums);
        c.equal("spike_rows", found.counts, expected.counts);
        c.equal("spike_rows", found.beyond, expected.beyond);
        c.equal("spike_rows", found.places, expected.places);
        Floats y(of(tokens * cols)), wanted(of(tokens * cols));
        c.k.spike_values(x.data(), tokens, cols, 2.0f, y.data());
        c.ref.spike_values(x.data(), tokens, cols, 2.0f, wanted.data());
        c.equal("spike_values", y, wanted);
        for (std::int64_t t = 0; t < tokens; t += HC_COLUMN_STEP) {
            c.k.spike_columns(&found.raw, cols, t);
            c.ref.spike_columns(&expected.raw, cols, t);
        }
        c.equal("spike_columns", found.columns, expected.columns);
        const Tiled tiled(c.ref, found.raw.codes);
        Scratch scratch(HC_MATMUL_SCRATCH / 4);
        for (const hc_packed& w : kinds) {
            Floats out(of(tokens * rows)), out_wanted(of(tokens * rows));
            c.k.matmul_spike(&w, 0, rows, &found.raw, &tiled.raw, bias.data(), out.data(), rows, scratch.get());
            c.ref.matmul_spike(&w, 0, rows, &found.raw, &tiled.raw, bias.data(), out_wanted.data(), rows, scratch.get());
            c.near("matmul_spike", out, out_wanted, 3e-6);
        }
    }
}

// A packed copy is the matrix it was made of, whatever became offset, byte or far entry; and no offset in reach leaves fewer far entries.
void check_packing(Comparison& c, std::int64_t rows, std::int64_t cols, std::int32_t spread) {
    Stream s(of(9000 * rows + cols + spread));
    const std::int64_t groups = (cols + HC_GROUP - 1) / HC_GROUP;
    std::vector<std::int32_t> whole(of(rows * cols)), starts{0};
    std::vector<std::int8_t> bytes(whole.size());
    std::vector<std::uint32_t> far;
    for (std::int64_t r = 0; r < rows; ++r) {
        for (std::int64_t i = 0; i < cols; ++i) {
            // Sums of four are nearly normal; a third of the groups lies to one side, and every ninth has no far codes.
            const std::int64_t group = r + i / HC_GROUP;
            std::int32_t code = group % 3 == 0 ? spread : 0;
            for (int part = 0; part < 4; ++part) {
                code += static_cast<std::int32_t>(s.bits() % of(2 * spread + 1)) - spread;
            }
            code = group % 9 == 1 ? code % 100 : std::clamp(code, -4095, 4095);
            const std::int32_t near = std::clamp(code, -128, 127);
            whole[of(r * cols + i)] = code;
            bytes[of(r * cols + i)] = static_cast<std::int8_t>(near);
            if (code != near) {
                far.push_back((static_cast<std::uint32_t>(i) << HC_BEYOND_BITS) + static_cast<std::uint32_t>(code - near + HC_BEYOND_BIAS));
            }
        }
        starts.push_back(static_cast<std::int32_t>(far.size()));
    }
    const std::vector<float> scales(of(rows * groups), 0.5f);
    hc::Pool pool(2);
    hc::Matrix made;
    const bool none = far.empty();
    const hc::StoredInts stored{{bytes.data(), nullptr, rows, cols}, hc::Format::s8, scales.data(), none ? nullptr : starts.data(),
                                none ? nullptr : far.data()};
    c.check("pack", hc::pack(stored, c.k, pool, made) == hc::Status::ok, no_number);
    const hc_packed& w = made.packed;
    std::vector<std::int32_t> found(whole.size());
    std::vector<std::int64_t> left(of(rows * groups));
    for (std::int64_t r = 0; r < rows; ++r) {
        for (std::int64_t i = 0; i < cols; ++i) {
            found[of(r * cols + i)] = hc::ref::packed_q8_code(&w, r, i) + hc::ref::packed_offset(&w, r, i / HC_GROUP);
        }
        for (std::int32_t e = w.far_starts != nullptr ? w.far_starts[r] : 0; w.far_starts != nullptr && e < w.far_starts[r + 1]; ++e) {
            const auto column = static_cast<std::int64_t>(w.far[e] >> HC_BEYOND_BITS);
            found[of(r * cols + column)] += static_cast<std::int32_t>(w.far[e] & ((1u << HC_BEYOND_BITS) - 1u)) - HC_BEYOND_BIAS;
            left[of(r * groups + column / HC_GROUP)] += 1;
        }
    }
    c.check("pack", found == whole, no_number);
    for (std::int64_t r = 0; r < rows; ++r) {
        for (std::int64_t g = 0; g < groups; ++g) {
            const std::int32_t* codes = whole.data() + r * cols + g * HC_GROUP;
            const std::int64_t n = std::min<std::int64_t>(HC_GROUP, cols - g * HC_GROUP);
            std::int64_t fewest = n;
            for (std::int32_t offset = -127; offset <= 127; ++offset) {
                fewest = std::min<std::int64_t>(fewest, std::count_if(codes, codes + n, [&](std::int32_t code) {
                    return code < offset - 128 || code > offset + 127;
                }));
            }
            c.check("pack", left[of(r * groups + g)] == fewest, static_cast<double>(left[of(r * groups + g)] - fewest));
        }
    }
}

void compare_gated(Comparison& c, std::int64_t tokens, std::int64_t group, std::int64_t d) {
    Stream s(of(100 * tokens + d));
    const Floats state(s.numbers(d * d)), q(s.numbers(tokens * group * d)), k(s.numbers(tokens * d)), v(s.numbers(tokens * d));
    auto gates = s.numbers(tokens * d);
    for (std::size_t i = 0; i < gates.size(); ++i) {
        gates[i] = i % of(d) == 0 ? -300.0f : -8.0f * gates[i] * gates[i];
    }
    const Floats log_decay(gates);
    const auto run = [&](const hc_kernels& kernels, bool chunk, Floats& out, Floats& after) {
        const hc_gla args{state.data(), after.data(), q.data(), k.data(), v.data(), log_decay.data(), out.data(), group * d, d, d, d,
                          group * d, chunk ? tokens : 1, group, d, 0.25f};
        if (chunk) {
            Scratch scratch(group * 16 * (d + 16) + 17 * d);
            kernels.gla_chunk(&args, scratch.get());
        } else {
            kernels.gla_step(&args);
        }
    };
    for (const bool chunk : {false, true}) {
        Floats out(of((chunk ? tokens : 1) * group * d)), after(of(d * d)), out_wanted(out.size()), after_wanted(of(d * d));
        run(c.k, chunk, out, after);
        run(c.ref, chunk, out_wanted, after_wanted);
        c.near(chunk ? "gla_chunk" : "gla_step", out, out_wanted, 3e-6);
        c.near(chunk ? "gla_chunk" : "gla_step", after, after_wanted, 3e-6);
    }
}

template <typename T>
void compare_window(Comparison& c, const char* names[2], hc_window_store store, hc_window_store ref_store, hc_window_attend attend,
                    hc_window_attend ref_attend, bool scaled, std::int64_t entries, std::int64_t tokens, std::int64_t group,
                    std::int64_t d) {
    Stream s(of(entries * 1000 + tokens * 10 + d));
    const std::int64_t ld = group * d + 4;
    const Floats keys(s.numbers(entries * d, 2.0f)), values(s.numbers(entries * d)), q(s.numbers(tokens * ld, 3.0f));
    Guarded<T> stored[2] = {Guarded<T>(of(entries * d)), Guarded<T>(of(entries * d))};
    Floats scales[2] = {Floats(of(entries)), Floats(of(entries))};
    for (int part = 0; part < 2; ++part) {
        const Floats& x = part == 0 ? keys : values;
        Guarded<T> wanted(of(entries * d));
        Floats scale_wanted(of(entries));
        store(x.data(), d, entries, d, stored[part].data(), scaled ? scales[part].data() : nullptr);
        ref_store(x.data(), d, entries, d, wanted.data(), scaled ? scale_wanted.data() : nullptr);
        c.equal(names[0], stored[part], wanted);
        c.equal(names[0], scales[part], scale_wanted); // untouched poison on both sides where there are none
    }
    std::vector<std::int64_t> begin, end;
    for (std::int64_t t = 0; t < tokens; ++t) { // visibility only moves forward
        begin.push_back(t * entries / (2 * tokens));
        end.push_back(std::min(entries, begin.back() + 1 + entries / 2 + t));
    }
    const auto run = [&](const hc_kernels& kernels, hc_window_attend f, Floats& out) {
        Floats peak(std::vector<float>(of(tokens * group), -infinity)), total(std::vector<float>(of(tokens * group), 0.0f));
        Floats mix(std::vector<float>(of(tokens * group * d), 0.0f));
        Scratch scratch((2 * d + tokens * group) * HC_KEY_BLOCK + tokens * group * d);
        const std::int64_t cut = entries / 3; // in two spans, as a ring gives them
        for (const auto& [start, stop] : {std::pair{std::int64_t{0}, cut}, std::pair{cut, entries}}) {
            if (start == stop) {
                continue;
            }
            std::vector<std::int64_t> from, to;
            for (std::int64_t t = 0; t < tokens; ++t) {
                from.push_back(std::max(begin[of(t)] - start, std::int64_t{0}));
                to.push_back(std::min(end[of(t)], stop) - start);
            }
            const hc_span span{stored[0].data() + start * d, stored[1].data() + start * d, scales[0].data() + start,
                               scales[1].data() + start, stop - start};
            const hc_queries queries{q.data(),  ld,   tokens,      group,        d,         from.data(),
                                     to.data(), 0.3f, peak.data(), total.data(), mix.data()};
            f(&span, &queries, scratch.get());
        }
        const hc_queries queries{nullptr, ld, tokens, group, d, nullptr, nullptr, 0.3f, peak.data(), total.data(), mix.data()};
        kernels.window_finish(&queries, out.data(), ld);
    };
    Floats out(of((tokens - 1) * ld + group * d)), wanted(out.size());
    run(c.k, attend, out);
    run(c.ref, ref_attend, wanted);
    c.near(names[1], out, wanted, 3e-6);
}

void compare_windows(Comparison& c) {
    const char* f32[] = {"window_store_f32", "window_attend_f32"};
    const char* f16[] = {"window_store_f16", "window_attend_f16"};
    const char* i8[] = {"window_store_i8", "window_attend_i8"};
    const char* codes[] = {"window_store_codes", "window_attend_i8"};
    for (const std::int64_t entries : {1, 31, 32, 71}) {
        for (const auto& [tokens, group, d] : {std::tuple{1, 1, 6}, std::tuple{5, 3, 22}, std::tuple{16, 7, 64}}) {
            compare_window<float>(c, f32, c.k.window_store_f32, c.ref.window_store_f32, c.k.window_attend_f32,
                                  c.ref.window_attend_f32, false, entries, tokens, group, d);
            compare_window<std::uint16_t>(c, f16, c.k.window_store_f16, c.ref.window_store_f16, c.k.window_attend_f16,
                                          c.ref.window_attend_f16, false, entries, tokens, group, d);
            compare_window<std::int8_t>(c, i8, c.k.window_store_i8, c.ref.window_store_i8, c.k.window_attend_i8,
                                        c.ref.window_attend_i8, true, entries, tokens, group, d);
            compare_window<std::int8_t>(c, codes, c.k.window_store_codes, c.ref.window_store_codes, c.k.window_attend_i8,
                                        c.ref.window_attend_i8, true, entries, tokens, group, d);
        }
    }
}

// Halves of every exponent, ties and what lies beyond them, bit by bit.
void compare_halves(Comparison& c) {
    std::vector<float> values{0.0f, -0.0f, 65504.0f, 65519.9f, 65520.0f, 1e9f, -1e9f, 0x1p-24f, 0x1p-25f, 0x1p-26f, 6.1e-5f,
                              infinity, -infinity};
    Stream s(77);
    for (int i = 0; i < 4000; ++i) {
        values.push_back(std::ldexp(s.number(), static_cast<int>(s.bits() % 48u) - 30));
    }
    const Floats x(values);
    const auto count = static_cast<std::int64_t>(values.size());
    Guarded<std::uint16_t> found(values.size()), expected(values.size());
    c.k.window_store_f16(x.data(), count, 1, count, found.data(), nullptr);
    c.ref.window_store_f16(x.data(), count, 1, count, expected.data(), nullptr);
    c.equal("window_store_f16", found, expected);
}

// What is no finite number is seen in every code that is made of it, wherever it stands, and nowhere else.
void compare_what_is_no_number(Comparison& c) {
    for (const std::int64_t n : {1, 5, 16, 33, 128}) {
        for (std::int64_t place = 0; place < n; ++place) {
            for (const float bad : {no_number, -no_number, infinity, -infinity}) {
                Stream s(of(n));
                auto values = s.numbers(2 * n);
                values[of(place)] = bad;
                const Floats x(values);
                const hc_rows in{x.data(), 2, n};
                Coded found(2, n), expected(2, n);
                c.k.quantise_rows(&in, n, &found.raw);
                c.ref.quantise_rows(&in, n, &expected.raw);
                c.equal("quantise_rows", found.codes, expected.codes);
                c.equal("quantise_rows", found.scales, expected.scales);
                c.equal("quantise_rows", found.sums, expected.sums);
                c.check("quantise_rows", std::isnan(found.scales[0]) && !std::isnan(found.scales[1]), no_number);
                for (const bool exact : {false, true}) {
                    Guarded<std::int8_t> codes(of(2 * n)), codes_wanted(of(2 * n));
                    Floats scales(2), scales_wanted(2);
                    (exact ? c.k.window_store_codes : c.k.window_store_i8)(x.data(), n, 2, n, codes.data(), scales.data());
                    (exact ? c.ref.window_store_codes : c.ref.window_store_i8)(x.data(), n, 2, n, codes_wanted.data(),
                                                                               scales_wanted.data());
                    c.equal("window_store_i8", codes, codes_wanted);
                    c.equal("window_store_i8", scales, scales_wanted);
                    c.check("window_store_i8", std::isnan(scales[0]) && !std::isnan(scales[1]), no_number);
                }
            }
        }
    }
}

int compare(const hc_kernels& table) {
    const std::string wrong = hc::self_test(table);
    if (!wrong.empty()) {
        std::printf("%s: self-test: %s\n", table.name, wrong.c_str());
    }
    const hc::FlushSubnormals flush; // as the engine's threads compute
    Comparison c(table, *hc_kernels_scalar());
    for (const std::int64_t n : {1, 3, 7, 16, 33, 202}) {
        compare_elementwise(c, n);
    }
    for (const auto& [rows, cols] : {std::pair{1, 1}, {1, 2}, {5, 9}, {5, 34}, {37, 202}, {67, 260}, {16, 2304}}) {
        compare_matrices(c, rows, cols);
        compare_spikes(c, rows, cols);
        for (const std::int32_t spread : {20, 45, 60, 200, 2000}) {
            check_packing(c, rows, cols, spread);
        }
    }
    for (const std::int64_t tokens : {1, 15, 16, 17, 50}) {
        compare_gated(c, tokens, 1, 6);
        compare_gated(c, tokens, 3, 22);
        compare_gated(c, tokens, 7, 64);
    }
    compare_windows(c);
    compare_halves(c);
    compare_what_is_no_number(c);
    std::printf("%s: %d comparisons, %d wrong\n", table.name, c.cases(), c.wrong());
    return c.wrong() == 0 && wrong.empty() ? 0 : 1;
}

}  // namespace

#if defined(HC_WITH_PLAIN_TILES)
extern "C" const hc_kernels* hc_kernels_plain_tiles(void);
#endif

int main(int count, char** arguments) {
    std::vector<std::string> names(arguments + 1, arguments + count);
    int failed = 0;
    if (names.empty()) {
        names = hc::tables_for(hc::cpu_features());
#if defined(HC_WITH_PLAIN_TILES)
        if (hc::find_table("avx2") != nullptr) {
            failed |= compare(*hc_kernels_plain_tiles());
        }
#endif
    }
    for (const std::string& name : names) {
        const hc_kernels* table = hc::find_table(name);
        if (table == nullptr) {
            std::printf("%s: this machine has no such table\n", name.c_str());
            failed = 1;
            continue;
        }
        failed |= compare(*table);
    }
    return failed;
}
