// Recognises what people hand over in place of a GGUF file (a web page, a Git LFS pointer, an
// archive, another model format) and says in one sentence what it is and what to do. Called by the
// GGUF reader before all else.
#pragma once

#include <cstddef>
#include <span>

#include "base/result.h"

namespace hearth::format {

// Success if `bytes` begins with the GGUF magic. Errors: kUnsupported or kCorrupt, by kind.
Result<void> refuse_foreign_file(std::span<const std::byte> bytes);

}  // namespace hearth::format
