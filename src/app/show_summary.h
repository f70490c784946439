// What a model file is, gathered for `hearth show`: plain facts, not yet text or JSON. All views
// belong to the ModelFile. A fact whose key is absent or of a wrong type is left out: showing a
// strange file is better than refusing.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "format/model_file.h"

namespace hearth::app {

struct NamedValue {
  std::string_view id;     // "context_length": the key in JSON
  std::string_view label;  // "context length"
  const format::Value* value = nullptr;
};

struct TypeShare {
  const quant::TypeInfo* type = nullptr;
  uint64_t n_tensors = 0;
  uint64_t n_parameters = 0;
  uint64_t bytes = 0;
};

struct SpecialToken {
  std::string_view role;  // "bos"
  uint32_t id = 0;
  std::string_view text;  // "" if the file has no token list
};

struct ChatTemplate {
  std::string_view name;  // "" for the usual one; else as in tokenizer.chat_template.NAME
  std::string_view text;
};

struct ModelSummary {
  std::string_view architecture;
  std::string_view name;
  std::string_view kind;    // general.type: "model", "adapter", "mmproj", "imatrix"; "" if not said
  std::string_view recipe;  // the name of general.file_type, "Q4_K_M"; a label only; "" if unknown
  double bits_per_weight = 0;    // of the tensors; 0 if there are none
  std::vector<TypeShare> types;  // most bytes first
  std::vector<NamedValue> sizes;
  std::string_view pooling;  // of embedding models and rerankers: "mean", "cls", ...; else ""
  std::string_view tokenizer_model;
  std::string_view tokenizer_pre;
  std::optional<uint64_t> vocabulary_size;
  std::vector<SpecialToken> special_tokens;
  // Tokens that end generation. summarize() leaves them out: they need the tokenizer.
  std::vector<SpecialToken> ends;
  std::vector<NamedValue> token_flags;  // add_bos_token and the like
  std::vector<ChatTemplate> chat_templates;
  std::vector<format::Entry> origin;  // licence, author, source: keys without "general."
};

// A token by its id.
SpecialToken token_of(const format::Metadata& metadata, std::string_view role, uint32_t id);

ModelSummary summarize(const format::ModelFile& file);

}  // namespace hearth::app
