#include "jobs.hpp"

#include <algorithm>
#include <chrono>
#include <new>
#include <utility>

#include "sealed.hpp"

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

FetchJob::FetchJob(std::shared_ptr<RecordGroup> group, std::vector<std::string> files, PngForm form, std::int64_t most_pixels,
                   std::shared_ptr<StageClock> clock)
    : Job(group->records.size()), group_(std::move(group)), files_(std::move(files)), form_(form), most_pixels_(most_pixels),
      clock_(std::move(clock)) {}

void FetchJob::run(std::size_t i, Renderer& renderer) noexcept {
    const auto begin = Clock::now();
    Record& record = group_->records[i];
    record.status = guarded([&] {
        if (!record.status.is_ok()) return record.status;  // whoever was to get its bytes could not
        if (record.sealed != nullptr) {
            const bool whole = sealed_checksum(record.sealed, record.sealed_size) == stated_checksum(record.sealed);
            record.sealed = nullptr;
            if (!whole) return Status::fail(Fault::damaged, "the cache value's checksum is wrong");
        }
        const bool given = record.bytes != nullptr || record.kind == RecordKind::array;
        if (!given && (files_.empty() || files_[i].empty())) return Status::ok();  // to be filled in later
        if (!files_.empty() && !files_[i].empty()) {
            if (Status status = read_file(files_[i], record); !status.is_ok()) return status;
        }
        if (record.kind != RecordKind::array) inspect(record, renderer.decoder(), form_, most_pixels_);
        return record.status;
    });
    clock_->read.fetch_add(nanoseconds_since(begin), std::memory_order_relaxed);
}

RenderPart::RenderPart(std::shared_ptr<RecordGroup> group, std::shared_ptr<const Program> program, std::size_t first,
                       std::vector<Slot> slots)
    : group_(std::move(group)), program_(std::move(program)), first_(first), slots_(std::move(slots)), statuses_(slots_.size()) {
    if (program_->whiten.analysis == nullptr) return;
    groups_ = std::vector<Group>((slots_.size() + kWhitenedTogether - 1) / kWhitenedTogether);
    for (std::size_t g = 0; g < groups_.size(); ++g) {
        const std::size_t count = std::min(kWhitenedTogether, slots_.size() - g * kWhitenedTogether);
        groups_[g].left = count;
        groups_[g].rows = allocate_aligned(checked_product(checked_product(count, program_->whiten.values), sizeof(float)));
    }
}

Status RenderPart::render(std::size_t i, Renderer& renderer) {
    if (slots_[i].data == nullptr) return Status::ok();  // nobody wants it
    const Record& record = group_->records[first_ + i];
    if (groups_.empty()) return renderer.render(record, *program_, first_ + i, slots_[i]);
    const std::size_t values = program_->whiten.values;
    float* const row = reinterpret_cast<float*>(groups_[i / kWhitenedTogether].rows.get()) + i % kWhitenedTogether * values;
    Slot slot = slots_[i];
    const auto room = checked_product(checked_product(static_cast<std::size_t>(slot.height), static_cast<std::size_t>(slot.width)), static_cast<std::size_t>(slot.channels));
    if (room != values) {
        return Status::fail(Fault::plan, "the whitening is of pictures of " + std::to_string(values) + " values, but this one comes out as " +
                                             std::to_string(slot.height) + "x" + std::to_string(slot.width) + "x" + std::to_string(slot.channels));
    }
    slot.data = row;
    slot.row_bytes = 0;
    Status status = renderer.render(record, *program_, first_ + i, slot);
    if (!status.is_ok()) std::fill_n(row, values, 0.0f);
    return status;
}

void RenderPart::whiten(std::size_t group, Renderer& renderer) {
    const std::size_t first = group * kWhitenedTogether, count = std::min(kWhitenedTogether, slots_.size() - first);
    for (std::size_t i = first; i < first + count; ++i) {
        if (statuses_[i].fault == Fault::plan) return;  // a plan that does not fit one picture is an error for all
    }
    const Status status = guarded([&] {
        renderer.whiten(reinterpret_cast<const float*>(groups_[group].rows.get()), count, *program_, &slots_[first]);
        return Status::ok();
    });
    for (std::size_t i = first; i < first + count && !status.is_ok(); ++i) statuses_[i] = status;
    groups_[group].rows.reset();
}

void RenderPart::run(std::size_t i, Renderer& renderer) noexcept {
    statuses_[i] = guarded([&] { return render(i, renderer); });
    if (!groups_.empty() && groups_[i / kWhitenedTogether].left.fetch_sub(1, std::memory_order_acq_rel) == 1) whiten(i / kWhitenedTogether, renderer);
}

RenderJob::RenderJob(std::vector<RenderPart> parts, std::shared_ptr<StageClock> clock)
    : Job(parts.front().count()), parts_(std::move(parts)), clock_(std::move(clock)) {}

void RenderJob::run(std::size_t i, Renderer& renderer) noexcept {
    const auto begin = Clock::now();
    std::int64_t decode = 0;
    for (RenderPart& part : parts_) {
        renderer.decode_nanoseconds = 0;
        part.run(i, renderer);
        decode += renderer.decode_nanoseconds;
    }
    clock_->decode.fetch_add(decode, std::memory_order_relaxed);
    clock_->draw.fetch_add(nanoseconds_since(begin) - decode, std::memory_order_relaxed);
}

}  // namespace imagefeed
