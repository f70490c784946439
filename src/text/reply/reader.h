// Reader: what the format files of this folder parse with. It holds the bytes that have come,
// awaits more, knows where the text begins that would have to be given back, and passes on what was
// found as events.
//
// All functions that return a Co must be awaited at once; their arguments must live until then.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "text/reply/coroutine.h"
#include "text/reply/event.h"
#include "text/reply/json_scan.h"
#include "text/reply/tool_list.h"

namespace hearth::text::reply {

using Literals = std::span<const std::string_view>;

// Where bytes go.
enum class Channel {
  kText,
  kReasoning,
  kString,  // into the arguments of the open call, escaped as the inside of a JSON string
  kNone,
};

class Reader {
 public:
  Reader(const ToolList& tools, uint64_t id_seed) : tools_(tools), id_seed_(id_seed) {}

  // --- fed by ReplyParser ---
  void feed(std::string_view bytes);
  void end() { ended_ = true; }
  std::vector<ReplyEvent> take_events();

  // --- input ---
  // Whether there is a byte at the cursor; waits for it.
  struct HasByte {
    const Reader& in;
    [[nodiscard]] bool await_ready() const { return in.at_ < in.buffer_.size() || in.ended_; }
    template <class Promise>
    void await_suspend(std::coroutine_handle<Promise> self) const {
      self.promise().stack->wait();
    }
    [[nodiscard]] bool await_resume() const { return in.at_ < in.buffer_.size(); }
  };
  [[nodiscard]] HasByte has_byte() const { return {*this}; }
  [[nodiscard]] char byte() const { return buffer_[at_]; }  // REQUIRES: has_byte() said so
  void advance(size_t n = 1) { at_ += n; }
  // Whether all bytes have come and none is left.
  Co<bool> at_end();
  Co<bool> skip_space();
  // The first of `literals` that stands at the cursor is taken; its index, or -1. One that stands
  // before another of which it is the begin hides it. A space or line break in a literal stands
  // for any number of them, also none. Empty literals match.
  Co<int> match(Literals literals);
  Co<bool> match_one(std::string_view literal);
  // Passes bytes on until one of `literals` (taken as they are), which is taken; its index, or -1
  // at the end of the input.
  Co<int> until(Literals literals, Channel channel);
  // The same, but collects; fails (-1, nothing more taken) beyond `bytes_max`.
  Co<int> collect(Literals literals, std::string& out, size_t bytes_max);
  // The same as until(), to `out` where that is given.
  Co<int> pass(Literals literals, Channel channel, std::string* out);
  void put(std::string_view bytes, Channel channel, std::string* out);
  // A name of a function: letters, digits, '_', '-', '.'. False: there is none, or it is too long.
  Co<bool> name(std::string& out);
  // One JSON value, as JsonScan mends it: appended to `out`, or, with none, passed on as arguments.
  Co<bool> json_value(std::string* out);

  // --- marks: where the cursor goes back to, or what is given back as text ---
  [[nodiscard]] size_t mark() const { return base_ + at_; }
  void rewind(size_t mark) { at_ = mark - base_; }
  // Nothing before the cursor will be asked for again.
  void commit() { committed_ = mark(); }
  // The bytes since commit() go out as text: they are no call. `why` becomes a warning, unless
  // empty. Drops the open call.
  void give_back(std::string_view why);

  // --- output ---
  void emit(Channel channel, std::string_view text);
  void warn(std::string text);
  // Spaces at the end of a part that another follows.
  void drop_space() { space_.clear(); }
  // What follows is a new part of the reply: spaces at its begin are dropped.
  void begin_part() {
    part_begins_ = true;
    reasoning_ = false;
  }
  void end_reply();  // gives out spaces that are still held
  // The same for formats of messages: an empty line between two messages that are text.
  void begin_part_after_text(Channel channel);
  // Formats of messages: what follows is neither the reasoning nor the answer that came.
  void end_message() {
    if (reasoning_) drop_space();
    reasoning_ = answering_ = false;
  }

  void begin_call(std::string_view name, std::string_view id = {});
  void arguments(std::string_view json);
  void end_call();  // also commits
  [[nodiscard]] bool in_call() const { return in_call_; }
  // What was passed on last is reasoning, and nothing has ended it.
  [[nodiscard]] bool reasoning() const { return reasoning_; }
  // Formats of messages: what comes next is a message that is text.
  [[nodiscard]] bool answering() const { return answering_; }

  [[nodiscard]] const ToolList& tools() const { return tools_; }

 private:
  enum class Fit { kNo, kPartly, kWhole };
  struct Fitting {
    Fit fit;
    size_t bytes;
  };
  [[nodiscard]] Fitting fits(std::string_view literal, bool spaces_vary) const;
  [[nodiscard]] std::string_view rest() const { return std::string_view(buffer_).substr(at_); }
  Co<int> scan(Literals literals, Channel channel, std::string* out, size_t bytes_max);
  [[nodiscard]] std::string make_id() const;

  const ToolList& tools_;
  uint64_t id_seed_;
  std::string buffer_;
  size_t base_ = 0;  // place of buffer_[0] in the reply
  size_t at_ = 0;
  size_t committed_ = 0;
  bool ended_ = false;

  std::vector<ReplyEvent> events_;
  std::string space_;              // at the end of what was emitted: what follows decides
  std::string space_before_call_;  // comes back if the call is none
  bool part_begins_ = false;
  bool reasoning_ = false;
  bool answering_ = false;
  bool any_text_ = false;
  bool text_follows_text_ = false;
  bool in_call_ = false;
  std::string unknown_tool_;  // name of the open call, where no tool has it
  size_t n_calls_ = 0;
};

}  // namespace hearth::text::reply
