// A program in Python's hands: built call by call, and read-only once it runs.
#pragma once

#include <algorithm>
#include <cmath>
#include <type_traits>

#include "bind.hpp"
#include "program.hpp"

namespace imagefeed {

struct PyProgram {
    std::shared_ptr<Program> program = std::make_shared<Program>();
    std::vector<nb::object> owners;
    std::size_t rows;

    PyProgram(std::size_t rows_, bool color) : rows(rows_) {
        program->color = color;
        store(static_cast<int>(Dtype::uint8), static_cast<int>(Layout::nhwc), {1.0f}, {0.0f});
    }

    // An array with a row for every record, or one that all share.
    template <class A>
    Rows<std::remove_const_t<typename A::Scalar>> take(const A& array, std::size_t values) {
        if (array.shape(0) != 1 && array.shape(0) != rows) throw nb::value_error("an op has one row for every record, or one for all");
        std::size_t have = 1;
        for (std::size_t k = 1; k < array.ndim(); ++k) have *= array.shape(k);
        if (have != values) throw nb::value_error("an op's array has the wrong shape");
        owners.push_back(nb::cast(array));
        return {array.data(), array.shape(0) == 1 ? 0 : values};
    }

    void region(Array<std::int64_t, 2> region, Array<std::int64_t, 1> denominator) {
        program->region = take(region, 4);
        program->denominator = take(denominator, 1);
        for (std::size_t i = 0; i < denominator.shape(0); ++i) {
            const std::int64_t d = denominator(i);
            if (d != 1 && d != 2 && d != 4 && d != 8) throw nb::value_error("a denominator is 1, 2, 4 or 8");
        }
    }

    // Pillow's Image.resize(size, interpolation, box), before the first pass; see levels_resize.hpp.
    void resize(Array<std::int64_t, 2> box, Array<std::int64_t, 2> size, int interpolation) {
        if (interpolation < 0 || interpolation > static_cast<int>(Interpolation::lanczos)) throw nb::value_error("unknown interpolation");
        program->resize = {take(box, 4), take(size, 2), static_cast<Interpolation>(interpolation)};
    }

    void begin_pass() { program->passes.emplace_back(); }

    PassSpec& last_pass() {
        if (program->passes.empty()) throw nb::value_error("begin_pass first");
        return program->passes.back();
    }

    void warp(Array<double, 3> matrix, Array<std::int64_t, 2> size, int interpolation, int border, std::vector<float> fill, bool antialias) {
        if (interpolation < 0 || interpolation > static_cast<int>(Interpolation::lanczos) || border < 0 || border > static_cast<int>(Border::wrap))
            throw nb::value_error("unknown interpolation or border");
        PassSpec& pass = last_pass();
        pass.has_warp = true;
        pass.warp.matrix = take(matrix, 9);
        pass.warp.size = take(size, 2);
        pass.warp.interpolation = static_cast<Interpolation>(interpolation);
        pass.warp.border = static_cast<Border>(border);
        pass.warp.antialias = antialias;
        spread(fill, pass.warp.fill);
        for (int c = 0; c < kMaxChannels; ++c) pass.warp.level_fill[c] = std::clamp(std::nearbyint(pass.warp.fill[c]), 0.0f, 255.0f);
    }

    // SciPy's affine_transform; see indexed.hpp.
    void affine(Array<double, 3> matrix, Array<std::int64_t, 2> size, bool linear, int border, std::vector<float> fill, bool exact) {
        if (border < static_cast<int>(Border::constant) || border > static_cast<int>(Border::wrap)) throw nb::value_error("unknown border");
        PassSpec& pass = last_pass();
        pass.has_warp = true;
        pass.warp.indexed = true;
        pass.warp.exact = exact;
        pass.warp.matrix = take(matrix, 6);
        pass.warp.size = take(size, 2);
        pass.warp.interpolation = linear ? Interpolation::bilinear : Interpolation::nearest;
        pass.warp.border = static_cast<Border>(border);
        pass.warp.antialias = false;
        spread(fill, pass.warp.fill);
        spread(fill, pass.warp.level_fill);
    }

    void color_matrix(Array<float, 3> matrix, Array<float, 2> low, Array<float, 2> high, bool diagonal) {
        PointSpec point{};
        point.kind = diagonal ? PointSpec::Kind::scale : PointSpec::Kind::color_matrix;
        point.matrix = take(matrix, 12);
        point.low = take(low, 3);
        point.high = take(high, 3);
        last_pass().points.push_back(point);
    }

