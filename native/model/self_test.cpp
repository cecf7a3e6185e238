#include "model/self_test.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>

#include "core/arena.h"
#include "core/float_mode.h"
#include "core/pool.h"
#include "model/known_answers.h"
#include "model/packing.h"

namespace hc {

namespace {

using Floats = std::vector<float>;

// A fixed stream of small exact fractions, the same on every machine.
class Stream {
  public:
    explicit Stream(std::uint32_t seed) : state_(seed * 2654435761u + 1u) {}

    std::uint32_t bits() {
        state_ ^= state_ << 13;
        state_ ^= state_ >> 17;
        state_ ^= state_ << 5;
        return state_;
    }
    // In [-1, 1), a multiple of 2^-11.
    float fraction() { return static_cast<float>(static_cast<std::int32_t>(bits() >> 20) - 2048) / 2048.0f; }
    Floats floats(std::size_t count, float size = 1.0f) {
        Floats out(count);
        for (float& x : out) {
            x = fraction() * size;
        }
        return out;
    }

  private:
    std::uint32_t state_;
};

// Sizes that leave a tail behind every width of register and cross a sub-chunk, a group and a key block.
constexpr std::int64_t rows = 37, cols = 202, few = 3, many = 35, dim = 42, group = 3, entries = 71;

class Run {
  public:
    explicit Run(const hc_kernels& table) : k(table), room_ready_(room_.allocate(1 << 20)) {}

    std::vector<Digest> all() {
        if (!room_ready_) {
            return {};
        }
        elementwise();
        matrices();
        gated();
        window();
        spikes();
        branches();
        return room_ready_ ? std::move(found_) : std::vector<Digest>{};
    }

  private:
    void note(const char* kernel, const Floats& out) {
        Stream pattern(99);
        Digest digest{kernel, 0.0, 0.0};
        for (const float x : out) {
            const double product = static_cast<double>(x) * (2.0 + static_cast<double>(pattern.fraction()));
            digest.value += product;
            digest.size += std::fabs(product);
        }
        found_.push_back(digest);
    }

    // The matrix as the products take it; noted byte for byte under `kernel`, where one is named.
    Matrix packed(const StoredInts& stored, const char* kernel) {
        Pool alone(1);
        Matrix matrix;
        if (pack(stored, k, alone, matrix) != Status::ok) {
            room_ready_ = false;
        } else if (kernel != nullptr) {
            note(kernel, Floats(matrix.room->as<std::uint8_t>(), matrix.room->as<std::uint8_t>() + matrix.room->size_bytes()));
        }
        return matrix;
    }

    // Codes in the order of the products, in memory of this run until the next call.
    hc_tiles tiled(const hc_codes& codes, const char* kernel) {
        const auto words = static_cast<std::size_t>(codes.tokens * codes.groups) * (HC_GROUP / 4);
        words_.assign(words, 0);
        tile_scales_.assign(static_cast<std::size_t>(codes.tokens * codes.groups), 0.0f);
        tile_sums_.assign(tile_scales_.size(), 0);
        const hc_tiles tiles{words_.data(), tile_scales_.data(), tile_sums_.data(), codes.tokens, codes.groups};
        for (std::int64_t tile = 0; tile * HC_TILE_TOKENS < codes.tokens; ++tile) {
            k.tile_codes(&codes, tile, &tiles);
        }
        if (kernel != nullptr) {
            const auto* bytes = reinterpret_cast<const std::int8_t*>(words_.data());
            Floats seen(bytes, bytes + words * 4);
            seen.insert(seen.end(), tile_scales_.begin(), tile_scales_.end());
            seen.insert(seen.end(), tile_sums_.begin(), tile_sums_.end());
            note(kernel, seen);
        }
        return tiles;
    }

