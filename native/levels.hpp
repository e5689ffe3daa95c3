// Pictures of packed 8-bit samples, and what is done to them without ever leaving the levels.
#pragma once

#include "buffer.hpp"
#include "program.hpp"
#include "status.hpp"
#include "warp.hpp"

namespace imagefeed {

// A packed 8-bit picture of this size in `memory`, whose rows may be written a little too far.
Picture new_levels(int height, int width, int channels, Buffer& memory);

// A warp that moves whole pixels: output (x, y) is input (x0 + xx x + xy y, y0 + yx x + yy y), with steps of 0, 1 or -1.
struct Move {
    int xx, xy, yx, yy;
    int x0, y0;

    bool is_transposed() const { return xx == 0; }
};

// False where the warp moves pixels to other places than whole ones.
bool as_move(const Warp& warp, Move& move);

// Rows [first, last) of what a move makes, packed one after another.
void move_pixels(const Picture& in, const Warp& warp, const Move& move, int first, int last, std::uint8_t* out);

// The same for all rows, where they are the picture's own, from left to right; false where they are not.
bool copy_moved(const Picture& in, const Warp& warp, const Move& move, std::uint8_t* out);

// Replaces the levels of `width` pixels by tables, channels x 256, or copies them where there are none.
void replace_levels(const std::uint8_t* in, const std::uint8_t* tables, int width, int channels, std::uint8_t* out);
bool tables_are_plain(const std::uint8_t* tables, int channels);  // every level stays

// Tables (channels x 256) from how often a picture has each level: Pillow's ImageOps.equalize and autocontrast.
void equalize_tables(const Picture& in, std::uint8_t* tables);
void stretch_tables(const Picture& in, float cutoff, std::uint8_t* tables);

// Contrast-limited adaptive histogram equalization (Zuiderveld 1994) of a gray picture or of a color picture's luma.
Picture adaptive_equalize(const Picture& in, float limit, int rows, int columns, Buffer& work, Buffer& memory);

}  // namespace imagefeed
