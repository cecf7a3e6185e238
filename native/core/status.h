// How native calls end. Nothing here throws past the binding or ends the process.
#pragma once

#include <atomic>

namespace hc {

enum class Status : int {
    ok = 0,
    cancelled = 1,
    out_of_memory = 2,
    busy = 3,
    unreadable = 4,  // weights that are read on demand could not be
    stale = 5,       // a draft whose state has moved on, or that holds nothing
};

// Set from any thread, looked at before every piece of work (a piece is a few milliseconds at most). Never unset.
class CancelFlag {
  public:
    void set() noexcept { raised_.store(true, std::memory_order_relaxed); }
    bool is_set() const noexcept { return raised_.load(std::memory_order_relaxed); }

  private:
    std::atomic<bool> raised_{false};
};

}  // namespace hc
