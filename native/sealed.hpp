// A picture as the cache holds it: a header, a checksum, and raw levels or a JPEG.
#pragma once

#include <cstddef>
#include <cstdint>

#include "record.hpp"

namespace imagefeed {

// Little-endian, whatever the machine:
//   0 "IFC1"   4 kind (0 raw, 1 JPEG)   5 channels   6 zero (2)   8 height   12 width of the picture
//   16 height   20 width of the source, upright   24 checksum of all the rest (8)   32 the levels or the JPEG
constexpr std::size_t kSealedHeader = 32;

// A 64-bit checksum. Every change within one aligned word of 8 bytes changes it for certain, any other one but for one
// chance in 2^64. It is no defense against someone who means to deceive.
std::uint64_t checksum(const std::uint8_t* data, std::size_t size, std::uint64_t seed);

// The checksum that belongs into the header of a value.
std::uint64_t sealed_checksum(const std::uint8_t* value, std::size_t size);

// The checksum that stands there.
std::uint64_t stated_checksum(const std::uint8_t* value);

// Lets `record` show what a value holds, without a copy. Only the header is looked at; whether the checksum is right is
// found when the record is fetched, if `check`. The source's size is given back.
Status open_sealed(const std::uint8_t* value, std::size_t size, bool check, Record& record, int& source_height, int& source_width);

}  // namespace imagefeed
