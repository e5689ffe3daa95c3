// Records in Python's hands.
#pragma once

#include "bind.hpp"
#include "jobs.hpp"
#include "sealed.hpp"
#include "version.hpp"

namespace imagefeed {

// What a PNG becomes, by the name that Python has for it.
inline PngForm png_form(const std::optional<std::string>& name) {
    if (!name) return PngForm::none;
    constexpr std::pair<const char*, PngForm> kForms[] = {{"rgb", PngForm::rgb}, {"gray", PngForm::gray}, {"gray16", PngForm::gray16}, {"index", PngForm::index}};
    for (const auto& [known, form] : kForms)
        if (*name == known) return form;
    throw nb::value_error("a PNG becomes rgb, gray, gray16 or index");
}

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
            bytes += record.size + static_cast<std::size_t>(array.height) * static_cast<std::size_t>(array.row_stride);
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

    std::vector<FaultOf> faults() const {
        std::vector<FaultOf> out;
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

}  // namespace imagefeed
