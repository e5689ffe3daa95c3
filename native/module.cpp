// The nanobind bindings, and nothing else. Everything below this file is free of Python: here arrays are checked and
// kept alive, the GIL is let go, and what went wrong with a record becomes a value that Python can name.
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/pair.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/tuple.h>
#include <nanobind/stl/vector.h>

#include <cmath>
#include <cstdlib>
#include <optional>
#include <type_traits>

#if !defined(_WIN32)
#include <unistd.h>
#endif

#include "jobs.hpp"
#include "kernels.hpp"
#include "parent.hpp"
#include "random.hpp"
#include "recycler.hpp"
#include "sealed.hpp"
#include "shapes.hpp"
#include "version.hpp"

namespace nb = nanobind;
using namespace nb::literals;
using namespace imagefeed;

namespace {

template <class T, nb::ssize_t N>
using Array = nb::ndarray<const T, nb::ndim<N>, nb::c_contig, nb::device::cpu>;
using Fault_ = std::tuple<std::size_t, int, std::string>;

long process_id() {
#if defined(_WIN32)
    return 0;  // no fork
#else
    return static_cast<long>(getpid());
#endif
}

template <class T>
nb::ndarray<nb::numpy, T> new_array(std::initializer_list<std::size_t> shape, T*& data) {
    std::size_t count = 1;
    for (const std::size_t extent : shape) count *= extent;
    auto memory = std::make_unique<T[]>(count);
    data = memory.get();
    nb::capsule owner(data, [](void* p) noexcept { delete[] static_cast<T*>(p); });
    (void)memory.release();
    return nb::ndarray<nb::numpy, T>(data, shape, owner);
}

// As the file system writes it: names of files need not be valid text.
std::string file_name(nb::handle name) {
    const auto bytes = nb::steal<nb::bytes>(PyUnicode_EncodeFSDefault(name.ptr()));
    if (!bytes.is_valid()) throw nb::python_error();
    return {bytes.c_str(), bytes.size()};
}

// ------------------------------------------------------------------------------------------------------ records

struct PyRecords {
    std::shared_ptr<RecordGroup> group;
    std::vector<nb::object> owners;  // of bytes and arrays that records point into

    Record& at(std::size_t i) {
        if (i >= group->records.size()) throw nb::index_error("record out of range");
        return group->records[i];
    }

    void set_bytes(std::size_t i, nb::bytes bytes) {
        Record& record = at(i);
        record = Record{};
        record.bytes = static_cast<const std::uint8_t*>(bytes.data());
        record.size = bytes.size();
        owners.push_back(std::move(bytes));
    }

    // A stretch of a larger buffer, which is not copied.
    void set_buffer(std::size_t i, nb::ndarray<const std::uint8_t, nb::ndim<1>, nb::c_contig, nb::device::cpu> bytes) {
        Record& record = at(i);
        record = Record{};
        record.bytes = bytes.data();
        record.size = bytes.size();
        owners.push_back(nb::cast(bytes));
    }

    // A record whose bytes could not be had.
    void set_fault(std::size_t i, const std::string& message) {
        Record& record = at(i);
        record = Record{};
        record.status = Status::fail(Fault::io, message);
    }

    // Takes the records of `other`, each to its position here; of a source that is made of several.
    void adopt(PyRecords& other, Array<std::int64_t, 1> positions) {
        if (positions.shape(0) != other.group->records.size()) throw nb::value_error("one position for every record is expected");
        for (std::size_t i = 0; i < positions.shape(0); ++i) at(static_cast<std::size_t>(positions(i))) = std::move(other.group->records[i]);
        for (nb::object& owner : other.owners) owners.push_back(std::move(owner));
        other.owners.clear();
    }

    // The part of its file that a record is: offset and length, which is negative for the whole file.
    std::pair<std::int64_t, std::int64_t> range(std::size_t i) { return {at(i).range.offset, at(i).range.length}; }

    // The part of its file that each record is.
    void set_ranges(Array<std::int64_t, 1> offsets, Array<std::int64_t, 1> lengths) {
        if (offsets.shape(0) != group->records.size() || lengths.shape(0) != group->records.size())
            throw nb::value_error("one range for every record is expected");
        for (std::size_t i = 0; i < group->records.size(); ++i) group->records[i].range = {offsets(i), lengths(i)};
    }

