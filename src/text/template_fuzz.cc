// Fuzz target: any bytes as a template, parsed and rendered with small limits.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "text/template.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace hearth::text;
  const std::string_view source(reinterpret_cast<const char*>(data), size);
  const auto parsed = ChatTemplate::parse(source);
  if (!parsed) return 0;
  ChatOptions options{
      .bos_token = "<s>",
      .eos_token = "</s>",
      .enable_thinking = true,
      .tools = *template_value_from_json(R"([{"type": "function", "function": {"name": "f"}}])"),
      .now = CivilTime{2026, 7, 26, 12, 0, 0},
      .limits = {.max_steps = 20'000, .max_depth = 100, .max_output_bytes = 20'000}};
  const auto rendered =
      parsed->render_chat({{.role = "system", .content = Value::user_text("be é brief")},
                           {.role = "user", .content = Value::user_text("a b\nc")},
                           {.role = "assistant", .content = nullptr}},
                          options);
  if (!rendered) return 0;
  size_t total = 0;
  for (const RenderedSegment& s : rendered->segments) total += s.text.size();
  if (total != rendered->text.size()) __builtin_trap();
  return 0;
}
