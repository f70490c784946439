// ChatReply: the text that a model generates, on its way to the person: parted into reasoning,
// answer and tool calls, ended by stop texts. Used by the real ChatBackend; knows no tokens.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "app/chat_backend.h"
#include "text/reply/reply_parser.h"

namespace hearth::app {

class ChatReply {
 public:
  // `parser`: none for a text that is continued. The request and the callbacks must outlive it.
  ChatReply(const ChatRequest& request, const ChatCallbacks& callbacks,
            std::optional<text::ReplyParser> parser)
      : request_(request), callbacks_(callbacks), parser_(std::move(parser)) {}

  // The next piece. False: a callback says to stop.
  bool push(std::string_view text);
  // The end. What was held back goes out.
  bool finish();

  // A stop text has come.
  [[nodiscard]] bool stopped() const { return stopped_; }
  [[nodiscard]] bool thinking() const { return parser_ && parser_->thinking(); }
  [[nodiscard]] bool answering() const { return !parser_ || parser_->answering(); }
  [[nodiscard]] const text::Reply& reply() const { return collector_.reply(); }

 private:
  bool pass(const std::vector<text::ReplyEvent>& events);
  bool show(std::string_view text);
  std::string filtered(std::string_view text);

  const ChatRequest& request_;
  const ChatCallbacks& callbacks_;
  std::optional<text::ReplyParser> parser_;
  text::ReplyCollector collector_;
  std::string held_;  // the begin of what may become a stop text
  bool stopped_ = false;
};

}  // namespace hearth::app
