// What is said of a file whose architecture is not in the list: its name, the nearest known ones,
// and what these lack. Called where architectures are looked up.
#pragma once

#include <string_view>

#include "base/result.h"
#include "format/model_file.h"
#include "model/spec.h"

namespace hearth::model {

// kUnsupported, from the name alone.
Error unknown_arch(std::string_view name);

// The architecture of a file. Errors: kUnsupported, which also compares the file's tensors with the
// lists of all known architectures; kCorrupt where the file names none.
Result<const ArchSpec*> arch_of(const format::ModelFile& file);

}  // namespace hearth::model
