#include "gate.hpp"

namespace imagefeed {

void MemoryGate::limit(std::size_t bytes) {
    {
        const std::lock_guard<std::mutex> lock(mutex_);
        limit_ = bytes;
    }
    given_.notify_all();
}

// One picture goes even where the limit has been lowered meanwhile.
void MemoryGate::take(std::size_t bytes) {
    std::unique_lock<std::mutex> lock(mutex_);
    given_.wait(lock, [&] { return held_ == 0 || (held_ <= limit_ && bytes <= limit_ - held_); });
    held_ += bytes;
}

void MemoryGate::give(std::size_t bytes) {
    {
        const std::lock_guard<std::mutex> lock(mutex_);
        held_ -= bytes;
    }
    given_.notify_all();
}

}  // namespace imagefeed