    void lut(Array<std::uint8_t, 3> table) {
        PointSpec point{};
        point.kind = PointSpec::Kind::lut;
        if (table.shape(2) < 1 || table.shape(2) > kMaxChannels) throw nb::value_error("a table has 1 to 32 channels");
        point.table_channels = static_cast<int>(table.shape(2));
        point.table = take(table, 256 * table.shape(2));
        last_pass().points.push_back(point);
    }

    using Mask = std::optional<Array<bool, 1>>;

    // Work that is done to some records only.
    Active active(const Mask& mask) {
        if (!mask) return {};
        const Rows<bool> rows = take(*mask, 1);
        static_assert(sizeof(bool) == 1, "a mask is bytes");
        return {{reinterpret_cast<const std::uint8_t*>(rows.data), rows.stride}};
    }

    PointSpec& new_point(PointSpec::Kind kind, const Mask& mask) {
        PointSpec point{};
        point.kind = kind;
        point.active = active(mask);
        last_pass().points.push_back(point);
        return last_pass().points.back();
    }

    void hsv(Array<float, 1> hue, Array<float, 2> saturation, Array<float, 2> value, Mask mask) {
        PointSpec& point = new_point(PointSpec::Kind::hsv, mask);
        point.hue = take(hue, 1);
        point.saturation = take(saturation, 2);
        point.value = take(value, 2);
    }

    void noise(int kind, Array<std::int64_t, 1> seed, Array<float, 1> strength, bool shared, Mask mask) {
        if (kind < 0 || kind > static_cast<int>(PointSpec::Noise::impulse)) throw nb::value_error("unknown noise");
        PointSpec& point = new_point(PointSpec::Kind::noise, mask);
        point.noise = static_cast<PointSpec::Noise>(kind);
        point.seed = take(seed, 1);
        point.strength = take(strength, 1);
        point.shared = shared;
    }

    void erase(Array<std::int64_t, 3> boxes, std::optional<float> fill, Array<std::int64_t, 1> seed, Mask mask) {
        PointSpec& point = new_point(PointSpec::Kind::erase, mask);
        point.boxes = take(boxes, 4 * boxes.shape(1));
        point.box_count = static_cast<int>(boxes.shape(1));
        point.random_fill = !fill.has_value();
        point.fill = fill.value_or(0.0f);
        point.seed = take(seed, 1);
    }

    void grid(Array<std::int64_t, 3> lines, Array<std::int64_t, 1> share, std::optional<float> fill, Array<std::int64_t, 1> seed, Mask mask) {
        PointSpec& point = new_point(PointSpec::Kind::grid, mask);
        point.lines = take(lines, 6);
        point.share = take(share, 1);
        point.random_fill = !fill.has_value();
        point.fill = fill.value_or(0.0f);
        point.seed = take(seed, 1);
    }

    // A head begins a pass of its own.
    HeadSpec& new_head(HeadSpec::Kind kind, const Mask& mask) {
        const PassSpec& last = last_pass();
        if (last.has_warp || last.head.kind != HeadSpec::Kind::none || !last.points.empty()) begin_pass();
        HeadSpec& head = last_pass().head;
        head.kind = kind;
        head.active = active(mask);
        return head;
    }

    void remap(Array<float, 4> field, bool smooth, bool bilinear, int border, float fill, Mask mask) {
        if (border < static_cast<int>(Border::constant) || border > static_cast<int>(Border::wrap)) throw nb::value_error("unknown border");
        if (field.shape(1) < 2 || field.shape(2) < 2 || field.shape(3) != 2 || field.shape(1) > 4096 || field.shape(2) > 4096)
            throw nb::value_error("a field has 2 to 4096 rows and columns of nodes (x, y)");
        HeadSpec& head = new_head(HeadSpec::Kind::remap, mask);
        head.values = take(field, field.shape(1) * field.shape(2) * 2);
        head.rows = static_cast<int>(field.shape(1));
        head.columns = static_cast<int>(field.shape(2));
        head.smooth = smooth;
        head.interpolation = bilinear ? Interpolation::bilinear : Interpolation::nearest;
        head.border = static_cast<Border>(border);
        head.fill = fill;
    }

    void filter(Array<float, 3> kernel, bool separable, Mask mask) {
        const std::size_t rows = kernel.shape(1), columns = kernel.shape(2);
        if (rows != (separable ? 2 : columns) || columns % 2 == 0 || columns > 4095) throw nb::value_error("a kernel is odd, and square or a pair");
        HeadSpec& head = new_head(HeadSpec::Kind::filter, mask);
        head.values = take(kernel, rows * columns);
        head.rows = static_cast<int>(rows);
        head.columns = static_cast<int>(columns);
        head.separable = separable;
    }

