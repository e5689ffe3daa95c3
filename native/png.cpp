#include "png.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <string>

#include "exif.hpp"
#include "kernels.hpp"
#include "rows.hpp"

namespace imagefeed {
namespace {

constexpr std::uint8_t kSignature[8] = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1A, '\n'};
constexpr std::size_t kAround = 12;  // a chunk has a length and a name before its data, a checksum after them
constexpr std::uint32_t kLargestSide = 1 << 22;
// What is inflated at a time stays in the second cache.
constexpr std::size_t kStretch = 96 << 10;
constexpr std::size_t kRowMargin = 16;  // zeros before a row: more than a pixel has bytes

constexpr std::uint32_t tag(const char (&name)[5]) {
    std::uint32_t value = 0;
    for (int k = 0; k < 4; ++k) value = value << 8 | static_cast<std::uint8_t>(name[k]);
    return value;
}

std::uint32_t number(const std::uint8_t* p) { return std::uint32_t{p[0]} << 24 | std::uint32_t{p[1]} << 16 | std::uint32_t{p[2]} << 8 | p[3]; }

// ISO 3309's checksum by tables of what a byte does to it from some bytes on: eight bytes at a time.
constexpr int kCrcBytes = 8;
constexpr auto make_crc_tables() {
    std::array<std::array<std::uint32_t, 256>, kCrcBytes> tables{};
    for (std::uint32_t byte = 0; byte < 256; ++byte) {
        std::uint32_t value = byte;
        for (int k = 0; k < 8; ++k) value = (value & 1) != 0 ? 0xEDB88320u ^ value >> 1 : value >> 1;
        tables[0][byte] = value;
    }
    for (std::size_t k = 1; k < kCrcBytes; ++k)
        for (std::size_t byte = 0; byte < 256; ++byte) tables[k][byte] = tables[k - 1][byte] >> 8 ^ tables[0][tables[k - 1][byte] & 255];
    return tables;
}
constexpr auto kCrcTables = make_crc_tables();

std::uint32_t crc32(const std::uint8_t* data, std::size_t size) {
    std::uint32_t sum = 0xFFFFFFFFu;
    for (; size >= kCrcBytes; size -= kCrcBytes, data += kCrcBytes) {
        std::uint64_t eight = 0;
        for (int k = 0; k < 8; ++k) eight |= std::uint64_t{data[k]} << (8 * k);
        eight ^= sum;
        sum = 0;
        for (std::size_t k = 0; k < kCrcBytes; ++k) sum ^= kCrcTables[kCrcBytes - 1 - k][eight >> (8 * k) & 255];
    }
    for (; size > 0; --size) sum = sum >> 8 ^ kCrcTables[0][(sum ^ *data++) & 255];
    return ~sum;
}

struct Chunk {
    std::uint32_t name = 0;
    const std::uint8_t* data = nullptr;
    std::size_t size = 0;
};

// One chunk after another, none of which goes beyond the end of the file.
class Chunks {
public:
    Chunks(const std::uint8_t* data, std::size_t size) : at_(data + sizeof kSignature), left_(size - sizeof kSignature) {}

    bool next(Chunk& chunk) {
        if (left_ < kAround) return false;
        const std::size_t size = number(at_);
        if (size > left_ - kAround) return false;
        chunk = {number(at_ + 4), at_ + 8, size};
        at_ += kAround + size;
        left_ -= kAround + size;
        return true;
    }

private:
    const std::uint8_t* at_;
    std::size_t left_;
};

bool is_intact(const Chunk& chunk) { return crc32(chunk.data - 4, chunk.size + 4) == number(chunk.data + chunk.size); }

struct Layout {
    std::uint32_t width = 0, height = 0;
    int depth = 0, color = 0;  // color types as of the specification: 0 gray, 2 RGB, 3 palette, 4 and 6 with an opacity

