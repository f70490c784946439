// Writing NumPy's .npy format, version 1.0: how tests and `hearth logits` hand matrices to other
// programs.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "base/result.h"

namespace hearth {

// Writes a C-ordered little-endian float32 matrix [rows, columns]. REQUIRES: values.size() == rows
// * columns. Errors: those of NewFile.
Result<void> write_npy(const std::string& path, std::span<const float> values, int64_t rows,
                       int64_t columns);

}  // namespace hearth
