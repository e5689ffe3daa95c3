// The inner loops of effects, over `Vec`; included by kernels.inl, inside its namespaces. Elementary functions are
// written out as products and sums, so that they give the same bits from every instruction set.

// ---------------------------------------------------------------------------------------------- functions

// log2 of positive, normal numbers: the exponent, and for the mantissa m in [1/sqrt 2, sqrt 2) the series of
// 2 artanh((m - 1) / (m + 1)), whose terms left out are below 3e-8.
inline F log2_of(F v) {
    const I offset = Vec::sub(Vec::bits(v), Vec::set(0x3F3504F3));  // of sqrt 1/2
    const I whole = Vec::sub(Vec::shift_right<23>(Vec::add(offset, Vec::set(64 << 23))), Vec::set(64));
    const F m = Vec::from_bits(Vec::add(Vec::bit_and(offset, Vec::set(0x007FFFFF)), Vec::set(0x3F3504F3)));
    const F z = Vec::div(Vec::sub(m, Vec::set(1.0f)), Vec::add(m, Vec::set(1.0f)));
    const F square = Vec::mul(z, z);
    F sum = Vec::set(0.41219858f);                          // 2 / (7 ln 2)
    sum = Vec::add(Vec::mul(sum, square), Vec::set(0.57707802f));  // 2 / (5 ln 2)
    sum = Vec::add(Vec::mul(sum, square), Vec::set(0.96179669f));  // 2 / (3 ln 2)
    sum = Vec::add(Vec::mul(sum, square), Vec::set(2.88539008f));  // 2 / ln 2
    return Vec::add(Vec::to_float(whole), Vec::mul(sum, z));
}

// 2 to a power from -120 to 120, by the series of exp around the nearest integer.
inline F exp2_of(F v) {
    v = Vec::min(Vec::max(v, Vec::set(-120.0f)), Vec::set(120.0f));
    const I whole = Vec::round_to_int(v);
    const F f = Vec::sub(v, Vec::to_float(whole));
    constexpr float terms[] = {1.3333558e-3f, 9.6181291e-3f, 5.5504109e-2f, 2.4022651e-1f, 6.9314718e-1f, 1.0f};
    F sum = Vec::set(1.5403530e-4f);  // (ln 2)^6 / 6!, and so on
    for (const float term : terms) sum = Vec::add(Vec::mul(sum, f), Vec::set(term));
    return Vec::from_bits(Vec::add(Vec::bits(sum), Vec::shift_left<23>(whole)));
}

// v to a power above 0, for v from 0 to 1. What is too small for the logarithm is 0.
inline F power(F v, float exponent) {
    const F tiny = Vec::set(1e-30f);
    const F raised = exp2_of(Vec::mul(log2_of(Vec::max(v, tiny)), Vec::set(exponent)));
    return Vec::select(Vec::less(v, tiny), Vec::set(0.0f), raised);
}

// Sine and cosine of a turn's fraction in [0, 1): the nearest quarter turn, and the series of what is left.
inline void sine_cosine(F turn, F& sine, F& cosine) {
    const F quarters = Vec::mul(turn, Vec::set(4.0f));
    const I nearest = Vec::round_to_int(quarters);
    const F x = Vec::mul(Vec::sub(quarters, Vec::to_float(nearest)), Vec::set(1.57079633f));
    const F square = Vec::mul(x, x);
    F s = Vec::set(-1.9841270e-4f);  // -1 / 7!
    s = Vec::add(Vec::mul(s, square), Vec::set(8.3333333e-3f));
    s = Vec::add(Vec::mul(s, square), Vec::set(-1.6666667e-1f));
    s = Vec::add(x, Vec::mul(Vec::mul(s, square), x));
    F c = Vec::set(2.4801587e-5f);  // 1 / 8!
    c = Vec::add(Vec::mul(c, square), Vec::set(-1.3888889e-3f));
    c = Vec::add(Vec::mul(c, square), Vec::set(4.1666667e-2f));
    c = Vec::add(Vec::mul(c, square), Vec::set(-0.5f));
    c = Vec::add(Vec::mul(c, square), Vec::set(1.0f));
    // An odd quarter swaps the two; their signs are those of the second bit of the quarter, and of the next one's.
    const M odd = Vec::less(Vec::set(0), Vec::bit_and(nearest, Vec::set(1)));
    const I flip_s = Vec::shift_left<30>(Vec::bit_and(nearest, Vec::set(2)));
    const I flip_c = Vec::shift_left<30>(Vec::bit_and(Vec::add(nearest, Vec::set(1)), Vec::set(2)));
    sine = Vec::from_bits(Vec::bit_xor(Vec::bits(Vec::select(odd, c, s)), flip_s));
    cosine = Vec::from_bits(Vec::bit_xor(Vec::bits(Vec::select(odd, s, c)), flip_c));
}

