#include "text/vocab.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <limits>

#include "base/printable.h"
#include "text/byte_alphabet.h"
#include "text/escape.h"
#include "text/special_tokens.h"

namespace hearth::text {
namespace {

// Ids are int32 and symbols (token ids and a few more) uint32; no model comes near.
constexpr size_t kTokensMax = 1u << 28;

std::string lower_ascii(std::string_view text) {
  std::string out(text);
  for (char& c : out)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + 32);
  return out;
}

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return -1;
}

// The byte of "<0x0A>"; -1: another text.
int byte_of_text(std::string_view text) {
  if (text.size() != 6 || !text.starts_with("<0x") || text[5] != '>') return -1;
  const int high = hex_digit(text[3]);
  const int low = hex_digit(text[4]);
  return high < 0 || low < 0 ? -1 : high * 16 + low;
}

// RWKV vocabularies are written with the escapes of a Python literal.
std::string unescape_rwkv(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\\' || i + 1 == text.size()) {
      out += text[i];
      continue;
    }
    const char kind = text[++i];
    const bool is_hex = kind == 'x' && i + 2 < text.size() && hex_digit(text[i + 1]) >= 0 &&
                        hex_digit(text[i + 2]) >= 0;
    if (is_hex) {
      out += static_cast<char>(hex_digit(text[i + 1]) * 16 + hex_digit(text[i + 2]));
      i += 2;
    } else {
      out += kind == 'n' ? '\n' : kind == 't' ? '\t' : kind == 'r' ? '\r' : kind;
    }
  }
  return out;
}

}  // namespace

// Makes a Vocab in the order in which its parts depend on each other.
class VocabBuilder {
 public:
  explicit VocabBuilder(const VocabData& data) : data_(data) {}

  Result<Vocab> build() {
    HEARTH_TRY(set_kind());
    HEARTH_TRY(set_tokens());
    set_flags();
    set_special();
    set_strips();
    set_bytes();
    set_pieces();
    return std::move(v_);
  }

 private:
  Result<void> set_kind() {
    struct Model {
      std::string_view name;
      TokenizerKind kind;
      SpecialIds ids;  // what files of the kind mean when they say nothing
    };
    static constexpr std::array kModels = std::to_array<Model>({
        {"llama", TokenizerKind::kSpm, {.bos = 1, .eos = 2, .unk = 0}},
        {"gpt2", TokenizerKind::kBpe, {.bos = 11, .eos = 11}},
        {"gemma4", TokenizerKind::kBpe, {}},
        {"whitespace", TokenizerKind::kBpe, {}},
        {"bert",
         TokenizerKind::kWordPiece,
         {.unk = 100, .sep = 102, .pad = 0, .cls = 101, .mask = 103}},
        {"t5", TokenizerKind::kUnigram, {.eos = 1, .unk = 2, .pad = 0}},
        {"rwkv", TokenizerKind::kRwkv, {}},
        {"plamo2", TokenizerKind::kPlamo2, {.bos = 1, .eos = 2, .unk = 0, .pad = 3}},
    });
    if (data_.model.empty() || data_.model == "none" || data_.model == "no_vocab")
      return fail(ErrorCode::kUnsupported, "the model file has no tokenizer",
                  "give token ids instead of text, or use a file with its vocabulary");
    const auto* found = std::ranges::find(kModels, data_.model, &Model::name);
    if (found == kModels.end())
      return fail(ErrorCode::kUnsupported,
                  fmt::format("the tokenizer model \"{}\" is not known to this version",
                              printable(data_.model, 40)),
                  "a newer version of the program may know it");
    v_.kind_ = found->kind;
    defaults_ = found->ids;
    if (v_.kind_ == TokenizerKind::kBpe) set_pre();
    v_.escape_spaces_ = v_.kind_ == TokenizerKind::kSpm || v_.kind_ == TokenizerKind::kUnigram ||
                        v_.kind_ == TokenizerKind::kWordPiece ||
                        (v_.raw_bpe_ && v_.pre_->escapes_spaces);
    return {};
  }

  void set_pre() {
    const std::string_view name = data_.model == "gpt2" ? data_.pre : data_.model;
    v_.pre_ = find_pre_tokenizer(name);
    if (v_.pre_ == nullptr) {
      v_.pre_ = &default_pre_tokenizer();
      const std::string what =
          name.empty() ? std::string("the model file does not say how its tokenizer splits text")
                       : fmt::format("the pre-tokenizer \"{}\" is not known", printable(name, 40));
      v_.warnings_.push_back(
          what +
          "; a general rule is used, and answers may be worse than they should be. Get a "
          "newer conversion of the model.");
    }
    v_.raw_bpe_ = v_.pre_->raw;
    if (v_.pre_->no_bos) defaults_.bos = -1;
  }

