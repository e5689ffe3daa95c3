#include "exif.hpp"

#include <cstring>

namespace imagefeed {
namespace {

// Reads of either byte order, with every offset checked: the numbers come from a file.
class TiffReader {
public:
    TiffReader(const std::uint8_t* data, std::size_t size, bool big_endian)
        : data_(data), size_(size), big_endian_(big_endian) {}

    bool read(std::size_t at, int bytes, std::uint32_t& value) const {
        if (at > size_ || size_ - at < static_cast<std::size_t>(bytes)) return false;
        value = 0;
        for (int i = 0; i < bytes; ++i) {
            const int k = big_endian_ ? i : bytes - 1 - i;
            value = value << 8 | data_[at + static_cast<std::size_t>(k)];
        }
        return true;
    }

private:
    const std::uint8_t* data_;
    std::size_t size_;
    bool big_endian_;
};

constexpr std::uint32_t kOrientationTag = 0x0112;
constexpr std::uint32_t kShort = 3;
constexpr std::size_t kEntryBytes = 12;

}  // namespace

int exif_orientation(const std::uint8_t* data, std::size_t size) {
    constexpr char kPrefix[6] = {'E', 'x', 'i', 'f', 0, 0};
    if (size < sizeof kPrefix || std::memcmp(data, kPrefix, sizeof kPrefix) != 0) return 0;
    return tiff_orientation(data + sizeof kPrefix, size - sizeof kPrefix);
}

int tiff_orientation(const std::uint8_t* data, std::size_t size) {
    if (size < 8) return 0;
    const bool big_endian = data[0] == 'M' && data[1] == 'M';
    if (!big_endian && !(data[0] == 'I' && data[1] == 'I')) return 0;
    const TiffReader tiff(data, size, big_endian);
    std::uint32_t magic, directory, entries;
    if (!tiff.read(2, 2, magic) || magic != 42) return 0;
    if (!tiff.read(4, 4, directory) || !tiff.read(directory, 2, entries)) return 0;
    for (std::uint32_t k = 0; k < entries; ++k) {
        const std::size_t at = static_cast<std::size_t>(directory) + 2 + kEntryBytes * k;
        std::uint32_t tag, type, value;
        if (!tiff.read(at, 2, tag) || !tiff.read(at + 2, 2, type) || !tiff.read(at + 8, 2, value)) return 0;
        if (tag == kOrientationTag) return type == kShort && value >= 1 && value <= 8 ? static_cast<int>(value) : 0;
    }
    return 0;
}

}  // namespace imagefeed
