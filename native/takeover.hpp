// What is done here in libjpeg's place while it decodes a file.
#pragma once

#include "code_tables.hpp"
#include "entropy.hpp"
#include "intervals.hpp"
#include "inverse.hpp"
#include "sequential.hpp"

namespace imagefeed {

// `jpeg_decompress_struct::client_data` points to one.
struct Takeover {
    CodeTables tables;
    EntropyDecoder entropy;
    InverseTransform inverse;
    IntervalDecoder intervals;
    SequentialDecoder sequential;

    // Whether something that the last file was left for was a fault of its data.
    bool found_fault() const { return entropy.found_fault() || intervals.found_fault() || sequential.found_fault(); }
    static Takeover& of(j_decompress_ptr info) { return *static_cast<Takeover*>(info->client_data); }
};

}  // namespace imagefeed