    void set_array(std::size_t i, nb::ndarray<nb::ro, nb::ndim<3>, nb::c_contig, nb::device::cpu> array) {
        set_view(at(i), array.dtype(), static_cast<const std::uint8_t*>(array.data()), array.shape(0), array.shape(1), array.shape(2));
        owners.push_back(nb::cast(array));
    }

    void set_rows(nb::ndarray<nb::ro, nb::ndim<4>, nb::c_contig, nb::device::cpu> arrays, Array<std::int64_t, 1> indices) {
        if (indices.shape(0) != group->records.size()) throw nb::value_error("one index for every record is expected");
        const std::size_t bytes = arrays.shape(1) * arrays.shape(2) * arrays.shape(3) * (arrays.dtype().bits / 8);
        for (std::size_t i = 0; i < indices.shape(0); ++i) {
            const auto row = static_cast<std::size_t>(indices(i));
            if (indices(i) < 0 || row >= arrays.shape(0)) throw nb::index_error("array index out of range");
            set_view(group->records[i], arrays.dtype(), static_cast<const std::uint8_t*>(arrays.data()) + row * bytes,
                     arrays.shape(1), arrays.shape(2), arrays.shape(3));
        }
        owners.push_back(nb::cast(arrays));
    }

    // Values of the cache, one for every record or None. Gives the sizes of their sources, and which of the values are
    // damaged so that not even their headers can be read.
    std::tuple<nb::ndarray<nb::numpy, std::int64_t>, std::vector<std::size_t>> set_sealed(nb::list values, bool check) {
        if (values.size() != group->records.size()) throw nb::value_error("one value or None for every record is expected");
        std::int64_t* size;
        auto sizes = new_array<std::int64_t>({group->records.size(), 2}, size);
        std::vector<std::size_t> damaged;
        for (std::size_t i = 0; i < group->records.size(); ++i, size += 2) {
            size[0] = size[1] = 0;
            const nb::handle value = values[i];
            if (value.is_none()) continue;
            const auto array = nb::cast<Array<std::uint8_t, 1>>(value);
            int height = 0, width = 0;
            if (!open_sealed(array.data(), array.shape(0), check, group->records[i], height, width).is_ok()) {
                damaged.push_back(i);
                continue;
            }
            owners.push_back(nb::borrow(value));
            size[0] = height;
            size[1] = width;
        }
        return {sizes, damaged};
    }

    // What tells the version of each record's file; empty where it has none.
    nb::list versions(nb::sequence names) {
        std::vector<std::string> found;
        for (nb::handle name : names) found.push_back(file_name(name));
        if (found.size() != group->records.size()) throw nb::value_error("one file for every record is expected");
        {
            const nb::gil_scoped_release unlocked;
            for (std::size_t i = 0; i < found.size(); ++i) found[i] = file_version(found[i], group->records[i].range);
        }
        nb::list out;
        for (const std::string& version : found) out.append(nb::bytes(version.data(), version.size()));
        return out;
    }

    nb::ndarray<nb::numpy, std::int64_t> sizes() const {
        std::int64_t* data;
        auto out = new_array<std::int64_t>({group->records.size(), 2}, data);
        for (const Record& record : group->records) {
            *data++ = record.height();
            *data++ = record.width();
        }
        return out;
    }

    // Of encoded pictures, and of those that were put in their place.
    std::size_t held_bytes() const {
        std::size_t bytes = 0;
        for (const Record& record : group->records) {
            const ArrayView& array = record.array;
            const auto pixels = static_cast<std::size_t>(array.height) * static_cast<std::size_t>(array.width);
            bytes += record.size + pixels * static_cast<std::size_t>(array.channels);
        }
        return bytes;
    }

    std::vector<std::size_t> foreign() const {
        std::vector<std::size_t> out;
        for (std::size_t i = 0; i < group->records.size(); ++i) {
            const Record& record = group->records[i];
            if (record.kind == RecordKind::foreign && record.status.is_ok()) out.push_back(i);
        }
        return out;
    }

