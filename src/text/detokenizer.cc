#include "text/detokenizer.h"

#include <array>

namespace hearth::text {

std::string_view PieceReader::read(int32_t id) {
  std::string_view piece = tokenizer_->piece(id);
  if (tokenizer_->is_hidden(id)) return render_special_ ? piece : std::string_view();
  if (strip_space_ && piece.starts_with(' ')) piece.remove_prefix(1);
  strip_space_ = false;
  return piece;
}

std::string clean_up_spaces(std::string_view text) {
  struct Change {
    std::string_view from;
    std::string_view to;
  };
  static constexpr std::array kChanges = std::to_array<Change>({{" .", "."},
                                                                {" ?", "?"},
                                                                {" !", "!"},
                                                                {" ,", ","},
                                                                {" ' ", "'"},
                                                                {" n't", "n't"},
                                                                {" 'm", "'m"},
                                                                {" 's", "'s"},
                                                                {" 've", "'ve"},
                                                                {" 're", "'re"}});
  std::string out(text);
  for (const auto [from, to] : kChanges) {
    std::string next;
    size_t at = 0;
    for (size_t hit; (hit = out.find(from, at)) != out.npos; at = hit + from.size()) {
      next.append(out, at, hit - at);
      next += to;
    }
    next.append(out, at);
    out = std::move(next);
  }
  return out;
}

}  // namespace hearth::text
