// The module. Everything below this file and the bind_* files is free of Python.
#include <cstdlib>

#include "bind.hpp"
#include "kernels.hpp"

NB_MODULE(_native, m) {
    namespace nb = nanobind;
    using namespace nb::literals;
    using namespace imagefeed;

    nb::set_leak_warnings(false);  // a loader that lives until the interpreter ends is no leak

    if (const char* wanted = std::getenv("IMAGEFEED_SIMD"); wanted != nullptr && !select_kernels(wanted))
        throw nb::import_error((std::string("IMAGEFEED_SIMD=") + wanted + ": this processor or build has no such kernels; use portable, avx2 or avx512").c_str());
    m.def("simd", [] { return std::string(kernels().name); });
    m.def("select_simd", &select_kernels, "name"_a);
    bind_functions(m);
    bind_records(m);
    bind_program(m);
    bind_jobs(m);
}
