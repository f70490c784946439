// Every vocabulary there is a reference for, against the ids of the original tokenizers: real
// vocabularies on 46 nasty texts (data/tokenizers), and the vocabularies of the golden models on 20
// texts in three modes (goldens/tokenizers.json).
#include <gtest/gtest.h>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <sstream>

#include "format/model_file.h"
#include "model/vocab_loader.h"
#include "text/detokenizer.h"
#include "text/tokenizer.h"

namespace hearth {
namespace {

namespace fs = std::filesystem;
using text::Tokenizer;

const fs::path kTokenizers = fs::path(HEARTH_SHARED_DIR) / "data/tokenizers";
const fs::path kGoldens = fs::path(HEARTH_SHARED_DIR) / "goldens";

std::string read_file(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  std::ostringstream out;
  out << in.rdbuf();
  return out.str();
}

// A vocabulary with the file that it views.
struct OpenVocab {
  format::ModelFile file;
  text::VocabData data;
};

OpenVocab open_vocab(const fs::path& path) {
  auto file = format::ModelFile::open(path.string());
  if (!file) throw std::runtime_error(path.string() + ": " + file.error().message);
  auto data = model::read_vocab(file->metadata());
  if (!data) throw std::runtime_error(path.string() + ": " + data.error().message);
  return {std::move(*file), std::move(*data)};
}

std::unique_ptr<Tokenizer> make_tokenizer(const text::VocabData& data) {
  auto tokenizer = Tokenizer::create(data);
  if (!tokenizer) throw std::runtime_error(tokenizer.error().message);
  return std::move(*tokenizer);
}

std::vector<std::string> read_texts(const fs::path& path) {
  const std::string separator = "\n__ggml_vocab_test__\n";
  const std::string all = read_file(path);
  std::vector<std::string> texts;
  for (size_t at = 0; at < all.size();) {
    const size_t end = all.find(separator, at);
    texts.push_back(all.substr(at, end - at));
    at = end == all.npos ? all.size() : end + separator.size();
  }
  return texts;
}

std::vector<std::vector<int32_t>> read_id_lines(const fs::path& path) {
  std::ifstream in(path);
  std::vector<std::vector<int32_t>> lines;
  for (std::string line; std::getline(in, line);) {
    std::istringstream words(line);
    lines.emplace_back();
    for (int32_t id; words >> id;) lines.back().push_back(id);
  }
  return lines;
}

std::vector<int32_t> plain_ids(const Tokenizer& tokenizer, std::string_view text) {
  auto ids = tokenizer.encode(text, {.add_special = false, .parse_special = false});
  EXPECT_TRUE(ids.has_value());
  return ids ? *ids : std::vector<int32_t>{};
}

TEST(Tokenizers, RealVocabulariesGiveTheOriginalIds) {
  if (!fs::exists(kTokenizers)) GTEST_SKIP() << "no shared/data/tokenizers beside the source";
  const std::vector<std::string> texts = read_texts(kTokenizers / "ggml-vocab/common.inp");
  ASSERT_EQ(texts.size(), 46u);
  int n_vocabs = 0;
  for (const char* folder : {"gguf", "gguf-made"}) {
    for (const auto& entry : fs::directory_iterator(kTokenizers / "ggml-vocab" / folder)) {
      const std::string name =
          entry.path().stem().string().substr(std::string("ggml-vocab-").size());
      const OpenVocab vocab = open_vocab(entry.path());
      const auto tokenizer = make_tokenizer(vocab.data);
      const auto lines = read_id_lines(kTokenizers / "ggml-vocab/out" / (name + ".out"));
      ASSERT_EQ(lines.size(), texts.size()) << name;
      for (size_t i = 0; i < texts.size(); ++i)
        EXPECT_EQ(plain_ids(*tokenizer, texts[i]), lines[i])
            << name << " text " << i << ": " << texts[i];
      ++n_vocabs;
    }
  }
  EXPECT_EQ(n_vocabs, 13);
}

std::string unescape(const std::string& text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\\' || i + 1 == text.size()) {
      out += text[i];
      continue;
    }
    const char c = text[++i];
    out += c == 'n' ? '\n' : c == 't' ? '\t' : c == 'r' ? '\r' : c;
  }
  return out;
}

std::string from_hex(const std::string& hex) {
  std::string out;
  for (size_t i = 0; i + 1 < hex.size(); i += 2)
    out += static_cast<char>(std::stoi(hex.substr(i, 2), nullptr, 16));
  return out;
}

