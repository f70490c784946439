// Small files of the person's own (a history, settings): read whole and bounded, replaced
// atomically, readable by nobody else. Called by `app`. Model files go through FileMap and the
// writers of `format`.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "base/result.h"

namespace hearth {

// The last size_max bytes of the file (all, if it is smaller).
// Errors: kNotFound, kInvalidArgument (not a regular file), kIo.
Result<std::string> read_small_file(const std::string& path, size_t size_max);

// Replaces the file, or leaves it as it was: the bytes go to a new file beside it, which is then
// renamed. Makes the missing folders of `path`; both they and the file are the owner's alone (0700,
// 0600). A symbolic link stays, and what it points to is replaced. Errors: those of NewFile, and
// kIo for a folder that cannot be made.
Result<void> replace_small_file(const std::string& path, std::string_view bytes);

// Makes the folder and what lacks above it, the owner's alone (0700). Errors: kIo.
Result<void> make_private_folders(const std::string& folder);

}  // namespace hearth
