// Which instruction sets this build has and this CPU can run, and their kernel tables.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "backend/cpu/kernel_table.h"
#include "base/cpu_info.h"
#include "base/result.h"

namespace hearth::backend::cpu {

// Names that `select_kernels` takes on this machine, lowest first: {"scalar", "avx2", "avx512"}.
std::vector<std::string_view> usable_isas(const CpuFeatures& features);

// The table of `isa` ("" = the fastest: the highest usable, but for BF16 products where they are
// slow), with cells it lacks taken from the next lower ISA. Errors: kInvalidArgument for an unknown
// name or one that this CPU cannot run.
Result<KernelTable> select_kernels(std::string_view isa, const CpuFeatures& features);

}  // namespace hearth::backend::cpu
