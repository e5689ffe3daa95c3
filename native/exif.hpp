// The orientation tag of an EXIF block.
#pragma once

#include <cstddef>
#include <cstdint>

namespace imagefeed {

// `data` is the payload of a JPEG APP1 marker. 1 to 8, or 0 where there is none or it makes no sense.
// EXIF 2.32 (CIPA DC-008), section 4.6.4: tag 0x0112 of the first directory, a SHORT.
int exif_orientation(const std::uint8_t* data, std::size_t size);

// The same of the block alone, without the name that JPEG puts before it: of a PNG's chunk eXIf.
int tiff_orientation(const std::uint8_t* data, std::size_t size);

}  // namespace imagefeed