void compare_cases(const nlohmann::json& vocab, const Tokenizer& tokenizer,
                   const std::string& label) {
  for (const auto& c : vocab["cases"]) {
    const std::string text = unescape(c["escaped"]);
    const auto expect = [&](const char* mode, const text::EncodeOptions& options) {
      const auto ids = tokenizer.encode(text, options);
      ASSERT_TRUE(ids.has_value());
      EXPECT_EQ(*ids, c[mode].get<std::vector<int32_t>>()) << label << " " << mode << ": " << text;
    };
    expect("ids_add_special", {.add_special = true, .parse_special = true});
    expect("ids_parse_special", {.add_special = false, .parse_special = true});
    expect("ids_plain", {.add_special = false, .parse_special = false});
    const bool cleans = tokenizer.vocab().kind() == text::TokenizerKind::kWordPiece;
    const auto ids = c["ids_plain"].get<std::vector<int32_t>>();
    EXPECT_EQ(tokenizer.decode(ids, {.render_special = true, .clean_up_spaces = cleans}),
              from_hex(c["detok_hex"]))
        << label << ": " << text;
  }
}

// Vocabularies named "bpe:PRE" have the same tokens for all PRE, so one model serves where PRE's
// own is not there.
TEST(Tokenizers, GoldenVocabularies) {
  if (!fs::exists(kGoldens / "tokenizers.json"))
    GTEST_SKIP() << "no shared/goldens beside the source";
  const auto all = nlohmann::json::parse(read_file(kGoldens / "tokenizers.json"));
  const OpenVocab any_bpe = open_vocab(kGoldens / "arch/qwen2/model.gguf");
  int n_models = 0;
  for (const auto& vocab : all["vocabs"]) {
    const std::string name = vocab["vocab"];
    bool found = false;
    for (const std::string model : vocab["models"]) {
      const fs::path path = kGoldens / "arch" / model / "model.gguf";
      if (!fs::exists(path)) continue;
      const OpenVocab own = open_vocab(path);
      compare_cases(vocab, *make_tokenizer(own.data), name + " of " + model);
      found = true;
      ++n_models;
    }
    if (found || !name.starts_with("bpe:")) continue;
    text::VocabData data = any_bpe.data;
    data.pre = std::string_view(name).substr(4);
    data.add_bos.reset();
    compare_cases(vocab, *make_tokenizer(data), name);
  }
  EXPECT_GE(n_models, 90);
}

// The encodings of tiktoken's own test plan, for the vocabularies that are here.
TEST(Tokenizers, TiktokenPlans) {
  if (!fs::exists(kTokenizers)) GTEST_SKIP() << "no shared/data/tokenizers beside the source";
  const std::map<std::string, std::string> files = {
      {"r50k_base", "gguf/ggml-vocab-gpt-2.gguf"},
      {"o200k_base", "gguf-made/ggml-vocab-gpt-4o.gguf"}};
  std::map<std::string, std::unique_ptr<Tokenizer>> tokenizers;
  for (const auto& [name, file] : files)
    tokenizers[name] = make_tokenizer(open_vocab(kTokenizers / "ggml-vocab" / file).data);
  std::istringstream in(read_file(kTokenizers / "raw/TestPlans.txt"));
  std::string encoding, sample;
  int n_compared = 0;
  for (std::string line; std::getline(in, line);) {
    if (!line.empty() && line.back() == '\r') line.pop_back();
    if (line.starts_with("EncodingName: ")) encoding = line.substr(14);
    if (line.starts_with("Sample: ")) sample = line.substr(8);
    if (!line.starts_with("Encoded: ") || !tokenizers.contains(encoding)) continue;
    const auto ids = nlohmann::json::parse(line.substr(9)).get<std::vector<int32_t>>();
    EXPECT_EQ(plain_ids(*tokenizers[encoding], sample), ids) << encoding << ": " << sample;
    ++n_compared;
  }
  EXPECT_GE(n_compared, 50);
}

std::string from_base64(std::string_view text) {
  std::string out;
  uint32_t bits = 0;
  int n_bits = 0;
  for (const char c : text) {
    constexpr std::string_view kDigits =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const size_t digit = kDigits.find(c);
    if (digit == kDigits.npos) break;
    bits = bits << 6 | static_cast<uint32_t>(digit);
    n_bits += 6;
    if (n_bits < 8) continue;
    n_bits -= 8;
    out += static_cast<char>(bits >> n_bits);
  }
  return out;
}

void compare_lines(const text::VocabData& data, const std::string& name) {
  const auto tokenizer = make_tokenizer(data);
  const std::vector<std::string> texts = read_texts(kTokenizers / "ggml-vocab/common.inp");
  const auto lines = read_id_lines(kTokenizers / "ggml-vocab/out" / (name + ".out"));
  ASSERT_EQ(lines.size(), texts.size()) << name;
  for (size_t i = 0; i < texts.size(); ++i)
    EXPECT_EQ(plain_ids(*tokenizer, texts[i]), lines[i])
        << name << " text " << i << ": " << texts[i];
}