    void median(Array<std::int64_t, 1> size, Mask mask) { new_head(HeadSpec::Kind::median, mask).numbers = take(size, 1); }
    // A picture is kept, and the weighted sum of what chains of passes make of it begun; each chain ends with a join.
    void fork(Array<float, 2> weights) { new_head(HeadSpec::Kind::fork, {}).values = take(weights, weights.shape(1)); }
    void join(int branch, Array<float, 2> weights, bool last) {
        if (branch < 0 || static_cast<std::size_t>(branch) >= weights.shape(1)) throw nb::value_error("no such branch");
        HeadSpec& head = new_head(HeadSpec::Kind::join, {});
        head.values = take(weights, weights.shape(1));
        head.branch = branch;
        head.last = last;
    }
    void jpeg(Array<std::int64_t, 1> quality, Mask mask) { new_head(HeadSpec::Kind::jpeg, mask).numbers = take(quality, 1); }

    void histogram(bool equalize, Array<float, 1> cutoff, Mask mask) {
        HeadSpec& head = new_head(HeadSpec::Kind::histogram, mask);
        head.equalize = equalize;
        head.values = take(cutoff, 1);
    }

    void clahe(Array<float, 1> limit, int rows, int columns, Mask mask) {
        if (rows < 1 || columns < 1 || rows > 1024 || columns > 1024) throw nb::value_error("1 to 1024 rows and columns of tiles");
        HeadSpec& head = new_head(HeadSpec::Kind::clahe, mask);
        head.values = take(limit, 1);
        head.rows = rows;
        head.columns = columns;
    }

    void store(int dtype, int layout, std::vector<float> scale, std::vector<float> bias, bool reverse = false) {
        program->store.reverse = reverse;
        program->store.dtype = static_cast<Dtype>(dtype);
        program->store.layout = static_cast<Layout>(layout);
        spread(scale, program->store.scale);
        spread(bias, program->store.bias);
    }

    // A scale and a bias for every value (channels, height, width), before those of the store.
    void store_each(Array<float, 3> scale, Array<float, 3> bias) {
        for (std::size_t k = 0; k < 3; ++k)
            if (scale.shape(k) != bias.shape(k) || scale.shape(k) < 1 || scale.shape(k) > (1 << 20)) throw nb::value_error("scale and bias have one shape");
        owners.push_back(nb::cast(scale));
        owners.push_back(nb::cast(bias));
        program->store.each = {scale.data(), bias.data(), static_cast<int>(scale.shape(0)), static_cast<int>(scale.shape(1)), static_cast<int>(scale.shape(2))};
    }

    // A linear map of what is stored; the store keeps its scale and bias, and the result gets its dtype and layout.
    void whiten(Array<float, 2> analysis, std::optional<Array<float, 2>> synthesis, float rest) {
        WhitenSpec& spec = program->whiten;
        if (analysis.shape(0) < analysis.shape(1) || analysis.shape(1) < 1) throw nb::value_error("the analysis has as many columns as rows, or fewer");
        if (synthesis && (synthesis->shape(0) != analysis.shape(1) || synthesis->shape(1) != analysis.shape(0))) throw nb::value_error("the synthesis has the analysis's shape, transposed");
        owners.push_back(nb::cast(analysis));
        if (synthesis) owners.push_back(nb::cast(*synthesis));
        spec.values = analysis.shape(0);
        spec.rank = analysis.shape(1);
        spec.rest = rest;
        spec.store.dtype = program->store.dtype;
        spec.store.layout = program->store.layout;
        spread({1.0f}, spec.store.scale);
        spread({0.0f}, spec.store.bias);
        spec.synthesis = synthesis ? synthesis->data() : nullptr;
        spec.analysis = analysis.data();
        program->store.dtype = Dtype::float32;
        program->store.layout = Layout::nhwc;
    }

private:
    // One value for all channels, or one for each.
    static void spread(const std::vector<float>& values, float* out) {
        if (values.empty() || values.size() > kMaxChannels) throw nb::value_error("1 to 32 values expected");
        for (std::size_t c = 0; c < kMaxChannels; ++c) out[c] = values[std::min(c, values.size() - 1)];
    }
};

}  // namespace imagefeed
