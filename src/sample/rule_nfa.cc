#include "sample/rule_nfa.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string>

namespace hearth::sample {
namespace {

constexpr uint32_t kLastControl = 0x1f;

// '\n' -> 'n'; 0 where JSON has no short escape.
char short_escape(uint32_t c) {
  switch (c) {
    case '\b':
      return 'b';
    case '\f':
      return 'f';
    case '\n':
      return 'n';
    case '\r':
      return 'r';
    case '\t':
      return 't';
    case '"':
    case '\\':
      return char(c);
    default:
      return 0;
  }
}

// The two digits of a hexadecimal number, letters in either case.
std::vector<std::vector<ByteRange>> hex_byte(uint32_t value) {
  std::vector<std::vector<ByteRange>> out = {{}};
  for (const uint32_t digit : {value >> 4, value & 15}) {
    const size_t n = out.size();
    for (size_t i = 0; i < n; ++i) {
      if (digit > 9) {
        out.push_back(out[i]);
        const uint8_t upper = uint8_t('A' + digit - 10);
        out.back().push_back({upper, upper});
      }
      const uint8_t lower = uint8_t(digit > 9 ? 'a' + digit - 10 : '0' + digit);
      out[i].push_back({lower, lower});
    }
  }
  return out;
}

std::vector<ByteRange> exact(std::string_view text) {
  std::vector<ByteRange> out;
  for (const char c : text) out.push_back({uint8_t(c), uint8_t(c)});
  return out;
}

}  // namespace

// The tree of the markers' beginnings. A node leads to another for every byte; the root is 0.
struct NfaBuilder::MarkerTree {
  struct Node {
    std::array<uint32_t, 256> next{};  // 0: none, or the root
    uint32_t border = 0;               // the longest shorter beginning that its text ends with
    std::vector<size_t> found;         // markers that end here
  };
  std::vector<Node> nodes;

  explicit MarkerTree(const std::vector<Grammar::Marker>& markers) : nodes(1) {
    for (size_t m = 0; m < markers.size(); ++m) {
      uint32_t at = 0;
      for (const char c : markers[m].bytes) {
        uint32_t next = nodes[at].next[uint8_t(c)];
        if (next == 0) {
          next = nodes[at].next[uint8_t(c)] = uint32_t(nodes.size());
          nodes.emplace_back();
        }
        at = next;
      }
      nodes[at].found.push_back(m);
    }
  }

  // Aho and Corasick: a node has seen the longest beginning that the text ends with.
  void find_anywhere() {
    std::vector<uint32_t> order;  // by depth, so that the node of the border is complete before
    for (const uint32_t child : nodes[0].next)
      if (child != 0) order.push_back(child);
    for (size_t i = 0; i < order.size(); ++i) {
      Node& node = nodes[order[i]];
      const Node& border = nodes[node.border];
      node.found.insert(node.found.end(), border.found.begin(), border.found.end());
      for (size_t b = 0; b < 256; ++b) {
        const uint32_t child = node.next[b];
        if (child == 0) {
          node.next[b] = border.next[b];
        } else {
          nodes[child].border = border.next[b];
          order.push_back(child);
        }
      }
    }
  }

