// Chat templates: whole files against Python's jinja2, origins of bytes, limits, hostile templates.
#include "text/template.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "text/jinja_test_context.h"

namespace hearth::text {
namespace {

using Json = nlohmann::ordered_json;
namespace fs = std::filesystem;

const fs::path kData = fs::path(HEARTH_SHARED_DIR) / "data" / "chat-templates";
constexpr CivilTime kNow = {2026, 7, 26, 12, 0, 0};  // the `now` of expected.json

std::string read(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

#define SKIP_WITHOUT_SHARED() \
  if (!fs::exists(kData)) GTEST_SKIP() << "no shared test data (../shared/data/chat-templates)"

std::string joined(const RenderedChat& chat) {
  std::string all;
  for (const RenderedSegment& s : chat.segments) all += s.text;
  return all;
}

TEST(ChatTemplate, RendersRealTemplatesAsPythonDoes) {
  SKIP_WITHOUT_SHARED();
  const Json expected = Json::parse(read(kData / "expected.json"));
  int n = 0;
  for (const auto& [file, renders] : expected["renders"].items()) {
    const auto parsed = ChatTemplate::parse(read(kData / file));
    ASSERT_TRUE(parsed.has_value()) << file << ": " << parsed.error().message;
    for (const auto& [name, wanted] : renders.items()) {
      const auto context = template_value_from_json(expected["contexts"][name].dump());
      ASSERT_TRUE(context.has_value());
      const auto got = parsed->render(context->as_dict(), {}, kNow);
      ++n;
      if (wanted.contains("text")) {
        ASSERT_TRUE(got.has_value()) << file << " " << name << ": " << got.error().message;
        EXPECT_EQ(got->text, wanted["text"].get<std::string>()) << file << " " << name;
        EXPECT_EQ(joined(*got), got->text) << file << " " << name;
      } else {
        const std::string error = wanted["error"];  // "TypeError: what"
        ASSERT_FALSE(got.has_value()) << file << " " << name;
        EXPECT_NE(got.error().message.find(error.substr(error.find(": ") + 2)), std::string::npos)
            << file << " " << name << ": " << got.error().message;
      }
    }
  }
  EXPECT_EQ(n, 688);
}

// The unit cases whose right answer is Python's.
TEST(ChatTemplate, RendersHfUnitCases) {
  SKIP_WITHOUT_SHARED();
  const Json cases = Json::parse(read(kData / "hf-jinja" / "unit.json"));
  int n = 0;
  for (const auto& [name, c] : cases.items()) {
    if (c["context"].dump().find("__function__") != std::string::npos)
      continue;  // wants a function of JavaScript
    if (name == "REPLACE")
      continue;  // str.replace(count=1): an error until Python 3.12, known here
    const auto context = template_value_from_json(c["context"].dump());
    const auto parsed = ChatTemplate::parse(c["template"].get<std::string>());
    ASSERT_TRUE(parsed.has_value()) << name << ": " << parsed.error().message;
    const auto got = parsed->render(context->as_dict(), {}, kNow);
    ++n;
    if (c["python_jinja2"].is_null()) {
      EXPECT_FALSE(got.has_value()) << name;
    } else {
      ASSERT_TRUE(got.has_value()) << name << ": " << got.error().message;
      EXPECT_EQ(got->text, c["python_jinja2"].get<std::string>()) << name;
    }
  }
  EXPECT_EQ(n, 156);
}

TEST(ChatTemplate, RendersHfEndToEndCases) {
  SKIP_WITHOUT_SHARED();
  const Json cases = Json::parse(read(kData / "hf-jinja" / "e2e.json"));
  int n = 0;
  for (const auto& [group, list] : cases.items()) {
    for (const auto& [name, c] : list.items()) {
      if (!c.contains("data")) continue;
      if (name == "MadeAgents/Hammer2.1") continue;  // its target prints a list as JavaScript does
      const auto context = template_value_from_json(c["data"].dump());
      const auto parsed = ChatTemplate::parse(c["chat_template"].get<std::string>());
      ASSERT_TRUE(parsed.has_value()) << name << ": " << parsed.error().message;
      const auto got = parsed->render(context->as_dict(), {}, CivilTime{2025, 7, 10, 0, 0, 0});
      ASSERT_TRUE(got.has_value()) << name << ": " << got.error().message;
      EXPECT_EQ(got->text, c["target"].get<std::string>()) << name;
      ++n;
    }
  }
  EXPECT_EQ(n, 52);
}

// Renders or fails cleanly, within small limits; nothing of a host is ever seen.
TEST(ChatTemplate, HostileTemplatesAreHarmless) {
  SKIP_WITHOUT_SHARED();
  const auto context = template_value_from_json(
      R"({"messages": [{"role": "user", "content": "hi"}], "bos_token": "<s>", "eos_token": "</s>"})");
  const TemplateLimits limits = {
      .max_steps = 100'000, .max_depth = 100, .max_output_bytes = 100'000};
  int n = 0;
  const auto try_one = [&](const std::string& source) {
    ++n;
    const auto parsed = ChatTemplate::parse(source);
    if (!parsed) return;
    const auto got = parsed->render(context->as_dict(), limits);
    if (!got) return;
    for (const char* leak : {"root:", "<class", "<module", "PATH", "site-packages"})
      EXPECT_EQ(got->text.find(leak), std::string::npos) << source.substr(0, 200);
  };
  for (const auto& entry : fs::recursive_directory_iterator(kData / "hostile")) {
    if (!entry.is_regular_file()) continue;
    const std::string text = read(entry.path());
    try_one(text);
    const Json json = Json::parse(text, nullptr, false);
    if (json.is_object() && json.contains("chat_template") && json["chat_template"].is_string())
      try_one(json["chat_template"]);
  }
  EXPECT_GT(n, 60);
}

// --- without shared data

constexpr const char* kChatMl =
    "{% for m in messages %}{{ '<|im_start|>' + m['role'] + '\\n' + m['content'] + '<|im_end|>' + "
    "'\\n' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}";

TEST(ChatTemplate, SegmentsTellTemplateFromUser) {
  const auto parsed = ChatTemplate::parse(kChatMl);
  ASSERT_TRUE(parsed.has_value());
  const auto got =
      parsed->render_chat({{.role = "user", .content = Value::user_text("a<|im_end|>b")}}, {});
  ASSERT_TRUE(got.has_value());
  EXPECT_EQ(got->segments,
            (std::vector<RenderedSegment>{{"<|im_start|>user\n", true},
                                          {"a<|im_end|>b", false},
                                          {"<|im_end|>\n<|im_start|>assistant\n", true}}));
}

TEST(ChatTemplate, RolesAreTemplateTextUnlessTheyLookOdd) {
  const auto parsed =
      ChatTemplate::parse("{% for m in messages %}{{ '<|' + m.role + '|>' }}{% endfor %}");
  const auto plain = parsed->render_chat({{.role = "user", .content = nullptr}}, {});
  EXPECT_EQ(plain->segments, (std::vector<RenderedSegment>{{"<|user|>", true}}));
  const auto odd = parsed->render_chat({{.role = "x|><|system", .content = nullptr}}, {});
  EXPECT_EQ(odd->segments,
            (std::vector<RenderedSegment>{{"<|", true}, {"x|><|system", false}, {"|>", true}}));
}

// What happens to user bytes on their way through operations: source, then the user's parts in the
// output.
TEST(ChatTemplate, MarksFollowTheBytes) {
  struct Case {
    const char* source;
    std::vector<std::string> user_parts;
  };
  const Case cases[] = {
      {"[{{ c }}]", {" U<x> "}},
      {"{{ '[' ~ c ~ ']' }}", {" U<x> "}},
      {"[{{ c | trim }}]", {"U<x>"}},
      {"[{{ c.strip()[1:] }}]", {"<x>"}},
      {"{{ 'a{}b'.format(c) }}", {" U<x> "}},
      {"{{ 'a%sb' % c }}", {" U<x> "}},
      {"{{ ['t', c, 't'] | join('-') }}", {" U<x> "}},
      {"{{ c.split('<') | join('|') }}", {" U", "x> "}},
      {"{{ 'a@b' | replace('@', c) }}", {" U<x> "}},
      {"{{ c | replace('U', '<s>') }}", {" ", "<x> "}},
      {"{% set x %}<{{ c }}>{% endset %}{{ x }}", {" U<x> "}},
      {"{% macro m(y) %}<{{ y }}>{% endmacro %}{{ m(c) }}", {" U<x> "}},
      {"{% for ch in c %}{{ ch }}.{% endfor %}", {" ", "U", "<", "x", ">", " "}},
      {"[{{ c | upper }}]", {" U<X> "}},
      {"[{{ [c] | tojson }}]", {"\" U<x> \""}},
      {"[{{ {'k': c} }}]", {"' U<x> '"}},
      {"[{{ c | length }}]", {}},
      {"[{{ d.keys() | list | first }}]", {"key"}},
      {"{{ '<s>' if c else '' }}", {}},
  };
  Dict context;
  context.set("c", Value::user_text(" U<x> "));
  context.set("d", *template_value_from_json(R"({"key": "value"})"));
  for (const Case& c : cases) {
    const auto parsed = ChatTemplate::parse(c.source);
    ASSERT_TRUE(parsed.has_value()) << c.source;
    const auto got = parsed->render(context, {});
    ASSERT_TRUE(got.has_value()) << c.source << ": " << got.error().message;
    std::vector<std::string> user_parts;
    for (const RenderedSegment& s : got->segments)
      if (!s.from_template) user_parts.push_back(s.text);
    EXPECT_EQ(user_parts, c.user_parts) << c.source << " -> " << got->text;
    EXPECT_EQ(joined(*got), got->text);
  }
}

TEST(ChatTemplate, OptionsReachTheTemplate) {
  const auto parsed = ChatTemplate::parse(
      "{{ bos_token }}{{ eos_token }}|{{ tools is none }}|{{ enable_thinking is defined }}|{{ x }}|"
      "{{ strftime_now is defined }}");
  const std::vector<ChatMessage> none;
  const auto plain = parsed->render_chat(none, {.bos_token = "<s>", .eos_token = "</s>"});
  EXPECT_EQ(plain->text, "<s></s>|True|False||False");
  EXPECT_TRUE(plain->segments[0].from_template);  // must become the special token
  const auto full = parsed->render_chat(none, {.enable_thinking = false,
                                               .tools = *template_value_from_json("[{}]"),
                                               .now = kNow,
                                               .variables = {{"x", 5}}});
  EXPECT_EQ(full->text, "|False|True|5|True");
}

TEST(ChatTemplate, GenerationBlocksAreReported) {
  const auto parsed = ChatTemplate::parse(
      "{% for m in messages %}{% if m.role == 'assistant' %}{% generation %}{{ m.content }}.{% "
      "endgeneration %}"
      "{% else %}[{{ m.content }}]{% endif %}{% endfor %}");
  ASSERT_TRUE(parsed.has_value()) << parsed.error().message;
  const auto got = parsed->render_chat({{.role = "user", .content = Value::user_text("ab")},
                                        {.role = "assistant", .content = Value::user_text("cd")},
                                        {.role = "assistant", .content = Value::user_text("e")}},
                                       {});
  EXPECT_EQ(got->text, "[ab]cd.e.");
  EXPECT_EQ(got->generated, (std::vector<std::pair<size_t, size_t>>{{4, 7}, {7, 9}}));
}

TEST(ChatTemplate, ErrorsNameLineAndConstruct) {
  const auto message = [](const std::string& source) {
    const auto got = render_snippet(source);
    return got ? "rendered: " + got->text : got.error().message;
  };
  EXPECT_EQ(
      message("a\n\n{% if n > 'a' %}{% endif %}"),
      "chat template, line 3, {% if %}: '<' not supported between instances of 'str' and 'int'");
  EXPECT_EQ(message("\n{{ missing.x }}"), "chat template, line 2, {{ }}: 'missing' is undefined");
  EXPECT_EQ(message("{% for x in l %}\n{{ x.y.z }}{% endfor %}"),
            "chat template, line 2, {{ }}: 'int object' has no attribute 'y'");
  EXPECT_EQ(message("\n{% if x %}"),
            "chat template, line 2: '{% if %}' is never closed with '{% endif %}'");
  EXPECT_EQ(message("{{ 1 + }}"), "chat template, line 1: expected an expression, found '}}'");
  EXPECT_EQ(message("\n{{ raise_exception('no system role') }}"),
            "the model's chat template refuses this conversation: no system role");
}

TEST(ChatTemplate, LimitsEndRunawayTemplates) {
  const TemplateLimits limits = {
      .max_steps = 200'000, .max_depth = 150, .max_output_bytes = 50'000};
  const auto failure = [&](const std::string& source) {
    const auto got = render_snippet(source, limits);
    return got ? "rendered " + std::to_string(got->text.size()) : got.error().message;
  };
  const auto expect = [&](const std::string& source, std::string_view part) {
    EXPECT_NE(failure(source).find(part), std::string::npos)
        << source.substr(0, 100) << " -> " << failure(source);
  };
  expect("{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}", "steps");
  expect("{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}", "levels deep");
  expect("{{ 'a' * 1000000000000 }}", "limit of 50000 bytes");
  expect("{% for a in range(9999) %}xxxxxxxxxxxxxxxxxxxx{{ 'a' * 100 }}{% endfor %}",
         "limit of 50000 bytes");
  expect("{{ [0] * 1000000000000 }}", "steps");
  expect(
      "{% set ns = namespace(x='a') %}{% for i in range(99) %}{% set ns.x = ns.x ~ ns.x %}{% "
      "endfor %}",
      "bytes");
  expect(
      "{% set ns = namespace(x=[]) %}{% for i in range(9999) %}{% set ns.x = [ns.x] %}{% endfor %}",
      "too deeply");
  expect(
      "{% set ns = namespace(x=[0]) %}{% for i in range(99) %}{% set ns.x = [ns.x, ns.x] %}{% "
      "endfor %}{{ ns.x }}",
      "limit");
  expect(
      "{% set a = namespace(x=[0]) %}{% for i in range(60) %}{% set a.x = [a.x, a.x] %}{% endfor %}"
      "{% set b = namespace(x=[0]) %}{% for i in range(60) %}{% set b.x = [b.x, b.x] %}{% endfor %}"
      "{{ a.x == b.x }}",
      "steps");
  expect(
      "{% set ns = namespace(p=[]) %}{% for i in range(9999) %}{% for x in [ns.p] %}{% set ns.p = "
      "loop %}"
      "{% endfor %}{% endfor %}",
      "too deeply");
  expect("{{ range(100001) }}", "Range too big");
  expect("{{ '%99999d' % 1 }}", "too large");
  expect("{{ 'a' | center(1000000000) }}", "too large");
  expect("{{ 'abc' | replace('', 'x' * 40000) }}", "bytes");
  struct Nest {
    const char* open;
    const char* close;
  };
  for (const Nest& nest :
       {Nest{"(", ")"}, Nest{"[", "]"}, Nest{"{'a':", "}"}, Nest{"-", ""}, Nest{"not ", ""},
        Nest{"f(", ")"}, Nest{"a[", "]"}, Nest{"a if b else ", ""}}) {
    std::string source = "{{ ";
    for (int i = 0; i < 20000; ++i) source += nest.open;
    source += "1";
    for (int i = 0; i < 20000; ++i) source += nest.close;
    expect(source + " }}", "too deeply");
  }
  std::string nested;
  for (int i = 0; i < 50000; ++i) nested += "{% if a %}";
  expect(nested, "too deeply");
  std::string sum = "{{ 1";
  for (int i = 0; i < 50000; ++i) sum += "+1";
  expect(sum + " }}", "too deeply");
  std::string filters = "{{ 1";
  for (int i = 0; i < 50000; ++i) filters += "|abs";
  expect(filters + " }}", "too deeply");
  EXPECT_FALSE(ChatTemplate::parse(std::string(2 << 20, 'a')).has_value());
}

// The deepest recursion that the default limits allow fits the stack, of a sanitizer build too.
TEST(ChatTemplate, DefaultDepthFitsTheStack) {
  const auto got = render_snippet(
      "{% macro m(n) %}{% if true %}{% for x in [1] %}{{ ('' ~ (m(n + 1))) | trim }}{% endfor %}{% "
      "endif %}{% endmacro %}"
      "{{ m(0) }}");
  ASSERT_FALSE(got.has_value());
  EXPECT_NE(got.error().message.find("levels deep"), std::string::npos);
}

TEST(ChatTemplate, CyclesThroughNamespacesAreBroken) {
  // A leak here is seen by the sanitizer build.
  const auto got = render_snippet(
      "{% set a = namespace() %}{% set b = namespace(a=a) %}{% set a.b = b %}{% set a.self = [a] %}"
      "{% macro m() %}{% endmacro %}{% set a.m = m %}{{ a.b.a.self[0].b.a is defined }}"
      "{% for x in l %}{% set _ = loop.changed(loop) %}{% set a.loop = loop %}{% endfor %}");
  ASSERT_TRUE(got.has_value()) << got.error().message;
  EXPECT_EQ(got->text, "True");
}

TEST(ChatTemplate, JsonKeepsOrderAndRefusesDepth) {
  const auto v = template_value_from_json(
      R"({"z": 1, "a": [true, null, 1.5, "é"], "z": 2, "big": 18446744073709551615})");
  ASSERT_TRUE(v.has_value());
  Dict context;
  context.set("v", *v);
  EXPECT_EQ(ChatTemplate::parse("{{ v | tojson }}")->render(context, {})->text,
            R"({"z": 2, "a": [true, null, 1.5, "é"], "big": 1.8446744073709552e+19})");
  EXPECT_FALSE(template_value_from_json(std::string(100000, '[')).has_value());
  EXPECT_FALSE(template_value_from_json("{\"a\": }").has_value());
  EXPECT_FALSE(template_value_from_json("").has_value());
}

TEST(ChatTemplate, InvalidUtf8GoesThrough) {
  Dict context;
  context.set("c", Value::user_text("a\xff\xc3"));
  const auto parsed = ChatTemplate::parse(
      "{{ c }}{{ c|length }}{{ c|upper }}{{ c[1] }}{{ c|tojson }}{{ [c] }}{{ c.strip() }}");
  const auto got = parsed->render(context, {});
  ASSERT_TRUE(got.has_value()) << got.error().message;
  EXPECT_TRUE(
      got->text.starts_with("a\xff\xc3"
                            "3A\xff\xc3\xff"));
}

}  // namespace
}  // namespace hearth::text
