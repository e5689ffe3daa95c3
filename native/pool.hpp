// Worker threads and the jobs they share: a job is a row of independent items, taken in order by whoever is free, so
// that a slow item holds back nobody but its own job.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <deque>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "gate.hpp"
#include "render.hpp"

namespace imagefeed {

class Job {
public:
    explicit Job(std::size_t count) : count_(count), remaining_(count) {}
    virtual ~Job() = default;
    Job(const Job&) = delete;
    Job& operator=(const Job&) = delete;

    // Does item `i`; must not throw. Items of one job run at the same time.
    virtual void run(std::size_t i, Renderer& renderer) noexcept = 0;

    // Whether all items are done (or were dropped by `cancel`) within the time given.
    bool wait(std::chrono::milliseconds timeout);
    void wait();
    bool is_done();
    // Drops the items that nobody has begun.
    void cancel() { cancelled_.store(true, std::memory_order_relaxed); }

private:
    friend class Pool;
    const std::size_t count_;
    std::size_t next_ = 0;  // guarded by the pool
    std::atomic<bool> cancelled_{false};
    std::size_t remaining_;
    std::mutex mutex_;
    std::condition_variable done_;

    void finish_one();
};

class Pool {
public:
    explicit Pool(unsigned threads);  // throws where the system does not give as many
    ~Pool();  // drops waiting jobs, waits for begun items
    Pool(const Pool&) = delete;
    Pool& operator=(const Pool&) = delete;

    void submit(std::shared_ptr<Job> job);
    unsigned threads() const { return active_.load(std::memory_order_relaxed); }
    // From now on so many work, at least one; or as many as the system gives. Those that are too many sleep.
    void set_threads(unsigned count);
    MemoryGate& memory() { return memory_; }

private:
    void work(unsigned number);
    void add_workers(unsigned count);
    void stop();

    std::mutex mutex_;
    std::condition_variable wake_;
    std::deque<std::shared_ptr<Job>> jobs_;
    bool stopping_ = false;
    std::atomic<unsigned> active_{0};  // changed under the mutex
    MemoryGate memory_;
    std::vector<std::thread> workers_;
};

}  // namespace imagefeed
