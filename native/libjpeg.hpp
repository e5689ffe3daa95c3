// libjpeg's header, and what its versions name differently.
#pragma once

#include <cstddef>
#include <cstdio>

#include <jpeglib.h>

namespace imagefeed {

// The side of the blocks of samples that a component's blocks of coefficients become. Versions from the seventh on, which
// libjpeg-turbo can be built as, know blocks that are not square; libjpeg makes none when all of a picture is scaled alike.
#if JPEG_LIB_VERSION >= 70
inline int scaled_size(const jpeg_component_info& component) { return component.DCT_h_scaled_size; }
inline int least_scaled_size(const jpeg_decompress_struct& info) { return info.min_DCT_h_scaled_size; }
#else
inline int scaled_size(const jpeg_component_info& component) { return component.DCT_scaled_size; }
inline int least_scaled_size(const jpeg_decompress_struct& info) { return info.min_DCT_scaled_size; }
#endif

}  // namespace imagefeed
