// From a model file's metadata to what the tokenizer is made of. Called by whoever opens a model,
// also one that is only a vocabulary. Reads; text::Tokenizer::create judges.
#pragma once

#include <memory>

#include "base/result.h"
#include "format/gguf_value.h"
#include "text/tokenizer.h"
#include "text/vocab.h"

namespace hearth::model {

// The result views the bytes of the file, which must live as long as it does. Absent keys are left
// at their defaults. Errors: kCorrupt (a key of another kind than it should be).
Result<text::VocabData> read_vocab(const format::Metadata& metadata);

// The tokenizer of a model file; it does not need the file any more. Errors: those of read_vocab
// and of Tokenizer::create.
Result<std::unique_ptr<text::Tokenizer>> load_tokenizer(const format::Metadata& metadata);

}  // namespace hearth::model