  Result<void> set_tokens() {
    const size_t n = data_.tokens.size();
    if (n == 0)
      return fail(ErrorCode::kCorrupt, "the tokenizer has no tokens",
                  "download the model file again");
    if (n > kTokensMax)
      return fail(ErrorCode::kCorrupt, fmt::format("the tokenizer has {} tokens", n));
    if (!data_.scores.empty() && data_.scores.size() < n)
      return too_short("scores", data_.scores.size());
    if (!data_.token_types.empty() && data_.token_types.size() < n)
      return too_short("token types", data_.token_types.size());
    v_.index_ = TextIndex(n);
    v_.types_.reserve(n);
    for (size_t i = 0; i < n; ++i) {
      const auto id = static_cast<int32_t>(i);
      v_.texts_.add(data_.tokens[i]);
      if (!data_.tokens[i].empty()) v_.index_.add(v_.texts_, id);
      v_.types_.push_back(type_of(i));
    }
    if (!data_.scores.empty())
      v_.scores_.assign(data_.scores.begin(), data_.scores.begin() + static_cast<ptrdiff_t>(n));
    return {};
  }

  std::unexpected<Error> too_short(std::string_view what, size_t n) const {
    return fail(
        ErrorCode::kCorrupt,
        fmt::format("the tokenizer has {} tokens but only {} {}", data_.tokens.size(), n, what),
        "download the model file again");
  }

  TokenType type_of(size_t i) const {
    if (data_.token_types.empty()) {
      const bool has_byte_tokens =
          v_.kind_ != TokenizerKind::kWordPiece && v_.kind_ != TokenizerKind::kRwkv;
      return has_byte_tokens && byte_of_text(data_.tokens[i]) >= 0 ? TokenType::kByte
                                                                   : TokenType::kNormal;
    }
    const int32_t type = data_.token_types[i];
    return type >= 1 && type <= 6 ? static_cast<TokenType>(type) : TokenType::kUndefined;
  }

  void set_flags() {
    const bool is_spm = v_.kind_ == TokenizerKind::kSpm;
    const bool is_wordpiece = v_.kind_ == TokenizerKind::kWordPiece;
    const bool pre_adds_bos = v_.pre_ != nullptr && v_.pre_->adds_bos;
    v_.add_bos_ = data_.add_bos.value_or(is_spm || is_wordpiece || pre_adds_bos);
    v_.add_eos_ = data_.add_eos.value_or(v_.kind_ == TokenizerKind::kUnigram);
    v_.add_sep_ = data_.add_sep.value_or(is_wordpiece || (v_.pre_ != nullptr && v_.pre_->adds_sep));
    // Byte-pair tokenizers have no such rule, whatever the file says.
    if (is_spm || v_.kind_ == TokenizerKind::kUnigram)
      v_.add_space_prefix_ = data_.add_space_prefix.value_or(is_spm);
    v_.remove_extra_whitespaces_ = data_.remove_extra_whitespaces.value_or(false);
    v_.lowercase_ = data_.lowercase.value_or(is_wordpiece);
    v_.strip_accents_ = data_.strip_accents.value_or(v_.lowercase_);
    // Gemma 4's files say false, and its template writes <bos> itself; without it the model emits
    // noise.
    if (v_.pre_ != nullptr && v_.pre_->raw && v_.pre_->name == "gemma4" && !v_.add_bos_) {
      v_.add_bos_ = true;
      v_.warnings_.emplace_back(
          "the model file says not to begin with its BOS token, but Gemma 4 needs it: it is added");
    }
  }

  void set_special() {
    SpecialIds ids = data_.special;
    const auto fill = [&](int32_t SpecialIds::* role, std::string_view name) {
      int32_t& id = ids.*role;
      if (id >= v_.n_tokens() || id < -1) {
        v_.warnings_.push_back(
            fmt::format("the {} token's id {} is not in the vocabulary; it is ignored", name, id));
        id = -1;
      }
      const int32_t usual = defaults_.*role;
      if (id < 0 && v_.is_valid(usual) && is_special_type(usual)) id = usual;
    };
    fill(&SpecialIds::bos, "bos"), fill(&SpecialIds::eos, "eos"), fill(&SpecialIds::eot, "eot");
    fill(&SpecialIds::eom, "eom"), fill(&SpecialIds::unk, "unknown"),
        fill(&SpecialIds::sep, "separator");
    fill(&SpecialIds::pad, "padding"), fill(&SpecialIds::cls, "cls"),
        fill(&SpecialIds::mask, "mask");
    fill(&SpecialIds::fim_pre, "fim_pre"), fill(&SpecialIds::fim_suf, "fim_suf");
    fill(&SpecialIds::fim_mid, "fim_mid"), fill(&SpecialIds::fim_pad, "fim_pad");
    fill(&SpecialIds::fim_rep, "fim_rep"), fill(&SpecialIds::fim_sep, "fim_sep");
    // WordPiece begins with CLS; files name it as either.
    if (v_.kind_ == TokenizerKind::kWordPiece) {
      if (ids.bos < 0) ids.bos = ids.cls;
      if (ids.cls < 0) ids.cls = ids.bos;
    }
    std::vector<int32_t> further;
    std::ranges::copy_if(data_.eos_token_ids, std::back_inserter(further),
                         [this](int32_t id) { return v_.is_valid(id); });

    const std::string_view pre = v_.pre_ == nullptr ? std::string_view() : v_.pre_->name;
    SpecialTokens found = find_special_tokens({.texts = v_.texts_,
                                               .index = v_.index_,
                                               .types = v_.types_,
                                               .special = ids,
                                               .ends = further,
                                               .pre = pre});
    v_.special_ = found.ids;
    v_.eog_ids_ = std::move(found.eog);
    v_.shown_ids_ = std::move(found.shown);
    for (const int32_t id : found.control) type(id) = TokenType::kControl;
    for (const int32_t id : found.plain) type(id) = TokenType::kNormal;
    if (v_.add_bos_ && v_.special_.bos < 0 && data_.add_bos.has_value())
      v_.warnings_.emplace_back(
          "the model file asks for a BOS token at the start but names none; none is added");
  }

