// What every kind of tokenizer offers to Tokenizer: plain text to ids. One implementation a file
// (bpe.cc, spm.cc, unigram.cc, wordpiece.cc, greedy.cc, plamo2.cc). Immutable once made; used by
// many threads.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "text/vocab.h"

namespace hearth::text {

class TextEncoder {
 public:
  virtual ~TextEncoder() = default;
  // Appends the ids of `text`, which holds no special tokens (or they are to be taken as text).
  // REQUIRES: text.size() <= kEncodeBytesMax. Errors: kUnsupported.
  virtual Result<void> encode(std::string_view text, std::vector<int32_t>& ids) const = 0;
};

// Positions in a text are 32-bit, and normalization may make it three times as long.
inline constexpr size_t kEncodeBytesMax = size_t{1} << 30;

// Each may refer to `vocab`, which must outlive it.
Result<std::unique_ptr<TextEncoder>> make_bpe_encoder(const Vocab& vocab, const VocabData& data);
Result<std::unique_ptr<TextEncoder>> make_spm_encoder(const Vocab& vocab);
Result<std::unique_ptr<TextEncoder>> make_unigram_encoder(const Vocab& vocab,
                                                          const VocabData& data);
Result<std::unique_ptr<TextEncoder>> make_wordpiece_encoder(const Vocab& vocab);
Result<std::unique_ptr<TextEncoder>> make_greedy_encoder(const Vocab& vocab);
Result<std::unique_ptr<TextEncoder>> make_plamo2_encoder(const Vocab& vocab);

}  // namespace hearth::text