    std::vector<Fault_> faults() const {
        std::vector<Fault_> out;
        for (std::size_t i = 0; i < group->records.size(); ++i) {
            const Status& status = group->records[i].status;
            if (!status.is_ok()) out.emplace_back(i, static_cast<int>(status.fault), status.message);
        }
        return out;
    }

private:
    static void set_view(Record& record, nb::dlpack::dtype dtype, const std::uint8_t* data, std::size_t height,
                         std::size_t width, std::size_t channels) {
        if (dtype != nb::dtype<std::uint8_t>() && dtype != nb::dtype<float>()) throw nb::type_error("pictures are uint8 or float32");
        if (height < 1 || width < 1 || channels < 1 || height > (1 << 22) || width > (1 << 22) || channels > kMaxChannels)
            throw nb::value_error("a picture has 1 to 2**22 rows and columns, and 1 to 32 channels");
        record = Record{};
        record.kind = RecordKind::array;
        record.array.data = data;
        record.array.dtype = dtype == nb::dtype<float>() ? Dtype::float32 : Dtype::uint8;
        record.array.height = static_cast<int>(height);
        record.array.width = static_cast<int>(width);
        record.array.channels = static_cast<int>(channels);
        record.array.row_stride = static_cast<std::ptrdiff_t>(width * channels * (dtype.bits / 8));
    }
};

// ------------------------------------------------------------------------------------------------------ programs

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

// ------------------------------------------------------------------------------------------------------ jobs

// A job in Python's hands, with all that its threads look at. Dropping it ends it first.
struct PyJob {
    std::shared_ptr<Job> job;
    std::vector<nb::object> keep;
    long process = process_id();

    PyJob(std::shared_ptr<Job> job_, std::vector<nb::object> keep_) : job(std::move(job_)), keep(std::move(keep_)) {}
    PyJob(PyJob&&) = default;
    ~PyJob() {
        if (!job || process != process_id()) return;  // in a forked child nobody will ever finish it
        job->cancel();
        const nb::gil_scoped_release unlocked;
        job->wait();
    }

    bool wait(int milliseconds) {
        // Whoever lets go of the lock may wait for it for as long as another thread plans.
        if (job->is_done()) return true;
        const nb::gil_scoped_release unlocked;
        return job->wait(std::chrono::milliseconds(milliseconds));
    }

    std::vector<Fault_> faults() const {
        std::vector<Fault_> out;
        const auto* const render = dynamic_cast<const RenderJob*>(job.get());
        if (render == nullptr) return out;
        for (std::size_t i = 0; i < render->statuses().size(); ++i) {
            const Status& status = render->statuses()[i];
            if (!status.is_ok()) out.emplace_back(i, static_cast<int>(status.fault), status.message);
        }
        return out;
    }
};

using Output = nb::ndarray<nb::ndim<4>, nb::c_contig, nb::device::cpu>;
using SingleOutput = nb::ndarray<nb::ndim<3>, nb::device::cpu>;  // rows may lie apart, as in a part of a picture

class PyPool {
public:
    explicit PyPool(unsigned threads) : pool_(std::make_unique<Pool>(check(threads))), clock_(std::make_shared<StageClock>()) {}
    ~PyPool() {
        if (process_ != process_id()) {
            (void)pool_.release();  // a forked child has no such threads to join
            return;
        }
        const nb::gil_scoped_release unlocked;
        pool_.reset();
    }

    unsigned threads() const { return pool_->threads(); }
    std::tuple<std::int64_t, std::int64_t, std::int64_t> times() const { return {clock_->read, clock_->decode, clock_->draw}; }

    // `names` empty, or one of them: the records hold their bytes.
    PyJob fetch(nb::handle records, nb::sequence names, std::int64_t most_pixels) {
        auto& group = nb::cast<PyRecords&>(records);
        std::vector<std::string> files;
        for (nb::handle name : names) files.push_back(file_name(name));
        if (!files.empty() && files.size() != group.group->records.size()) throw nb::value_error("one file for every record is expected");
        return submit(std::make_shared<FetchJob>(group.group, std::move(files), most_pixels, clock_), {nb::borrow(records)});
    }

