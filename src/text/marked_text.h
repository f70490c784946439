// MarkedText: bytes that remember which of them a person wrote. The template engine builds its
// output from it, so that the tokenizer can read special tokens ("<|im_start|>") in what the
// template wrote and never in a message.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace hearth::text {

// A piece of a rendered chat. Consecutive segments have different origins. To tokenize: look for
// special tokens inside the segments with from_template only; the text between two special tokens
// is then one text, across segments.
struct RenderedSegment {
  std::string text;
  bool from_template;

  bool operator==(const RenderedSegment&) const = default;
};

class MarkedText {
 public:
  MarkedText() = default;
  explicit MarkedText(std::string bytes, bool from_user = false) : bytes_(std::move(bytes)) {
    if (from_user && !bytes_.empty()) runs_.push_back({bytes_.size(), true});
  }

  [[nodiscard]] const std::string& bytes() const { return bytes_; }
  [[nodiscard]] size_t size() const { return bytes_.size(); }
  [[nodiscard]] bool empty() const { return bytes_.empty(); }
  // Whether any byte came from a person.
  [[nodiscard]] bool from_user() const { return !runs_.empty(); }

  void append(std::string_view bytes, bool from_user = false);
  void append(const MarkedText& other);
  // Bytes [begin, begin + length) with their marks. REQUIRES: begin <= size().
  [[nodiscard]] MarkedText slice(size_t begin, size_t length = std::string::npos) const;
  [[nodiscard]] std::vector<RenderedSegment> segments() const;

 private:
  struct Run {
    size_t end;  // one past the last byte
    bool from_user;
  };
  void extend(size_t length, bool from_user);

  std::string bytes_;
  std::vector<Run> runs_;  // empty: all from the template; else covers all bytes, neighbours differ
};

}  // namespace hearth::text
