// Candidates: the tokens that are still in the race, with logits and probabilities. The stages of a
// SamplerChain work on it one after another.
//
// Order. The vector is either in id order, or its first `sorted()` entries are the best ones in
// *canonical order*: logit descending, then id ascending. Sorting is lazy (a prefix at a time),
// because a vocabulary has 150k entries and a draw rarely looks past the first few. Entries behind
// the prefix stand in an order that the standard library chose; so that results never depend on it,
// a stage that asked for a prefix must drop the rest (keep_first).
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "sample/token_mask.h"

namespace hearth::sample {

struct Candidate {
  int32_t id;
  float logit;
  float p;  // valid after softmax()
};

class Candidates {
 public:
  // Takes over logits[n_vocab] plus `bias` (id, value; sorted by id). NaN counts as -infinity; ids
  // at -infinity are left out; +infinity counts as the largest float. With a mask, only its ids.
  void assign(std::span<const float> logits, std::span<const std::pair<int32_t, float>> bias = {},
              const TokenMask* mask = nullptr);

  [[nodiscard]] std::span<Candidate> all() { return entries_; }
  [[nodiscard]] std::span<const Candidate> all() const { return entries_; }
  [[nodiscard]] size_t size() const { return entries_.size(); }
  [[nodiscard]] size_t sorted() const { return sorted_; }

  // After writing to logits through all(): order and probabilities are void.
  void logits_changed();
  // logits *= factor. REQUIRES: factor > 0.
  void scale(double factor);

  // p = softmax(logit) over all entries: float results, sums in double.
  void softmax();
  [[nodiscard]] float max_logit() const;
  // Entropy of p in nats. Calls softmax().
  [[nodiscard]] double entropy();

  // Makes the first min(n, size()) entries canonical.
  void sort_prefix(size_t n);
  // Drops all but the first n entries.
  void keep_first(size_t n);
  // Keeps only the highest logit (lowest id among equals).
  void keep_best();
  // Keeps the entries for which keep(candidate) holds; their order stays.
  template <class Keep>
  void keep_if(Keep keep) {
    size_t kept = 0;
    size_t kept_sorted = 0;
    for (size_t i = 0; i < entries_.size(); ++i) {
      if (!keep(entries_[i])) continue;
      if (i < sorted_) ++kept_sorted;
      entries_[kept++] = entries_[i];
    }
    if (kept == entries_.size()) return;
    entries_.resize(kept);
    sorted_ = kept_sorted;
    has_p_ = false;
  }
  // Sorts by ascending score(candidate), equals in canonical order. p stays valid.
  template <class Score>
  void sort_by(Score score) {
    scored_.clear();
    for (const Candidate& c : entries_) scored_.push_back({score(c), c});
    sort_scored();
  }

  // The number of leading entries, in canonical order, whose probabilities first reach `p` (at
  // least 1). Calls softmax() and sorts as far as needed.
  [[nodiscard]] size_t nucleus_size(double p);

  // Inverse CDF in canonical order: the place of the first entry whose running sum of p exceeds u,
  // for u in [0, 1). Calls softmax() and sorts as far as needed. REQUIRES: size() > 0.
  [[nodiscard]] size_t draw(double u);

 private:
  struct Scored {
    double score;
    Candidate candidate;
  };

  void sort_scored();
  [[nodiscard]] size_t first_past(double limit, bool or_equal);

  std::vector<Candidate> entries_;
  std::vector<Scored> scored_;  // scratch
  size_t sorted_ = 0;
  bool has_p_ = false;
};

}  // namespace hearth::sample
