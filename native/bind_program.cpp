#include "bind_program.hpp"

namespace imagefeed {

void bind_program(nb::module_& m) {
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
        .def("grid", &PyProgram::grid, "lines"_a, "share"_a, "fill"_a.none(), "seed"_a, "mask"_a.none())
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
}

}  // namespace imagefeed
