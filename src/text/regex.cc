#include "text/regex.h"

#include <fmt/format.h>

#include <array>

#include "text/utf8.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

namespace hearth::text {

struct Regex::Code {
  pcre2_code* code = nullptr;
  pcre2_match_context* context = nullptr;
};

void Regex::CodeDeleter::operator()(Code* code) const {
  pcre2_match_context_free(code->context);
  pcre2_code_free(code->code);
  delete code;
}

namespace {

// PCRE2's own \s has U+180E, which has not been White_Space since Unicode 6.3.
constexpr std::string_view kSpaceClass =
    R"(\x09-\x0D\x20\x85\xA0\x{1680}\x{2000}-\x{200A}\x{2028}\x{2029}\x{202F}\x{205F}\x{3000})";

// Steps of the matcher for one match: far above what any pattern here needs on any text, as all of
// them are linear.
constexpr uint32_t kMatchLimit = 1u << 30;
constexpr uint32_t kHeapLimitKib = 1u << 20;

std::string with_unicode_spaces(std::string_view pattern) {
  std::string out;
  bool in_class = false;
  for (size_t i = 0; i < pattern.size(); ++i) {
    if (pattern[i] == '\\' && i + 1 < pattern.size()) {
      const char kind = pattern[++i];
      if (kind == 's') {
        out += in_class ? std::string(kSpaceClass) : fmt::format("[{}]", kSpaceClass);
      } else if (kind == 'S' && !in_class) {
        out += fmt::format("[^{}]", kSpaceClass);
      } else {
        out += {'\\', kind};
      }
      continue;
    }
    if (pattern[i] == '[') in_class = true;
    if (pattern[i] == ']') in_class = false;
    out += pattern[i];
  }
  return out;
}

std::string pcre2_message(int code) {
  std::array<PCRE2_UCHAR, 160> text{};
  pcre2_get_error_message(code, text.data(), text.size());
  return reinterpret_cast<const char*>(text.data());
}

}  // namespace

Result<Regex> Regex::compile(std::string_view pattern) {
  const std::string full = with_unicode_spaces(pattern);
  int code = 0;
  PCRE2_SIZE offset = 0;
  std::unique_ptr<Regex::Code, CodeDeleter> compiled(new Code);
  compiled->code = pcre2_compile(reinterpret_cast<PCRE2_SPTR>(full.data()), full.size(),
                                 PCRE2_UTF | PCRE2_UCP, &code, &offset, nullptr);
  if (compiled->code == nullptr)
    return fail(ErrorCode::kInvalidArgument,
                fmt::format("the expression \"{}\" is not valid at byte {}: {}", full, offset,
                            pcre2_message(code)));
  // Without JIT (a hardened kernel may refuse it) the same code is interpreted, only slower.
  (void)pcre2_jit_compile(compiled->code, PCRE2_JIT_COMPLETE);
  compiled->context = pcre2_match_context_create(nullptr);
  if (compiled->context == nullptr)
    return fail(ErrorCode::kOutOfMemory, "no memory for a regular expression");
  pcre2_set_match_limit(compiled->context, kMatchLimit);
  pcre2_set_heap_limit(compiled->context, kHeapLimitKib);
  return Regex(std::move(compiled));
}

Result<std::optional<Regex::Match>> Regex::find(std::string_view subject, size_t from) const {
  const std::unique_ptr<pcre2_match_data, void (*)(pcre2_match_data*)> data(
      pcre2_match_data_create(1, nullptr), [](pcre2_match_data* d) { pcre2_match_data_free(d); });
  if (data == nullptr)
    return fail(ErrorCode::kOutOfMemory, "no memory for a regular expression's match");
  const int n = pcre2_match(code_->code, reinterpret_cast<PCRE2_SPTR>(subject.data()),
                            subject.size(), from, PCRE2_NO_UTF_CHECK, data.get(), code_->context);
  if (n == PCRE2_ERROR_NOMATCH) return std::optional<Match>();
  if (n < 0)
    return fail(ErrorCode::kUnsupported,
                fmt::format("the text cannot be tokenized: {}", pcre2_message(n)),
                "shorten the text or break its longest run of one kind of character");
  const PCRE2_SIZE* range = pcre2_get_ovector_pointer(data.get());
  return Match{range[0], range[1]};
}

std::string Regex::searchable(std::string_view text) {
  std::string out(text);
  for (size_t i = 0; i < out.size();) {
    const Utf8Step step = utf8_step(out.data() + i, out.data() + out.size());
    if (step.status == Utf8Status::kValid) {
      i += step.length;
    } else {
      out[i++] = '\x1A';
    }
  }
  return out;
}

}  // namespace hearth::text