    bool has_color() const { return (color & 3) == 2; }
    std::size_t samples() const { return static_cast<std::size_t>(color == 0 || color == 3 ? 1 : color == 2 ? 3 : color == 4 ? 2 : 4); }
    std::size_t bits() const { return samples() * static_cast<std::size_t>(depth); }
    std::size_t step() const { return std::max<std::size_t>(bits() / 8, 1); }
    std::size_t bytes(std::size_t pixels) const { return (pixels * bits() + 7) / 8; }
};

// False for what is not decoded here.
bool read_layout(const Chunk& chunk, Layout& layout) {
    if (chunk.name != tag("IHDR") || chunk.size != 13) return false;
    layout = {number(chunk.data), number(chunk.data + 4), chunk.data[8], chunk.data[9]};
    if (layout.width < 1 || layout.height < 1 || layout.width > kLargestSide || layout.height > kLargestSide) return false;
    if (chunk.data[10] != 0 || chunk.data[11] != 0 || chunk.data[12] != 0) return false;
    const int depth = layout.depth;
    switch (layout.color) {
        case 0: return depth == 1 || depth == 2 || depth == 4 || depth == 8 || depth == 16;
        case 3: return depth == 1 || depth == 2 || depth == 4 || depth == 8;
        case 2: case 4: case 6: return depth == 8 || depth == 16;
        default: return false;
    }
}

// Whether the picture can become what is wanted; others say what is wrong with it, or keep all its bits.
bool fits(const Layout& layout, PngForm form) {
    switch (form) {
        case PngForm::rgb: case PngForm::gray: return true;
        case PngForm::gray16: return layout.depth < 16;
        case PngForm::index: return !layout.has_color() && layout.depth < 16;
        default: return false;
    }
}

// Whether a text is one that Pillow looks for the orientation in.
bool may_turn(const Chunk& text) {
    for (const char* word : {"exif", "Raw profile type exif", "XML:com.adobe.xmp", "xmp"})
        if (text.size >= std::strlen(word) && std::memcmp(text.data, word, std::strlen(word)) == 0) return true;
    return false;
}

// Whether a color profile has a name, and is compressed in the one way that there is.
bool is_profile(const Chunk& chunk) {
    const void* const end = std::memchr(chunk.data, 0, chunk.size);
    if (end == nullptr) return false;
    const auto* const method = static_cast<const std::uint8_t*>(end) + 1;
    return method < chunk.data + chunk.size && *method == 0;
}

// Whether a chunk beside those of the picture itself can be passed over: what Pillow reads in it changes no pixel, and is no
// error. A color that stands for transparency has two bytes a sample.
bool is_harmless(const Chunk& chunk, const Layout& layout) {
    switch (chunk.name) {
        case tag("tRNS"): return layout.color == 3 ? chunk.size <= 256 : layout.color >= 4 || chunk.size >= 2 * layout.samples();
        case tag("iCCP"): return is_profile(chunk);
        case tag("gAMA"): return chunk.size >= 4;
        case tag("cHRM"): return chunk.size >= 32;
        case tag("sRGB"): return chunk.size >= 1;
        case tag("pHYs"): return chunk.size >= 9;
        case tag("tIME"): case tag("bKGD"): case tag("sBIT"): case tag("hIST"): return true;
        case tag("tEXt"): return !may_turn(chunk);
        default: return false;
    }
}

// What is done with the samples of a row: numbers to levels, or to colors.
struct Tables {
    std::uint8_t levels[256];
    std::uint8_t colors[256 * 4];
};

std::uint8_t luma(const std::uint8_t* p) { return static_cast<std::uint8_t>((p[0] * 19595u + p[1] * 38470u + p[2] * 7471u + 32768u) >> 16); }

// Numbers that a palette lacks are black, as in Pillow.
void make_tables(const Layout& layout, const Chunk& palette, PngForm form, Tables& tables) {
    const int most = (1 << std::min(layout.depth, 8)) - 1;
    for (int k = 0; k < 256; ++k) {
        const bool given = layout.color == 3 && 3 * static_cast<std::size_t>(k) + 3 <= palette.size;
        const auto gray = static_cast<std::uint8_t>(layout.color != 3 && k <= most ? k * 255 / most : 0);
        for (int c = 0; c < 3; ++c) tables.colors[4 * k + c] = given ? palette.data[3 * k + c] : gray;
        tables.colors[4 * k + 3] = 0;
        // Pillow gives the two values of a picture of one bit as they are, where numbers are wanted.
        const bool plain = form == PngForm::index && (layout.color == 3 || layout.depth == 1);
        tables.levels[k] = plain ? static_cast<std::uint8_t>(k) : luma(tables.colors + 4 * k);
    }
}

// Pixels [x0, x1) of an unfiltered row, each as one byte: its number, or the upper byte of its level.
void unpack(const Layout& layout, const std::uint8_t* row, int x0, int x1, std::uint8_t* out) {
    if (layout.depth >= 8) {
        const std::size_t step = layout.step();
        for (int x = x0; x < x1; ++x) *out++ = row[static_cast<std::size_t>(x) * step];
        return;
    }
    const int mask = (1 << layout.depth) - 1, together = 8 / layout.depth;
    for (int x = x0; x < x1; ++x) *out++ = static_cast<std::uint8_t>(row[x / together] >> (8 - layout.depth * (x % together + 1)) & mask);
}

// Their colors, each three bytes and a fourth.
void take_colors(const Layout& layout, const std::uint8_t* row, int x0, int x1, std::uint8_t* out) {
    const std::size_t step = layout.step(), sample = static_cast<std::size_t>(layout.depth) / 8;
    row += static_cast<std::size_t>(x0) * step;
    if (step == 3) return kernels().rgb_to_x4(row, x1 - x0, out);
    for (int x = x0; x < x1; ++x, row += step, out += 4) {
        for (std::size_t c = 0; c < 3; ++c) out[c] = row[c * sample];
        out[3] = 0;
    }
}

// Pixels [x0, x1) of an unfiltered row in the form that is wanted; `line` has room for four bytes of each.
void convert(const Layout& layout, const Tables& tables, bool color, const std::uint8_t* row, int x0, int x1, std::uint8_t* line, std::uint8_t* out) {
    const int count = x1 - x0;
    if (layout.has_color() && color) return take_colors(layout, row, x0, x1, out);
    if (layout.has_color()) {
        take_colors(layout, row, x0, x1, line);
        for (int x = 0; x < count; ++x) out[x] = luma(line + 4 * x);
        return;
    }
    unpack(layout, row, x0, x1, line);
    for (int x = 0; x < count; ++x) {
        if (color) std::memcpy(out + 4 * x, tables.colors + 4 * line[x], 4);
        else out[x] = tables.levels[line[x]];
    }
}

// The rows of a picture, one after another, as far as they are needed.
struct Rows {
    Inflater& inflater;
    std::uint8_t *begin, *end;  // of the memory for what is inflated
    std::uint8_t *out, *next;   // where it goes on, and the first byte that nobody has taken
    std::size_t wanted;         // bytes that are still to be inflated
    bool is_summed;             // whether all of them are, whose checksum is known
    std::uint32_t sum = 1;

