// Sums of products of bytes; see byte_products.hpp.

// GCC keeps sums in registers only if their loops are gone early; others need no telling.
#if defined(__GNUC__) && !defined(__clang__)
#define IMAGEFEED_UNROLL _Pragma("GCC unroll 8")
#else
#define IMAGEFEED_UNROLL
#endif

// A part of the tile from a row and a column vector on, whose sums stay in registers.
inline void tile_part(const std::uint8_t* rows, const std::uint8_t* columns, int quads, std::int32_t* out) {
    constexpr int height = Vec::product_rows, width = Vec::product_vectors;
    I sums[height][width];
    IMAGEFEED_UNROLL
    for (int r = 0; r < height; ++r)
        IMAGEFEED_UNROLL
        for (int v = 0; v < width; ++v) sums[r][v] = Vec::set(0);
    for (int q = 0; q < quads; ++q, rows += 4 * kProductRows, columns += 4 * kProductColumns) {
        I column[width];
        IMAGEFEED_UNROLL
        for (int v = 0; v < width; ++v) column[v] = Vec::load_fours(columns + 4 * Vec::lanes * v);
        IMAGEFEED_UNROLL
        for (int r = 0; r < height; ++r) {
            std::int32_t four;
            std::memcpy(&four, rows + 4 * r, 4);
            const I row = Vec::set(four);
            IMAGEFEED_UNROLL
            for (int v = 0; v < width; ++v) sums[r][v] = Vec::dot_bytes(sums[r][v], column[v], row);
        }
    }
    IMAGEFEED_UNROLL
    for (int r = 0; r < height; ++r)
        IMAGEFEED_UNROLL
        for (int v = 0; v < width; ++v) Vec::store(out + r * kProductColumns + v * Vec::lanes, sums[r][v]);
}

void byte_products(const std::uint8_t* rows, const std::uint8_t* columns, int quads, std::int32_t* out) {
    constexpr int wide = Vec::product_vectors * Vec::lanes;
    static_assert(kProductRows % Vec::product_rows == 0 && kProductColumns % wide == 0, "a tile is whole parts");
    for (int r = 0; r < kProductRows; r += Vec::product_rows)
        for (int c = 0; c < kProductColumns; c += wide)
            tile_part(rows + 4 * r, columns + 4 * c, quads, out + r * kProductColumns + c);
}

#undef IMAGEFEED_UNROLL