    void elementwise() {
        Stream s(1);
        const Floats weight = s.floats(cols);
        Floats x = s.floats(few * cols, 3.0f);
        Floats y(few * cols);
        k.rmsnorm(x.data(), weight.data(), few, cols, 1e-6f, y.data());
        note("rmsnorm", y);
        k.add_rmsnorm(x.data(), s.floats(few * cols).data(), weight.data(), few, cols, 1e-6f, y.data());
        y.insert(y.end(), x.begin(), x.end());
        note("add_rmsnorm", y);
        x = s.floats(cols, 9.0f);
        k.relu(x.data(), cols);
        note("relu", x);
        x = s.floats(cols, 30.0f);
        k.silu_mul(x.data(), weight.data(), cols);
        note("silu_mul", x);
        x = s.floats(cols, 40.0f);
        k.log_gate(x.data(), cols, 1.0f / 16.0f);
        note("log_gate", x);
        x = s.floats(few * 4 * dim);
        const Floats sine = s.floats(few * dim / 2);
        const Floats cosine = s.floats(few * dim / 2);
        k.rope(x.data(), 4 * dim, few, 4, dim, cosine.data(), sine.data());
        note("rope", x);
        y.assign(static_cast<std::size_t>(5 * dim), 0.0f);
        Floats past(3 * dim);
        const Floats filter = s.floats(4 * dim);
        const Floats history = s.floats(3 * dim);
        const Floats line = s.floats(5 * dim);
        k.short_conv(line.data(), history.data(), filter.data(), 5, dim, 4, y.data(), past.data());
        y.insert(y.end(), past.begin(), past.end());
        note("short_conv", y);
    }

    void matrices() {
        Stream s(2);
        const Floats wide = s.floats(rows * cols);
        std::vector<std::uint16_t> half(wide.size());
        std::vector<std::int8_t> bytes(wide.size());
        std::vector<std::uint8_t> nibbles(wide.size() / 2);
        for (std::uint16_t& w : half) {
            const std::uint32_t fraction = (s.bits() >> 16) % 0x100u;
            w = static_cast<std::uint16_t>(0x3f00u + fraction + (s.bits() & 0x8000u));
        }
        for (std::int8_t& w : bytes) {
            w = static_cast<std::int8_t>(s.bits() >> 24);
        }
        for (std::uint8_t& w : nibbles) {
            w = static_cast<std::uint8_t>(s.bits() >> 24);
        }
        std::vector<std::uint16_t> scales(static_cast<std::size_t>(rows) * 2);
        for (std::uint16_t& scale : scales) {
            scale = static_cast<std::uint16_t>(0x2000u + (s.bits() >> 16) % 0x800u);
        }
        const Floats bias = s.floats(rows);
        const hc_matrix f32{wide.data(), nullptr, rows, cols};
        const hc_matrix bf16{half.data(), nullptr, rows, cols};
        const hc_matrix q8{bytes.data(), scales.data(), rows, cols};
        const hc_matrix q4{nibbles.data(), scales.data(), rows, cols};
        const Matrix q8_packed = packed({q8, Format::q8, nullptr, nullptr, nullptr}, "pack_q8");
        const Matrix q4_packed = packed({q4, Format::q4, nullptr, nullptr, nullptr}, "pack_q4");
        Floats row(cols);
        k.embed_f32(&f32, 5, row.data());
        note("embed_f32", row);
        k.embed_bf16(&bf16, 5, row.data());
        note("embed_bf16", row);
        k.embed_q8(&q8, 5, row.data());
        note("embed_q8", row);
        k.embed_q4(&q4, 5, row.data());
        note("embed_q4", row);
        for (const std::int64_t tokens : {few, many}) {
            const auto count = static_cast<std::size_t>(tokens);
            const Floats x = s.floats(count * cols);
            const hc_rows in{x.data(), tokens, cols};
            std::vector<std::int8_t> code_room(count * 256);
            Floats code_scales(count * 2);
            std::vector<std::int32_t> sums(count * 2);
            const hc_codes codes{code_room.data(), code_scales.data(), sums.data(), tokens, 2};
            Floats y(count * rows);
            k.quantise_rows(&in, cols, &codes);
            Floats seen(code_room.begin(), code_room.end());
            seen.insert(seen.end(), code_scales.begin(), code_scales.end());
            seen.insert(seen.end(), sums.begin(), sums.end());
            note("quantise_rows", seen);
            k.matmul_f32(&f32, 0, rows, &in, bias.data(), y.data(), rows, room_.bytes());
            note("matmul_f32", y);
            k.matmul_bf16(&bf16, 0, rows, &in, bias.data(), y.data(), rows, room_.bytes());
            note("matmul_bf16", y);
            const hc_tiles tiles = tiled(codes, "tile_codes");
            k.matmul_q8(&q8_packed.packed, 0, rows, &tiles, bias.data(), y.data(), rows);
            note("matmul_q8", y);
            k.matmul_q4(&q4_packed.packed, 0, rows, &tiles, bias.data(), y.data(), rows);
            note("matmul_q4", y);
        }
    }

