// Runs the plan of one record, end to end: decode the region, sample, color, store into the slot of the batch.
#pragma once

#include <cstdint>
#include <optional>

#include "gate.hpp"
#include "heads.hpp"
#include "levels_resize.hpp"
#include "points.hpp"
#include "program.hpp"
#include "record.hpp"
#include "sampler.hpp"

namespace imagefeed {

// The warp of one record, of a picture scaled by 1/denominator. `levels`: of eight bits.
Status make_warp(const WarpSpec& spec, std::size_t row, int denominator, bool levels, Warp& warp);

std::string describe(int height, int width);

// What one worker keeps from record to record.
class Renderer {
public:
    // `gate` bounds what all renderers that share it take for decoded pictures; null for no bound.
    explicit Renderer(MemoryGate* gate = nullptr) : gate_(gate) {}
    Status render(const Record& record, const Program& program, std::size_t row, const Slot& slot);
    // Whitens `count` rendered pictures, one after another in `rows`, into their slots.
    void whiten(const float* rows, std::size_t count, const Program& program, const Slot* slots);
    JpegDecoder& decoder() { return decoder_; }

    std::int64_t decode_nanoseconds = 0;  // of the last record

private:
    Status load(const Record& record, const Program& program, std::size_t row, Picture& picture, int& denominator,
                std::optional<MemoryGate::Hold>& hold);
    Status resize(const LevelsResizeSpec& spec, std::size_t row, Picture& picture);
    Status load_array(const ArrayView& array, const Region& region, const Margin& margin, Picture& picture);
    Status run_pass(Picture in, const PassSpec& pass, bool first, std::size_t row, int denominator, const Program& program,
                    const Slot* slot, Picture& out, Buffer& memory);
    Status run_levels(const Picture& in, const Warp* warp, const Points& points, const Slot* slot, Picture& out, Buffer& memory);
    Status run_level_rows(const Picture& in, Head& head, const Points& points, const Slot& slot);
    Status check_slot(int height, int width, int channels, const Slot& slot) const;
    void store_row(Planes pixels, int y, const StoreSpec& store, const Slot& slot);

    std::size_t kept_memory() const;
    Status enter(const PictureHeader& header, const Region& region, int denominator, std::optional<MemoryGate::Hold>& hold);

    MemoryGate* gate_;
    JpegDecoder decoder_;
    PngDecoder png_;
    SamplerMemory sampler_;
    LevelsResizeMemory levels_;
    Head::Memory head_;
    Points::Memory points_;
    Buffer decoded_, oriented_, gray_, planes_, packed_, samples_, stripe_, whitened_;
    Buffer intermediate_[2];
};

}  // namespace imagefeed
