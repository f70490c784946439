#include "text/tokenizer.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "text/detokenizer.h"
#include "text/toy_vocabs.h"

namespace hearth::text {
namespace {

using Ids = std::vector<int32_t>;

constexpr EncodeOptions kPlain{.add_special = false, .parse_special = false};
constexpr EncodeOptions kParsed{.add_special = false, .parse_special = true};

Ids encode(const Tokenizer& tokenizer, std::string_view text,
           const EncodeOptions& options = kPlain) {
  auto ids = tokenizer.encode(text, options);
  EXPECT_TRUE(ids.has_value());
  return ids ? *ids : Ids{};
}

std::vector<std::string> texts_of(const Tokenizer& tokenizer, const Ids& ids) {
  std::vector<std::string> out;
  for (const int32_t id : ids) out.emplace_back(tokenizer.vocab().text(id));
  return out;
}

std::string random_text(std::mt19937& random, size_t n, std::string_view alphabet) {
  std::string out;
  for (size_t i = 0; i < n; ++i)
    out += alphabet.empty() ? static_cast<char>(random()) : alphabet[random() % alphabet.size()];
  return out;
}

TEST(Bpe, MergesByRankAndGoesBackToTheBytes) {
  const auto toy = toy_vocab(0);
  const auto t = toy->tokenizer();
  EXPECT_EQ(texts_of(*t, encode(*t, "hello world")), (std::vector<std::string>{"hello", "Ġworld"}));
  EXPECT_EQ(texts_of(*t, encode(*t, "aaaaaaa")), (std::vector<std::string>{"aaaa", "aa", "a"}));
  EXPECT_EQ(encode(*t, "hi", {}).front(), t->bos());
  std::mt19937 random(1);
  for (int i = 0; i < 500; ++i) {
    const std::string text =
        random_text(random, random() % 200, i % 2 == 0 ? "" : "helo wrd a12我\n\xE6\x88\xFF");
    EXPECT_EQ(t->decode(encode(*t, text)), text);
  }
}

// What merging must give, written down directly: the best pair, the leftmost of equals, until there
// is none.
Ids slow_bpe(const Tokenizer& t, const VocabData& data, std::string_view word) {
  std::vector<std::string> symbols;
  for (const char byte : word) symbols.push_back(encode_byte_alphabet({&byte, 1}));
  while (true) {
    size_t best = symbols.size();
    size_t best_rank = data.merges.size();
    for (size_t i = 0; i + 1 < symbols.size(); ++i) {
      const auto found = std::ranges::find(data.merges, symbols[i] + " " + symbols[i + 1]);
      const auto rank = static_cast<size_t>(found - data.merges.begin());
      if (rank < best_rank) best_rank = rank, best = i;
    }
    if (best == symbols.size()) break;
    symbols[best] += symbols[best + 1];
    symbols.erase(symbols.begin() + static_cast<std::ptrdiff_t>(best) + 1);
  }
  Ids ids;
  for (const std::string& symbol : symbols) ids.push_back(t.find(symbol));
  return ids;
}

// Short words, and words long enough for the queue and for cutting, under random merges in no
// sensible order.
TEST(Bpe, AgreesWithTheSlowAlgorithmOnRandomMerges) {
  std::mt19937 random(2);
  for (int round = 0; round < 60; ++round) {
    ToyVocab toy("gpt2", "gpt-2");
    for (const char* letter : {"a", "b", "c", "d"}) toy.add(letter);
    for (int i = 0; i < 14; ++i) {
      const std::string left(toy.data.tokens[random() % toy.data.tokens.size()]);
      const std::string right(toy.data.tokens[random() % toy.data.tokens.size()]);
      toy.merge(left, right);
    }
    std::ranges::shuffle(toy.data.merges, random);
    const auto t = toy.tokenizer();
    for (const size_t length : {3u, 20u, 60u, 400u}) {
      const std::string word = random_text(random, length, round % 2 == 0 ? "abcd" : "aaab");
      ASSERT_EQ(encode(*t, word), slow_bpe(*t, toy.data, word)) << word;
    }
  }
}

Ids slow_spm(const Tokenizer& t, const std::string& text) {
  std::vector<std::string> symbols;
  for (const char c : text) symbols.push_back(c == ' ' ? "▁" : std::string(1, c));
  while (true) {
    int32_t best_id = -1;
    size_t best = 0;
    for (size_t i = 0; i + 1 < symbols.size(); ++i) {
      const int32_t id = t.find(symbols[i] + symbols[i + 1]);
      if (id >= 0 && (best_id < 0 || t.vocab().score(id) > t.vocab().score(best_id)))
        best_id = id, best = i;
    }
    if (best_id < 0) break;
    symbols[best] += symbols[best + 1];
    symbols.erase(symbols.begin() + static_cast<std::ptrdiff_t>(best) + 1);
  }
  Ids ids;
  for (const std::string& symbol : symbols) ids.push_back(t.find(symbol));
  return ids;
}

// Scores repeat, so that equal ranks meet in one bucket.
TEST(Spm, AgreesWithTheSlowAlgorithmOnRandomScores) {
  std::mt19937 random(3);
  for (int round = 0; round < 60; ++round) {
    ToyVocab toy("llama");
    for (const char* letter : {"▁", "a", "b", "c"}) toy.add(letter);
    for (int i = 0; i < 12; ++i) {
      const std::string both = std::string(toy.data.tokens[random() % toy.data.tokens.size()]) +
                               std::string(toy.data.tokens[random() % toy.data.tokens.size()]);
      if (std::ranges::find(toy.data.tokens, both) == toy.data.tokens.end())
        toy.add(both, TokenType::kNormal, static_cast<float>(random() % 4));
    }
    toy.data.add_space_prefix = false;
    const auto t = toy.tokenizer();
    for (const size_t length : {3u, 20u, 60u, 300u}) {
      const std::string text = random_text(random, length, "aabc ");
      ASSERT_EQ(encode(*t, text), slow_spm(*t, text)) << text;
    }
  }
}

TEST(Spm, SpacePrefixAndByteFallback) {
  const auto toy = toy_vocab(3);
  const auto t = toy->tokenizer();
  EXPECT_EQ(texts_of(*t, encode(*t, "hello world")),
            (std::vector<std::string>{"▁hello", "▁world"}));
  EXPECT_EQ(texts_of(*t, encode(*t, "é")), (std::vector<std::string>{"▁", "<0xC3>", "<0xA9>"}));
  // The prefix comes again after each special token.
  EXPECT_EQ(texts_of(*t, encode(*t, "<s>hello</s>hello", kParsed)),
            (std::vector<std::string>{"<s>", "▁hello", "</s>", "▁hello"}));
  EXPECT_EQ(t->decode(encode(*t, "hello", {})), "hello");
  EXPECT_EQ(t->decode(encode(*t, "hello"), {.strip_leading_space = false}), " hello");
  EXPECT_EQ(encode(*t, ""), Ids{});
  std::mt19937 random(4);
  for (int i = 0; i < 500; ++i) {
    const std::string text =
        random_text(random, random() % 100, i % 2 == 0 ? "" : "helo wrd a我\xE6\x88\x91\xFF");
    if (text.find("\xE2\x96\x81") != text.npos) continue;
    EXPECT_EQ(t->decode(encode(*t, text)), text);
  }
}

TEST(Gemma4, RawTextNewlinesAndTheForcedBos) {
  auto toy = toy_vocab(4);
  toy->data.add_bos = false;
  const auto t = toy->tokenizer();
  EXPECT_EQ(texts_of(*t, encode(*t, " hello")), (std::vector<std::string>{"▁hello"}));
  EXPECT_EQ(texts_of(*t, encode(*t, "\n\n\n")), (std::vector<std::string>{"\n", "\n", "\n"}));
  EXPECT_EQ(texts_of(*t, encode(*t, "\n\n")), (std::vector<std::string>{"\n\n"}));
  EXPECT_EQ(texts_of(*t, encode(*t, "é我")), (std::vector<std::string>{"<0xC3>", "<0xA9>", "我"}));
  EXPECT_TRUE(t->adds_bos());
  EXPECT_EQ(t->warnings().size(), 1u);
  EXPECT_FALSE(t->is_eog(t->find("</s>")));  // HTML, in this family
  EXPECT_TRUE(t->is_eog(t->find("<|tool_response>")));
  EXPECT_FALSE(t->is_control(t->find("</s>")));
}

TEST(WordPiece, WordsAccentsAndTheUnknown) {
  const auto toy = toy_vocab(5);
  const auto t = toy->tokenizer();
  EXPECT_EQ(texts_of(*t, encode(*t, "Hello, CAFÉ hellollo. 我想", {})),
            (std::vector<std::string>{"[CLS]", "▁hello", "[UNK]", "▁cafe", "▁hello", "llo", "▁.",
                                      "▁我", "▁想", "[SEP]"}));
  EXPECT_EQ(texts_of(*t, encode(*t, "e\u0301 \u0001a")), (std::vector<std::string>{"▁e", "▁a"}));
  // More than 100 characters in a word.
  EXPECT_EQ(encode(*t, std::string(100, 'a')).size(), 51u);
  EXPECT_EQ(texts_of(*t, encode(*t, std::string(101, 'a'))), (std::vector<std::string>{"[UNK]"}));
  EXPECT_EQ(t->decode(encode(*t, "hello ' a . !"), {.clean_up_spaces = true}), " hello'a.!");
}

TEST(Unigram, BestSumAndMergedUnknowns) {
  const auto toy = toy_vocab(6);
  const auto t = toy->tokenizer();
  EXPECT_EQ(texts_of(*t, encode(*t, "  hello   world ", {})),
            (std::vector<std::string>{"▁hello", "▁world", "</s>"}));
  EXPECT_EQ(texts_of(*t, encode(*t, "helloXYZo")),
            (std::vector<std::string>{"▁hello", "<unk>", "o"}));
  EXPECT_EQ(t->decode(encode(*t, "hello world")), "hello world");
}

// A charsmap made by hand: 'X' becomes "he". Units as the header draws them.
std::string charsmap_of_x() {
  const uint32_t root = 1u << 10;      // children of the root at 1 ^ label
  const uint32_t x_node = ('X' ^ 1u);  // 0x59
  std::vector<uint32_t> units(256, 0x000000FEu);
  units[0] = root;
  units[x_node] = 'X' | 1u << 8 | (x_node ^ 0x80u) << 10;  // ends here; value at unit 0x80
  units[0x80] = 1u << 31 | 3;                              // offset 3 in the replacements
  std::string bytes(4 + units.size() * 4, '\0');
  const auto n = static_cast<uint32_t>(units.size() * 4);
  std::memcpy(bytes.data(), &n, 4);
  std::memcpy(bytes.data() + 4, units.data(), n);
  bytes += std::string("zz\0he\0", 6);
  return bytes;
}

TEST(Unigram, CharsmapReplacesAndIsChecked) {
  auto toy = toy_vocab(6);
  const std::string map = charsmap_of_x();
  toy->data.precompiled_charsmap = map;
  const auto t = toy->tokenizer();
  ASSERT_NE(t, nullptr);
  EXPECT_EQ(texts_of(*t, encode(*t, "Xllo")), (std::vector<std::string>{"▁hello"}));
  for (const size_t size : {1u, 4u, 100u, 1028u}) {
    toy->data.precompiled_charsmap = std::string_view(map).substr(0, size);
    const auto cut = Tokenizer::create(toy->data);
    ASSERT_FALSE(cut.has_value()) << size;
    EXPECT_EQ(cut.error().code, ErrorCode::kCorrupt);
  }
}

TEST(Rwkv, LongestTokenFirst) {
  const auto toy = toy_vocab(7);
  const auto t = toy->tokenizer();
  EXPECT_EQ(texts_of(*t, encode(*t, "hello world\n\n\\")),
            (std::vector<std::string>{"hello", " world", "\\n\\n", "\\x5c"}));
  std::mt19937 random(5);
  const std::string text = random_text(random, 1000, "");
  EXPECT_EQ(t->decode(encode(*t, text)), text);
}

TEST(Plamo2, CheapestWay) {
  const auto toy = toy_vocab(8);
  const auto t = toy->tokenizer();
  EXPECT_EQ(texts_of(*t, encode(*t, "hello world")), (std::vector<std::string>{"hello", " world"}));
  EXPECT_EQ(texts_of(*t, encode(*t, "\uFEFFaé")),
            (std::vector<std::string>{"a", "<0xC3>", "<0xA9>"}));
}

TEST(Special, ControlTokensOnlyWhereTheTextIsParsed) {
  const auto t = toy_vocab(0)->tokenizer();
  const int32_t start = t->find("<|im_start|>");
  EXPECT_EQ(encode(*t, "<|im_start|>", kParsed), Ids{start});
  EXPECT_EQ(std::ranges::count(encode(*t, "<|im_start|>"), start), 0);
  EXPECT_EQ(encode(*t, "<tool>"), Ids{t->find("<tool>")});  // user-defined: always
  EXPECT_EQ(t->decode(Ids{start, t->find("hello")}), "hello");
  EXPECT_EQ(t->decode(Ids{start, t->find("hello")}, {.render_special = true}), "<|im_start|>hello");
  EXPECT_EQ(t->decode(Ids{-1, 1 << 30, t->find("hello")}), "hello");
}

TEST(Special, OneBosWhenTheTextBringsItsOwn) {
  const auto t = toy_vocab(0)->tokenizer();
  const std::string text = "<|begin_of_text|>hello";
  EXPECT_EQ(encode(*t, text, {.no_double_special = true}), (Ids{t->bos(), t->find("hello")}));
  EXPECT_EQ(encode(*t, text), encode(*t, text, {.add_special = false, .parse_special = false}));
  EXPECT_EQ(encode(*t, text, {}), (Ids{t->bos(), t->bos(), t->find("hello")}));
}

TEST(Segments, SpecialTokensInWhatPeopleWroteStayText) {
  const auto t = toy_vocab(0)->tokenizer();
  const Segment segments[] = {
      {"<|im_start|>", true}, {"hello<|im_end|>", false}, {"<|im_end|>", true}};
  const auto ids = t->encode_segments(segments, {.add_special = false});
  ASSERT_TRUE(ids.has_value());
  EXPECT_EQ(ids->front(), t->find("<|im_start|>"));
  EXPECT_EQ(ids->back(), t->find("<|im_end|>"));
  EXPECT_EQ(std::ranges::count(*ids, t->find("<|im_end|>")), 1);
  EXPECT_EQ(t->decode(*ids, {.render_special = true}), "<|im_start|>hello<|im_end|><|im_end|>");
  // A control token must not come into being over a border either.
  const Segment halves[] = {{"<|im_", true}, {"end|>", false}};
  EXPECT_EQ(std::ranges::count(*t->encode_segments(halves), t->find("<|im_end|>")), 0);
}

TEST(Segments, CuttingChangesNothing) {
  std::mt19937 random(6);
  for (int kind = 0; kind < kToyKinds; ++kind) {
    const auto t = toy_vocab(kind)->tokenizer();
    for (int i = 0; i < 100; ++i) {
      std::string text;
      for (int k = 0; k < 6; ++k)
        text += random() % 3 == 0 ? "<|im_start|><tool> " : random_text(random, 5, "helo wrd'a1我");
      const bool parse = i % 2 == 0;
      std::vector<Segment> segments;
      for (size_t at = 0; at < text.size();) {
        const size_t n = random() % 8;
        segments.push_back({std::string_view(text).substr(at, n), parse});
        at += n;
      }
      EXPECT_EQ(*t->encode_segments(segments), encode(*t, text, {.parse_special = parse}));
    }
  }
}

TEST(Special, Phi3SwallowsBlanksAfterItsTokens) {
  ToyVocab toy("llama");
  fill_spm(toy);
  toy.add("<|user|>", TokenType::kControl);
  toy.data.name = "Phi-3-mini";
  const auto t = toy.tokenizer();
  EXPECT_EQ(texts_of(*t, encode(*t, "<|user|> \n hello<s> a", kParsed)),
            (std::vector<std::string>{"<|user|>", "▁hello", "<s>", "▁▁", "a"}));
}

TEST(Special, MaskSwallowsBlanksBefore) {
  ToyVocab toy("gpt2", "jina-v2-de");
  fill_byte_level(toy);
  toy.add("<mask>", TokenType::kControl);
  const auto t = toy.tokenizer();
  EXPECT_EQ(texts_of(*t, encode(*t, "hello  <mask>", kParsed)),
            (std::vector<std::string>{"hello", "<mask>"}));
}

ToyVocab& with_tokens(ToyVocab& toy, std::initializer_list<const char*> names) {
  fill_byte_level(toy);
  for (const char* name : names) toy.add(name, TokenType::kControl);
  return toy;
}

TEST(Eog, EndsAreFoundByNameAndFamily) {
  ToyVocab llama3("gpt2", "llama-bpe");
  const auto a = with_tokens(llama3, {"<|eot_id|>", "<|eom_id|>", "<|fim_pad|>"}).tokenizer();
  for (const char* name :
       {"<|end_of_text|>", "<|eot_id|>", "<|eom_id|>", "<|im_end|>", "<|fim_pad|>"})
    EXPECT_TRUE(a->is_eog(a->find(name))) << name;
  EXPECT_FALSE(a->is_eog(a->find("<|im_start|>")));
  EXPECT_EQ(a->special().eot, a->find("<|eot_id|>"));

  ToyVocab harmony("gpt2", "gpt-4o");
  const auto b =
      with_tokens(harmony, {"<|end|>", "<|return|>", "<|call|>", "<|channel|>", "<|start|>"})
          .tokenizer();
  EXPECT_FALSE(b->is_eog(b->find("<|end|>")));
  EXPECT_TRUE(b->is_eog(b->find("<|return|>")));
  EXPECT_TRUE(b->is_eog(b->find("<|call|>")));
  EXPECT_FALSE(b->is_hidden(b->find("<|channel|>")));
  EXPECT_EQ(b->decode(Ids{b->find("<|channel|>"), b->find("hello")}), "<|channel|>hello");
  EXPECT_EQ(std::ranges::count(encode(*b, "<|start|>"), b->find("<|start|>")), 0);

  ToyVocab phi("gpt2", "gpt-4o");
  const auto c = with_tokens(phi, {"<|end|>"}).tokenizer();
  EXPECT_TRUE(c->is_eog(c->find("<|end|>")));

  ToyVocab glm("gpt2", "glm4");
  const auto d = with_tokens(glm, {"<|user|>", "<|observation|>"}).tokenizer();
  EXPECT_TRUE(d->is_eog(d->find("<|user|>")));
  EXPECT_TRUE(d->is_eog(d->find("<|observation|>")));

  ToyVocab listed("gpt2", "gpt-2");
  fill_byte_level(listed);
  listed.data.eos_token_ids = {65, 1 << 20, -3};
  const auto e = listed.tokenizer();
  EXPECT_TRUE(e->is_eog(65));
  EXPECT_FALSE(e->is_eog(1 << 20));
}

TEST(Create, WrongDataIsAnErrorAndOddDataAWarning) {
  EXPECT_EQ(Tokenizer::create(VocabData{}).error().code, ErrorCode::kUnsupported);
  EXPECT_EQ(Tokenizer::create(VocabData{.model = "no_vocab"}).error().code,
            ErrorCode::kUnsupported);
  EXPECT_EQ(Tokenizer::create(VocabData{.model = "of-the-future"}).error().code,
            ErrorCode::kUnsupported);
  EXPECT_EQ(Tokenizer::create(VocabData{.model = "gpt2"}).error().code, ErrorCode::kCorrupt);
  auto toy = toy_vocab(0);
  toy->data.token_types.pop_back();
  EXPECT_EQ(Tokenizer::create(toy->data).error().code, ErrorCode::kCorrupt);

  ToyVocab unknown("gpt2", "never-heard-of");
  fill_byte_level(unknown);
  unknown.data.special.eot = 1 << 20;
  unknown.data.merges = {"", " ", "a", "a ", " a", "nope no", "\xFF \xFE", "a b c"};
  const auto t = unknown.tokenizer();
  ASSERT_NE(t, nullptr);
  EXPECT_EQ(t->warnings().size(), 2u);
  EXPECT_EQ(t->decode(encode(*t, "nopeno \xFF")), "nopeno \xFF");
}

// Hours with a careless queue or scanner, a crash with a recursive one.
TEST(LongRuns, OneThingOverAndOver) {
  for (int kind = 0; kind < kToyKinds; ++kind) {
    const auto t = toy_vocab(kind)->tokenizer();
    const bool gives_bytes_back = kind != 5 && kind != 6;
    for (const std::string_view unit :
         {"a", " ", "\n", "7", "\xFF", "\x80", "我", "A", "<|im_", "\u0301"}) {
      const size_t n_bytes = unit == "a" ? 2'000'000 : 200'000;
      std::string text;
      while (text.size() < n_bytes) text += unit;
      const Ids ids = encode(*t, text, {.add_special = false});
      EXPECT_FALSE(gives_bytes_back && ids.empty());
      EXPECT_TRUE(!gives_bytes_back || t->decode(ids) == text) << kind << " " << unit;
    }
  }
}

TEST(StreamDecoder, WholeCharactersThatJoinToTheWhole) {
  std::mt19937 random(8);
  for (int kind = 0; kind < kToyKinds; ++kind) {
    const auto t = toy_vocab(kind)->tokenizer();
    for (int i = 0; i < 200; ++i) {
      Ids ids;
      if (i % 2 == 0) {
        ids = encode(*t, "héllo 我😀" + random_text(random, 20, ""));
      } else {
        for (int k = 0; k < 40; ++k)
          ids.push_back(static_cast<int32_t>(random() % static_cast<uint32_t>(t->n_tokens())));
      }
      StreamDecoder decoder(*t);
      std::string joined;
      for (const int32_t id : ids) {
        const std::string part = decoder.push(id);
        EXPECT_EQ(part, to_valid_utf8(part));
        joined += part;
      }
      joined += decoder.flush();
      EXPECT_EQ(joined, to_valid_utf8(t->decode(ids, StreamDecoder::kGenerated)));
    }
  }
}

TEST(StreamDecoder, HoldsHalfACharacterBack) {
  const auto t = toy_vocab(3)->tokenizer();
  StreamDecoder decoder(*t);
  EXPECT_EQ(decoder.push(t->find("▁hello")), " hello");
  EXPECT_EQ(decoder.push(t->find("<0xF0>")), "");
  EXPECT_EQ(decoder.push(t->find("<0x9F>")), "");
  EXPECT_EQ(decoder.push(t->find("<0x98>")), "");
  EXPECT_EQ(decoder.push(t->find("<0x80>")), "😀");
  EXPECT_EQ(decoder.push(t->find("<0xC3>")), "");
  EXPECT_EQ(decoder.push(t->find("a")), "\uFFFDa");
  EXPECT_EQ(decoder.push(t->find("</s>")), "");
  EXPECT_EQ(decoder.push(t->find("<0xC3>")), "");
  EXPECT_EQ(decoder.flush(), "\uFFFD");
}

}  // namespace
}  // namespace hearth::text