    void gated() {
        Stream s(3);
        const Floats state = s.floats(dim * dim);
        Floats q = s.floats(many * group * dim);
        const Floats key = s.floats(many * dim);
        const Floats v = s.floats(many * dim);
        Floats decay = s.floats(many * dim);
        for (float& g : decay) {
            g = -8.0f * g * g;
        }
        Floats next(dim * dim);
        Floats out(many * group * dim);
        hc_gla args{state.data(), next.data(), q.data(), key.data(), v.data(), decay.data(), out.data(), group * dim, dim, dim, dim,
                    group * dim, 1, group, dim, 0.125f};
        k.gla_step(&args);
        Floats seen(out.begin(), out.begin() + group * dim);
        seen.insert(seen.end(), next.begin(), next.end());
        note("gla_step", seen);
        args.tokens = many;
        k.gla_chunk(&args, room_.bytes());
        out.insert(out.end(), next.begin(), next.end());
        note("gla_chunk", out);
    }

    void window() {
        Stream s(4);
        const Floats keys = s.floats(entries * dim, 2.0f);
        const Floats values = s.floats(entries * dim);
        const Floats q = s.floats(few * group * dim);
        const struct {
            const char* store_name;
            const char* attend_name;
            hc_window_store store;
            hc_window_attend attend;
        } kinds[] = {
            {"window_store_f32", "window_attend_f32", k.window_store_f32, k.window_attend_f32},
            {"window_store_f16", "window_attend_f16", k.window_store_f16, k.window_attend_f16},
            {"window_store_i8", "window_attend_i8", k.window_store_i8, k.window_attend_i8},
        };
        for (const auto& kind : kinds) {
            // Room for the widest precision; read back as bytes, so that every bit counts.
            Floats stored_keys(entries * dim), stored_values(entries * dim), key_scales(entries), value_scales(entries);
            kind.store(keys.data(), dim, entries, dim, stored_keys.data(), key_scales.data());
            kind.store(values.data(), dim, entries, dim, stored_values.data(), value_scales.data());
            const auto* bytes = reinterpret_cast<const std::uint8_t*>(stored_keys.data());
            Floats seen(bytes, bytes + stored_keys.size() * sizeof(float));
            seen.insert(seen.end(), key_scales.begin(), key_scales.end());
            note(kind.store_name, seen);

            const std::int64_t begin[few] = {0, 5, 40};
            const std::int64_t end[few] = {33, 66, entries};
            Floats peak(few * group, -std::numeric_limits<float>::infinity());
            Floats total(few * group), mix(few * group * dim), out(few * group * dim);
            const hc_span span{stored_keys.data(), stored_values.data(), key_scales.data(), value_scales.data(), entries};
            const hc_queries queries{q.data(), group * dim,  few,          group,      dim, begin,
                                     end,      0.25f,        peak.data(),  total.data(), mix.data()};
            kind.attend(&span, &queries, room_.bytes());
            k.window_finish(&queries, out.data(), group * dim);
            note(kind.attend_name, out);
        }
    }