    // The next `size` bytes; null where the data are damaged or end.
    const std::uint8_t* take(std::size_t size) {
        while (static_cast<std::size_t>(out - next) < size) {
            if (inflater.is_done()) return nullptr;
            if (out >= end) make_room();
            const std::uint8_t* const before = out;
            const std::size_t most = std::min(wanted, static_cast<std::size_t>(end - out));
            if (!inflater.run(begin, out, out + most)) return nullptr;
            wanted -= std::min(wanted, static_cast<std::size_t>(out - before));
        }
        const std::uint8_t* const taken = next;
        if (is_summed) sum = adler32(sum, taken, size);
        next += size;
        return taken;
    }

    // Whether the checksum is that of what was taken, after the last byte; data that nobody wants are not looked at. Where
    // there are none yet, nothing was written beyond `end`, and as much as one look may write fits behind it.
    bool is_whole() {
        std::uint32_t stated = 0;
        if (out > next) return true;
        if (!inflater.is_done() && !inflater.run(begin, out, out + 1)) return false;
        return out > next || (inflater.stated_checksum(stated) && stated == sum);
    }

    void make_room() {
        const std::size_t kept = std::min(static_cast<std::size_t>(out - begin), std::max(kInflateWindow, static_cast<std::size_t>(out - next)));
        const std::size_t behind = static_cast<std::size_t>(out - next);
        std::memmove(begin, out - kept, kept);
        out = begin + kept;
        next = out - behind;
    }
};

Status damaged(const char* what) { return Status::fail(Fault::decode, std::string("broken PNG data: ") + what); }

// What decoding needs of a file's chunks.
struct Parts {
    Layout layout;
    Chunk palette;
    std::size_t size = 0;  // of the compressed data
};

// The compressed data of all chunks in one piece, in `packed`. False for a file whose header could not have been read.
bool gather(const std::uint8_t* data, std::size_t size, Buffer& packed, Parts& parts) {
    Chunks chunks(data, size);
    Chunk chunk;
    if (!chunks.next(chunk) || !read_layout(chunk, parts.layout)) return false;
    auto* const out = packed.reserve<std::uint8_t>(size + kInflateOverread);
    while (chunks.next(chunk) && chunk.name != tag("IEND")) {
        if (chunk.name == tag("PLTE")) parts.palette = chunk;
        if (chunk.name != tag("IDAT")) continue;
        std::memcpy(out + parts.size, chunk.data, chunk.size);
        parts.size += chunk.size;
    }
    return true;
}

}  // namespace

