// Known answers for every kernel of a table.
#pragma once

#include <string>
#include <vector>

#include "huisclos/kernels.h"

namespace hc {

// One kernel run on fixed inputs, its outputs boiled down to one number.
struct Digest {
    std::string kernel;
    double value;  // outputs weighed by a fixed pattern and added up
    double size;   // the same with every product taken positive: what the value's error is measured against
};

// One digest per case, in a fixed order; every kernel of the table is run at least once.
std::vector<Digest> digests(const hc_kernels& table);

// Empty when every digest is as recorded in known_answers.h, else the first wrong kernel and its figures.
// Takes a few milliseconds.
std::string self_test(const hc_kernels& table);

}  // namespace hc
