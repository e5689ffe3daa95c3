#include "recycler.hpp"

#include <algorithm>
#include <limits>
#include <new>

#if defined(__linux__)
#include <sys/mman.h>
#endif

namespace imagefeed {
namespace {

constexpr std::size_t kHugePage = std::size_t{2} << 20;
constexpr std::align_val_t kBlockAlignment{kHugePage};

Recycler::Block allocate(std::size_t bytes) {
    if (bytes > std::numeric_limits<std::size_t>::max() - kHugePage) throw std::bad_alloc();
    Recycler::Block block{::operator new(bytes, kBlockAlignment), bytes};
#if defined(__linux__)
    // Advice only: where the system has no huge pages to give, ordinary ones serve.
    if (bytes >= kHugePage) (void)madvise(block.data, bytes / kHugePage * kHugePage, MADV_HUGEPAGE);
#endif
    return block;
}

void deallocate(Recycler::Block block) { ::operator delete(block.data, kBlockAlignment); }

}  // namespace

Recycler::~Recycler() {
    for (Block block : idle_) deallocate(block);
}

Recycler::Block Recycler::acquire(std::size_t bytes) {
    bytes = std::max<std::size_t>(bytes, 64);
    {
        const std::lock_guard<std::mutex> lock(mutex_);
        for (std::size_t k = idle_.size(); k-- > 0;) {  // the one used last is the likeliest to be in a cache
            if (idle_[k].bytes < bytes || idle_[k].bytes > 2 * bytes) continue;
            const Block block = idle_[k];
            idle_.erase(idle_.begin() + static_cast<std::ptrdiff_t>(k));
            return block;
        }
        idle_.reserve(most_idle_ + 1);  // so that release cannot fail
    }
    return allocate(bytes);
}

void Recycler::release(Block block) noexcept {
    Block oldest = block;
    {
        const std::lock_guard<std::mutex> lock(mutex_);
        if (most_idle_ > 0) {
            idle_.push_back(block);
            if (idle_.size() <= most_idle_) return;
            oldest = idle_.front();
            idle_.erase(idle_.begin());
        }
    }
    deallocate(oldest);
}

}  // namespace imagefeed