bool looks_like_png(const std::uint8_t* data, std::size_t size) {
    return size >= sizeof kSignature && std::memcmp(data, kSignature, sizeof kSignature) == 0;
}

bool read_png_header(const std::uint8_t* data, std::size_t size, PngForm form, PictureHeader& header) {
    Chunks chunks(data, size);
    Chunk chunk;
    Layout layout;
    if (!chunks.next(chunk) || !is_intact(chunk) || !read_layout(chunk, layout) || !fits(layout, form)) return false;
    header = PictureHeader{};
    header.width = static_cast<int>(layout.width);
    header.height = static_cast<int>(layout.height);
    bool has_palette = false, has_data = false, has_more = false, is_turned = false;
    while (chunks.next(chunk) && is_intact(chunk)) {
        if (chunk.name == tag("IEND")) return has_data && (layout.color != 3 || has_palette);
        if (chunk.name == tag("IDAT")) {
            if (has_more) return false;
            has_data = true;
            continue;
        }
        has_more = has_data;
        if (chunk.name == tag("PLTE")) {
            if (has_palette || has_data || chunk.size == 0 || chunk.size > 768 || chunk.size % 3 != 0) return false;
            has_palette = true;
        } else if (chunk.name == tag("eXIf")) {
            header.orientation = tiff_orientation(chunk.data, chunk.size);
            if (is_turned || header.orientation == 0) return false;
            is_turned = true;
        } else if (!is_harmless(chunk, layout)) {
            return false;
        }
    }
    return false;
}

Status PngDecoder::decode(const std::uint8_t* data, std::size_t size, PngForm form, const Region& region, const Margin& margin, Buffer& memory, Picture& picture) {
    Parts parts;
    const Layout& layout = parts.layout;
    if (!gather(data, size, packed_, parts) || region.x0 < 0 || region.y0 < 0 || region.x1 > static_cast<int>(layout.width) || region.y1 > static_cast<int>(layout.height))
        return damaged("the chunks are not those that were looked at");
    if (!inflater_.begin(packed_.reserve<std::uint8_t>(0), parts.size)) return damaged("the data do not begin as compressed data do");
    std::uint8_t* const pixels = begin_pixels(form == PngForm::rgb, region, margin, memory, picture);
    picture.width = static_cast<int>(layout.width);
    picture.height = static_cast<int>(layout.height);
    Tables tables;
    make_tables(layout, parts.palette, form, tables);
    const std::size_t row_bytes = layout.bytes(layout.width), room = kInflateWindow + std::max(kStretch, 2 * (row_bytes + 1));
    std::uint8_t* const stretch = stretch_.reserve<std::uint8_t>(room + kInflateOverwrite);
    Rows rows{inflater_, stretch, stretch + room, stretch, stretch, (row_bytes + 1) * static_cast<std::size_t>(region.y1), region.y1 == picture.height};
    // Two rows, each after zeros, which are the pixel before the first one.
    const std::size_t apart = row_bytes + 2 * kRowMargin;
    std::uint8_t* above = rows_.reserve<std::uint8_t>(2 * apart);
    std::memset(above, 0, 2 * apart);
    above += kRowMargin;
    std::uint8_t *row = above + apart, *const line = line_.reserve<std::uint8_t>(checked_product(static_cast<std::size_t>(region.width()), 4));
    const int step = static_cast<int>(layout.step()), used = static_cast<int>(layout.bytes(static_cast<std::size_t>(region.x1)));
    for (int y = 0; y < region.y1; ++y, std::swap(above, row)) {
        const std::uint8_t* const coded = rows.take(row_bytes + 1);
        if (coded == nullptr) return damaged("the compressed data are damaged, or end early");
        if (coded[0] > 4) return damaged("a row is coded in an unknown way");
        kernels().unfilter(coded[0], step, coded + 1, above, used, row);
        if (y >= region.y0) convert(layout, tables, picture.channels == 3, row, region.x0, region.x1, line, pixels + (y - region.y0) * picture.row_stride);
    }
    if (rows.is_summed && !rows.is_whole()) return damaged("the checksum of the data is wrong");
    return Status::ok();
}

void PngDecoder::trim(std::size_t keep) {
    for (Buffer* buffer : {&packed_, &stretch_, &rows_, &line_}) buffer->trim(keep);
}

}  // namespace imagefeed
