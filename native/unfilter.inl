// The rows of a PNG, from differences to samples. Included once by kernels.inl, inside its namespaces.

template <int Filter, int Step>
void unfilter_samples(const std::uint8_t* in, const std::uint8_t* above, int count, std::uint8_t* out) {
    for (int k = 0; k < count; ++k) {
        const int left = out[k - Step];
        const int expected = Filter == 1 ? left : Filter == 3 ? (left + above[k]) / 2 : paeth(left, above[k], above[k - Step]);
        out[k] = static_cast<std::uint8_t>(in[k] + expected);
    }
}

// The same for pixels of three or four samples, a pixel at a time.
template <int Filter, int Step>
void unfilter_pixels(const std::uint8_t* in, const std::uint8_t* above, int count, std::uint8_t* out) {
    using P = Vec::Pixel;
    P left = Vec::pixel(out - Step), corner = Vec::pixel(above - Step);
    for (int k = 0; k < count; k += Step) {
        const P up = Vec::pixel(above + k);
        const P expected = Filter == 1 ? left : Filter == 3 ? Vec::pixel_middle(left, up) : Vec::pixel_paeth(left, up, corner);
        left = Vec::pixel_sum(Vec::pixel(in + k), expected);
        corner = up;
        Vec::pixel_store(out + k, left);
    }
}

template <int Filter>
void unfilter_along(int step, const std::uint8_t* in, const std::uint8_t* above, int count, std::uint8_t* out) {
    switch (step) {
        case 1: return unfilter_samples<Filter, 1>(in, above, count, out);
        case 2: return unfilter_samples<Filter, 2>(in, above, count, out);
        case 3: return unfilter_pixels<Filter, 3>(in, above, count, out);
        case 4: return unfilter_pixels<Filter, 4>(in, above, count, out);
        case 6: return unfilter_samples<Filter, 6>(in, above, count, out);
        default: return unfilter_samples<Filter, 8>(in, above, count, out);
    }
}

// One row of `count` bytes, of pixels of `step`: PNG specification, 9.2. Before `above` and `out` there are `step` zeros, or the
// pixel that comes before; all may be read, and `out` written, up to 8 bytes further.
void unfilter(int filter, int step, const std::uint8_t* in, const std::uint8_t* above, int count, std::uint8_t* out) {
    switch (filter) {
        case 0: std::memcpy(out, in, static_cast<std::size_t>(count)); break;
        case 1: unfilter_along<1>(step, in, above, count, out); break;
        case 2:
            for (int k = 0; k < count; ++k) out[k] = static_cast<std::uint8_t>(in[k] + above[k]);
            break;
        case 3: unfilter_along<3>(step, in, above, count, out); break;
        default: unfilter_along<4>(step, in, above, count, out);
    }
}
