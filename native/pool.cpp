#include "pool.hpp"

#include <algorithm>
#include <system_error>

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
    try {
        add_workers(threads);
    } catch (...) {  // the system gives no more threads: those that run must end before the error is told
        stop();
        throw;
    }
}

void Pool::set_threads(unsigned count) {
    try {
        add_workers(count);
    } catch (const std::system_error&) {  // no more than there are
    }
    {
        const std::lock_guard<std::mutex> lock(mutex_);
        active_ = std::clamp(count, 1u, static_cast<unsigned>(workers_.size()));
    }
    wake_.notify_all();
}

void Pool::add_workers(unsigned count) {
    const std::lock_guard<std::mutex> lock(mutex_);
    workers_.reserve(count);
    for (auto number = static_cast<unsigned>(workers_.size()); number < count; ++number) {
        workers_.emplace_back([this, number] { work(number); });
        active_ = number + 1;
    }
}

void Pool::stop() {
    {
        const std::lock_guard<std::mutex> lock(mutex_);
        stopping_ = true;
    }
    wake_.notify_all();
    for (std::thread& worker : workers_) worker.join();
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
    stop();
}

void Pool::submit(std::shared_ptr<Job> job) {
    if (job->count_ == 0) return;
    {
        const std::lock_guard<std::mutex> lock(mutex_);
        jobs_.push_back(std::move(job));
    }
    wake_.notify_all();
}

void Pool::work(unsigned number) {
    Renderer renderer(&memory_);
    for (;;) {
        std::shared_ptr<Job> job;
        std::size_t item;
        {
            std::unique_lock<std::mutex> lock(mutex_);
            wake_.wait(lock, [&] { return stopping_ || (number < active_ && !jobs_.empty()); });
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
