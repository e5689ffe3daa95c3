// The inverse transform of a JPEG's blocks, done here instead of in libjpeg where this processor has instructions that
// libjpeg does not use.
#pragma once

#include "libjpeg.hpp"

namespace imagefeed {

// libjpeg's accurate integer transform ("islow"), sample for sample. What it is not made for (values that overflow sixteen
// bits, which only damaged files have) is left to libjpeg.
class InverseTransform {
public:
    // Takes the place of libjpeg's methods, after jpeg_start_decompress, for the components that are not scaled. Nothing
    // happens where there is nothing better.
    void attach(jpeg_decompress_struct& info);

private:
    using Method = void (*)(j_decompress_ptr, jpeg_component_info*, JCOEFPTR, JSAMPARRAY, JDIMENSION);

    static void transform(j_decompress_ptr info, jpeg_component_info* component, JCOEFPTR block, JSAMPARRAY rows, JDIMENSION column);

    Method theirs_[MAX_COMPONENTS] = {};
};

}  // namespace imagefeed
