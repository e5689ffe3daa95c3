// What is done here in libjpeg's place while it decodes a file.
#pragma once

#include "code_tables.hpp"
#include "entropy.hpp"
#include "intervals.hpp"
#include "inverse.hpp"

namespace imagefeed {

// `jpeg_decompress_struct::client_data` points to one.
struct Takeover {
    CodeTables tables;
    EntropyDecoder entropy;
    InverseTransform inverse;
    IntervalDecoder intervals;

    static Takeover& of(j_decompress_ptr info) { return *static_cast<Takeover*>(info->client_data); }
};

}  // namespace imagefeed
