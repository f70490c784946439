// How byte-pair tokenizers cut a text into pieces before they merge: one table from
// tokenizer.ggml.pre to steps, each a regular expression with the scanner that does its work.
// Several steps are applied in turn, each to every piece of the one before; what an expression does
// not match stays a piece. A new `pre` is one line in pre_tokenizer.cc.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "text/regex.h"
#include "text/scanners.h"

namespace hearth::text {

struct PreStep {
  std::string_view regex;
  Scanner scan = nullptr;  // null: PCRE2 runs the expression
};

struct PreTokenizer {
  std::string_view name;
  std::span<const PreStep> steps;
  // What else the name stands for in GGUF files; the file's own fields override the first two.
  bool adds_bos = false;
  bool adds_sep = false;
  bool whole_words =
      false;            // a piece that is a token is that token, whatever its merges would give
  bool no_bos = false;  // the default BOS id does not hold
  bool raw = false;     // tokens are UTF-8 text, not GPT-2's byte alphabet
  bool escapes_spaces = false;  // with `raw`: U+2581 in tokens is a space
};

// All names, in the table's order.
std::span<const PreTokenizer> pre_tokenizers();
// Null: unknown.
const PreTokenizer* find_pre_tokenizer(std::string_view name);
// For files that name none, or one we do not know.
const PreTokenizer& default_pre_tokenizer();

// A PreTokenizer ready to run. Immutable; used by many threads.
class PreSplitter {
 public:
  static Result<PreSplitter> create(const PreTokenizer& pre);

  // Calls sink(std::string_view) with the pieces of `text` in order; together they are the text,
  // and none is empty. Errors: kUnsupported (a PCRE2 limit).
  template <class Sink>
  Result<void> split(std::string_view text, Sink&& sink) const {
    std::string searchable;
    if (uses_regex_) searchable = Regex::searchable(text);
    const Source source{text, uses_regex_ ? searchable : text};
    return split_step(0, source, sink);
  }

 private:
  struct Source {
    std::string_view text;
    std::string_view searchable;  // the same length, valid UTF-8
    Source part(size_t begin, size_t end) const {
      return {text.substr(begin, end - begin), searchable.substr(begin, end - begin)};
    }
  };
  struct Step {
    Scanner scan;
    std::shared_ptr<const Regex> regex;  // when there is no scanner
  };

  PreSplitter() = default;

  // Recursion is as deep as there are steps (6 at most).
  template <class Sink>
  Result<void> split_step(size_t step, const Source& source, Sink& sink) const {
    if (source.text.empty()) return {};
    if (step == steps_.size()) {
      sink(source.text);
      return {};
    }
    ScanMemo memo;
    const size_t size = source.text.size();
    size_t at = 0;      // what is before has been handed on
    size_t search = 0;  // where the next match may begin; after `at` only behind an empty match
    while (at < size) {
      HEARTH_ASSIGN(const Regex::Match match, next_match(step, source, search, memo));
      HEARTH_TRY(split_step(step + 1, source.part(at, match.begin), sink));
      HEARTH_TRY(split_step(step + 1, source.part(match.begin, match.end), sink));
      at = match.end;
      search = at;
      if (match.begin == match.end && at < size)
        search += char_at(&source.text[at], source.text.end()).length;
    }
    return {};
  }

  // {size, size}: none.
  Result<Regex::Match> next_match(size_t step, const Source& source, size_t from,
                                  ScanMemo& memo) const {
    const char* const begin = source.text.data();
    const size_t size = source.text.size();
    if (const Scanner scan = steps_[step].scan) {
      const ScanMatch match = scan(begin + from, begin + size, memo);
      return Regex::Match{static_cast<size_t>(match.begin - begin),
                          static_cast<size_t>(match.end - begin)};
    }
    HEARTH_ASSIGN(const std::optional<Regex::Match> match,
                  steps_[step].regex->find(source.searchable, from));
    return match.value_or(Regex::Match{size, size});
  }

  std::vector<Step> steps_;
  bool uses_regex_ = false;
};

}  // namespace hearth::text
