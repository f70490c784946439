// SentencePiece's Unigram tokenizer (T5, XLM-R, multilingual embedding models): the text is
// normalized, and of all ways to write it as tokens the one with the highest sum of scores is taken
// (Viterbi, Kudo 2018). A stretch that no token covers costs the lowest score and 10 more for each
// character.
//
// Ways of equal sums are common ("!!!!!!" as 1 + 5 or as 5 + 1), and rounding decides between them.
// So it is done as in SentencePiece: a new sum is a double when it is compared, and the best sum so
// far a float.
#include <algorithm>
#include <limits>

#include "text/charsmap.h"
#include "text/encoder.h"
#include "text/escape.h"
#include "text/merge_engine.h"
#include "text/trie.h"
#include "text/utf8.h"

namespace hearth::text {
namespace {

class UnigramEncoder : public TextEncoder {
 public:
  UnigramEncoder(const Vocab& vocab, Charsmap charsmap)
      : vocab_(vocab), charsmap_(std::move(charsmap)) {
    float lowest = std::numeric_limits<float>::max();
    std::vector<Trie::Entry> entries;
    for (int32_t id = 0; id < vocab.n_tokens(); ++id) {
      if (vocab.type(id) == TokenType::kNormal) lowest = std::min(lowest, vocab.score(id));
      if (!vocab.is_plain(id) || vocab.text(id).find(' ') != std::string_view::npos) continue;
      entries.push_back({vocab.piece(id), id});
      adjacent_.add(vocab.piece(id));
      longest_ = std::max(longest_, vocab.piece(id).size());
    }
    unknown_score_ = lowest - 10.0f;
    trie_ = Trie(std::move(entries));
    has_all_bytes_ = true;
    for (int byte = 0; byte < 256; ++byte) {
      const int32_t id = vocab.byte_token(static_cast<uint8_t>(byte));
      has_all_bytes_ = has_all_bytes_ && id >= 0 && vocab.type(id) == TokenType::kByte;
    }
  }

  Result<void> encode(std::string_view text, std::vector<int32_t>& ids) const override {
    const std::string normal = normalized(text);
    Work work;
    bool after_unknown = false;
    adjacent_.for_each_part(normal, [&](std::string_view part) {
      // The original goes on adding, and on a long text a float has no digits left for the scores.
      if (part.starts_with(' ')) work.sum = 0;
      find_best(part, work);
      emit(part, work, after_unknown, ids);
    });
    return {};
  }

 private:
  struct Work {
    std::vector<int32_t> last_token;  // [bytes + 1] the token that ends here in the best way to get
                                      // here; -1: unknown
    std::vector<float> scores;        // ring of the sums, as far back as a token can reach
    std::vector<int32_t> path;
    float sum = 0;  // of the word so far
  };
  static constexpr int32_t kUnknown = -1;

  // Charsmap, spaces merged or kept, a space put before the first word (and before each, where
  // spaces are merged).
  std::string normalized(std::string_view text) const {
    std::string out;
    out.reserve(text.size() + text.size() / 8);
    const bool merges = vocab_.removes_extra_whitespaces();
    bool wants_prefix = vocab_.adds_space_prefix();
    bool in_word = false;
    const auto put = [&](std::string_view bytes) {
      for (const char c : bytes) {
        if (c == ' ') {
          in_word = false;
          if (!merges) out += ' ';
          continue;
        }
        if (!in_word && (wants_prefix || merges)) out += ' ', wants_prefix = false;
        in_word = true;
        out += c;
      }
    };
    for (size_t at = 0; at < text.size();) {
      const Charsmap::Replacement found = charsmap_.longest_prefix(text.substr(at));
      if (found.length > 0) {
        put(found.with);
        at += found.length;
        continue;
      }
      const Utf8Step step = utf8_step(text.data() + at, text.data() + text.size());
      const bool valid = step.status == Utf8Status::kValid;
      put(valid ? text.substr(at, step.length) : std::string_view("\xEF\xBF\xBD"));
      at += valid ? step.length : 1;
    }
    std::string storage;
    return std::string(with_real_spaces(out, storage));
  }

  void find_best(std::string_view part, Work& work) const {
    constexpr float kUnreached = -std::numeric_limits<float>::max();
    size_t ring = 8;
    while (ring < std::min(longest_, part.size()) + 8) ring *= 2;
    ring -= 1;
    work.scores.assign(ring + 1, kUnreached);
    work.last_token.assign(part.size() + 1, kUnknown);
    work.scores[0] = work.sum;
    const auto offer = [&](size_t end, int32_t id, double sum) {
      if (!(sum > work.scores[end & ring])) return;  // also NaN
      work.scores[end & ring] = static_cast<float>(sum);
      work.last_token[end] = id;
    };
    for (size_t at = 0; at < part.size();) {
      const size_t length = char_at(part.data() + at, part.data() + part.size()).length;
      const double sum = work.scores[at & ring];
      bool has_single = false;
      uint32_t node = Trie::kRoot;
      for (size_t end = at; end < part.size();) {
        node = trie_.child(node, part[end++]);
        if (node == Trie::kNoNode) break;
        const int32_t id = trie_.value(node);
        if (id < 0) continue;
        has_single = has_single || end - at == length;
        const bool added = vocab_.type(id) == TokenType::kUserDefined;
        offer(end, id, sum + (added ? 0.0 : static_cast<double>(vocab_.score(id))));
      }
      if (!has_single) offer(at + length, kUnknown, static_cast<float>(sum) + unknown_score_);
      // What is behind is free for the places that come into reach.
      for (size_t i = 0; i < length; ++i) work.scores[(at + i) & ring] = kUnreached;
      at += length;
    }
    work.sum = work.scores[part.size() & ring];
  }

  // Back from the end along the best path. Neighbouring unknown characters are one unknown token.
  void emit(std::string_view part, Work& work, bool& after_unknown,
            std::vector<int32_t>& ids) const {
    work.path.clear();
    std::vector<int32_t>& path = work.path;
    for (size_t end = part.size(); end > 0;) {
      const int32_t id = work.last_token[end];
      size_t begin = end;
      if (id >= 0) {
        begin -= vocab_.piece(id).size();
      } else {
        --begin;
        while (begin > 0 && (static_cast<uint8_t>(part[begin]) & 0xC0) == 0x80) --begin;
      }
      if (id == kUnknown && has_all_bytes_) {
        for (size_t i = end; i > begin; --i)
          path.push_back(vocab_.byte_token(static_cast<uint8_t>(part[i - 1])));
      } else {
        path.push_back(id);
      }
      end = begin;
    }
    for (auto it = path.rbegin(); it != path.rend(); ++it) {
      const bool unknown = *it == kUnknown;
      const int32_t id = unknown ? vocab_.special().unk : *it;
      if (!(unknown && after_unknown) && id >= 0) ids.push_back(id);
      after_unknown = unknown;
    }
  }

  const Vocab& vocab_;
  Charsmap charsmap_;
  Trie trie_;
  AdjacentBytes adjacent_;
  size_t longest_ = 0;
  float unknown_score_ = 0;
  bool has_all_bytes_ = false;
};

}  // namespace

Result<std::unique_ptr<TextEncoder>> make_unigram_encoder(const Vocab& vocab,
                                                          const VocabData& data) {
  HEARTH_ASSIGN(Charsmap charsmap, Charsmap::parse(data.precompiled_charsmap));
  return std::make_unique<UnigramEncoder>(vocab, std::move(charsmap));
}

}  // namespace hearth::text