// ---------------------------------------------------------------------------------------------- hue, saturation, value

// One channel of a color: value (1 - saturation * max(0, min(k, 4 - k, 1))), k = (offset + hue in sixths) mod 6.
inline F from_hue(float offset, F sixths, F value, F chroma) {
    const F six = Vec::set(6.0f);
    F k = Vec::add(sixths, Vec::set(offset));
    k = Vec::select(Vec::less(k, six), k, Vec::sub(k, six));
    const F rise = Vec::min(Vec::min(k, Vec::sub(Vec::set(4.0f), k)), Vec::set(1.0f));
    return Vec::sub(value, Vec::mul(chroma, Vec::max(rise, Vec::set(0.0f))));
}

inline F bent(F v, const float* curve) {
    if (curve[0] != 1.0f) v = power(v, curve[0]);
    return Vec::min(Vec::mul(v, Vec::set(curve[1])), Vec::set(1.0f));
}

// `hue` in sixths of a turn, from 0 to 6.
void hsv(Planes pixels, float hue, const float* saturation, const float* value, int count) {
    const F zero = Vec::set(0.0f), one = Vec::set(1.0f), six = Vec::set(6.0f), white = Vec::set(255.0f);
    for (int i = 0; i < count; i += Vec::lanes) {
        const auto load = [&](int c) { return Vec::min(Vec::max(Vec::load(plane(pixels, c) + i), zero), white); };
        const F r = load(0), g = load(1), b = load(2);
        const F high = Vec::max(Vec::max(r, g), b), low = Vec::min(Vec::min(r, g), b);
        const F chroma = Vec::sub(high, low);
        const F scale = Vec::div(one, Vec::select(Vec::less(zero, chroma), chroma, one));
        // The sector of the greatest channel; red before green before blue where they are equal.
        const M not_red = Vec::less(r, high), not_green = Vec::less(g, high);
        F sixths = Vec::mul(Vec::sub(g, b), scale);
        const F from_green = Vec::add(Vec::mul(Vec::sub(b, r), scale), Vec::set(2.0f));
        const F from_blue = Vec::add(Vec::mul(Vec::sub(r, g), scale), Vec::set(4.0f));
        sixths = Vec::select(not_red, Vec::select(not_green, from_blue, from_green), sixths);
        sixths = Vec::add(sixths, Vec::set(hue));
        sixths = Vec::select(Vec::less(sixths, zero), Vec::add(sixths, six), sixths);
        sixths = Vec::select(Vec::less(sixths, six), sixths, Vec::sub(sixths, six));
        const F s = bent(Vec::div(chroma, Vec::max(high, Vec::set(1e-6f))), saturation);
        const F v = Vec::mul(bent(Vec::mul(high, Vec::set(1.0f / 255.0f)), value), white);
        const F drop = Vec::mul(v, s);
        Vec::store(plane(pixels, 0) + i, from_hue(5.0f, sixths, v, drop));
        Vec::store(plane(pixels, 1) + i, from_hue(3.0f, sixths, v, drop));
        Vec::store(plane(pixels, 2) + i, from_hue(1.0f, sixths, v, drop));
    }
}

