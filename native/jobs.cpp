#include "jobs.hpp"

#include <chrono>
#include <new>
#include <utility>

namespace imagefeed {
namespace {

using Clock = std::chrono::steady_clock;

std::int64_t nanoseconds_since(Clock::time_point begin) {
    return std::chrono::duration_cast<std::chrono::nanoseconds>(Clock::now() - begin).count();
}

// Running out of memory on one picture is that picture's failure.
template <class Work>
Status guarded(Work work) noexcept {
    try {
        return work();
    } catch (const std::bad_alloc&) {
        return Status::fail(Fault::too_large, "not enough memory for this picture");
    } catch (const std::exception& error) {
        return Status::fail(Fault::io, error.what());
    }
}

}  // namespace

FetchJob::FetchJob(std::shared_ptr<RecordGroup> group, std::vector<std::string> files, std::int64_t most_pixels,
                   std::shared_ptr<StageClock> clock)
    : Job(group->records.size()), group_(std::move(group)), files_(std::move(files)), most_pixels_(most_pixels),
      clock_(std::move(clock)) {}

void FetchJob::run(std::size_t i, Renderer& renderer) noexcept {
    const auto begin = Clock::now();
    Record& record = group_->records[i];
    record.status = guarded([&] {
        if (!files_.empty() && !files_[i].empty()) {
            if (Status status = read_file(files_[i], record); !status.is_ok()) return status;
        }
        if (record.kind != RecordKind::array) inspect(record, renderer.decoder(), most_pixels_);
        return record.status;
    });
    clock_->read.fetch_add(nanoseconds_since(begin), std::memory_order_relaxed);
}

RenderJob::RenderJob(std::shared_ptr<RecordGroup> group, std::shared_ptr<const Program> program, std::size_t first,
                     std::vector<Slot> slots, std::shared_ptr<StageClock> clock)
    : Job(slots.size()), group_(std::move(group)), program_(std::move(program)), first_(first), slots_(std::move(slots)),
      statuses_(slots_.size()), clock_(std::move(clock)) {}

void RenderJob::run(std::size_t i, Renderer& renderer) noexcept {
    const auto begin = Clock::now();
    renderer.decode_nanoseconds = 0;
    statuses_[i] = guarded([&] { return renderer.render(group_->records[first_ + i], *program_, first_ + i, slots_[i]); });
    const std::int64_t total = nanoseconds_since(begin), decode = renderer.decode_nanoseconds;
    clock_->decode.fetch_add(decode, std::memory_order_relaxed);
    clock_->draw.fetch_add(total - decode, std::memory_order_relaxed);
}

}  // namespace imagefeed