  // A text that leaves the tree is free for good.
  void find_at_begin() {
    const uint32_t other = uint32_t(nodes.size());
    nodes.emplace_back();
    for (Node& node : nodes)
      for (uint32_t& next : node.next)
        if (next == 0) next = other;
  }
};

Result<std::vector<RuleNfa>> NfaBuilder::build() {
  const auto& rules = grammar_.rules();
  const auto body_of = [&](size_t i) {
    return i < rules.size() ? rules[i].body : hoisted_bodies_[i - rules.size()];
  };
  for (size_t i = 0; i < rules.size() + hoisted_bodies_.size(); ++i) {
    rules_.emplace_back();
    nfa_ = &rules_.back();
    build_rule(body_of(i));
    if (n_states_ > states_max_)
      return fail(ErrorCode::kUnsupported,
                  fmt::format("the grammar needs more than {} states", states_max_),
                  "lower its repetition counts, or split it");
  }
  return std::move(rules_);
}

uint32_t NfaBuilder::new_state() {
  ++n_states_;
  nfa_->states.emplace_back();
  return uint32_t(nfa_->states.size() - 1);
}

void NfaBuilder::build_rule(ExprId body) {
  tails_.clear();
  const Ends ends = build_expr(body);
  nfa_->start = ends.first;
  nfa_->end = ends.second;
}

bool NfaBuilder::is_small(ExprId id) const {
  const Grammar::Expr& e = grammar_.expr(id);
  if (e.kind == Grammar::Kind::kChars) {
    const auto& ranges = e.chars.ranges();
    return ranges.empty() || ranges.back().hi < 0x80;
  }
  return e.kind == Grammar::Kind::kRule || (e.kind == Grammar::Kind::kBytes && e.bytes.size() <= 2);
}

NfaBuilder::Ends NfaBuilder::build_expr(ExprId id) {
  const Grammar::Expr& e = grammar_.expr(id);
  // Once over the limit, nothing more is built; build() reports it.
  if (n_states_ > states_max_) return {new_state(), new_state()};
  switch (e.kind) {
    case Grammar::Kind::kBytes:
      return build_bytes(e.bytes);
    case Grammar::Kind::kChars: {
      const Ends ends = {new_state(), new_state()};
      for (const CharRange r : e.chars.ranges()) add_char(ends.first, r, ends.second);
      return ends;
    }
    case Grammar::Kind::kSequence: {
      const uint32_t start = new_state();
      uint32_t at = start;
      for (const ExprId part : e.parts) {
        const Ends ends = build_expr(part);
        link(at, ends.first);
        at = ends.second;
      }
      return {start, at};
    }
    case Grammar::Kind::kChoice: {
      const Ends whole = {new_state(), new_state()};
      for (const ExprId part : e.parts) {
        const Ends ends = build_expr(part);
        link(whole.first, ends.first);
        link(ends.second, whole.second);
      }
      return whole;
    }
    case Grammar::Kind::kRepeat:
      return build_repeat(e);
    case Grammar::Kind::kRule: {
      const Ends ends = {new_state(), new_state()};
      call(ends.first, e.index, ends.second);
      return ends;
    }
    case Grammar::Kind::kText:
      return build_text(grammar_.dfa(e.index), e.encoding);
    case Grammar::Kind::kUntil:
      return build_until(e.bytes);
    case Grammar::Kind::kFree: {
      MarkerTree tree(e.markers);
      tree.find_anywhere();
      return build_free(e.markers, tree);
    }
    case Grammar::Kind::kOther: {
      MarkerTree tree(e.markers);
      tree.find_at_begin();
      return build_free(e.markers, tree);
    }
  }
  return {new_state(), new_state()};
}

NfaBuilder::Ends NfaBuilder::build_bytes(const std::string& bytes) {
  const uint32_t start = new_state();
  uint32_t at = start;
  for (const char c : bytes) {
    const uint32_t next = new_state();
    nfa_->states[at].bytes.push_back({{uint8_t(c), uint8_t(c)}, next});
    at = next;
  }
  return {start, at};
}

NfaBuilder::Ends NfaBuilder::build_repeat(const Grammar::Expr& expr) {
  const int64_t min = expr.min;
  const int64_t max = expr.max;
  uint32_t rule = 0;
  const bool loops = max < 0;
  const int64_t count = loops ? std::max<int64_t>(min - 1, 0) : max;  // besides the loop
  const bool hoist = count + int64_t(loops) > 1 && !is_small(expr.parts[0]);
  if (hoist) {
    const auto [it, fresh] = hoisted_.try_emplace(
        expr.parts[0], uint32_t(grammar_.rules().size() + hoisted_bodies_.size()));
    if (fresh) hoisted_bodies_.push_back(expr.parts[0]);
    rule = it->second;
  }
  const auto once = [&]() -> Ends {
    if (!hoist) return build_expr(expr.parts[0]);
    const Ends ends = {new_state(), new_state()};
    call(ends.first, rule, ends.second);
    return ends;
  };
  const uint32_t start = new_state();
  const uint32_t end = new_state();
  uint32_t at = start;
  for (int64_t i = 0; i < count && n_states_ <= states_max_; ++i) {
    if (i >= min) link(at, end);
    const Ends ends = once();
    link(at, ends.first);
    at = ends.second;
  }
  if (loops) {
    const Ends ends = once();
    if (min == 0) link(at, end);
    link(at, ends.first);
    link(ends.second, end);
    link(ends.second, ends.first);
  } else {
    link(at, end);
  }
  return {start, end};
}

void NfaBuilder::add_bytes(uint32_t from, const std::vector<ByteRange>& bytes, uint32_t to) {
  uint32_t target = to;
  std::vector<ByteRange> tail;
  for (size_t i = bytes.size(); i-- > 1;) {
    tail.insert(tail.begin(), bytes[i]);
    const auto [it, fresh] = tails_.try_emplace({to, tail}, 0);
    if (fresh) {
      it->second = new_state();
      nfa_->states[it->second].bytes.push_back({bytes[i], target});
    }
    target = it->second;
  }
  nfa_->states[from].bytes.push_back({bytes[0], target});
}

void NfaBuilder::add_char(uint32_t from, CharRange chars, uint32_t to) {
  for (const auto& sequence : utf8_sequences(chars)) add_bytes(from, sequence, to);
}

// Controls, the quote and the backslash as escapes, everything else as it is.
void NfaBuilder::add_json_char(uint32_t from, CharRange chars, uint32_t to) {
  const auto escape = [&](uint32_t c) {
    if (c < chars.lo || c > chars.hi) return;
    if (const char letter = short_escape(c); letter != 0)
      return add_bytes(from, exact(std::string{'\\', letter}), to);
    for (const auto& digits : hex_byte(c)) {
      std::vector<ByteRange> bytes = exact("\\u00");
      bytes.insert(bytes.end(), digits.begin(), digits.end());
      add_bytes(from, bytes, to);
    }
  };
  for (uint32_t c = 0; c <= kLastControl; ++c) escape(c);
  escape('"');
  escape('\\');
  uint32_t lo = std::max(chars.lo, kLastControl + 1);
  for (const uint32_t special : {uint32_t('"'), uint32_t('\\')}) {
    if (special < lo || special > chars.hi) continue;
    if (lo < special) add_char(from, {lo, special - 1}, to);
    lo = special + 1;
  }
  if (lo <= chars.hi) add_char(from, {lo, chars.hi}, to);
}

NfaBuilder::Ends NfaBuilder::build_text(const TextDfa& dfa, TextEncoding encoding) {
  const uint32_t first = uint32_t(nfa_->states.size());
  for (size_t s = 0; s < dfa.n_states(); ++s) new_state();
  const uint32_t end = new_state();
  for (uint32_t s = 0; s < dfa.n_states() && n_states_ <= states_max_; ++s) {
    for (const TextDfa::Edge& edge : dfa.edges(s)) {
      if (encoding == TextEncoding::kJsonString)
        add_json_char(first + s, edge.chars, first + edge.target);
      else
        add_char(first + s, edge.chars, first + edge.target);
    }
    if (dfa.accepts(s)) link(first + s, end);
  }
  return {first, end};
}

// Knuth, Morris, Pratt: state i has seen the first i bytes of the marker.
NfaBuilder::Ends NfaBuilder::build_until(const std::string& marker) {
  const size_t n = marker.size();
  const uint32_t first = uint32_t(nfa_->states.size());
  for (size_t i = 0; i <= n; ++i) new_state();
  size_t border = 0;  // the state that marker[1, i) leads to
  std::vector<std::vector<uint32_t>> next(n, std::vector<uint32_t>(256));
  for (size_t i = 0; i < n; ++i) {
    const uint8_t wanted = uint8_t(marker[i]);
    const std::vector<uint32_t> previous = next[border];
    if (i > 0) next[i] = previous;
    next[i][wanted] = uint32_t(i + 1);
    if (i > 0) border = previous[wanted];
    for (uint32_t b = 0; b < 256; ++b) {
      const uint32_t target = first + next[i][b];
      auto& edges = nfa_->states[first + i].bytes;
      if (b > 0 && edges.back().target == target)
        edges.back().bytes.hi = uint8_t(b);
      else
        edges.push_back({{uint8_t(b), uint8_t(b)}, target});
    }
  }
  return {first, first + uint32_t(n)};
}

// Behind a whole marker nothing is free any more.
NfaBuilder::Ends NfaBuilder::build_free(const std::vector<Grammar::Marker>& markers,
                                        const MarkerTree& tree) {
  const uint32_t first = uint32_t(nfa_->states.size());
  for (size_t i = 0; i < tree.nodes.size(); ++i) new_state();
  const uint32_t end = new_state();
  std::vector<Ends> parts;
  for (const Grammar::Marker& marker : markers) {
    parts.push_back(build_expr(marker.part));
    link(parts.back().second, end);
  }
  for (uint32_t s = 0; s < tree.nodes.size(); ++s) {
    const MarkerTree::Node& node = tree.nodes[s];
    for (const size_t m : node.found) link(first + s, parts[m].first);
    if (!node.found.empty()) continue;
    link(first + s, end);
    auto& edges = nfa_->states[first + s].bytes;
    for (uint32_t b = 0; b < 256; ++b) {
      const uint32_t target = first + node.next[b];
      if (b > 0 && edges.back().target == target)
        edges.back().bytes.hi = uint8_t(b);
      else
        edges.push_back({{uint8_t(b), uint8_t(b)}, target});
    }
  }
  return {first, end};
}

}  // namespace hearth::sample
