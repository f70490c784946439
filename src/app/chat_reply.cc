#include "app/chat_reply.h"

#include <algorithm>
#include <utility>

namespace hearth::app {

// What may be shown. Holds back what may become one of the stop texts; drops the stop text itself
// and what follows.
std::string ChatReply::filtered(std::string_view text) {
  if (stopped_) return {};
  held_ += text;
  for (const std::string& stop : request_.stop_texts) {
    const size_t at = stop.empty() ? std::string::npos : held_.find(stop);
    if (at == std::string::npos) continue;
    stopped_ = true;
    held_.resize(at);
  }
  size_t keep = 0;
  if (!stopped_)
    for (const std::string& stop : request_.stop_texts)
      for (size_t n = std::min(stop.size(), held_.size()); n > keep; --n)
        if (held_.ends_with(std::string_view(stop).substr(0, n))) {
          keep = n;
          break;
        }
  std::string out = held_.substr(0, held_.size() - keep);
  held_.erase(0, held_.size() - keep);
  return out;
}

bool ChatReply::show(std::string_view text) {
  return text.empty() || !callbacks_.on_text || callbacks_.on_text(text);
}

bool ChatReply::pass(const std::vector<text::ReplyEvent>& events) {
  collector_.add(events);
  bool go_on = true;
  for (const text::ReplyEvent& event : events) {
    if (event.kind == text::ReplyEvent::Kind::kText)
      go_on = show(filtered(event.text)) && go_on;
    else if (event.kind == text::ReplyEvent::Kind::kReasoning && callbacks_.on_reasoning)
      go_on = callbacks_.on_reasoning(event.text) && go_on;
  }
  return go_on;
}

bool ChatReply::push(std::string_view text) {
  return parser_ ? pass(parser_->push(text)) : show(filtered(text));
}

bool ChatReply::finish() {
  bool go_on = true;
  if (parser_) go_on = pass(parser_->finish());
  return show(std::exchange(held_, {})) && go_on;
}

}  // namespace hearth::app
