// What all workers together may take of memory for decoded pictures.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <limits>
#include <mutex>

namespace imagefeed {

// Whoever decodes a picture takes what that needs beforehand, once, and waits while others have too much of it. Nobody
// waits who holds any, so there is always somebody who goes on.
class MemoryGate {
public:
    void limit(std::size_t bytes);
    std::size_t limit() const { return limit_; }

    // Holds `bytes`, at most the limit, for as long as it lives.
    class Hold {
    public:
        Hold(MemoryGate& gate, std::size_t bytes) : gate_(gate), bytes_(bytes) { gate_.take(bytes_); }
        ~Hold() { gate_.give(bytes_); }
        Hold(const Hold&) = delete;
        Hold& operator=(const Hold&) = delete;

    private:
        MemoryGate& gate_;
        std::size_t bytes_;
    };

private:
    void take(std::size_t bytes);
    void give(std::size_t bytes);

    std::mutex mutex_;
    std::condition_variable given_;
    std::atomic<std::size_t> limit_{std::numeric_limits<std::size_t>::max()};
    std::size_t held_ = 0;
};

}  // namespace imagefeed
