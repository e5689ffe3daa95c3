#include "pool.hpp"

namespace imagefeed {

bool Job::wait(std::chrono::milliseconds timeout) {
    std::unique_lock<std::mutex> lock(mutex_);
    return done_.wait_for(lock, timeout, [this] { return remaining_ == 0; });
}

void Job::wait() {
    std::unique_lock<std::mutex> lock(mutex_);
    done_.wait(lock, [this] { return remaining_ == 0; });
}

bool Job::is_done() {
    const std::lock_guard<std::mutex> lock(mutex_);
    return remaining_ == 0;
}

void Job::finish_one() {
    const std::lock_guard<std::mutex> lock(mutex_);
    // Notified under the lock: a waiter may destroy the job as soon as it sees zero.
    if (--remaining_ == 0) done_.notify_all();
}

Pool::Pool(unsigned threads) {
    workers_.reserve(threads);
    try {
        for (unsigned k = 0; k < threads; ++k) workers_.emplace_back([this] { work(); });
    } catch (...) {  // the system gives no more threads: those that run must end before the error is told
        {
            const std::lock_guard<std::mutex> lock(mutex_);
            stopping_ = true;
        }
        wake_.notify_all();
        for (std::thread& worker : workers_) worker.join();
        throw;
    }
}

Pool::~Pool() {
    std::deque<std::shared_ptr<Job>> dropped;
    {
        const std::lock_guard<std::mutex> lock(mutex_);
        stopping_ = true;
        dropped.swap(jobs_);
    }
    for (const auto& job : dropped) {
        for (; job->next_ < job->count_; ++job->next_) job->finish_one();
    }
    wake_.notify_all();
    for (std::thread& worker : workers_) worker.join();
}

void Pool::submit(std::shared_ptr<Job> job) {
    if (job->count_ == 0) return;
    {
        const std::lock_guard<std::mutex> lock(mutex_);
        jobs_.push_back(std::move(job));
    }
    wake_.notify_all();
}

void Pool::work() {
    Renderer renderer;
    for (;;) {
        std::shared_ptr<Job> job;
        std::size_t item;
        {
            std::unique_lock<std::mutex> lock(mutex_);
            wake_.wait(lock, [this] { return stopping_ || !jobs_.empty(); });
            if (stopping_) return;
            job = jobs_.front();
            item = job->next_++;
            if (job->next_ == job->count_) jobs_.pop_front();
        }
        if (!job->cancelled_.load(std::memory_order_relaxed)) job->run(item, renderer);
        job->finish_one();
    }
}

}  // namespace imagefeed