void value_curve(float* values, const float* value, int count) {
    for (int i = 0; i < count; i += Vec::lanes) {
        const F v = Vec::min(Vec::max(Vec::load(values + i), Vec::set(0.0f)), Vec::set(255.0f));
        Vec::store(values + i, Vec::mul(bent(Vec::mul(v, Vec::set(1.0f / 255.0f)), value), Vec::set(255.0f)));
    }
}

// ---------------------------------------------------------------------------------------------- noise

struct Words {
    I word[4];
};

// Philox 4x32-10 (Salmon, Moraes, Dror and Shaw, SC 2011), a counter a lane.
inline Words philox(I c0, I c1, I c2, I c3, std::uint32_t key0, std::uint32_t key1) {
    for (int round = 0; round < 10; ++round) {
        I high0, low0, high1, low1;
        Vec::mul_wide(c0, 0xD2511F53u, high0, low0);
        Vec::mul_wide(c2, 0xCD9E8D57u, high1, low1);
        c0 = Vec::bit_xor(Vec::bit_xor(high1, c1), Vec::set(static_cast<std::int32_t>(key0)));
        c2 = Vec::bit_xor(Vec::bit_xor(high0, c3), Vec::set(static_cast<std::int32_t>(key1)));
        c1 = low1;
        c3 = low0;
        key0 += 0x9E3779B9u;
        key1 += 0xBB67AE85u;
    }
    return {{c0, c1, c2, c3}};
}

// The top 24 bits as a fraction, in [0, 1).
inline F fraction(I word) { return Vec::mul(Vec::to_float(Vec::shift_right<8>(word)), Vec::set(1.0f / 16777216.0f)); }

// Two normal numbers of two words: Box and Muller (1958).
inline void normals(I first, I second, F& a, F& b) {
    const F u = Vec::add(fraction(first), Vec::set(1.0f / 16777216.0f));  // in (0, 1], where the logarithm is finite
    const F radius = Vec::sqrt(Vec::max(Vec::mul(log2_of(u), Vec::set(-1.38629436f)), Vec::set(0.0f)));  // -2 ln 2
    F sine, cosine;
    sine_cosine(fraction(second), sine, cosine);
    a = Vec::mul(radius, cosine);
    b = Vec::mul(radius, sine);
}

// A block of numbers for 64 pixels of a row: word w of counter j is that of pixel 64 (j / 16) + 16 w + j % 16.
constexpr int kNoiseStretch = 64;

template <class Make>
void noise_row(const NoiseKey& key, int count, float* out, Make make) {
    for (int first = 0; first < count; first += kNoiseStretch) {
        float block[kNoiseStretch];
        for (int lane = 0; lane < kBlock; lane += Vec::lanes) {
            const Words words = philox(Vec::int_ramp(first / 4 + lane), Vec::set(key.row), Vec::set(key.channel), Vec::set(0), key.seed0, key.seed1);
            F value[4];
            make(words, value);
            for (int w = 0; w < 4; ++w) Vec::store(block + kBlock * w + lane, value[w]);
        }
        const int rest = count - first < kNoiseStretch ? count - first : kNoiseStretch;
        std::memcpy(out + first, block, static_cast<std::size_t>(rest) * sizeof(float));
    }
}

void normal_row(const NoiseKey& key, int count, float* out) {
    noise_row(key, count, out, [](const Words& words, F* value) {
        normals(words.word[0], words.word[1], value[0], value[1]);
        normals(words.word[2], words.word[3], value[2], value[3]);
    });
}

void uniform_row(const NoiseKey& key, int count, float* out) {
    noise_row(key, count, out, [](const Words& words, F* value) {
        for (int w = 0; w < 4; ++w) value[w] = fraction(words.word[w]);
    });
}

