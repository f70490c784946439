// SentencePiece's byte-pair encoding (Llama 2, Mistral v1 to v3, Gemma 1 to 3): symbols are
// characters, and the two neighbours merge whose joined text is the token with the highest score.
// Characters without a token become byte tokens. There is no pre-tokenizer, but a text falls into
// parts where no token could span (merge_engine.h).
#include <algorithm>
#include <functional>
#include <limits>

#include "text/encoder.h"
#include "text/escape.h"
#include "text/merge_engine.h"
#include "text/utf8.h"

namespace hearth::text {
namespace {

// Made once for a vocabulary: ranks from scores, the highest first; equal scores have equal ranks.
class SpmTable {
 public:
  explicit SpmTable(const Vocab& vocab)
      : vocab_(vocab), index_(static_cast<size_t>(vocab.n_tokens())) {
    std::vector<float> scores;
    for (int32_t id = 0; id < vocab.n_tokens(); ++id) {
      if (!is_mergeable(id)) continue;
      index_.add(vocab.pieces(), id);
      adjacent_.add(vocab.piece(id));
      longest_ = std::max(longest_, vocab.piece(id).size());
      scores.push_back(score(id));
    }
    std::ranges::sort(scores, std::greater<>());
    const auto repeated = std::ranges::unique(scores);
    scores.erase(repeated.begin(), repeated.end());
    rank_of_id_.resize(static_cast<size_t>(vocab.n_tokens()));
    for (int32_t id = 0; id < vocab.n_tokens(); ++id) {
      const auto at = std::ranges::lower_bound(scores, score(id), std::greater<>());
      rank_of_id_[static_cast<size_t>(id)] = static_cast<uint32_t>(at - scores.begin());
    }
  }

  int32_t token(std::string_view text) const {
    return text.size() <= longest_ ? index_.find(vocab_.pieces(), text) : -1;
  }
  uint32_t rank(int32_t id) const { return rank_of_id_[static_cast<size_t>(id)]; }
  const AdjacentBytes& adjacent() const { return adjacent_; }

 private:
  bool is_mergeable(int32_t id) const {
    return vocab_.is_plain(id) && !vocab_.piece(id).empty() &&
           vocab_.text(id).find(' ') == std::string_view::npos;
  }
  // A file may hold NaN, which has no order.
  float score(int32_t id) const {
    const float s = vocab_.score(id);
    return s == s ? s : -std::numeric_limits<float>::infinity();
  }

  const Vocab& vocab_;
  TextIndex index_;
  std::vector<uint32_t> rank_of_id_;
  AdjacentBytes adjacent_;
  size_t longest_ = 0;
};

// The engine's rules for one part of a text; a symbol is known by where it begins.
struct SpmRules {
  static constexpr uint32_t kEnd = UINT32_MAX;
  const SpmTable& table;
  std::string_view part;

  std::string_view symbols(uint32_t begin, uint32_t end) const {
    return part.substr(begin, end == kEnd ? part.npos : end - begin);
  }
  Merge find(uint32_t left, uint32_t, uint32_t after) const {
    const int32_t id = table.token(symbols(left, after));
    return id < 0 ? Merge{} : Merge{table.rank(id), left};
  }
};

class SpmEncoder : public TextEncoder {
 public:
  explicit SpmEncoder(const Vocab& vocab) : vocab_(vocab), table_(vocab) {}

  Result<void> encode(std::string_view text, std::vector<int32_t>& ids) const override {
    std::string storage;
    text = with_real_spaces(text, storage);
    SpmRules rules{table_, {}};
    MergeEngine<SpmRules> engine(rules);
    table_.adjacent().for_each_part(text, [&](std::string_view part) {
      if (const int32_t id = part.size() == 1 ? table_.token(part) : -1; id >= 0) {
        ids.push_back(id);
        return;
      }
      rules.part = part;
      engine.clear(count_chars(part));
      for (uint32_t at = 0; at < part.size();) {
        engine.add(at);
        at += char_at(part.data() + at, part.data() + part.size()).length;
      }
      engine.run();
      engine.for_each([&](uint32_t begin, uint32_t end) { emit(rules.symbols(begin, end), ids); });
    });
    return {};
  }

 private:
  void emit(std::string_view symbol, std::vector<int32_t>& ids) const {
    if (const int32_t id = table_.token(symbol); id >= 0) {
      ids.push_back(id);
      return;
    }
    bool unknown = false;
    for (const char byte : symbol == " " ? kEscapedSpace : symbol) {
      const int32_t id = vocab_.byte_token(static_cast<uint8_t>(byte));
      if (id >= 0) ids.push_back(id);
      unknown = unknown || id < 0;
    }
    if (unknown && vocab_.special().unk >= 0) ids.push_back(vocab_.special().unk);
  }

  const Vocab& vocab_;
  SpmTable table_;
};

}  // namespace

Result<std::unique_ptr<TextEncoder>> make_spm_encoder(const Vocab& vocab) {
  return std::make_unique<SpmEncoder>(vocab);
}

}  // namespace hearth::text