  TokenType& type(int32_t id) { return v_.types_[static_cast<size_t>(id)]; }

  // A default id is believed only where the vocabulary marks that token as special (id 11 of a file
  // without bos may be a comma), or marks nothing at all.
  bool is_special_type(int32_t id) {
    if (data_.token_types.empty()) return v_.kind_ != TokenizerKind::kBpe;
    return type(id) == TokenType::kControl || type(id) == TokenType::kUnknown ||
           type(id) == TokenType::kUserDefined;
  }

  // GGUF has no field for HF's lstrip and rstrip of added tokens.
  void set_strips() {
    const std::string name = lower_ascii(data_.name);
    const auto contains = [](std::string_view text, std::string_view part) {
      return text.find(part) != text.npos;
    };
    const bool jina = contains(data_.pre, "jina-v2-de") || contains(data_.pre, "jina-v2-es") ||
                      contains(data_.pre, "jina-v2-code");
    if (jina || contains(data_.architecture, "nomic-bert-moe") ||
        contains(data_.architecture, "jina-bert-v3"))
      v_.strip_left_ = v_.find("<mask>");
    else if (contains(name, "modern-bert"))
      v_.strip_left_ = v_.find("[MASK]");
    // A renamed fine-tune of Phi-3 is known by its vocabulary.
    const bool is_phi3_vocab = v_.n_tokens() == 32064 && v_.find("<|assistant|>") == 32001;
    if (!is_phi3_vocab && !contains(name, "phi-3") && !contains(name, "phi3")) return;
    for (int32_t id = 0; id < v_.n_tokens(); ++id) {
      const TokenType t = v_.type(id);
      const bool special =
          t == TokenType::kControl || t == TokenType::kUnknown || t == TokenType::kUserDefined;
      const std::string_view text = v_.text(id);
      if (special && text != "<unk>" && text != "<s>" && text != "<|endoftext|>")
        v_.strip_right_.push_back(id);
    }
  }

  void set_bytes() {
    v_.byte_tokens_.assign(256, -1);
    for (int byte = 0; byte < 256; ++byte) {
      const auto at = static_cast<size_t>(byte);
      const char raw = static_cast<char>(byte);
      if (v_.kind_ == TokenizerKind::kBpe && !v_.raw_bpe_) {
        v_.byte_tokens_[at] = v_.find(encode_byte_alphabet({&raw, 1}));
        continue;
      }
      v_.byte_tokens_[at] = v_.find(fmt::format("<0x{:02X}>", byte));
      if (v_.byte_tokens_[at] < 0) v_.byte_tokens_[at] = v_.find({&raw, 1});
    }
  }

  void set_pieces() {
    for (int32_t id = 0; id < v_.n_tokens(); ++id) {
      const std::string_view text = v_.text(id);
      const TokenType t = v_.type(id);
      if (t == TokenType::kByte) {
        const int byte = byte_of_text(text);
        const char raw = static_cast<char>(byte);
        v_.pieces_.add(byte >= 0 ? std::string_view(&raw, 1) : text);
      } else if (v_.kind_ == TokenizerKind::kRwkv) {
        v_.pieces_.add(unescape_rwkv(text));
      } else if (t == TokenType::kControl || t == TokenType::kUnknown ||
                 t == TokenType::kUserDefined) {
        v_.pieces_.add(text);
      } else if (v_.escape_spaces_) {
        v_.pieces_.add(unescape_spaces(text));
      } else if (v_.kind_ == TokenizerKind::kBpe && !v_.raw_bpe_) {
        v_.pieces_.add(decode_byte_alphabet(text).value_or(std::string(text)));
      } else {
        v_.pieces_.add(text);
      }
    }
  }

  const VocabData& data_;
  SpecialIds defaults_;
  Vocab v_;
};

Result<Vocab> Vocab::create(const VocabData& data) { return VocabBuilder(data).build(); }

bool Vocab::is_eog(int32_t id) const { return std::ranges::binary_search(eog_ids_, id); }

bool Vocab::strips_right(int32_t id) const { return std::ranges::binary_search(strip_right_, id); }

bool Vocab::is_in_shown(int32_t id) const {
  return std::ranges::find(shown_ids_, id) != shown_ids_.end();
}

}  // namespace hearth::text
