#include "text/reply/reader.h"

#include <algorithm>
#include <array>
#include <limits>
#include <utility>

namespace hearth::text::reply {
namespace {

constexpr size_t kNameBytesMax = 256;

bool is_space(char c) { return c == ' ' || c == '\n' || c == '\r' || c == '\t'; }

bool is_name(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
         c == '-' || c == '.';
}

}  // namespace

void Reader::feed(std::string_view bytes) {
  // What is done with goes away once it is most of the buffer: linear in all.
  const size_t done = std::min(committed_ - base_, at_);
  if (done > 4096 && done > buffer_.size() / 2) {
    buffer_.erase(0, done);
    base_ += done;
    at_ -= done;
  }
  buffer_ += bytes;
}

std::vector<ReplyEvent> Reader::take_events() { return std::exchange(events_, {}); }

Co<bool> Reader::at_end() {
  const bool more = co_await has_byte();
  co_return !more;
}

Co<bool> Reader::skip_space() {
  for (;;) {
    if (const bool more = co_await has_byte(); !more) break;
    if (!is_space(byte())) co_return true;
    advance();
  }
  co_return true;
}

Reader::Fitting Reader::fits(std::string_view literal, bool spaces_vary) const {
  size_t at = at_;
  for (size_t i = 0; i < literal.size(); ++i) {
    if (spaces_vary && is_space(literal[i])) {
      while (at < buffer_.size() && is_space(buffer_[at])) ++at;
      continue;
    }
    if (at == buffer_.size()) return {Fit::kPartly, 0};
    if (buffer_[at] != literal[i]) return {Fit::kNo, 0};
    ++at;
  }
  // Spaces at the end of a literal take all that come, and more may come.
  if (spaces_vary && !literal.empty() && is_space(literal.back()) && at == buffer_.size())
    return {ended_ ? Fit::kWhole : Fit::kPartly, at - at_};
  return {Fit::kWhole, at - at_};
}

Co<int> Reader::match(Literals literals) {
  for (;;) {
    bool wait = false;
    for (size_t i = 0; i < literals.size() && !wait; ++i) {
      const Fitting fitting = fits(literals[i], true);
      if (fitting.fit == Fit::kWhole) {
        advance(fitting.bytes);
        co_return int(i);
      }
      wait = fitting.fit == Fit::kPartly && !ended_;
    }
    if (!wait) co_return -1;
    co_await Wait{};
  }
}

Co<bool> Reader::match_one(std::string_view literal) {
  const int found = co_await match({&literal, 1});
  co_return found == 0;
}

Co<int> Reader::scan(Literals literals, Channel channel, std::string* out, size_t bytes_max) {
  std::array<bool, 256> begins{};
  for (const std::string_view literal : literals)
    begins[static_cast<unsigned char>(literal.front())] = true;
  size_t taken = 0;
  for (;;) {
    // Plain bytes go out together.
    size_t plain = 0;
    const std::string_view bytes = rest();
    while (plain < bytes.size() && !begins[static_cast<unsigned char>(bytes[plain])]) ++plain;
    bool wait = false;
    int found = -1;
    if (plain == 0)
      for (size_t i = 0; i < literals.size() && !wait && found < 0; ++i) {
        const Fitting fitting = fits(literals[i], false);
        if (fitting.fit == Fit::kWhole) found = int(i);
        wait = fitting.fit == Fit::kPartly && !ended_;
      }
    if (found >= 0) {
      advance(literals[size_t(found)].size());
      co_return found;
    }
    if (!wait && !bytes.empty()) {
      const size_t n = std::max<size_t>(plain, 1);
      taken += n;
      if (taken > bytes_max) co_return -1;
      put(bytes.substr(0, n), channel, out);
      advance(n);
      if (channel == Channel::kText || channel == Channel::kReasoning) commit();
      continue;
    }
    if (ended_) co_return -1;
    co_await Wait{};
  }
}

Co<int> Reader::until(Literals literals, Channel channel) {
  return scan(literals, channel, nullptr, std::numeric_limits<size_t>::max());
}

Co<int> Reader::collect(Literals literals, std::string& out, size_t bytes_max) {
  return scan(literals, Channel::kNone, &out, bytes_max);
}

Co<int> Reader::pass(Literals literals, Channel channel, std::string* out) {
  return scan(literals, channel, out, std::numeric_limits<size_t>::max());
}

void Reader::put(std::string_view bytes, Channel channel, std::string* out) {
  if (out != nullptr)
    *out += bytes;
  else
    emit(channel, bytes);
}

Co<bool> Reader::name(std::string& out) {
  out.clear();
  for (;;) {
    if (const bool more = co_await has_byte(); !more) break;
    if (!is_name(byte())) break;
    if (out.size() == kNameBytesMax) co_return false;
    out += byte();
    advance();
  }
  co_return !out.empty();
}

// `out`: collects the value; none: its bytes go out as arguments.
Co<bool> Reader::json_value(std::string* out) {
  JsonScan json;
  std::string piece;
  for (;;) {
    const std::string_view bytes = rest();
    size_t used = 0;
    JsonScan::Step step = JsonScan::Step::kTaken;
    while (used < bytes.size() && step == JsonScan::Step::kTaken) {
      step = json.push(bytes[used], piece);
      if (step == JsonScan::Step::kTaken || step == JsonScan::Step::kEnded) ++used;
    }
    advance(used);
    const bool finished = step == JsonScan::Step::kTaken && ended_;
    const bool right = step != JsonScan::Step::kWrong && (!finished || json.finish(piece));
    if (out != nullptr)
      *out += piece;
    else
      arguments(piece);
    piece.clear();
    if (!right) co_return false;
    if (finished || step != JsonScan::Step::kTaken) co_return true;
    co_await Wait{};
  }
}

void Reader::give_back(std::string_view why) {
  if (in_call_) {
    events_.push_back({.kind = ReplyEvent::Kind::kCallDropped, .call = n_calls_});
    space_ = std::exchange(space_before_call_, {});
  }
  in_call_ = false;
  emit(Channel::kText, std::string_view(buffer_).substr(committed_ - base_, mark() - committed_));
  commit();
  if (!why.empty()) warn(std::string(why));
}

void Reader::emit(Channel channel, std::string_view text) {
  if (channel == Channel::kNone) return;
  if (channel == Channel::kString) {
    std::string escaped;
    append_json_escaped(text, escaped);
    arguments(escaped);
    return;
  }
  if (part_begins_) {
    const size_t begin = std::min(text.size(), text.find_first_not_of(" \n\r\t"));
    text.remove_prefix(begin);
    if (text.empty()) return;
    part_begins_ = false;
    if (std::exchange(text_follows_text_, false)) space_ = "\n\n";
  }
  // Spaces at the end wait: what follows decides about them.
  const size_t end = text.find_last_not_of(" \n\r\t");
  if (end == std::string_view::npos) {
    space_ += text;
    return;
  }
  reasoning_ = channel == Channel::kReasoning;
  any_text_ = any_text_ || !reasoning_;
  const auto kind =
      channel == Channel::kText ? ReplyEvent::Kind::kText : ReplyEvent::Kind::kReasoning;
  if (events_.empty() || events_.back().kind != kind) events_.push_back({.kind = kind});
  events_.back().text += space_;
  events_.back().text += text.substr(0, end + 1);
  space_ = text.substr(end + 1);
}

void Reader::begin_part_after_text(Channel channel) {
  drop_space();
  part_begins_ = true;
  reasoning_ = channel == Channel::kReasoning;
  answering_ = channel == Channel::kText;
  text_follows_text_ = channel == Channel::kText && any_text_;
}

void Reader::end_reply() {
  if (in_call_) give_back("the reply ended within a tool call; its text is part of the answer");
  if (space_.empty() || reasoning_ || part_begins_) return;
  if (events_.empty() || events_.back().kind != ReplyEvent::Kind::kText)
    events_.push_back({.kind = ReplyEvent::Kind::kText});
  events_.back().text += std::exchange(space_, {});
}

void Reader::warn(std::string text) {
  events_.push_back({.kind = ReplyEvent::Kind::kWarning, .text = std::move(text)});
}

// 9 letters and digits, as Mistral's templates want them; the others take any.
std::string Reader::make_id() const {
  constexpr std::string_view kDigits =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
  // SplitMix64.
  uint64_t x = id_seed_ + (n_calls_ + 1) * 0x9E3779B97F4A7C15u;
  x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9u;
  x = (x ^ (x >> 27)) * 0x94D049BB133111EBu;
  x ^= x >> 31;
  std::string id;
  for (int i = 0; i < 9; ++i, x /= kDigits.size()) id += kDigits[x % kDigits.size()];
  return id;
}

void Reader::begin_call(std::string_view name, std::string_view id) {
  space_before_call_ = std::exchange(space_, {});
  reasoning_ = false;
  in_call_ = true;
  unknown_tool_ = tools_.find(name) == nullptr ? name : std::string_view();
  events_.push_back({.kind = ReplyEvent::Kind::kCallBegin,
                     .call = n_calls_,
                     .name = std::string(name),
                     .id = id.empty() ? make_id() : std::string(id)});
}

void Reader::arguments(std::string_view json) {
  if (json.empty()) return;
  if (events_.empty() || events_.back().kind != ReplyEvent::Kind::kCallArguments)
    events_.push_back({.kind = ReplyEvent::Kind::kCallArguments, .call = n_calls_});
  events_.back().text += json;
}

void Reader::end_call() {
  events_.push_back({.kind = ReplyEvent::Kind::kCallEnd, .call = n_calls_});
  in_call_ = false;
  ++n_calls_;
  if (!unknown_tool_.empty())
    warn("the model calls '" + unknown_tool_ + "', which is none of the tools that it was given");
  begin_part();
  commit();
}

}  // namespace hearth::text::reply