void grid_row(const GridRow& row, int count, float* out) {
    const I cell = Vec::set(kGridCell - 1), share = Vec::set(row.share);
    for (int first = 0; first < count; first += kBlock) {
        std::int32_t start[2];  // of the block, so that what is added within it stays below 2**31
        for (int k = 0; k < 2; ++k) start[k] = static_cast<std::int32_t>((row.start[k] + static_cast<std::int64_t>(row.step[k]) * first) % kGridCell);
        for (int lane = 0; lane < kBlock; lane += Vec::lanes) {
            const I x = Vec::int_ramp(lane);
            const auto within = [&](int k) {
                return Vec::less(Vec::bit_and(Vec::add(Vec::mul(x, Vec::set(row.step[k])), Vec::set(start[k])), cell), share);
            };
            Vec::store(out + first + lane, Vec::select(Vec::both(within(0), within(1)), Vec::set(1.0f), Vec::set(0.0f)));
        }
    }
}

inline F in_levels(F v) { return Vec::min(Vec::max(v, Vec::set(0.0f)), Vec::set(255.0f)); }

void add_gaussian(float* values, const float* noise, float deviation, int count) {
    for (int i = 0; i < count; i += Vec::lanes)
        Vec::store(values + i, in_levels(Vec::add(Vec::load(values + i), Vec::mul(Vec::load(noise + i), Vec::set(deviation)))));
}

// A Poisson count is nearly the square of a normal number around the root of its mean, with deviation one half
// (Bartlett 1936), less a quarter, so that the mean is kept.
void add_poisson(float* values, const float* noise, float photons, int count) {
    const F to_count = Vec::set(photons / 255.0f), to_level = Vec::set(255.0f / photons);
    for (int i = 0; i < count; i += Vec::lanes) {
        const F root = Vec::add(Vec::sqrt(Vec::mul(in_levels(Vec::load(values + i)), to_count)), Vec::mul(Vec::load(noise + i), Vec::set(0.5f)));
        Vec::store(values + i, in_levels(Vec::mul(Vec::sub(Vec::mul(root, root), Vec::set(0.25f)), to_level)));
    }
}

void add_impulses(float* values, const float* noise, float share, int count) {
    const F black = Vec::set(share * 0.5f), kept = Vec::set(1.0f - share * 0.5f);
    for (int i = 0; i < count; i += Vec::lanes) {
        const F u = Vec::load(noise + i), v = Vec::select(Vec::less(u, kept), Vec::load(values + i), Vec::set(255.0f));
        Vec::store(values + i, Vec::select(Vec::less(u, black), Vec::set(0.0f), v));
    }
}

// ---------------------------------------------------------------------------------------------- levels

void rgb_to_planes(const std::uint8_t* in, int count, Planes out) {
    const auto load = [&](const std::uint8_t* from, int i) {
        F r, g, b;
        Vec::load_rgb(from, r, g, b);
        Vec::store(plane(out, 0) + i, r);
        Vec::store(plane(out, 1) + i, g);
        Vec::store(plane(out, 2) + i, b);
    };
    int i = 0;
    for (; i + Vec::lanes <= count; i += Vec::lanes) load(in + 3 * i, i);
    if (i < count) {
        std::uint8_t rest[3 * Vec::lanes] = {};
        std::memcpy(rest, in + 3 * i, static_cast<std::size_t>(3 * (count - i)));
        load(rest, i);
    }
}

void u8_to_f32(const std::uint8_t* in, int count, float* out) {
    int i = 0;
    for (; i + kBlock <= count; i += Vec::lanes) Vec::store(out + i, Vec::load_u8(in + i));
    for (; i < count; ++i) out[i] = static_cast<float>(in[i]);
}

// More bytes than this are written past the caches: a batch is larger than they are, and what is overwritten need not be
// read first.
constexpr int kStreamedBytes = 16384;

