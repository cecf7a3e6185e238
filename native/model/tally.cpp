#include "model/tally.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>

namespace hc {

void CallTally::begin(const Config& config, const SpikeTally* tally, std::int64_t position, std::int64_t tokens, int workers,
                      bool apart) {
    every_tok_ = tally != nullptr ? tally->every_tok() : 0;
    neurons_ = tally != nullptr ? tally->neurons() : 0;
    position_ = position;
    tokens_ = tokens;
    apart_ = apart;
    sampled_from_ = apart ? 0 : std::max<std::int64_t>(0, tokens - sampled_prompt_tok);
    if (tally == nullptr) {
        return;
    }
    first_counted_ = (every_tok_ - position % every_tok_) % every_tok_;
    parts_ = apart ? static_cast<std::size_t>((tokens - first_counted_ + every_tok_ - 1) / every_tok_) : 1;
    pool_ = static_cast<std::size_t>(workers);
    site_total_ = static_cast<std::size_t>(config.layers * site_count);
    const std::size_t room = std::max<std::size_t>(1, parts_);
    // What a call before counted was cleared when its site was closed, unless it failed.
    workers_.resize(std::max(workers_.size(), room * pool_));
    for (Worker& worker : workers_) {
        if (worker.values != 0) {
            worker = Worker{};
        }
    }
    sites_.resize(std::max(sites_.size(), room * site_total_));
    for (SiteTally& site : sites_) {
        site[tally_rows] = 0;
        site[tally_closed] = 0;
    }
    sample_.assign(static_cast<std::size_t>((tokens - sampled_from_) * neurons_) * site_total_, SpikeTally::not_coded);
}

void CallTally::count(int worker, std::int64_t t, const std::int8_t* codes, std::int64_t n, const float* counts, std::int32_t beyond) {
    const std::size_t part = apart_ ? static_cast<std::size_t>((t - first_counted_) / every_tok_) : 0;
    Worker& own = workers_[part * pool_ + static_cast<std::size_t>(worker)];
    // Neighbours are often alike: two tables, so that one's addition need not wait for the other's.
    std::int64_t i = 0;
    for (; i + 8 <= n; i += 8) {
        std::uint64_t eight;
        std::memcpy(&eight, codes + i, sizeof eight);
        eight ^= 0x8080808080808080ull;  // count + 128
        ++own.even[eight & 255u];
        ++own.odd[(eight >> 8) & 255u];
        ++own.even[(eight >> 16) & 255u];
        ++own.odd[(eight >> 24) & 255u];
        ++own.even[(eight >> 32) & 255u];
        ++own.odd[(eight >> 40) & 255u];
        ++own.even[(eight >> 48) & 255u];
        ++own.odd[eight >> 56];
    }
    for (; i < n; ++i) {
        ++own.even[static_cast<std::uint8_t>(codes[i]) ^ 0x80u];
    }
    own.values += static_cast<std::uint64_t>(n);
    ++own.rows;
    if (beyond == 0) {
        return;
    }
    for (i = 0; i < n; ++i) {
        const auto size = static_cast<std::uint64_t>(std::fabs(counts[i]));
        if (size <= 127) {
            continue;
        }
        --own.even[static_cast<std::uint8_t>(codes[i]) ^ 0x80u];  // may pass below zero; the sum with `odd` does not
        own.beyond += 1;
        own.beyond_units += size;
        own.beyond_bits += static_cast<std::uint64_t>(std::popcount(size));
        own.beyond_low += static_cast<std::uint64_t>(std::popcount(size & 7u));
        own.largest = std::max(own.largest, size);
    }
}

void CallTally::keep(std::int64_t site, std::int64_t token, const std::int8_t* codes, std::int64_t offset, std::int64_t n,
                     std::int64_t width) {
    const std::int64_t shown = std::min(neurons_, width);
    std::int8_t* out = sample_.data() + ((token - sampled_from_) * static_cast<std::int64_t>(site_total_) + site) * neurons_;
    // Neuron j is input j * width / shown: evenly over the whole row. The division goes along as a quotient and a remainder.
    if (offset == 0 && width % shown == 0) {
        for (std::int64_t j = 0; j < shown; ++j) {
            out[j] = codes[j * (width / shown)];
        }
        return;
    }
    std::int64_t j = (offset * shown + width - 1) / width;
    std::int64_t place = j * width / shown - offset;
    std::int64_t rest = j * width % shown;
    for (; j < shown && place < n; ++j) {
        out[j] = codes[place];
        place += width / shown;
        rest += width % shown;
        if (rest >= shown) {
            rest -= shown;
            ++place;
        }
    }
}

void CallTally::close(std::int64_t site) {
    ++sites_[static_cast<std::size_t>(site)][tally_closed];
    for (std::size_t part = 0; part < parts_; ++part) {
        close(workers_.data() + part * pool_, sites_[part * site_total_ + static_cast<std::size_t>(site)]);
    }
}

void CallTally::close(Worker* workers, SiteTally& total) const {
    std::uint64_t values = 0;
    for (std::size_t w = 0; w < pool_; ++w) {
        values += workers[w].values;
    }
    if (values == 0) {
        return;
    }
    if (total[tally_rows] == 0) {
        std::fill(total.begin(), total.begin() + tally_places, std::uint64_t{0});
    }
    std::uint64_t largest = 0;
    std::uint32_t together[256] = {};
    for (std::size_t w = 0; w < pool_; ++w) {
        Worker& own = workers[w];
        if (own.values == 0) {
            continue;
        }
        for (std::size_t i = 0; i < 256; ++i) {
            together[i] += own.even[i] + own.odd[i];  // in 32 bits: what passed below zero comes back
        }
        total[tally_beyond] += own.beyond;
        total[tally_beyond_units] += own.beyond_units;
        total[tally_beyond_bits] += own.beyond_bits;
        total[tally_beyond_low] += own.beyond_low;
        total[tally_rows] += own.rows;
        largest = std::max(largest, own.largest);
        own = Worker{};
    }
    for (std::size_t i = 0; i < 256; ++i) {
        total[i] += together[i];
    }
    for (std::uint64_t size = 127; largest < size; --size) {
        if (together[128 + size] + together[128 - size] != 0) {
            largest = size;
        }
    }
    total[tally_bit_steps] += values * std::max<std::uint64_t>(1, static_cast<std::uint64_t>(std::bit_width(largest)));
    total[tally_unit_steps] += values * std::max<std::uint64_t>(1, largest);
    total[tally_largest] = std::max(total[tally_largest], largest);
}

SpikeTally::SpikeTally(const Config& config, std::int64_t every_tok, std::int64_t neurons, std::int64_t sample_tok)
    : every_tok_(every_tok),
      neurons_(neurons),
      sample_tok_(sample_tok),
      sites_(static_cast<std::size_t>(config.layers * site_count), SiteTally{}),
      sample_(static_cast<std::size_t>(sample_tok * neurons) * sites_.size(), not_coded) {}

std::int64_t SpikeTally::sampled_tok() const {
    const std::lock_guard<std::mutex> lock(gate_);
    return neurons_ > 0 ? std::min(seen_tok_, sample_tok_) : 0;
}

void SpikeTally::add(const CallTally& call, std::int64_t tokens) {
    const std::lock_guard<std::mutex> lock(gate_);
    for (std::size_t part = 0; part < call.parts_; ++part) {
        if (call.apart_ && call.first_counted_ + static_cast<std::int64_t>(part) * call.every_tok_ >= tokens) {
            break;
        }
        for (std::size_t s = 0; s < sites_.size(); ++s) {
            const SiteTally& fresh = call.sites_[part * sites_.size() + s];
            if (fresh[tally_rows] == 0) {
                continue;
            }
            const std::uint64_t largest = std::max(sites_[s][tally_largest], fresh[tally_largest]);
            for (std::size_t i = 0; i < tally_places; ++i) {
                sites_[s][i] += fresh[i];
            }
            sites_[s][tally_largest] = largest;
        }
    }
    const std::int64_t sampled = tokens - call.sampled_from_;
    if (sample_tok_ > 0 && neurons_ > 0) {
        const std::size_t row = sites_.size() * static_cast<std::size_t>(neurons_);
        for (std::int64_t t = 0; t < sampled; ++t) {
            const auto slot = static_cast<std::size_t>((seen_tok_ + t) % sample_tok_);
            std::memcpy(sample_.data() + slot * row, call.sample_.data() + static_cast<std::size_t>(t) * row, row);
        }
    }
    seen_tok_ += sampled;
}

void SpikeTally::read(std::uint64_t* out) const {
    const std::lock_guard<std::mutex> lock(gate_);
    for (const SiteTally& site : sites_) {
        out = std::copy(site.begin(), site.begin() + tally_places, out);
    }
}

bool SpikeTally::read_sample(std::int8_t* out, std::int64_t tokens) const {
    const std::lock_guard<std::mutex> lock(gate_);
    if (tokens > std::min(seen_tok_, sample_tok_)) {
        return false;
    }
    const std::size_t row = sites_.size() * static_cast<std::size_t>(neurons_);
    for (std::int64_t t = seen_tok_ - tokens; t < seen_tok_; ++t, out += row) {
        std::memcpy(out, sample_.data() + static_cast<std::size_t>(t % sample_tok_) * row, row);
    }
    return true;
}

}  // namespace hc
