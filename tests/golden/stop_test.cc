// Ends of generation of real vocabularies, and that no real template on any of them begins a prompt
// with two BOS tokens or loses the one that there must be.
#include <set>

#include "format/model_file.h"
#include "golden.h"
#include "model/vocab_loader.h"
#include "text/reply/reply_format.h"
#include "text/tokenizer.h"

namespace hearth::golden {
namespace {

using text::Tokenizer;

const fs::path kVocabs = kData / "tokenizers/ggml-vocab";
const fs::path kTemplates = kData / "chat-templates";

#define SKIP_WITHOUT_DATA()                            \
  if (!fs::exists(kVocabs) || !fs::exists(kTemplates)) \
  GTEST_SKIP() << "no shared test data: " << kVocabs << ", " << kTemplates

struct RealVocab {
  const char* file;
  std::set<std::string> ends;
  bool adds_bos;
};

// The three of gguf-made declare as their eos what is written here, and hold no more special
// tokens.
const std::vector<RealVocab>& real_vocabs() {
  static const std::vector<RealVocab> kAll = {
      {"gguf/ggml-vocab-bert-bge", {"[PAD]"}, true},
      {"gguf/ggml-vocab-deepseek-coder", {"<｜end▁of▁sentence｜>", "<|EOT|>"}, true},
      {"gguf/ggml-vocab-deepseek-llm", {"<｜end▁of▁sentence｜>"}, true},
      {"gguf/ggml-vocab-falcon", {"<|endoftext|>"}, false},
      {"gguf/ggml-vocab-gpt-2", {"<|endoftext|>"}, false},
      {"gguf/ggml-vocab-llama-spm", {"</s>"}, true},
      {"gguf/ggml-vocab-mpt", {"<|endoftext|>"}, false},
      {"gguf/ggml-vocab-phi-3", {"</s>", "<|endoftext|>", "<|end|>"}, true},
      {"gguf/ggml-vocab-refact", {"<|endoftext|>", "<fim_pad>", "<reponame>"}, false},
      {"gguf/ggml-vocab-starcoder",
       {"<|endoftext|>", "<fim_pad>", "<repo_name>", "<file_sep>"},
       false},
      {"gguf-made/ggml-vocab-gpt-4o", {"<|endoftext|>"}, false},
      {"gguf-made/ggml-vocab-llama-bpe", {"<|end_of_text|>"}, true},
      {"gguf-made/ggml-vocab-qwen2", {"<|endoftext|>", "<|im_start|>", "<|im_end|>"}, false},
  };
  return kAll;
}

std::unique_ptr<Tokenizer> open_vocab(const std::string& name) {
  const auto file = format::ModelFile::open((kVocabs / (name + ".gguf")).string());
  EXPECT_TRUE(file.has_value()) << name;
  if (!file) return nullptr;
  auto tokenizer = model::load_tokenizer(file->metadata());
  EXPECT_TRUE(tokenizer.has_value()) << name;
  return tokenizer ? std::move(*tokenizer) : nullptr;
}

TEST(Stop, EndsOfRealVocabularies) {
  SKIP_WITHOUT_DATA();
  for (const RealVocab& vocab : real_vocabs()) {
    const auto tokenizer = open_vocab(vocab.file);
    ASSERT_NE(tokenizer, nullptr);
    std::set<std::string> ends;
    for (const int32_t id : tokenizer->eog_ids()) ends.emplace(tokenizer->vocab().text(id));
    EXPECT_EQ(ends, vocab.ends) << vocab.file;
    EXPECT_EQ(tokenizer->adds_bos(), vocab.adds_bos) << vocab.file;
  }
}

std::vector<int32_t> ids_of(const text::RenderedChat& chat, const Tokenizer& tokenizer) {
  std::vector<text::Segment> segments;
  for (const text::RenderedSegment& part : chat.segments)
    segments.push_back({part.text, part.from_template});
  const auto ids = tokenizer.encode_segments(
      segments, {.add_special = true, .no_double_special = true, .add_end = false});
  EXPECT_TRUE(ids.has_value());
  return ids.value_or(std::vector<int32_t>());
}

// How many BOS tokens the prompt of `chat_template` begins with, and what must be; nothing where
// the template refuses the question.
void check_begin(const text::ChatTemplate& chat_template, const Tokenizer& tokenizer,
                 const std::string& name, int& n_checked) {
  const std::string bos(tokenizer.piece(tokenizer.bos()));
  const text::ChatOptions options = {.bos_token = bos,
                                     .eos_token = std::string(tokenizer.piece(tokenizer.eos())),
                                     .now = text::CivilTime{2026, 7, 26, 12, 0, 0}};
  const auto chat = chat_template.render_chat(
      {{.role = "user", .content = text::Value::user_text("Good day!")}}, options);
  if (!chat || bos.empty()) return;
  const std::vector<int32_t> ids = ids_of(*chat, tokenizer);
  ASSERT_FALSE(ids.empty()) << name;
  const auto first_other =
      std::find_if(ids.begin(), ids.end(), [&](int32_t id) { return id != tokenizer.bos(); });
  const bool written = chat->text.starts_with(bos);
  const int wanted = tokenizer.adds_bos() || written ? 1 : 0;
  EXPECT_EQ(first_other - ids.begin(), wanted) << name;
  ++n_checked;
}

TEST(Stop, OneBosWithEveryTemplateOnEveryVocabulary) {
  SKIP_WITHOUT_DATA();
  std::map<std::string, text::ChatTemplate> templates;
  for (const char* folder : {"chujiezheng", "llama.cpp"})
    for (const auto& entry : fs::directory_iterator(kTemplates / folder)) {
      auto parsed = text::ChatTemplate::parse(read_file(entry.path()));
      ASSERT_TRUE(parsed.has_value()) << entry.path();
      templates.emplace(entry.path().stem().string(), std::move(*parsed));
    }
  int n_checked = 0;
  for (const RealVocab& vocab : real_vocabs()) {
    const auto tokenizer = open_vocab(vocab.file);
    ASSERT_NE(tokenizer, nullptr);
    for (const auto& [name, parsed] : templates)
      check_begin(parsed, *tokenizer, name + " on " + vocab.file, n_checked);
  }
  // Two templates refuse so plain a conversation or want variables that nobody gives.
  EXPECT_GE(n_checked, int(templates.size() - 2) * 12);
}

// The template's end of turn is among the ends, where the vocabulary has it.
TEST(Stop, TemplatesOfTheVocabularysOwnModels) {
  SKIP_WITHOUT_DATA();
  constexpr std::array<std::array<const char*, 3>, 8> kPairs = {{
      {"gguf/ggml-vocab-phi-3", "chujiezheng/phi-3", "<|end|>"},
      {"gguf/ggml-vocab-phi-3", "llama.cpp/microsoft-Phi-3.5-mini-instruct", "<|end|>"},
      {"gguf-made/ggml-vocab-qwen2", "llama.cpp/Qwen-Qwen2.5-7B-Instruct", "<|im_end|>"},
      {"gguf-made/ggml-vocab-qwen2", "llama.cpp/Qwen-Qwen3-0.6B", "<|im_end|>"},
      {"gguf/ggml-vocab-llama-spm", "chujiezheng/llama-2-chat", "</s>"},
      {"gguf/ggml-vocab-llama-spm", "chujiezheng/mistral-instruct", "</s>"},
      {"gguf/ggml-vocab-llama-spm", "chujiezheng/zephyr", "</s>"},
      {"gguf/ggml-vocab-deepseek-llm", "llama.cpp/deepseek-ai-DeepSeek-V3.1",
       "<｜end▁of▁sentence｜>"},
  }};
  for (const auto& [vocab, name, end] : kPairs) {
    const auto tokenizer = open_vocab(vocab);
    ASSERT_NE(tokenizer, nullptr);
    const auto parsed =
        text::ChatTemplate::parse(read_file(kTemplates / (std::string(name) + ".jinja")));
    ASSERT_TRUE(parsed.has_value()) << name;
    const text::ReplyFormat format = text::detect_reply_format(*parsed);
    const std::vector<int32_t> ends = text::end_tokens(&format, *tokenizer);
    const int32_t id = tokenizer->find(end);
    EXPECT_GE(id, 0) << vocab;
    EXPECT_TRUE(std::ranges::binary_search(ends, id)) << name << " on " << vocab;
  }
}

}  // namespace
}  // namespace hearth::golden