template <class Look>
inline void in_part(const std::uint8_t* in, int first, int last, std::uint8_t* out, Look look) {
    std::uint8_t rest[Vec::bytes] = {};
    std::memcpy(rest, in + first, static_cast<std::size_t>(last - first));
    Vec::store_bytes(rest, look(Vec::load_bytes(rest), first));
    std::memcpy(out + first, rest, static_cast<std::size_t>(last - first));
}

template <class Look>
inline void in_whole_bytes(const std::uint8_t* in, int count, std::uint8_t* out, Look look) {
    int i = 0;
    if (count >= kStreamedBytes && in != out) {
        const int skew = static_cast<int>(reinterpret_cast<std::uintptr_t>(out) % Vec::bytes);
        i = skew == 0 ? 0 : Vec::bytes - skew;
        if (i > 0) in_part(in, 0, i, out, look);
        for (; i + Vec::bytes <= count; i += Vec::bytes) Vec::stream_bytes(out + i, look(Vec::load_bytes(in + i), i));
    } else {
        for (; i + Vec::bytes <= count; i += Vec::bytes) Vec::store_bytes(out + i, look(Vec::load_bytes(in + i), i));
    }
    if (i < count) in_part(in, i, count, out, look);
}

void copy_bytes(const std::uint8_t* in, int count, std::uint8_t* out) {
    in_whole_bytes(in, count, out, [](Vec::B v, int) { return v; });
}

// Rows of bytes that lie `stride` apart, one after another. What is written past the caches are whole cache lines: one in
// which a row ends and the next begins is put together first.
void copy_rows(const std::uint8_t* in, std::ptrdiff_t stride, int bytes, int rows, std::uint8_t* out) {
    constexpr int kRowsAhead = 8;  // rows of a part of a picture, or in reverse, are not foreseen by the processor
    const auto whole = [](int count) { return static_cast<std::size_t>(count); };
    if (bytes < Vec::bytes || static_cast<std::int64_t>(bytes) * rows < kStreamedBytes) {
        for (int y = 0; y < rows; ++y) std::memcpy(out + static_cast<std::ptrdiff_t>(y) * bytes, in + y * stride, whole(bytes));
        return;
    }
    std::uint8_t line[Vec::bytes];
    for (int y = 0; y < rows; ++y, in += stride, out += bytes) {
        for (int x = 0; y + kRowsAhead < rows && x < bytes; x += 64) Vec::prefetch(in + kRowsAhead * stride + x);
        const int skew = static_cast<int>(reinterpret_cast<std::uintptr_t>(out) % Vec::bytes);
        int x = skew == 0 ? 0 : Vec::bytes - skew;
        if (y == 0) {
            std::memcpy(out, in, whole(x));
        } else if (skew > 0) {
            std::memcpy(line + skew, in, whole(x));
            Vec::stream_bytes(out - skew, Vec::load_bytes(line));
        }
        for (; x + Vec::bytes <= bytes; x += Vec::bytes) Vec::stream_bytes(out + x, Vec::load_bytes(in + x));
        std::memcpy(y + 1 < rows ? line : out + x, in + x, whole(bytes - x));
    }
}

void lookup(const std::uint8_t* in, const std::uint8_t* table, int count, std::uint8_t* out) {
    const auto levels = Vec::load_table(table);
    in_whole_bytes(in, count, out, [&](Vec::B v, int) { return Vec::lookup(levels, v); });
}

void lookup_rgb(const std::uint8_t* in, const std::uint8_t* tables, int count, std::uint8_t* out) {
    const auto r = Vec::load_table(tables), g = Vec::load_table(tables + 256), b = Vec::load_table(tables + 512);
    in_whole_bytes(in, 3 * count, out, [&](Vec::B v, int i) {
        return Vec::in_turn(Vec::lookup(r, v), Vec::lookup(g, v), Vec::lookup(b, v), i % 3);
    });
}

