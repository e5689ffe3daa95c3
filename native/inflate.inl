// The coded symbols of DEFLATE data. Included once by kernels.inl, inside its namespaces: instruction sets differ in how they
// shift.

// Copies `length` bytes from `distance` before; up to 16 bytes beyond may be written.
inline void copy_match(std::uint8_t* out, std::size_t distance, std::size_t length) {
    const std::uint8_t* from = out - distance;
    std::uint8_t* const end = out + length;
    if (distance >= 16) {
        do {
            std::memcpy(out, from, 16);
            out += 16, from += 16;
        } while (out < end);
    } else if (distance == 1) {
        std::memset(out, *from, length);
    } else {
        // Of the eight bytes that are copied, as many count as are there already.
        const std::size_t step = distance < 8 ? distance : 8;
        do {
            std::uint64_t eight;
            std::memcpy(&eight, from, 8);
            std::memcpy(out, &eight, 8);
            out += step, from += step;
        } while (out < end);
    }
}

// Up to the end of a block, or a little beyond the limit.
InflateStop inflate_codes(InflateState& s) {
    const std::uint8_t* in = s.in;
    std::uint8_t* out = s.out;
    std::uint64_t bits = s.bits;
    std::uint32_t count = s.count;
    InflateStop stop = InflateStop::full;
    // As in Inflater, on what is held in registers; a function that both call would be compiled for one processor only, and
    // was 14 % slower.
    const auto fill = [&] {
        std::uint64_t ahead = 0;
        for (int k = 0; k < 8; ++k) ahead |= std::uint64_t{in[k]} << (8 * k);
        bits |= ahead << count;
        in += (63 - count) >> 3;
        count |= 56;
    };
    const auto take = [&](std::uint32_t entry) {
        bits >>= entry & 63;
        count -= entry & 63;
    };
    // What an entry's base is with its extra bits, which `saved` has after the code.
    const auto with_extra = [](std::uint32_t entry, std::uint64_t saved) {
        const std::uint64_t own = saved & ((std::uint64_t{1} << (entry & 63)) - 1);
        return static_cast<std::size_t>((entry >> kEntryValue & 0x7FFF) + (own >> (entry >> kEntryCode & 15)));
    };
    const auto second = [&](const std::uint32_t* table, std::uint32_t entry) {
        take(entry);
        return table[(entry >> kEntryValue & 0x7FFF) + (bits & ((std::uint64_t{1} << (entry >> kEntryCode & 15)) - 1))];
    };
    constexpr std::uint64_t length_mask = (1u << kLengthBits) - 1, distance_mask = (1u << kDistanceBits) - 1;
    while (out < s.limit) {
        if (in > s.in_end && in - (count >> 3) > s.in_end) {
            stop = InflateStop::fault;
            break;
        }
        fill();
        // Three literals and a length, with its extra bits, are 53 bits at most: 3 * 11 + 15 + 5.
        std::uint32_t entry = s.lengths[bits & length_mask];
        for (int k = 0; k < 3 && (entry & kEntryLiteral) != 0; ++k) {
            take(entry);
            *out++ = static_cast<std::uint8_t>(entry >> kEntryValue);
            entry = s.lengths[bits & length_mask];
        }
        if ((entry & kEntryLiteral) != 0) continue;
        if ((entry & kEntrySpecial) != 0) {
            if ((entry & kEntryTable) != 0) entry = second(s.lengths, entry);
            if ((entry & kEntryLiteral) != 0) {
                take(entry);
                *out++ = static_cast<std::uint8_t>(entry >> kEntryValue);
                continue;
            }
            if ((entry & kEntrySpecial) != 0) {
                take(entry);
                stop = (entry & kEntryEnd) != 0 ? InflateStop::block_end : InflateStop::fault;
                break;
            }
        }
        const std::size_t length = with_extra(entry, bits);
        take(entry);
        fill();
        entry = s.distances[bits & distance_mask];
        if ((entry & kEntryTable) != 0) entry = second(s.distances, entry);
        const std::size_t distance = with_extra(entry, bits);
        if ((entry & kEntrySpecial) != 0 || distance > static_cast<std::size_t>(out - s.begin)) {
            stop = InflateStop::fault;
            break;
        }
        take(entry);
        copy_match(out, distance, length);
        out += length;
    }
    s.in = in;
    s.out = out;
    s.bits = bits;
    s.count = count;
    return stop;
}
