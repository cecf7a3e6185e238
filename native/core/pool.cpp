#include "core/pool.h"

#include <exception>

#include "core/float_mode.h"

namespace hc {

namespace {

// Some ten microseconds: long enough to bridge the gap between two jobs of one token, short enough to cost nobody anything.
constexpr int spins_before_sleep = 400;

void pause_briefly() {
#if defined(__x86_64__) || defined(_M_X64)
    _mm_pause();
#elif defined(__aarch64__) && !defined(_MSC_VER)
    __asm__ volatile("yield");
#endif
}

}  // namespace

Pool::Pool(int threads) {
    workers_.reserve(threads > 1 ? static_cast<std::size_t>(threads - 1) : 0);
    try {
        for (int worker = 1; worker < threads; ++worker) {
            workers_.emplace_back([this, worker] { serve(worker); });
        }
    } catch (const std::exception&) {
        // The system is out of threads or of memory for one: the pool works with those it has.
    }
}

Pool::~Pool() {
    {
        const std::lock_guard<std::mutex> lock(gate_);
        stopping_ = true;
    }
    round_.fetch_add(1, std::memory_order_release);
    wake_.notify_all();
    for (std::thread& worker : workers_) {
        worker.join();
    }
}

void Pool::take_pieces(Job& job, int worker) {
    for (;;) {
        const std::int64_t piece = job.next.fetch_add(1, std::memory_order_relaxed);
        if (piece >= job.count) {
            return;
        }
        job.call(job.context, piece, worker);
    }
}

void Pool::run_erased(std::int64_t count, Call call, const void* context) {
    if (count <= 0) {
        return;
    }
    Job job{call, context, count};
    std::unique_lock<std::mutex> owner(owner_, std::defer_lock);
    if (count == 1 || workers_.empty() || !owner.try_lock()) {
        take_pieces(job, 0);
        return;
    }
    bool sleepers = false;
    {
        const std::lock_guard<std::mutex> lock(gate_);
        job_ = &job;
        sleepers = parked_ > 0;
        round_.fetch_add(1, std::memory_order_release);
    }
    if (sleepers) {
        wake_.notify_all();
    }
    take_pieces(job, 0);
    {
        // No worker may enter from here on; those inside still use the job, which lives on this stack.
        const std::lock_guard<std::mutex> lock(gate_);
        job_ = nullptr;
    }
    for (int spin = 0; spin < spins_before_sleep && inside_hint_.load(std::memory_order_acquire) > 0; ++spin) {
        pause_briefly();
    }
    std::unique_lock<std::mutex> lock(gate_);
    left_.wait(lock, [this] { return inside_ == 0; });
}

void Pool::serve(int worker) {
    const FlushSubnormals flush;
    std::uint64_t seen = 0;
    for (;;) {
        for (int spin = 0; spin < spins_before_sleep && round_.load(std::memory_order_acquire) == seen; ++spin) {
            pause_briefly();
        }
        std::unique_lock<std::mutex> lock(gate_);
        while (!stopping_ && (job_ == nullptr || round_.load(std::memory_order_acquire) == seen)) {
            ++parked_;
            wake_.wait(lock);
            --parked_;
        }
        if (stopping_) {
            return;
        }
        seen = round_.load(std::memory_order_acquire);
        Job& job = *job_;
        inside_hint_.store(++inside_, std::memory_order_release);
        lock.unlock();
        take_pieces(job, worker);
        lock.lock();
        inside_hint_.store(--inside_, std::memory_order_release);
        if (inside_ == 0) {
            left_.notify_one();
        }
    }
}

}  // namespace hc
