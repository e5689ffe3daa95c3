#include "bind_records.hpp"

namespace imagefeed {

void bind_records(nb::module_& m) {
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
}

}  // namespace imagefeed
