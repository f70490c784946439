// What metadata must fulfil before any other room looks at it: an architecture name that is a name,
// sizes that a model can have, a vocabulary whose parts fit together. Called by ModelFile::open and
// parse, so that the loader and the tokenizer may trust these keys. Checks only what is there: an
// absent key is the business of who needs it.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "base/result.h"
#include "format/gguf_value.h"

namespace hearth::format {

// Errors of all three: kCorrupt, naming the key and the byte.
Result<void> check_architecture(const Metadata& metadata);
Result<void> check_hyperparameters(const Metadata& metadata);
Result<void> check_vocabulary(const Metadata& metadata);

// The id of a special token: `role` as in the key tokenizer.ggml.<role>_token_id ("bos", "eos",
// "eot", "unknown", "padding", ...). Null if the file has none: the key is absent or holds -1,
// which writers use for "none" (as u32: 4294967295). A padding id outside of the vocabulary counts
// as none too: files in use have it, and nothing pads.
Result<std::optional<uint32_t>> special_token_id(const Metadata& metadata, std::string_view role);

// The roles that special_token_id knows.
std::span<const std::string_view> special_token_roles();

// "" if the file does not say (an importance matrix, for example).
std::string_view architecture_of(const Metadata& metadata);

}  // namespace hearth::format
