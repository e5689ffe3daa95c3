// What the bindings share. Only module.cpp and the bind_* files see Python: here arrays are checked and kept alive, the GIL
// is let go, and what went wrong with a record becomes a value that Python can name.
#pragma once

#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/pair.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/tuple.h>
#include <nanobind/stl/vector.h>

#include <memory>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

namespace imagefeed {

namespace nb = nanobind;
using namespace nb::literals;

template <class T, nb::ssize_t N>
using Array = nb::ndarray<const T, nb::ndim<N>, nb::c_contig, nb::device::cpu>;
using FaultOf = std::tuple<std::size_t, int, std::string>;  // the record, what kind, and in words

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
inline std::string file_name(nb::handle name) {
    const auto bytes = nb::steal<nb::bytes>(PyUnicode_EncodeFSDefault(name.ptr()));
    if (!bytes.is_valid()) throw nb::python_error();
    return {bytes.c_str(), bytes.size()};
}

void bind_records(nb::module_& m);
void bind_program(nb::module_& m);
void bind_jobs(nb::module_& m);
void bind_functions(nb::module_& m);

}  // namespace imagefeed
