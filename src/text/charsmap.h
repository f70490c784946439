// SentencePiece's precompiled_charsmap: the text normalization that a Unigram model was trained
// with, as a trie of prefixes and their replacements. Bytes of the file are checked when they are
// used, as none can be trusted.
//
//   u32  n, the bytes of the trie (little endian, as all numbers)
//   n    the trie: a double array of u32 units, XOR-compressed (Darts-clone). Of a unit,
//          bits 0-7 and 31  the label that leads here (31 set: not a node but a value)
//          bit 8            a key ends here; its value is in the unit at this one's offset
//          bit 9            the offset (bits 10-30) is to be shifted left by 8
//   ...  replacements, each ended by a NUL; a value is an offset in here
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace hearth::text {

class Charsmap {
 public:
  // An empty map (no bytes) replaces nothing. Errors: kCorrupt.
  static Result<Charsmap> parse(std::string_view bytes);

  struct Replacement {
    size_t length = 0;  // bytes of the text that are replaced; 0: none
    std::string_view with;
  };
  // The longest prefix of `text` that the map knows. REQUIRES: `this` outlives the result.
  Replacement longest_prefix(std::string_view text) const;

 private:
  uint32_t unit(size_t at) const { return at < units_.size() ? units_[at] : 0; }

  std::vector<uint32_t> units_;
  std::string replacements_;
};

}  // namespace hearth::text