    void spikes() {
        Stream s(5);
        std::vector<std::int8_t> bytes(static_cast<std::size_t>(rows * cols));
        for (std::int8_t& w : bytes) {
            w = static_cast<std::int8_t>(s.bits() >> 24);
        }
        const Floats scales = s.floats(rows * 2, 0.05f);
        std::vector<std::int32_t> starts{0};
        std::vector<std::uint32_t> far;
        for (std::int64_t r = 0; r < rows; ++r) {
            for (std::uint32_t column = s.bits() % 90u; column < static_cast<std::uint32_t>(cols); column += 1u + s.bits() % 90u) {
                far.push_back((column << HC_BEYOND_BITS) + s.bits() % 8000u);
            }
            starts.push_back(static_cast<std::int32_t>(far.size()));
        }
        const Floats bias = s.floats(rows);
        const hc_matrix stored{bytes.data(), nullptr, rows, cols};
        const Matrix w = packed({stored, Format::s8, scales.data(), starts.data(), far.data()}, nullptr);
        for (const std::int64_t tokens : {few, many}) {
            const auto count = static_cast<std::size_t>(tokens);
            Floats x = s.floats(count * cols);
            x[7] = 900.0f;  // beyond int8 in its first token
            const hc_rows in{x.data(), tokens, cols};
            std::vector<std::int8_t> code_room(count * 256);
            const std::int64_t ldc = (tokens + HC_COLUMN_STEP - 1) / HC_COLUMN_STEP * HC_COLUMN_STEP;
            Floats thresholds(count * 2), counts(count * cols), y(count * rows);
            std::vector<std::int8_t> columns(static_cast<std::size_t>(ldc * cols));
            std::vector<std::int32_t> sums(count * 2), beyond(count), places(count * HC_FAR_PLACES);
            const hc_spikes out{{code_room.data(), thresholds.data(), sums.data(), tokens, 2},
                                counts.data(), beyond.data(), places.data(), columns.data(), ldc};
            k.spike_rows(&in, cols, 3.0f, &out);
            Floats seen(code_room.begin(), code_room.end());
            seen.insert(seen.end(), thresholds.begin(), thresholds.end());
            seen.insert(seen.end(), sums.begin(), sums.end());
            seen.insert(seen.end(), counts.begin(), counts.end());
            seen.insert(seen.end(), beyond.begin(), beyond.end());
            note("spike_rows", seen);
            for (std::int64_t t = 0; t < tokens; t += HC_COLUMN_STEP) {
                k.spike_columns(&out, cols, t);
            }
            note("spike_columns", Floats(columns.begin(), columns.end()));
            const hc_tiles tiles = tiled(out.codes, nullptr);
            k.matmul_spike(&w.packed, 0, rows, &out, &tiles, bias.data(), y.data(), rows, room_.bytes());
            note("matmul_spike", y);
            k.spike_values(x.data(), tokens, cols, 3.0f, x.data());
            note("spike_values", x);
        }
        const Floats keys = s.floats(few * dim, 2.0f);
        std::vector<std::int8_t> entries_stored(few * dim);
        Floats scale(few);
        k.window_store_codes(keys.data(), dim, few, dim, entries_stored.data(), scale.data());
        Floats seen(entries_stored.begin(), entries_stored.end());
        seen.insert(seen.end(), scale.begin(), scale.end());
        note("window_store_codes", seen);
    }

    void branches() {
        Stream s(6);
        Floats z = s.floats(cols, 30.0f);
        Floats rest(cols);
        k.sigmoid_gate(z.data(), rest.data(), cols);
        z.insert(z.end(), rest.begin(), rest.end());
        note("sigmoid_gate", z);
    }

    const hc_kernels& k;
    Buffer room_;
    bool room_ready_;
    std::vector<Digest> found_;
    std::vector<std::int32_t> words_, tile_sums_;
    Floats tile_scales_;
};

}  // namespace

std::vector<Digest> digests(const hc_kernels& table) {
    const FlushSubnormals flush;
    return Run(table).all();
}

std::string self_test(const hc_kernels& table) {
    if (table.abi != HC_KERNEL_ABI) {
        return "the table has ABI " + std::to_string(table.abi);
    }
    const std::vector<Digest> found = digests(table);
    if (found.size() != std::size(known_answers)) {
        return "not every kernel could be run";
    }
    for (std::size_t i = 0; i < found.size(); ++i) {
        // Written so that what is not a number fails.
        const bool right = std::fabs(found[i].value - known_answers[i]) <= 1e-5 * found[i].size;
        if (!right) {
            return found[i].kernel + " gives " + std::to_string(found[i].value) + " instead of " +
                   std::to_string(known_answers[i]);
        }
    }
    return "";
}

}  // namespace hc
