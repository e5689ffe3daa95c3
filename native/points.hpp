// The work of a pass on its rows: color, tables, noise, rectangles.
#pragma once

#include "buffer.hpp"
#include "program.hpp"
#include "status.hpp"

namespace imagefeed {

// The points of one pass for one record. What does nothing to the record is left out.
class Points {
public:
    struct Memory {
        Buffer tables, noise, inside;
        std::vector<const PointSpec*> active;
        std::vector<float*> table_of;
        std::vector<ColorStep> steps;
    };

    Points(const PassSpec& pass, std::size_t row, int channels, Memory& memory);

    static Status check(const PassSpec& pass, std::size_t row, int channels);
    bool empty() const { return memory_.active.empty(); }
    // Whether every level of a channel becomes one level, wherever it is, but for what is painted with one level at the end.
    bool are_tables() const;
    // And whether what comes out is levels, without rounding: so that more may follow.
    bool leave_levels() const;
    // Whether all that is done are steps of color, one of which at least mixes the channels; and that, on packed pixels.
    bool are_mixing() const { return mixing_; }
    void mix(const std::uint8_t* in, int count, std::uint8_t* out) const;
    void apply(int y, int count, Planes pixels) const;

    // For points that are tables: what becomes of each level, channels x 256, and what is painted.
    void make_tables(std::uint8_t* tables) const;
    void paint(std::uint8_t* pixels, std::ptrdiff_t row_stride, int height, int width) const;

private:
    void apply_one(std::size_t k, int y, int count, Planes pixels) const;
    void add_noise(const PointSpec& point, int y, int count, Planes pixels) const;
    template <class Paint>
    void for_spans(const PointSpec& point, int y, int width, Paint paint) const;
    void erase(const PointSpec& point, int y, int count, Planes pixels) const;

    std::size_t row_;
    int channels_;
    Memory& memory_;
    bool mixing_ = false;
};

}  // namespace imagefeed
