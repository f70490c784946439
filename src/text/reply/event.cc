#include "text/reply/event.h"

#include <utility>

namespace hearth::text {

void ReplyCollector::add(std::span<const ReplyEvent> events) {
  for (const ReplyEvent& event : events) {
    switch (event.kind) {
      case ReplyEvent::Kind::kText:
        reply_.text += event.text;
        break;
      case ReplyEvent::Kind::kReasoning:
        reply_.reasoning += event.text;
        break;
      case ReplyEvent::Kind::kCallBegin:
        open_ = {.id = event.id, .name = event.name, .arguments = {}};
        break;
      case ReplyEvent::Kind::kCallArguments:
        open_.arguments += event.text;
        break;
      case ReplyEvent::Kind::kCallEnd:
        reply_.calls.push_back(std::exchange(open_, {}));
        break;
      case ReplyEvent::Kind::kCallDropped:
        open_ = {};
        break;
      case ReplyEvent::Kind::kWarning:
        reply_.warnings.push_back(event.text);
        break;
    }
  }
}

}  // namespace hearth::text