// Unigram with a real charsmap, from the original tokenizer.json.
TEST(Tokenizers, T5FromItsOwnFile) {
  if (!fs::exists(kTokenizers)) GTEST_SKIP() << "no shared/data/tokenizers beside the source";
  const auto file = nlohmann::json::parse(read_file(kTokenizers / "raw/t5/tokenizer.json"));
  const auto& vocab = file["model"]["vocab"];
  const std::string charsmap =
      from_base64(file["normalizer"]["precompiled_charsmap"].get_ref<const std::string&>());
  text::VocabData data;
  data.model = "t5";
  data.add_space_prefix = true;
  data.remove_extra_whitespaces = true;
  data.precompiled_charsmap = charsmap;
  for (const auto& token : vocab) {
    const size_t id = data.tokens.size();
    data.tokens.push_back(token[0].get_ref<const std::string&>());
    data.scores.push_back(token[1].get<float>());
    data.token_types.push_back(id < 2 ? 3 : id == 2 ? 2 : 1);
  }
  compare_lines(data, "t5");
}

TEST(Tokenizers, BertFromItsOwnFile) {
  if (!fs::exists(kTokenizers)) GTEST_SKIP() << "no shared/data/tokenizers beside the source";
  const auto file =
      nlohmann::json::parse(read_file(kTokenizers / "raw/bert/bert-base-uncased.json"));
  std::vector<std::string> tokens(file["model"]["vocab"].size());
  for (const auto& [token, id] : file["model"]["vocab"].items()) {
    const bool special = token.starts_with('[') && token.ends_with(']') && token.size() > 1;
    const std::string text = special                   ? token
                             : token.starts_with("##") ? token.substr(2)
                                                       : "\u2581" + token;
    tokens[id.get<size_t>()] = text;
  }
  text::VocabData data;
  data.model = "bert";
  for (const std::string& token : tokens) {
    data.tokens.push_back(token);
    const bool special =
        token == "[PAD]" || token == "[CLS]" || token == "[SEP]" || token == "[MASK]";
    data.token_types.push_back(special ? 3 : token == "[UNK]" ? 2 : 1);
  }
  compare_lines(data, "bert-bge");
  compare_lines(data, "jina-v2-en");
}

// A SentencePiece model is a protocol buffer: field 1, repeated = {1: piece, 2: score, 3: type}.
class SentencePieces {
 public:
  explicit SentencePieces(std::string bytes) : bytes_(std::move(bytes)) {
    for (size_t at = 0; at < bytes_.size();) {
      const uint64_t key = number(at);
      const size_t size = (key & 7) == 2 ? number(at) : 0;
      if (key == 0x0A) read_piece(at, at + size);
      at += (key & 7) == 2 ? size : skip(at, key);
    }
  }
  text::VocabData data;

 private:
  uint64_t number(size_t& at) const {
    uint64_t value = 0;
    for (int shift = 0;; shift += 7) {
      const auto byte = static_cast<uint8_t>(bytes_[at++]);
      value |= static_cast<uint64_t>(byte & 0x7F) << shift;
      if (byte < 0x80) return value;
    }
  }
  size_t skip(size_t at, uint64_t key) const {
    if ((key & 7) == 5) return 4;
    const size_t begin = at;
    number(at);
    return at - begin;
  }
  void read_piece(size_t at, size_t end) {
    data.token_types.push_back(1);
    data.scores.push_back(0);
    while (at < end) {
      const uint64_t key = number(at);
      if (key == 0x0A) {
        const size_t size = number(at);
        data.tokens.push_back(std::string_view(bytes_).substr(at, size));
        at += size;
      } else if (key == 0x15) {
        std::memcpy(&data.scores.back(), bytes_.data() + at, 4);
        at += 4;
      } else {
        data.token_types.back() = static_cast<int32_t>(number(at));
      }
    }
  }
  std::string bytes_;
};

// A whole conversation as Mistral's own library tokenizes it.
TEST(Tokenizers, MistralFromItsOwnFile) {
  const fs::path folder = kTokenizers / "raw/mistral";
  if (!fs::exists(folder)) GTEST_SKIP() << "no shared/data/tokenizers beside the source";
  SentencePieces pieces(read_file(folder / "mistral_instruct_tokenizer_240323.model.v3"));
  pieces.data.model = "llama";
  const auto tokenizer = make_tokenizer(pieces.data);
  // The sample writes spaces as U+2581, also those that the tokenizer puts before each text by
  // itself.
  std::string text;
  const std::string shown = read_file(folder / "samples/no_tools/text_v3.txt");
  const std::string space = "\u2581";
  for (size_t i = 0; i < shown.size(); ++i) {
    const bool is_space = shown.compare(i, space.size(), space) == 0;
    if (is_space && !text.ends_with(']')) text += ' ';
    if (is_space) i += space.size() - 1;
    if (!is_space) text += shown[i];
  }
  while (text.ends_with('\n')) text.pop_back();
  const auto expected =
      nlohmann::json::parse(read_file(folder / "samples/no_tools/tokens_v3.json"));
  const auto ids = tokenizer->encode(text, {.add_special = false, .parse_special = true});
  ASSERT_TRUE(ids.has_value());
  EXPECT_EQ(*ids, expected["tokens"].get<std::vector<int32_t>>());
}

}  // namespace
}  // namespace hearth
