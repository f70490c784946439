#include "text/named_templates.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>

#include "text/reply/reply_format.h"
#include "text/template.h"

namespace hearth::text {
namespace {

const std::filesystem::path kData =
    std::filesystem::path(HEARTH_SHARED_DIR) / "data" / "chat-templates";

std::string read(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

std::string rendered(const std::string& source, bool with_system, const char* bos = "<s>") {
  const auto parsed = ChatTemplate::parse(source);
  if (!parsed) return parsed.error().message;
  std::vector<ChatMessage> messages = {{.role = "system", .content = Value::user_text("S.")},
                                       {.role = "user", .content = Value::user_text("Q1")},
                                       {.role = "assistant", .content = Value::user_text("A1")},
                                       {.role = "user", .content = Value::user_text("Q2")}};
  if (!with_system) messages.erase(messages.begin());
  const auto chat = parsed->render_chat(messages, {.bos_token = bos, .eos_token = "</s>"});
  return chat ? chat->text : chat.error().message;
}

// Those of chujiezheng are laid out for people; their note says to take out these spaces.
std::string compact(std::string source) {
  for (const char* word : {"    ", "\n"})
    for (size_t at = source.find(word); at != std::string::npos; at = source.find(word, at))
      source.erase(at, std::string_view(word).size());
  return source;
}

TEST(NamedTemplates, WriteWhatTheModelsOwnDo) {
  if (!std::filesystem::exists(kData))
    GTEST_SKIP() << "no shared test data (../shared/data/chat-templates)";
  struct Pair {
    const char* name;
    const char* file;
    bool system = true;  // a system message is written the same way, too
    const char* bos = "<s>";
  };
  constexpr Pair kPairs[] = {
      {"chatml", "chujiezheng/chatml", true, ""},
      {"llama2", "chujiezheng/llama-2-chat"},
      {"llama3", "chujiezheng/llama-3-instruct"},
      {"gemma", "chujiezheng/gemma-it", true, ""},
      {"gemma", "llama.cpp/google-gemma-2-2b-it", false},
      {"zephyr", "chujiezheng/zephyr"},
      {"phi3", "chujiezheng/phi-3"},
      {"phi3", "llama.cpp/microsoft-Phi-3.5-mini-instruct"},
      {"mistral-v1", "chujiezheng/mistral-instruct", false},
      {"mistral-v3", "llama.cpp/mistralai-Mistral-Nemo-Instruct-2407", false},
      {"mistral-v7", "llama.cpp/unsloth-mistral-Devstral-Small-2507"},
      {"vicuna", "chujiezheng/vicuna"},
      {"alpaca", "chujiezheng/alpaca", true, ""},
      {"openchat", "chujiezheng/openchat-3.5"},
      {"solar", "chujiezheng/solar-instruct", true, ""},
      {"granite", "chujiezheng/granite-3.0-instruct"},
      {"rwkv", "llama.cpp/llama-cpp-rwkv-world", true, ""},
  };
  for (const Pair& pair : kPairs) {
    const NamedTemplate* const named = find_named_template(pair.name);
    ASSERT_NE(named, nullptr) << pair.name;
    std::string own = read(kData / (std::string(pair.file) + ".jinja"));
    if (std::string_view(pair.file).starts_with("chuji") &&
        std::string_view(pair.name) != "granite")
      own = compact(own);
    // Devstral's own template writes a system message where there is none.
    for (const bool with_system : {true, false})
      if (with_system ? pair.system : std::string_view(pair.name) != "mistral-v7") {
        EXPECT_EQ(rendered(std::string(named->source), with_system, pair.bos),
                  rendered(own, with_system, pair.bos))
            << pair.file;
      }
  }
}

TEST(NamedTemplates, AllHaveAPlaceForASystemMessageAndNamesOfTheirOwn) {
  std::set<std::string_view> names;
  for (const NamedTemplate& named : named_templates()) {
    EXPECT_TRUE(names.insert(named.name).second) << named.name;
    const auto parsed = ChatTemplate::parse(named.source);
    ASSERT_TRUE(parsed.has_value()) << named.name << parsed.error().message;
    EXPECT_TRUE(detect_reply_format(*parsed).knows_system) << named.name;
  }
  EXPECT_EQ(find_named_template("nonsense"), nullptr);
  EXPECT_TRUE(named_template_list().starts_with("chatml, llama2"));
}

// Each cure makes a real template do what it failed at.
TEST(TemplateCures, MendRealTemplates) {
  if (!std::filesystem::exists(kData))
    GTEST_SKIP() << "no shared test data (../shared/data/chat-templates)";
  const auto renders = [](const std::string& source) {
    const auto parsed = ChatTemplate::parse(source);
    const ReplyFormat format = detect_reply_format(*parsed);
    return format.template_shows_tools && format.template_shows_calls;
  };
  size_t cures = 0;
  for (const char* name : {"Kimi-K2-Instruct", "Kimi-K2-Thinking",
                           "fireworks-ai-llama-3-firefunction-v2", "llama-cpp-deepseek-r1"}) {
    const std::string source = read(kData / "llama.cpp" / (std::string(name) + ".jinja"));
    const CuredTemplate cured = cure_template(source);
    EXPECT_FALSE(renders(source)) << name;
    EXPECT_TRUE(renders(cured.source)) << name;
    EXPECT_FALSE(cured.notes.empty()) << name;
    cures += cured.notes.size();
  }
  EXPECT_EQ(cures, 1 + template_cures().size());  // two files need the first
  const std::string healthy = read(kData / "llama.cpp" / "Qwen-Qwen3-0.6B.jinja");
  EXPECT_EQ(cure_template(healthy).source, healthy);
}

}  // namespace
}  // namespace hearth::text
