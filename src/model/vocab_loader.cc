#include "model/vocab_loader.h"

#include <array>
#include <optional>
#include <string>
#include <type_traits>

#include "format/metadata_checks.h"

namespace hearth::model {
namespace {

constexpr std::string_view kPrefix = "tokenizer.ggml.";

std::string key_of(std::string_view name) { return std::string(kPrefix) + std::string(name); }

template <class T>
Result<void> read_array(const format::Metadata& metadata, std::string_view name,
                        std::vector<T>& out) {
  const std::string key = key_of(name);
  if (!metadata.contains(key)) return {};
  HEARTH_ASSIGN(out, metadata.get_array<T>(key));
  return {};
}

Result<void> read_flag(const format::Metadata& metadata, std::string_view name,
                       std::optional<bool>& out) {
  const std::string key = key_of(name);
  if (!metadata.contains(key)) return {};
  HEARTH_ASSIGN(out, metadata.get_bool(key));
  return {};
}

Result<void> read_text(const format::Metadata& metadata, std::string_view key,
                       std::string_view& out) {
  HEARTH_ASSIGN(out, metadata.get_string_or(key, {}));
  return {};
}

// Some old files have float scores as integers.
Result<void> read_scores(const format::Metadata& metadata, std::vector<float>& out) {
  const format::Value* value = metadata.find(key_of("scores"));
  const bool is_integers =
      value != nullptr && value->is_array() && value->element == format::ValueType::kI32;
  if (!is_integers) return read_array(metadata, "scores", out);
  std::vector<int32_t> integers;
  HEARTH_TRY(read_array(metadata, "scores", integers));
  out.assign(integers.begin(), integers.end());
  return {};
}

Result<void> read_special(const format::Metadata& metadata, text::SpecialIds& out) {
  struct Role {
    std::string_view name;
    int32_t text::SpecialIds::* id;
  };
  // The last three are the fim ones' old names.
  static constexpr std::array kRoles =
      std::to_array<Role>({{"bos", &text::SpecialIds::bos},
                           {"eos", &text::SpecialIds::eos},
                           {"eot", &text::SpecialIds::eot},
                           {"eom", &text::SpecialIds::eom},
                           {"unknown", &text::SpecialIds::unk},
                           {"seperator", &text::SpecialIds::sep},
                           {"separator", &text::SpecialIds::sep},
                           {"padding", &text::SpecialIds::pad},
                           {"cls", &text::SpecialIds::cls},
                           {"mask", &text::SpecialIds::mask},
                           {"fim_pre", &text::SpecialIds::fim_pre},
                           {"fim_suf", &text::SpecialIds::fim_suf},
                           {"fim_mid", &text::SpecialIds::fim_mid},
                           {"fim_pad", &text::SpecialIds::fim_pad},
                           {"fim_rep", &text::SpecialIds::fim_rep},
                           {"fim_sep", &text::SpecialIds::fim_sep},
                           {"prefix", &text::SpecialIds::fim_pre},
                           {"suffix", &text::SpecialIds::fim_suf},
                           {"middle", &text::SpecialIds::fim_mid}});
  for (const auto [name, role] : kRoles) {
    HEARTH_ASSIGN(const std::optional<uint32_t> id, format::special_token_id(metadata, name));
    if (id.has_value() && out.*role < 0) out.*role = static_cast<int32_t>(*id);
  }
  return {};
}

}  // namespace

Result<text::VocabData> read_vocab(const format::Metadata& metadata) {
  text::VocabData data;
  HEARTH_TRY(read_text(metadata, "tokenizer.ggml.model", data.model));
  HEARTH_TRY(read_text(metadata, "tokenizer.ggml.pre", data.pre));
  HEARTH_TRY(read_text(metadata, "general.architecture", data.architecture));
  HEARTH_TRY(read_text(metadata, "general.name", data.name));
  HEARTH_TRY(read_array(metadata, "tokens", data.tokens));
  HEARTH_TRY(read_scores(metadata, data.scores));
  HEARTH_TRY(read_array(metadata, "token_type", data.token_types));
  HEARTH_TRY(read_array(metadata, "merges", data.merges));
  HEARTH_TRY(read_array(metadata, "eos_token_ids", data.eos_token_ids));
  HEARTH_TRY(read_special(metadata, data.special));
  HEARTH_TRY(read_flag(metadata, "add_bos_token", data.add_bos));
  HEARTH_TRY(read_flag(metadata, "add_eos_token", data.add_eos));
  HEARTH_TRY(read_flag(metadata, "add_sep_token", data.add_sep));
  HEARTH_TRY(read_flag(metadata, "add_space_prefix", data.add_space_prefix));
  HEARTH_TRY(read_flag(metadata, "remove_extra_whitespaces", data.remove_extra_whitespaces));
  HEARTH_TRY(read_flag(metadata, "normalizer.lowercase", data.lowercase));
  HEARTH_TRY(read_flag(metadata, "normalizer.strip_accents", data.strip_accents));
  if (const format::Value* charsmap = metadata.find("tokenizer.ggml.precompiled_charsmap")) {
    const bool is_bytes =
        charsmap->element == format::ValueType::kU8 || charsmap->element == format::ValueType::kI8;
    if (!is_bytes)
      return fail(ErrorCode::kCorrupt,
                  "tokenizer.ggml.precompiled_charsmap is not an array of bytes",
                  "convert the model again with a newer program");
    data.precompiled_charsmap = {reinterpret_cast<const char*>(charsmap->bytes.data()),
                                 charsmap->bytes.size()};
  }
  return data;
}

Result<std::unique_ptr<text::Tokenizer>> load_tokenizer(const format::Metadata& metadata) {
  HEARTH_ASSIGN(const text::VocabData data, read_vocab(metadata));
  return text::Tokenizer::create(data);
}

}  // namespace hearth::model
