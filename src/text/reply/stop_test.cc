// Where generation ends and how a prompt begins, family by family: the set of end tokens from
// metadata, token text and template, and exactly one BOS, or none. Vocabularies are small: the
// special tokens of the family, with the types that its files give them, and all bytes.
#include <fmt/format.h>

#include <set>

#include "text/named_templates.h"
#include "text/reply/test_replies.h"
#include "text/toy_vocabs.h"

namespace hearth::text {
namespace {

using Texts = std::set<std::string>;

struct Family {
  const char* name;
  const char* model;   // tokenizer.ggml.model
  const char* pre;     // tokenizer.ggml.pre
  const char* tokens;  // "u:" before one that is user-defined, "n:" before ordinary text
  const char* bos;     // declared by the file, like the next two
  const char* eos;
  int add_bos;       // -1: the file does not say
  const char* ends;  // what must end generation
  bool begins_with_bos;
  const char* own = "";           // our named template
  const char* real = "";          // a template of shared/data
  const char* template_end = "";  // an end that only the real template tells
};

constexpr Family kFamilies[] = {
    {"Llama 2", "llama", "", "<unk> <s> </s>", "<s>", "</s>", -1, "</s>", true, "llama2",
     "chujiezheng/llama-2-chat"},
    {"CodeLlama", "llama", "", "<unk> <s> </s> u:▁<PRE> u:▁<MID> u:▁<SUF> u:▁<EOT>", "<s>", "</s>",
     1, "</s> ▁<EOT>", true, "llama2", "chujiezheng/llama-2-chat"},
    {"Llama 3", "gpt2", "llama-bpe",
     "<|begin_of_text|> <|end_of_text|> <|start_header_id|> <|end_header_id|> <|eom_id|> "
     "<|eot_id|> "
     "<|python_tag|>",
     "<|begin_of_text|>", "<|end_of_text|>", -1, "<|end_of_text|> <|eom_id|> <|eot_id|>", true,
     "llama3", "llama.cpp/meta-llama-Llama-3.1-8B-Instruct"},
    {"Llama 3, file that says BOS", "gpt2", "llama-bpe",
     "<|begin_of_text|> <|end_of_text|> <|start_header_id|> <|end_header_id|> <|eot_id|>",
     "<|begin_of_text|>", "<|eot_id|>", 1, "<|end_of_text|> <|eot_id|>", true, "llama3",
     "llama.cpp/meta-llama-Llama-3.3-70B-Instruct"},
    {"Llama 4", "gpt2", "llama4",
     "<|begin_of_text|> <|end_of_text|> <|header_start|> <|header_end|> <|eom|> <|eot|>",
     "<|begin_of_text|>", "<|eot|>", 1, "<|end_of_text|> <|eom|> <|eot|>", true, "llama4"},
    {"Mistral", "llama", "", "<unk> <s> </s> [INST] [/INST] [TOOL_CALLS]", "<s>", "</s>", 1, "</s>",
     true, "mistral-v3", "chujiezheng/mistral-instruct"},
    {"Mistral Nemo", "gpt2", "tekken", "<unk> <s> </s> [INST] [/INST] [TOOL_CALLS]", "<s>", "</s>",
     -1, "</s>", true, "mistral-v3", "llama.cpp/mistralai-Mistral-Nemo-Instruct-2407"},
    {"Qwen 2.5", "gpt2", "qwen2",
     "<|endoftext|> <|im_start|> <|im_end|> <|fim_prefix|> <|fim_middle|> <|fim_suffix|> "
     "<|fim_pad|> <|repo_name|> <|file_sep|> n:</s>",
     "<|endoftext|>", "<|im_end|>", 0,
     "<|endoftext|> <|im_end|> <|fim_pad|> <|repo_name|> <|file_sep|>", false, "chatml",
     "llama.cpp/Qwen-Qwen2.5-7B-Instruct"},
    {"Qwen 3, eos of the base model", "gpt2", "qwen2", "<|endoftext|> u:<|im_start|> u:<|im_end|>",
     "", "<|endoftext|>", 0, "<|endoftext|> <|im_end|>", false, "chatml",
     "llama.cpp/Qwen-Qwen3-0.6B"},
    {"Gemma 3", "llama", "", "<pad> <eos> <bos> <unk> <start_of_turn> <end_of_turn> u:<s> u:</s>",
     "<bos>", "<eos>", 1, "<eos> <end_of_turn>", true, "gemma", "llama.cpp/google-gemma-2-2b-it"},
    {"FunctionGemma", "llama", "",
     "<pad> <eos> <bos> <start_of_turn> <end_of_turn> <start_function_response> u:</s>", "<bos>",
     "<eos>", 1, "<eos> <end_of_turn> <start_function_response>", true, "gemma"},
    {"Gemma 4", "gemma4", "",
     "<pad> <eos> <bos> <|turn> <turn|> <|tool_response> <tool_response|> <|channel> <channel|> "
     "u:</s>",
     "<bos>", "<turn|>", 0, "<eos> <turn|> <|tool_response>", true, "",
     "llama.cpp/google-gemma-4-31B-it"},
    {"Phi 3", "llama", "",
     "<unk> <s> u:</s> <|endoftext|> <|assistant|> <|system|> <|end|> <|user|>", "<s>",
     "<|endoftext|>", 1, "</s> <|endoftext|> <|end|>", true, "phi3",
     "llama.cpp/microsoft-Phi-3.5-mini-instruct"},
    {"Phi 4", "gpt2", "dbrx", "<|endoftext|> <|fim_prefix|> <|im_start|> <|im_sep|> <|im_end|>",
     "<|endoftext|>", "<|endoftext|>", 0, "<|endoftext|> <|im_end|>", false, "phi4"},
    {"gpt-oss", "gpt2", "gpt-4o",
     "<|startoftext|> <|endoftext|> <|return|> <|constrain|> <|channel|> <|start|> <|end|> "
     "<|message|> <|call|>",
     "<|startoftext|>", "<|return|>", 0, "<|endoftext|> <|return|> <|call|>", false, "",
     "llama.cpp/openai-gpt-oss-120b"},
    {"Solar Open", "gpt2", "gpt-2",
     "<|startoftext|> <|endoftext|> <|begin|> <|end|> <|think|> <|content|> <|flush|> <|calls|>",
     "<|startoftext|>", "<|flush|>", 0, "<|endoftext|> <|flush|> <|calls|>", false, "",
     "llama.cpp/upstage-Solar-Open-100B"},
    {"DeepSeek V3.1", "gpt2", "deepseek-v3",
     "<｜begin▁of▁sentence｜> <｜end▁of▁sentence｜> <｜fim▁hole｜> <｜fim▁begin｜> <｜fim▁end｜> "
     "<｜User｜> <｜Assistant｜>",
     "<｜begin▁of▁sentence｜>", "<｜end▁of▁sentence｜>", 1, "<｜end▁of▁sentence｜>", true,
     "deepseek", "llama.cpp/deepseek-ai-DeepSeek-V3.1"},
    {"DeepSeek Coder 1", "gpt2", "deepseek-coder",
     "<｜begin▁of▁sentence｜> <｜end▁of▁sentence｜> <|EOT|>", "<｜begin▁of▁sentence｜>",
     "<｜end▁of▁sentence｜>", 1, "<｜end▁of▁sentence｜> <|EOT|>", true, "deepseek-coder"},
    {"GLM 4.5", "gpt2", "glm4",
     "<|endoftext|> [MASK] [gMASK] [sMASK] <sop> <eop> <|system|> <|user|> <|assistant|> "
     "<|observation|>",
     "", "<|endoftext|>", -1, "<|endoftext|> <|user|> <|observation|>", false, "glm4",
     "llama.cpp/GLM-4.6"},
    {"GLM 4, pre-tokenizer not said", "gpt2", "",
     "<|endoftext|> [gMASK] <sop> <|system|> u:<|user|> u:<|assistant|> u:<|observation|>", "",
     "<|endoftext|>", -1, "<|endoftext|> <|user|> <|observation|>", false, "glm4"},
    {"Granite 4", "gpt2", "dbrx",
     "<|end_of_text|> <fim_prefix> <fim_middle> <fim_suffix> <fim_pad> <|start_of_role|> "
     "<|end_of_role|>",
     "<|end_of_text|>", "<|end_of_text|>", 0, "<|end_of_text|> <fim_pad>", false, "granite",
     "llama.cpp/ibm-granite-granite-4.0"},
    {"Command R7B", "gpt2", "command-r",
     "<BOS_TOKEN> <EOS_TOKEN> <|START_OF_TURN_TOKEN|> <|END_OF_TURN_TOKEN|> <|USER_TOKEN|> "
     "<|CHATBOT_TOKEN|> <|SYSTEM_TOKEN|>",
     "<BOS_TOKEN>", "<|END_OF_TURN_TOKEN|>", 1, "<EOS_TOKEN> <|END_OF_TURN_TOKEN|>", true,
     "command-r", "llama.cpp/CohereForAI-c4ai-command-r7b-12-2024-tool_use"},
    {"Kimi K2", "gpt2", "kimi-k2",
     "[BOS] [EOS] <|im_end|> <|im_user|> <|im_assistant|> [EOT] <|im_system|> <|im_middle|> [PAD]",
     "[BOS]", "[EOS]", 0, "[EOS] <|im_end|> [EOT] [PAD]", false, "",
     "llama.cpp/moonshotai-Kimi-K2"},
    {"MiniMax M2", "gpt2", "minimax-m2", "]~!b[ [e~[ ]~b]", "]~!b[", "[e~[", 0, "[e~[", true, "",
     "llama.cpp/MiniMax-M2"},
    {"MiniMax M1", "gpt2", "gpt-2", "<end_of_document> <end_of_sentence> <beginning_of_sentence>",
     "", "<end_of_document>", 0, "<end_of_document> <end_of_sentence>", false, "",
     "llama.cpp/MiniMax-M1"},
    {"Nemotron Nano 2, eos of the base model", "gpt2", "tekken",
     "<unk> <s> </s> <SPECIAL_10> <SPECIAL_11> <SPECIAL_12>", "<s>", "</s>", 0, "</s>", false, "",
     "llama.cpp/NVIDIA-Nemotron-Nano-v2", "<SPECIAL_12>"},
    {"Apertus, eos of the base model", "gpt2", "tekken",
     "<unk> <s> </s> <|system_start|> <|system_end|> <|user_start|> <|user_end|> "
     "<|assistant_start|> <|assistant_end|>",
     "<s>", "</s>", 1, "</s> <|assistant_end|>", true, "", "llama.cpp/Apertus-8B-Instruct"},
    {"Reka, types not said", "gpt2", "gpt-2", "<|endoftext|> u:<sep>", "", "<|endoftext|>", 0,
     "<|endoftext|>", false, "", "llama.cpp/Reka-Edge", "<sep>"},
    {"Seed OSS", "gpt2", "seed-coder", "<seed:bos> <seed:eos>", "<seed:bos>", "<seed:eos>", 0,
     "<seed:eos>", true, "", "llama.cpp/ByteDance-Seed-OSS"},
    {"LFM 2", "gpt2", "lfm2", "<|pad|> <|startoftext|> <|endoftext|> <|im_start|> <|im_end|>",
     "<|startoftext|>", "<|im_end|>", 1, "<|endoftext|> <|im_end|>", true, "chatml",
     "llama.cpp/LFM2-8B-A1B"},
    {"EXAONE", "gpt2", "exaone", "[BOS] [EOS] [|system|] [|user|] [|assistant|] [|endofturn|]",
     "[BOS]", "[|endofturn|]", 0, "[EOS] [|endofturn|]", false, "exaone"},
    {"OpenChat", "llama", "", "<unk> <s> </s> <|end_of_turn|>", "<s>", "</s>", 1,
     "</s> <|end_of_turn|>", true, "openchat", "chujiezheng/openchat-3.5"},
    {"Zephyr", "llama", "", "<unk> <s> </s>", "<s>", "</s>", 1, "</s>", true, "zephyr",
     "chujiezheng/zephyr"},
    {"Hunyuan 3", "gpt2", "gpt-2",
     "<｜hy_begin▁of▁sentence｜> <｜hy_eos:opensource｜> <|endoftext|>", "", "<|endoftext|>", 0,
     "<｜hy_eos:opensource｜> <|endoftext|>", false, "", "llama.cpp/tencent-Hy3"},
    {"Ling 2", "gpt2", "bailingmoe2", "<|startoftext|> <|endoftext|> <role> <|role_end|>",
     "<|startoftext|>", "<|endoftext|>", 0, "<|endoftext|> <|role_end|>", false},
    {"ERNIE 4.5", "llama", "", "<unk> <s> </s> <|begin_of_sentence|> <|end_of_sentence|>", "<s>",
     "</s>", 0, "</s> <|end_of_sentence|>", false},
    {"dots.llm1", "gpt2", "qwen2", "<|endoftext|> <|userprompt|> <|response|> <|endofresponse|>",
     "", "<|endoftext|>", 0, "<|endoftext|> <|endofresponse|>", false},
    {"StarCoder 2", "gpt2", "starcoder",
     "<|endoftext|> <fim_prefix> <fim_middle> <fim_suffix> <fim_pad> <repo_name> <file_sep>",
     "<|endoftext|>", "<|endoftext|>", -1, "<|endoftext|> <fim_pad> <repo_name> <file_sep>", false},
    {"a word that looks like an end", "gpt2", "gpt-2", "<|endoftext|> n:<|eot|> n:<|role_end|>", "",
     "<|endoftext|>", -1, "<|endoftext|>", false},
};

std::vector<std::string> words_of(std::string_view text) {
  std::vector<std::string> words;
  std::istringstream in{std::string(text)};
  for (std::string word; in >> word;) words.push_back(word);
  return words;
}

std::unique_ptr<ToyVocab> vocab_of(const Family& family) {
  auto v = std::make_unique<ToyVocab>(family.model, family.pre);
  for (std::string token : words_of(family.tokens)) {
    TokenType type = token == "<unk>" ? TokenType::kUnknown : TokenType::kControl;
    if (token.starts_with("u:")) type = TokenType::kUserDefined;
    if (token.starts_with("n:")) type = TokenType::kNormal;
    if (token[1] == ':') token.erase(0, 2);
    const int32_t id = v->add(token, type);
    if (token == family.bos) v->data.special.bos = id;
    if (token == family.eos) v->data.special.eos = id;
  }
  if (family.model == std::string_view("gpt2"))
    for (int byte = 0; byte < 256; ++byte) {
      const char raw = static_cast<char>(byte);
      v->add(encode_byte_alphabet({&raw, 1}));
    }
  else
    v->add_byte_tokens(), v->add("▁");
  if (family.add_bos >= 0) v->data.add_bos = family.add_bos == 1;
  return v;
}

Texts texts_of(const Tokenizer& tokenizer, std::span<const int32_t> ids) {
  Texts texts;
  for (const int32_t id : ids) texts.emplace(tokenizer.vocab().text(id));
  return texts;
}

Texts expected_ends(const Family& family) {
  const auto words = words_of(family.ends);
  return {words.begin(), words.end()};
}

ChatTemplate own_template(const char* name) {
  const NamedTemplate* named = find_named_template(name);
  EXPECT_NE(named, nullptr) << name;
  return std::move(ChatTemplate::parse(named->source).value());
}

// The prompt of one question, as the program makes it.
std::vector<int32_t> prompt_ids(const ChatTemplate& chat_template, const Tokenizer& tokenizer) {
  const ChatOptions options = {.bos_token = std::string(tokenizer.piece(tokenizer.bos())),
                               .eos_token = std::string(tokenizer.piece(tokenizer.eos())),
                               .now = CivilTime{2026, 7, 26, 12, 0, 0}};
  const auto chat = chat_template.render_chat(
      {{.role = "user", .content = Value::user_text("Good day!")}}, options);
  EXPECT_TRUE(chat.has_value());
  if (!chat) return {};
  std::vector<Segment> segments;
  for (const RenderedSegment& part : chat->segments)
    segments.push_back({part.text, part.from_template});
  const auto ids = tokenizer.encode_segments(
      segments, {.add_special = true, .no_double_special = true, .add_end = false});
  EXPECT_TRUE(ids.has_value());
  return ids.value_or(std::vector<int32_t>());
}

// As the file says, and where it would say otherwise: a BOS that the template writes is neither
// doubled nor lost.
void check_begin(const Family& family, const ChatTemplate& chat_template, bool is_real) {
  const auto vocab = vocab_of(family);
  // BOS tokens at the begin. (Seed OSS writes one before each message, and Granite's is its EOS.)
  const auto count = [&](std::optional<bool> add_bos) {
    vocab->data.add_bos = add_bos;
    const auto tokenizer = vocab->tokenizer();
    const auto ids = prompt_ids(chat_template, *tokenizer);
    EXPECT_TRUE(!ids.empty() && !tokenizer->is_eog(ids.back())) << family.name;
    return std::ranges::find_if(ids, [&](int32_t id) { return id != tokenizer->bos(); }) -
           ids.begin();
  };
  const std::optional<bool> said = vocab->data.add_bos;
  if (is_real) {
    EXPECT_EQ(count(said), family.begins_with_bos ? 1 : 0) << family.name;
  }
  EXPECT_EQ(count(true), *family.bos != '\0' ? 1 : 0) << family.name;
  EXPECT_LE(count(false), 1) << family.name;
}

TEST(Stop, EndsOfEveryFamily) {
  for (const Family& family : kFamilies) {
    const auto tokenizer = vocab_of(family)->tokenizer();
    ASSERT_NE(tokenizer, nullptr) << family.name;
    EXPECT_EQ(texts_of(*tokenizer, tokenizer->eog_ids()), expected_ends(family)) << family.name;
    EXPECT_EQ(end_tokens(nullptr, *tokenizer),
              std::vector<int32_t>(tokenizer->eog_ids().begin(), tokenizer->eog_ids().end()));
  }
}

TEST(Stop, OurTemplatesAddNoEndThatTheVocabularyLacks) {
  for (const Family& family : kFamilies) {
    if (*family.own == '\0') continue;
    const auto tokenizer = vocab_of(family)->tokenizer();
    const ReplyFormat format = detect_reply_format(own_template(family.own));
    EXPECT_EQ(texts_of(*tokenizer, end_tokens(&format, *tokenizer)), expected_ends(family))
        << family.name;
    check_begin(family, own_template(family.own), false);
  }
}

TEST(Stop, RealTemplatesEndAndBeginAsTheyShould) {
  SKIP_WITHOUT_TEMPLATES();
  for (const Family& family : kFamilies) {
    if (*family.real == '\0') continue;
    const auto tokenizer = vocab_of(family)->tokenizer();
    const ChatTemplate chat_template = named_template(family.real);
    const ReplyFormat format = detect_reply_format(chat_template);
    Texts ends = expected_ends(family);
    if (*family.template_end != '\0') ends.insert(family.template_end);
    EXPECT_EQ(texts_of(*tokenizer, end_tokens(&format, *tokenizer)), ends) << family.name;
    check_begin(family, chat_template, true);
  }
}

// An end that neither metadata nor the token's text tells: the template does.
TEST(Stop, TheTemplatesOwnEnd) {
  const auto parsed = ChatTemplate::parse(
      "{{ bos_token }}{% for m in messages %}{{ m.role }}: {{ m.content }}<~over~>\n{% endfor %}"
      "{% if add_generation_prompt %}assistant: {% endif %}");
  ASSERT_TRUE(parsed.has_value());
  const ReplyFormat format = detect_reply_format(*parsed);
  for (const char* tokens : {"<s> </s> <~over~>", "<s> </s> u:<~over~>"}) {
    const Family family = {"own", "gpt2", "gpt-2", tokens, "<s>", "</s>", 1, "</s>", true};
    const auto tokenizer = vocab_of(family)->tokenizer();
    EXPECT_EQ(texts_of(*tokenizer, end_tokens(&format, *tokenizer)), (Texts{"</s>", "<~over~>"}));
    check_begin(family, *parsed, true);
  }
  // Not where the vocabulary has no such token: then the text is a text.
  const Family without = {"own", "gpt2", "gpt-2", "<s> </s>", "<s>", "</s>", 1, "</s>", true};
  const auto tokenizer = vocab_of(without)->tokenizer();
  EXPECT_EQ(texts_of(*tokenizer, end_tokens(&format, *tokenizer)), Texts{"</s>"});
}

TEST(Stop, WhatTheFileListsBeside) {
  ToyVocab v("gpt2", "gpt-2");
  const int32_t a = v.add("<a>", TokenType::kControl);
  const int32_t b = v.add("<b>", TokenType::kControl);
  const int32_t c = v.add("\n\n");
  v.data.special.eos = a;
  v.data.special.eot = c;  // RWKV's chats end so
  v.data.eos_token_ids = {b, 99, -1};
  EXPECT_EQ(texts_of(*v.tokenizer(), v.tokenizer()->eog_ids()), (Texts{"<a>", "<b>", "\n\n"}));
}

// A prompt goes on: a vocabulary that ends its texts with EOS must not end this one.
TEST(Stop, PromptsHaveNoEosBehindThem) {
  ToyVocab v("llama");
  fill_spm(v);
  v.data.add_eos = true;
  const auto t = v.tokenizer();
  EXPECT_EQ(t->encode("hello", {}).value(), (std::vector<int32_t>{1, t->find("▁hello"), 2}));
  EXPECT_EQ(t->encode("hello", {.add_end = false}).value(),
            (std::vector<int32_t>{1, t->find("▁hello")}));
}

}  // namespace
}  // namespace hearth::text
