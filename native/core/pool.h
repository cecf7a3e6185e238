// A pool of threads that hands out small numbered pieces of one job at a time and sleeps between jobs.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <thread>
#include <vector>

namespace hc {

// Thread rule: `run` may be called from any thread. One job runs on the pool at a time; a call that finds the pool taken
// does its pieces alone, so callers never wait for each other and nesting cannot lock up.
class Pool {
  public:
    // `threads` counts the calling thread: 1 starts none. Starts fewer when the system gives no more.
    explicit Pool(int threads);
    Pool(const Pool&) = delete;
    Pool& operator=(const Pool&) = delete;
    ~Pool();

    // The largest worker index plus one.
    int threads() const noexcept { return static_cast<int>(workers_.size()) + 1; }

    // Calls body(piece, worker) once for each piece in [0, count) and returns when all are done. Pieces are taken in order, by
    // whichever thread is free; worker is in [0, threads) and not shared by two running pieces of this call. body must not throw.
    template <typename Body>
    void run(std::int64_t count, const Body& body) {
        run_erased(
            count, [](const void* context, std::int64_t piece, int worker) { (*static_cast<const Body*>(context))(piece, worker); },
            &body);
    }

  private:
    using Call = void (*)(const void* context, std::int64_t piece, int worker);
    struct Job {
        Call call;
        const void* context;
        std::int64_t count;
        std::atomic<std::int64_t> next{0};
    };

    void run_erased(std::int64_t count, Call call, const void* context);
    void serve(int worker);
    static void take_pieces(Job& job, int worker);

    std::mutex owner_;  // held by the call whose job is on the pool
    std::mutex gate_;   // guards job_, inside_, parked_ and stopping_
    std::condition_variable wake_;
    std::condition_variable left_;
    Job* job_ = nullptr;
    int inside_ = 0;  // workers that have entered the current job
    int parked_ = 0;
    bool stopping_ = false;
    std::atomic<std::uint64_t> round_{0};  // counts jobs, so that a worker can see a new one without the lock
    std::atomic<int> inside_hint_{0};      // copy of inside_ to look at without the lock
    std::vector<std::thread> workers_;
};

}  // namespace hc
