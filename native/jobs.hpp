// The two things that workers do: fetch records, and render them.
#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "buffer.hpp"
#include "pool.hpp"

namespace imagefeed {

// A group of records, fetched and then rendered together.
struct RecordGroup {
    explicit RecordGroup(std::size_t count) : records(count) {}
    std::vector<Record> records;
};

// Nanoseconds spent by all workers, for whoever asks what limits the loader.
struct StageClock {
    std::atomic<std::int64_t> read{0}, decode{0}, draw{0};
};

// Reads files[i] (where given) and looks at the bytes.
class FetchJob final : public Job {
public:
    FetchJob(std::shared_ptr<RecordGroup> group, std::vector<std::string> files, PngForm form, std::int64_t most_pixels,
             std::shared_ptr<StageClock> clock);
    void run(std::size_t i, Renderer& renderer) noexcept override;

private:
    std::shared_ptr<RecordGroup> group_;
    std::vector<std::string> files_;  // empty, or an empty name: the record holds its bytes already
    PngForm form_;
    std::int64_t most_pixels_;
    std::shared_ptr<StageClock> clock_;
};

// Renders records[first + i] by row first + i of the program into slots[i].
class RenderPart {
public:
    RenderPart(std::shared_ptr<RecordGroup> group, std::shared_ptr<const Program> program, std::size_t first,
               std::vector<Slot> slots);
    void run(std::size_t i, Renderer& renderer) noexcept;
    std::size_t count() const { return slots_.size(); }
    const std::vector<Status>& statuses() const { return statuses_; }

private:
    // Pictures that are whitened together, by whoever renders the last of them.
    struct Group {
        AlignedMemory rows;
        std::atomic<std::size_t> left;
    };

    Status render(std::size_t i, Renderer& renderer);
    void whiten(std::size_t group, Renderer& renderer);

    std::shared_ptr<RecordGroup> group_;
    std::shared_ptr<const Program> program_;
    std::size_t first_;
    std::vector<Slot> slots_;
    std::vector<Status> statuses_;
    std::vector<Group> groups_;  // none where nothing is whitened
};

// Pictures, and what goes with each of them: a picture and its masks are one item.
class RenderJob final : public Job {
public:
    RenderJob(std::vector<RenderPart> parts, std::shared_ptr<StageClock> clock);
    void run(std::size_t i, Renderer& renderer) noexcept override;
    const std::vector<RenderPart>& parts() const { return parts_; }

private:
    std::vector<RenderPart> parts_;  // at least one, all of as many records
    std::shared_ptr<StageClock> clock_;
};

}  // namespace imagefeed
