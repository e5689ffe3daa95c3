// A picture to a JPEG file in memory.
#pragma once

#include <vector>

#include "image.hpp"
#include "status.hpp"

namespace imagefeed {

// Baseline, accurate integer DCT, chroma at half the size: what Pillow's save(quality=) writes. Takes packed levels of 1 or
// 3 channels. After every `restart_interval` MCUs stands a marker from which reading can go on; 0 for none. The file is left
// in `file`.
Status compress_jpeg(const Picture& in, int quality, unsigned restart_interval, std::vector<std::uint8_t>& file);

}  // namespace imagefeed
