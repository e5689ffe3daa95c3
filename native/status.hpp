// What went wrong with one record. Native code below the bindings reports by value: a bad file is an
// ordinary outcome of reading a data set, and the other records of the batch go on.
#pragma once

#include <string>
#include <utility>

namespace imagefeed {

enum class Fault { none, io, decode, too_large, plan, damaged };

struct Status {
    Fault fault = Fault::none;
    std::string message;

    static Status ok() { return {}; }
    static Status fail(Fault fault, std::string message) { return {fault, std::move(message)}; }
    bool is_ok() const { return fault == Fault::none; }
};

}  // namespace imagefeed
