// Functions: random numbers, one picture, checksums.
#include <cmath>

#include "bind.hpp"
#include "bind_records.hpp"
#include "byte_products.hpp"
#include "jpeg.hpp"
#include "parent.hpp"
#include "random.hpp"
#include "recompress.hpp"
#include "sealed.hpp"
#include "shapes.hpp"

namespace imagefeed {
namespace {

nb::object jpeg_header(nb::bytes bytes) {
    JpegDecoder decoder;
    PictureHeader header;
    const Status status = decoder.read_header(static_cast<const std::uint8_t*>(bytes.data()), bytes.size(), header);
    if (!status.is_ok()) throw nb::value_error(status.message.c_str());
    nb::dict out;
    out["width"] = header.width;
    out["height"] = header.height;
    out["components"] = header.components;
    out["orientation"] = header.orientation;
    out["supported"] = header.supported;
    out["complete"] = header.complete;
    return out;
}

// A picture as a JPEG file.
nb::bytes encode_jpeg(nb::ndarray<const std::uint8_t, nb::ndim<3>, nb::c_contig, nb::device::cpu> pixels, int quality, unsigned restart_interval) {
    if (pixels.shape(0) < 1 || pixels.shape(1) < 1 || pixels.shape(0) > 65500 || pixels.shape(1) > 65500 || pixels.shape(2) > kMaxChannels)
        throw nb::value_error("a JPEG has 1 to 65500 rows and columns");
    Picture picture;
    picture.samples = Samples::levels8;
    picture.data = pixels.data();
    picture.height = static_cast<int>(pixels.shape(0));
    picture.width = static_cast<int>(pixels.shape(1));
    picture.channels = static_cast<int>(pixels.shape(2));
    picture.row_stride = static_cast<std::ptrdiff_t>(pixels.shape(1) * pixels.shape(2));
    std::vector<std::uint8_t> file;
    Status status;
    {
        const nb::gil_scoped_release unlocked;
        status = compress_jpeg(picture, quality, restart_interval, file);
    }
    if (!status.is_ok()) throw nb::value_error(status.message.c_str());
    return nb::bytes(file.data(), file.size());
}

// The pixels that are held, as four bytes each (or one), and where they begin.
std::tuple<nb::ndarray<nb::numpy, std::uint8_t>, int, int> decode_jpeg(nb::bytes bytes, std::optional<std::tuple<int, int, int, int>> region,
                                                                      int denominator, bool color, std::optional<bool> ours) {
    const BitReader reader = !ours ? BitReader::best : *ours ? BitReader::ours : BitReader::libjpeg;
    JpegDecoder decoder;
    Buffer memory;
    Picture picture;
    Region wanted{0, 0, 1 << 30, 1 << 30};
    if (region) wanted = {std::get<1>(*region), std::get<0>(*region), std::get<3>(*region), std::get<2>(*region)};
    const auto* const data = static_cast<const std::uint8_t*>(bytes.data());
    const std::size_t size = bytes.size();
    Status status;
    {
        const nb::gil_scoped_release unlocked;
        status = decoder.decode(data, size, wanted, denominator, color, Margin{}, memory, picture, reader);
    }
    if (!status.is_ok()) throw nb::value_error(status.message.c_str());
    std::uint8_t* out;
    const auto height = static_cast<std::size_t>(picture.held.height()), width = static_cast<std::size_t>(picture.held.width());
    auto array = new_array<std::uint8_t>({height, width, color ? std::size_t{4} : std::size_t{1}}, out);
    std::memcpy(out, picture.data, height * width * (color ? 4 : 1));
    return {array, picture.held.y0, picture.held.x0};
}

// The same of a PNG; nothing where it is left to others.
std::optional<nb::ndarray<nb::numpy, std::uint8_t>> decode_png(nb::bytes bytes, const std::string& form, std::optional<std::tuple<int, int, int, int>> region) {
    const PngForm wanted = png_form(form);
    const auto* const data = static_cast<const std::uint8_t*>(bytes.data());
    const std::size_t size = bytes.size();
    PictureHeader header;
    PngDecoder decoder;
    Buffer memory;
    Picture picture;
    if (!looks_like_png(data, size) || !read_png_header(data, size, wanted, header)) return std::nullopt;
    Region held{0, 0, header.width, header.height};
    if (region) held = {std::get<1>(*region), std::get<0>(*region), std::get<3>(*region), std::get<2>(*region)};
    if (held.x0 < 0 || held.y0 < 0 || held.x1 <= held.x0 || held.y1 <= held.y0) throw nb::value_error("the region is empty");
    Status status;
    {
        const nb::gil_scoped_release unlocked;
        status = decoder.decode(data, size, wanted, held, Margin{}, memory, picture);
    }
    if (!status.is_ok()) throw nb::value_error(status.message.c_str());
    std::uint8_t* out;
    const auto rows = static_cast<std::size_t>(held.height()), row = static_cast<std::size_t>(picture.row_stride);
    auto array = new_array<std::uint8_t>({rows, static_cast<std::size_t>(held.width()), row / static_cast<std::size_t>(held.width())}, out);
    std::memcpy(out, picture.data, rows * row);
    return array;
}

// Fills polygons, one over the other, in the caller's array (height, width).
void fill_polygons(nb::ndarray<std::uint8_t, nb::ndim<2>, nb::c_contig, nb::device::cpu> out,
                   nb::ndarray<const float, nb::ndim<2>, nb::c_contig, nb::device::cpu> points, Array<std::int64_t, 1> ends,
                   Array<std::uint8_t, 1> numbers) {
    constexpr std::size_t kMost = 1 << 30;
    if (out.shape(0) > kMost || out.shape(1) > kMost) throw nb::value_error("the picture is too large");
    if (points.shape(1) != 2) throw nb::value_error("points have an x and a y");
    if (numbers.shape(0) != ends.shape(0)) throw nb::value_error("one number for every polygon is expected");
    std::int64_t begin = 0;
    for (std::size_t k = 0; k < ends.shape(0); begin = ends(k++))
        if (ends(k) < begin || static_cast<std::size_t>(ends(k)) > points.shape(0)) throw nb::value_error("ends must rise, up to the number of points");
    for (std::size_t k = 0; k < points.shape(0) * 2; ++k)
        if (!std::isfinite(points.data()[k])) throw nb::value_error("a point is not finite");
    const nb::gil_scoped_release unlocked;
    PolygonFiller filler;
    begin = 0;
    for (std::size_t k = 0; k < ends.shape(0); begin = ends(k++)) {
        filler.fill(out.data(), static_cast<int>(out.shape(0)), static_cast<int>(out.shape(1)), points.data() + 2 * begin,
                    static_cast<std::size_t>(ends(k) - begin), numbers(k));
    }
}

void add_products(Array<std::uint8_t, 2> pictures, double scale, Array<double, 1> mean,
                  nb::ndarray<double, nb::ndim<2>, nb::c_contig, nb::device::cpu> out, std::size_t turn, std::size_t turns) {
    const std::size_t values = pictures.shape(1);
    if (mean.shape(0) != values || out.shape(0) != values || out.shape(1) != values)
        throw nb::value_error("mean, and both sides of out, must be as long as a picture has values");
    if (turn >= turns) throw nb::value_error("turn must be below turns");
    const nb::gil_scoped_release unlocked;
    add_byte_products({pictures.data(), pictures.shape(0), values, scale, mean.data()}, out.data(), turn, turns);
}

}  // namespace

void bind_functions(nb::module_& m) {
    m.def("uniform", [](std::uint64_t seed, std::uint64_t epoch, std::uint64_t step, Array<std::int64_t, 1> records, std::size_t count) {
        double* data;
        auto out = new_array<double>({records.shape(0), count}, data);
        fill_uniform({seed, epoch}, step, records.data(), records.shape(0), count, data);
        return out;
    }, "seed"_a, "epoch"_a, "step"_a, "records"_a, "count"_a);
    m.def("shuffled", [](std::uint64_t seed, std::uint64_t epoch, Array<std::int64_t, 1> positions, std::int64_t count) {
        if (count < 1 || count > std::int64_t{1} << 62) throw nb::value_error("count must be from 1 to 2**62");
        for (std::size_t k = 0; k < positions.shape(0); ++k)
            if (positions.data()[k] < 0 || positions.data()[k] >= count) throw nb::value_error("positions must be below count");
        std::int64_t* data;
        auto out = new_array<std::int64_t>({positions.shape(0)}, data);
        shuffle({seed, epoch}, positions.data(), positions.shape(0), static_cast<std::uint64_t>(count), data);
        return out;
    }, "seed"_a, "epoch"_a, "positions"_a, "count"_a);
    m.def("uniform_steps", [](std::uint64_t seed, std::uint64_t epoch, Array<std::int64_t, 1> steps, Array<std::int64_t, 1> counts, Array<std::int64_t, 1> records) {
        if (steps.shape(0) != counts.shape(0)) throw nb::value_error("one count for every step is expected");
        std::size_t total = 0;
        for (std::size_t k = 0; k < counts.shape(0); ++k) {
            if (counts(k) < 0) throw nb::value_error("a count is negative");
            total += static_cast<std::size_t>(counts(k));
        }
        double* data;
        auto out = new_array<double>({records.shape(0), total}, data);
        fill_uniform_steps({seed, epoch}, steps.data(), counts.data(), steps.shape(0), records.data(), records.shape(0), data);
        return out;
    }, "seed"_a, "epoch"_a, "steps"_a, "counts"_a, "records"_a);

    m.def("jpeg_header", &jpeg_header, "data"_a);
    m.def("encode_jpeg", &encode_jpeg, "pixels"_a, "quality"_a, "restart_interval"_a = 0);
    m.def("decode_jpeg", &decode_jpeg, "data"_a, "region"_a = nb::none(), "denominator"_a = 1, "color"_a = true,
          "ours"_a = nb::none());

    m.def("decode_png", &decode_png, "data"_a, "form"_a = "rgb", "region"_a = nb::none());

    m.def("fill_polygons", &fill_polygons, "out"_a.noconvert(), "points"_a, "ends"_a, "numbers"_a);

    m.def("add_byte_products", &add_products, "pictures"_a, "scale"_a, "mean"_a, "out"_a.noconvert(), "turn"_a, "turns"_a);

    m.def("end_with_parent", &end_with_parent, "parent"_a);
    m.def("sealed_checksum", [](Array<std::uint8_t, 1> value) {
        if (value.shape(0) <= kSealedHeader) throw nb::value_error("a value is longer than its header");
        const nb::gil_scoped_release unlocked;
        return sealed_checksum(value.data(), value.shape(0));
    }, "value"_a);
}

}  // namespace imagefeed
