// What inputs were coded as, counted while a spiking model runs: how often which count, per layer and site, and a sample.
#pragma once

#include <array>
#include <cstdint>
#include <mutex>
#include <vector>

#include "model/model.h"

namespace hc {

// Of one layer and site. The first 256 places say how often each count of -127..127 occurred (count + 128); counts beyond have
// sums of their own.
enum TallyPlace : std::size_t {
    tally_beyond = 256,   // counts beyond +-127: how many,
    tally_beyond_units,   // the sum of their sizes,
    tally_beyond_bits,    // of the set bits of their sizes,
    tally_beyond_low,     // of those among the lowest three
    tally_bit_steps,      // sum over calls of values * steps that the largest count of the call needs, in bits
    tally_unit_steps,     // the same with a step per unit
    tally_rows,           // rows that were coded, each with its threshold
    tally_largest,        // size of the largest count
    tally_places,
    tally_closed = tally_places,  // of a running call: how many products
    tally_room
};

using SiteTally = std::array<std::uint64_t, tally_room>;

// Of a call with many tokens, only so many of the last ones are sampled: what a picture shows of a prompt.
inline constexpr std::int64_t sampled_prompt_tok = 8;

// Counts of one running call, in the workspace. Thread rule: `count` by the pool's workers, each with its own index, the rest
// by the calling thread.
class CallTally {
  public:
    // Makes room for a call whose first token has this position; null: nobody counts. `apart`: every counted token by itself, as if each
    // were a call, so that fewer than all can be added. Throws bad_alloc.
    void begin(const Config& config, const SpikeTally* tally, std::int64_t position, std::int64_t tokens, int workers, bool apart);
    // Whether token t of the call is counted, and whether it is sampled.
    bool counts(std::int64_t t) const { return every_tok_ > 0 && (position_ + t) % every_tok_ == 0; }
    bool samples(std::int64_t t) const { return neurons_ > 0 && t >= sampled_from_; }

    // One coded row of token t: `codes` [n] limited to +-127, and where any is beyond (`beyond` > 0) the counts themselves.
    void count(int worker, std::int64_t t, const std::int8_t* codes, std::int64_t n, const float* counts, std::int32_t beyond);
    // Keeps those codes of a token's row [n] that the sample shows; the row is `offset` values into the whole input of `width`.
    void keep(std::int64_t site, std::int64_t token, const std::int8_t* codes, std::int64_t offset, std::int64_t n, std::int64_t width);
    // Ends a product at a site: the workers' counts become its own, beside those of an earlier one of this call.
    void close(std::int64_t site);
    // Whether a product of this call at the site has ended already.
    bool closed(std::int64_t site) const { return sites_[static_cast<std::size_t>(site)][tally_closed] != 0; }

  private:
    friend class SpikeTally;
    struct Worker {
        std::uint32_t even[256];
        std::uint32_t odd[256];
        std::uint64_t beyond, beyond_units, beyond_bits, beyond_low, largest, values, rows;
    };
    void close(Worker* workers, SiteTally& total) const;

    std::int64_t every_tok_ = 0;
    std::int64_t neurons_ = 0;
    std::int64_t position_ = 0;
    std::int64_t tokens_ = 0;
    std::int64_t sampled_from_ = 0;  // first token of the call in the sample
    std::int64_t first_counted_ = 0;
    bool apart_ = false;
    std::size_t parts_ = 1;             // counted by themselves: all tokens together, or each counted token
    std::size_t pool_ = 0;              // workers
    std::size_t site_total_ = 0;        // layers * site_count
    std::vector<Worker> workers_;       // [at least parts, workers]
    std::vector<SiteTally> sites_;      // [at least parts, layers * site_count]; what is closed stands in the first part
    std::vector<std::int8_t> sample_;   // [sampled tokens, layers * site_count, neurons]
};

// Totals over complete calls. Thread rule: may be read while calls go on; a call that is cancelled or fails adds nothing.
class SpikeTally {
  public:
    static constexpr std::int8_t not_coded = -128;  // in the sample: this position was not coded at this site

    // Counts tokens whose position is a multiple of `every_tok`, and keeps `neurons` inputs of every site for the last
    // `sample_tok` tokens; either of these may be 0. Throws bad_alloc.
    SpikeTally(const Config& config, std::int64_t every_tok, std::int64_t neurons, std::int64_t sample_tok);

    std::int64_t every_tok() const { return every_tok_; }
    std::int64_t neurons() const { return neurons_; }
    std::int64_t sites() const { return static_cast<std::int64_t>(sites_.size()); }
    std::int64_t sampled_tok() const;

    // The first `tokens` of the call; fewer than all only where each token was counted by itself.
    void add(const CallTally& call, std::int64_t tokens);
    // out: [sites, tally_places]
    void read(std::uint64_t* out) const;
    // out: [sampled_tok, sites, neurons], oldest token first. False when there are not `tokens` of them.
    bool read_sample(std::int8_t* out, std::int64_t tokens) const;

  private:
    mutable std::mutex gate_;
    std::int64_t every_tok_;
    std::int64_t neurons_;
    std::int64_t sample_tok_;
    std::int64_t seen_tok_ = 0;
    std::vector<SiteTally> sites_;
    std::vector<std::int8_t> sample_;  // [sample_tok, sites, neurons], token t at t % sample_tok
};

}  // namespace hc
