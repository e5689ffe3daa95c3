// The eight EXIF orientations: where pixels go, and the turned copy of a decoded rectangle.
#pragma once

#include "buffer.hpp"
#include "image.hpp"

namespace imagefeed {

// A rectangle of the picture as seen, in the picture as stored (of the given stored size), and back.
Region seen_to_stored(Region seen, int orientation, int stored_width, int stored_height);
Region stored_to_seen(Region stored, int orientation, int stored_width, int stored_height);

// Turns `picture` (eight-bit) the way it is to be seen, into `memory`. Pictures seen as stored are left where they are.
void orient(Picture& picture, int orientation, Buffer& memory);

}  // namespace imagefeed