    // Into the rows of one batch array.
    PyJob render(nb::handle records, nb::handle program, std::size_t first, Output out) {
        const StoreSpec& spec = nb::cast<PyProgram&>(program).program->final_store();
        const bool planes = spec.layout == Layout::nchw;
        const std::size_t bytes = check_dtype(spec.dtype, out.dtype());
        const auto height = static_cast<int>(out.shape(planes ? 2 : 1)), width = static_cast<int>(out.shape(planes ? 3 : 2));
        const auto channels = static_cast<int>(out.shape(planes ? 1 : 3));
        const std::size_t record_bytes = out.shape(1) * out.shape(2) * out.shape(3) * bytes;
        std::vector<Slot> slots(out.shape(0));
        for (std::size_t i = 0; i < slots.size(); ++i)
            slots[i] = {static_cast<std::uint8_t*>(out.data()) + i * record_bytes, height, width, channels};
        return render_slots(records, program, first, std::move(slots), {nb::cast(out)});
    }

    // Into one array each, or none where None stands; for pictures of several sizes, and parts of pictures.
    PyJob render_each(nb::handle records, nb::handle program, nb::list outs) {
        const StoreSpec& spec = nb::cast<PyProgram&>(program).program->final_store();
        std::vector<Slot> slots;
        std::vector<nb::object> keep;
        for (nb::handle array : outs) {
            if (array.is_none()) {
                slots.emplace_back();
                continue;
            }
            SingleOutput out;
            if (!nb::try_cast(array, out, false) || out.stride(2) != 1 || out.stride(1) != static_cast<std::int64_t>(out.shape(2)) ||
                out.stride(0) < static_cast<std::int64_t>(out.shape(1) * out.shape(2)))
                throw nb::type_error("outputs are arrays (height, width, channels) whose rows are contiguous");
            const std::size_t bytes = check_dtype(spec.dtype, out.dtype());
            if (spec.layout != Layout::nhwc) throw nb::value_error("single pictures are channels-last");
            slots.push_back({out.data(), static_cast<int>(out.shape(0)), static_cast<int>(out.shape(1)), static_cast<int>(out.shape(2)),
                             static_cast<std::size_t>(out.stride(0)) * bytes});
            keep.push_back(nb::cast(out));
        }
        return render_slots(records, program, 0, std::move(slots), std::move(keep));
    }

private:
    static unsigned check(unsigned threads) {
        if (threads < 1 || threads > 1024) throw nb::value_error("1 to 1024 threads expected");
        return threads;
    }

    static std::size_t check_dtype(Dtype dtype, nb::dlpack::dtype given) {
        const bool fits = dtype == Dtype::uint8     ? given == nb::dtype<std::uint8_t>()
                          : dtype == Dtype::float32 ? given == nb::dtype<float>()
                                                    : given.bits == 16 && given.lanes == 1;
        if (!fits) throw nb::type_error("the output's dtype is not the program's");
        return given.bits / 8;
    }

    PyJob render_slots(nb::handle records, nb::handle program, std::size_t first, std::vector<Slot> slots, std::vector<nb::object> keep) {
        auto& group = nb::cast<PyRecords&>(records);
        auto& plan = nb::cast<PyProgram&>(program);
        const std::size_t count = group.group->records.size();
        if (plan.rows != count || first > count || slots.size() > count - first) throw nb::value_error("records, program and output do not match");
        if (plan.program->passes.empty()) throw nb::value_error("a program has at least one pass");
        for (const Slot& slot : slots)
            if (slot.channels > kMaxChannels) throw nb::value_error("at most 32 channels");
        keep.push_back(nb::borrow(records));
        keep.push_back(nb::borrow(program));
        return submit(std::make_shared<RenderJob>(group.group, plan.program, first, std::move(slots), clock_), std::move(keep));
    }

    PyJob submit(std::shared_ptr<Job> job, std::vector<nb::object> keep) {
        if (process_ != process_id())
            throw std::runtime_error("this loader's threads stayed behind in the process that forked: make the Loader in the child process");
        PyJob handle(job, std::move(keep));
        pool_->submit(std::move(job));
        return handle;
    }

    std::unique_ptr<Pool> pool_;
    std::shared_ptr<StageClock> clock_;
    long process_ = process_id();
};

// ------------------------------------------------------------------------------------------------------ memory

struct PyRecycler {
    std::shared_ptr<Recycler> recycler;

    explicit PyRecycler(std::size_t most_idle) : recycler(std::make_shared<Recycler>(most_idle)) {}

