// TokenTable: the tokens of one vocabulary as byte strings, arranged for masks: a trie, and the
// tokens that any JSON string takes as they are, sorted out by length. Made once per model;
// immutable, shared by all its constraints.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "sample/token_mask.h"

namespace hearth::sample {

// A trie in preorder: the children of node i begin at i + 1, what follows its subtree at end.
class TokenTrie {
 public:
  struct Node {
    uint32_t end;
    uint32_t token_begin;  // its tokens: tokens()[token_begin, token_begin of the next node)
    uint16_t depth;        // bytes from the root; the root has 0
    uint8_t byte;          // the last one
  };

  // ids: of non-empty byte strings.
  TokenTrie(std::span<const std::string> bytes, std::vector<int32_t> ids);

  [[nodiscard]] size_t n_nodes() const { return nodes_.size() - 1; }
  [[nodiscard]] const Node& node(size_t i) const { return nodes_[i]; }
  [[nodiscard]] std::span<const int32_t> tokens(size_t node) const {
    return std::span(tokens_).subspan(nodes_[node].token_begin,
                                      nodes_[node + 1].token_begin - nodes_[node].token_begin);
  }
  [[nodiscard]] size_t n_tokens() const { return tokens_.size(); }
  [[nodiscard]] size_t max_depth() const { return max_depth_; }

 private:
  std::vector<Node> nodes_;  // and one more, for the ends
  std::vector<int32_t> tokens_;
  size_t max_depth_ = 0;
};

class TokenTable {
 public:
  // Plain tokens: complete characters, none of which JSON escapes. Sorted out up to this many
  // characters; longer ones are few.
  static constexpr size_t kPlainChars = 16;
  static constexpr size_t kMaxTokenBytes = 4096;  // longer tokens are never allowed

  // bytes[n_vocab]: what each token stands for; empty: never allowed (control tokens, unused ids).
  // ends: the end-of-generation tokens, allowed exactly where a text may end, whatever their bytes.
  // Ids outside the vocabulary are ignored.
  static std::shared_ptr<const TokenTable> create(std::vector<std::string> bytes,
                                                  std::vector<int32_t> ends);

  [[nodiscard]] size_t n_vocab() const { return bytes_.size(); }
  [[nodiscard]] const std::string& bytes(int32_t id) const { return bytes_[size_t(id)]; }
  [[nodiscard]] bool is_end(int32_t id) const { return ends_.test(id); }
  [[nodiscard]] const TokenMask& ends() const { return ends_; }

  [[nodiscard]] const TokenTrie& all() const { return all_; }
  // Without the plain tokens of up to kPlainChars characters.
  [[nodiscard]] const TokenTrie& rest() const { return rest_; }
  // The plain tokens of up to n characters, 1 <= n <= kPlainChars.
  [[nodiscard]] const TokenMask& plain(size_t n) const { return plain_[n]; }
  // The characters that occur in plain tokens of that size, in UTF-8.
  [[nodiscard]] const std::vector<std::string>& plain_chars() const { return plain_chars_; }

 private:
  struct Sorted;
  TokenTable(std::vector<std::string> bytes, TokenMask ends, Sorted sorted);

  std::vector<std::string> bytes_;
  TokenMask ends_;
  TokenTrie all_;
  TokenTrie rest_;
  std::vector<std::string> plain_chars_;
  std::vector<TokenMask> plain_;
};

}  // namespace hearth::sample
