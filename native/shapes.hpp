// Polygons, filled: which pixels lie in a thing whose outline somebody drew.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace imagefeed {

// Gives every pixel whose center (column + 0.5, row + 0.5) lies inside a polygon the polygon's number; a later polygon
// lies over an earlier one. Inside is what an odd number of edges separates from the far left. A center on an edge is
// inside where the polygon lies to its right.
class PolygonFiller {
public:
    // `points` are the x and y of `count` corners, all finite; the last is joined to the first.
    void fill(std::uint8_t* out, int height, int width, const float* points, std::size_t count, std::uint8_t number);

private:
    struct Crossing {
        int row;
        double x;
    };

    std::vector<Crossing> crossings_;
};

}  // namespace imagefeed