    // A byte array whose memory comes back here when the last view of it is gone.
    nb::ndarray<nb::numpy, std::uint8_t, nb::ndim<1>> take(std::size_t bytes) {
        struct Lease {
            std::shared_ptr<Recycler> home;
            Recycler::Block block;
        };
        auto lease = std::make_unique<Lease>(Lease{recycler, recycler->acquire(bytes)});
        void* const data = lease->block.data;
        nb::capsule owner(lease.get(), [](void* p) noexcept {
            const std::unique_ptr<Lease> ended(static_cast<Lease*>(p));
            ended->home->release(ended->block);
        });
        (void)lease.release();
        return nb::ndarray<nb::numpy, std::uint8_t, nb::ndim<1>>(data, {bytes}, owner);
    }
};

// ------------------------------------------------------------------------------------------------------ one picture

nb::object jpeg_header(nb::bytes bytes) {
    JpegDecoder decoder;
    JpegHeader header;
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

}  // namespace

NB_MODULE(_native, m) {
    nb::set_leak_warnings(false);  // a loader that lives until the interpreter ends is no leak

    if (const char* wanted = std::getenv("IMAGEFEED_SIMD"); wanted != nullptr && !select_kernels(wanted))
        throw nb::import_error((std::string("IMAGEFEED_SIMD=") + wanted + ": this processor or build has no such kernels; use portable, avx2 or avx512").c_str());
    m.def("simd", [] { return std::string(kernels().name); });
    m.def("select_simd", &select_kernels, "name"_a);

    m.def("uniform", [](std::uint64_t seed, std::uint64_t epoch, std::uint64_t step, Array<std::int64_t, 1> records, std::size_t count) {
        double* data;
        auto out = new_array<double>({records.shape(0), count}, data);
        fill_uniform({seed, epoch}, step, records.data(), records.shape(0), count, data);
        return out;
    }, "seed"_a, "epoch"_a, "step"_a, "records"_a, "count"_a);
    m.def("shuffled", [](Array<std::int64_t, 1> positions, std::int64_t count, Array<std::uint64_t, 1> keys) {
        if (count < 1 || count > std::int64_t{1} << 62) throw nb::value_error("count must be from 1 to 2**62");
        for (std::size_t k = 0; k < positions.shape(0); ++k)
            if (positions.data()[k] < 0 || positions.data()[k] >= count) throw nb::value_error("positions must be below count");
        std::int64_t* data;
        auto out = new_array<std::int64_t>({positions.shape(0)}, data);
        shuffle(positions.data(), positions.shape(0), static_cast<std::uint64_t>(count), keys.data(), keys.shape(0), data);
        return out;
    }, "positions"_a, "count"_a, "keys"_a);
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
    m.def("decode_jpeg", &decode_jpeg, "data"_a, "region"_a = nb::none(), "denominator"_a = 1, "color"_a = true,
          "ours"_a = nb::none());

    m.def("fill_polygons", &fill_polygons, "out"_a.noconvert(), "points"_a, "ends"_a, "numbers"_a);

    m.def("end_with_parent", &end_with_parent, "parent"_a);
    m.def("sealed_checksum", [](Array<std::uint8_t, 1> value) {
        if (value.shape(0) <= kSealedHeader) throw nb::value_error("a value is longer than its header");
        const nb::gil_scoped_release unlocked;
        return sealed_checksum(value.data(), value.shape(0));
    }, "value"_a);

    nb::class_<PyRecords>(m, "Records")
        .def("__init__", [](PyRecords* self, std::size_t count) { new (self) PyRecords{std::make_shared<RecordGroup>(count), {}}; }, "count"_a)
        .def("__len__", [](const PyRecords& self) { return self.group->records.size(); })
        .def("set_bytes", &PyRecords::set_bytes, "index"_a, "data"_a)
        .def("set_buffer", &PyRecords::set_buffer, "index"_a, "data"_a)
        .def("set_fault", &PyRecords::set_fault, "index"_a, "message"_a)
        .def("adopt", &PyRecords::adopt, "other"_a, "positions"_a)
        .def("range", &PyRecords::range, "index"_a)
        .def("set_ranges", &PyRecords::set_ranges, "offsets"_a, "lengths"_a)
        .def("set_array", &PyRecords::set_array, "index"_a, "array"_a)
        .def("set_rows", &PyRecords::set_rows, "arrays"_a, "indices"_a)
        .def("set_sealed", &PyRecords::set_sealed, "values"_a, "check"_a = true)
        .def("versions", &PyRecords::versions, "files"_a)
        .def("held_bytes", &PyRecords::held_bytes)
        .def("bytes", [](PyRecords& self, std::size_t i) { return nb::bytes(self.at(i).bytes, self.at(i).size); }, "index"_a)
        .def("orientation", [](PyRecords& self, std::size_t i) { return self.at(i).header.orientation; }, "index"_a)
        .def("as_stored", [](PyRecords& self) { for (Record& record : self.group->records) record.header.orientation = 1; })
        .def("sizes", &PyRecords::sizes)
        .def("foreign", &PyRecords::foreign)
        .def("faults", &PyRecords::faults);

    nb::class_<PyProgram>(m, "Program")
        .def(nb::init<std::size_t, bool>(), "rows"_a, "color"_a = true)
        .def("region", &PyProgram::region, "region"_a, "denominator"_a)
        .def("resize", &PyProgram::resize, "box"_a, "size"_a, "interpolation"_a)
        .def("begin_pass", &PyProgram::begin_pass)
        .def("warp", &PyProgram::warp, "matrix"_a, "size"_a, "interpolation"_a, "border"_a, "fill"_a, "antialias"_a)
        .def("affine", &PyProgram::affine, "matrix"_a, "size"_a, "linear"_a, "border"_a, "fill"_a, "exact"_a = false)
        .def("weigh_gray", [](PyProgram& self) { self.program->weigh_gray = true; })
        .def("color_matrix", &PyProgram::color_matrix, "matrix"_a, "low"_a, "high"_a, "diagonal"_a)
        .def("lut", &PyProgram::lut, "table"_a)
        .def("hsv", &PyProgram::hsv, "hue"_a, "saturation"_a, "value"_a, "mask"_a.none())
        .def("noise", &PyProgram::noise, "kind"_a, "seed"_a, "strength"_a, "shared"_a, "mask"_a.none())
        .def("erase", &PyProgram::erase, "boxes"_a, "fill"_a.none(), "seed"_a, "mask"_a.none())
        .def("remap", &PyProgram::remap, "field"_a, "smooth"_a, "bilinear"_a, "border"_a, "fill"_a, "mask"_a.none())
        .def("filter", &PyProgram::filter, "kernel"_a, "separable"_a, "mask"_a.none())
        .def("median", &PyProgram::median, "size"_a, "mask"_a.none())
        .def("fork", &PyProgram::fork, "weights"_a)
        .def("join", &PyProgram::join, "branch"_a, "weights"_a, "last"_a)
        .def("jpeg", &PyProgram::jpeg, "quality"_a, "mask"_a.none())
        .def("histogram", &PyProgram::histogram, "equalize"_a, "cutoff"_a, "mask"_a.none())
        .def("clahe", &PyProgram::clahe, "limit"_a, "rows"_a, "columns"_a, "mask"_a.none())
        .def("store", &PyProgram::store, "dtype"_a, "layout"_a, "scale"_a, "bias"_a, "reverse"_a = false)
        .def("store_each", &PyProgram::store_each, "scale"_a, "bias"_a)
        .def("whiten", &PyProgram::whiten, "analysis"_a, "synthesis"_a.none(), "rest"_a);

    nb::class_<PyJob>(m, "Job")
        .def("wait", &PyJob::wait, "milliseconds"_a)
        .def("cancel", [](PyJob& self) { self.job->cancel(); })
        .def("faults", &PyJob::faults);

    nb::class_<PyPool>(m, "Pool")
        .def(nb::init<unsigned>(), "threads"_a)
        .def_prop_ro("threads", &PyPool::threads)
        .def("times", &PyPool::times)
        .def("fetch", &PyPool::fetch, "records"_a, "files"_a, "most_pixels"_a)
        .def("render", &PyPool::render, "records"_a, "program"_a, "first"_a, "out"_a.noconvert())  // what was rendered into a copy would be lost
        .def("render_each", &PyPool::render_each, "records"_a, "program"_a, "outs"_a);

    nb::class_<PyRecycler>(m, "Recycler")
        .def(nb::init<std::size_t>(), "most_idle"_a)
        .def("take", &PyRecycler::take);
}
