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
    explicit Pool(unsigned threads);
    ~Pool();  // drops waiting jobs, waits for begun items
    Pool(const Pool&) = delete;
    Pool& operator=(const Pool&) = delete;

    void submit(std::shared_ptr<Job> job);
    unsigned threads() const { return static_cast<unsigned>(workers_.size()); }

private:
    void work();

    std::mutex mutex_;
    std::condition_variable wake_;
    std::deque<std::shared_ptr<Job>> jobs_;
    bool stopping_ = false;
    std::vector<std::thread> workers_;
};

}  // namespace imagefeed
