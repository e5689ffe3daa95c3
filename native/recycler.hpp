// Batch memory that comes back: fresh pages cost more than the pixels written to them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

namespace imagefeed {

class Recycler : public std::enable_shared_from_this<Recycler> {
public:
    // Keeps at most `most_idle` blocks that nobody uses.
    explicit Recycler(std::size_t most_idle) : most_idle_(most_idle) {}
    ~Recycler();
    Recycler(const Recycler&) = delete;
    Recycler& operator=(const Recycler&) = delete;

    // A block of at least `bytes`, contents undefined; given back, whole, to `release`.
    struct Block {
        void* data;
        std::size_t bytes;
    };
    Block acquire(std::size_t bytes);
    void release(Block block) noexcept;

private:
    std::mutex mutex_;
    std::vector<Block> idle_;
    std::size_t most_idle_;
};

}  // namespace imagefeed