void reverse_rgb(const std::uint8_t* in, int count, std::uint8_t* out) {
    int i = 0;
    for (; i + Vec::reversed_pixels <= count; i += Vec::reversed_pixels)
        Vec::reverse_rgb(in + 3 * (count - i - Vec::reversed_pixels), out + 3 * i);
    for (; i < count; ++i) std::memcpy(out + 3 * i, in + 3 * (count - 1 - i), 3);
}

inline void exchange(Vec::B& a, Vec::B& b) {
    const Vec::B low = Vec::min(a, b);
    b = Vec::max(a, b);
    a = low;
}

// Moves the least of `Held` numbers to the front and the greatest to the end, forgets both, and takes the next one in.
template <int N, int Held>
inline void drop_ends(Vec::B* kept, const Vec::B* samples) {
    for (int k = 0; k < Held / 2; ++k) exchange(kept[k], kept[Held - 1 - k]);
    for (int k = 1; k < (Held + 1) / 2; ++k) exchange(kept[0], kept[k]);
    for (int k = Held / 2; k < Held - 1; ++k) exchange(kept[k], kept[Held - 1]);
    if constexpr (Held > 3) {
        kept[0] = samples[N - (Held - 3)];
        drop_ends<N, Held - 1>(kept, samples);
    }
}

// The median of N numbers, of which only as many are kept as may still be it: the least and the greatest of half of
// them and two more cannot be, so they make room for the next.
template <int N>
inline Vec::B median_of(const Vec::B* samples) {
    constexpr int kMost = N / 2 + 2;
    Vec::B kept[kMost];
    for (int k = 0; k < kMost; ++k) kept[k] = samples[k];
    drop_ends<N, kMost>(kept, samples);
    return kept[1];
}

template <int Side>
void median_row(const std::uint8_t* const* rows, int step, int count, std::uint8_t* out) {
    for (int i = 0; i < count; i += Vec::bytes) {
        Vec::B samples[Side * Side];
        for (int y = 0; y < Side; ++y)
            for (int x = 0; x < Side; ++x) samples[Side * y + x] = Vec::load_bytes(rows[y] + i + step * x);
        Vec::store_bytes(out + i, median_of<Side * Side>(samples));
    }
}

void median(const std::uint8_t* const* rows, int side, int step, int count, std::uint8_t* out) {
    if (side == 3) return median_row<3>(rows, step, count, out);
    if (side == 5) return median_row<5>(rows, step, count, out);
    median_row<7>(rows, step, count, out);
}

// ---------------------------------------------------------------------------------------------- any place

// Places that are given one by one, by how far they lie beside the output's own.
class FieldPath {
public:
    FieldPath(const FieldRow& row) : row_(row) {}
    void begin_block(int first) { first_ = first; }
    Spot at(int lane) const {
        const int k = first_ + lane;
        const F far = Vec::set(static_cast<float>(kFarthest));
        const auto bound = [&](F v) { return Vec::min(Vec::max(v, Vec::sub(Vec::set(0.0f), far)), far); };
        const F x = bound(Vec::load(row_.x + k)), y = bound(Vec::load(row_.y + k));
        const I ix = Vec::floor_to_int(x), iy = Vec::floor_to_int(y);
        return {Vec::add(ix, Vec::int_ramp(k)), Vec::add(iy, Vec::set(row_.line)), Vec::sub(x, Vec::to_float(ix)), Vec::sub(y, Vec::to_float(iy))};
    }

private:
    const FieldRow& row_;
    int first_ = 0;
};

void remap(const Picture& p, const FieldRow& row, bool bilinear, Border border, const float* fill, int count, Planes out) {
    if (bilinear) return warp_row_by_border<true>(p, FieldPath(row), false, border, fill, count, out);
    warp_row_by_border<false>(p, FieldPath(row), false, border, fill, count, out);
}
