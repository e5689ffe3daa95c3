// The work on whole pictures that a pass may begin with in place of a warp.
#pragma once

#include <utility>
#include <vector>

#include "buffer.hpp"
#include "jpeg.hpp"
#include "program.hpp"
#include "status.hpp"

namespace imagefeed {

// One head for one record. Some make another picture at once; the others give its rows one by one.
class Head {
public:
    struct Memory {
        Buffer levels, made, work, samples, planes, row, field, kept, sum;
        Picture start, total;  // of a fork: the picture, and the weighted sum of what became of it
        std::vector<std::uint8_t> file;
        std::vector<const float*> rows;
        std::vector<const std::uint8_t*> level_rows;
        std::vector<std::pair<int, int>> places;  // of a kernel's weights that are not zero: y and x, from its middle
        std::vector<float> weights;
        AxisWeights across, down;
    };

    Head(const HeadSpec& spec, std::size_t row, Memory& memory) : spec_(spec), row_(row), memory_(memory) {}

    // Replaces `in` by what it becomes, or by the form of it that `row` reads.
    Status prepare(Picture& in, JpegDecoder& decoder);
    bool has_rows() const { return has_rows_; }
    void row(int y, Planes out);
    // Whether packed levels become packed levels. Then either `level_row` gives them, in order, after `begin_level_rows`;
    // or `settle` makes what has no other rows a picture.
    bool has_level_rows() const { return has_level_rows_; }
    void begin_level_rows();
    void level_row(int y, std::uint8_t* out);
    void settle(Picture& in);

private:
    Status add_branch(Picture& in);
    Status prepare_jpeg(Picture& in, JpegDecoder& decoder);
    void prepare_tables(Picture& in);
    void prepare_filter(Picture& in);
    void find_taps(const float* kernel);
    void prepare_field(Picture& in);
    void filter_row(int y, Planes out);
    void load_ring(int last);
    Border level_border() const;
    void load_level_ring(int last);
    void sum_levels(int y, float* out);
    const float* filter_source(int y, int channel) const;
    const std::uint8_t* level_source(int y) const;
    void remap_row(int y, Planes out);

    const HeadSpec& spec_;
    std::size_t row_;
    Memory& memory_;
    bool has_rows_ = false, has_level_rows_ = false;
    Picture source_;
    int reach_ = 0;  // of a kernel, from its middle
    // The last rows of the picture, as planes that are reflected to the left and right: row y at y modulo their count.
    int ring_rows_ = 0, ring_next_ = 0;
    std::size_t ring_stride_ = 0;
};

}  // namespace imagefeed
