#include "app/show_summary.h"

#include <algorithm>
#include <string>

#include "format/metadata_checks.h"
#include "model/hyper_params.h"
#include "model/pooling.h"

namespace hearth::app {
namespace {

using format::Entry;
using format::Metadata;
using format::Value;
using format::ValueType;

struct NamedKey {
  std::string_view key;  // after "<architecture>." or "tokenizer.ggml."
  std::string_view id;
  std::string_view label;
};

constexpr NamedKey kSizes[] = {
    {"context_length", "context_length", "context length"},
    {"embedding_length", "embedding_length", "embedding length"},
    {"block_count", "n_layers", "layers"},
    {"nextn_predict_layers", "n_mtp_layers", "of these, MTP"},
    {"attention.head_count", "n_heads", "heads"},
    {"attention.head_count_kv", "n_kv_heads", "KV heads"},
    {"attention.key_length", "head_dim", "head dimension"},
    {"attention.sliding_window", "sliding_window", "sliding window"},
    {"feed_forward_length", "feed_forward_length", "feed forward"},
    {"expert_count", "n_experts", "experts"},
    {"expert_used_count", "n_experts_used", "experts per token"},
    {"expert_shared_count", "n_shared_experts", "shared experts"},
    {"expert_feed_forward_length", "expert_feed_forward_length", "expert feed forward"},
    {"rope.freq_base", "rope_freq_base", "RoPE base"},
    {"rope.scaling.type", "rope_scaling", "RoPE scaling"},
    {"rope.scaling.factor", "rope_scaling_factor", "RoPE factor"},
};

constexpr NamedKey kTokenFlags[] = {
    {"add_bos_token", "add_bos", "adds BOS"},
    {"add_eos_token", "add_eos", "adds EOS"},
    {"add_sep_token", "add_sep", "adds SEP"},
    {"add_space_prefix", "add_space_prefix", "adds a space"},
};

// general.file_type, as llama.cpp numbers its recipes. Only a label: a recipe mixes tensor types.
struct Recipe {
  uint64_t id;
  std::string_view name;
};
constexpr Recipe kRecipes[] = {
    {0, "F32"},      {1, "F16"},      {2, "Q4_0"},       {3, "Q4_1"},    {7, "Q8_0"},
    {8, "Q5_0"},     {9, "Q5_1"},     {10, "Q2_K"},      {11, "Q3_K_S"}, {12, "Q3_K_M"},
    {13, "Q3_K_L"},  {14, "Q4_K_S"},  {15, "Q4_K_M"},    {16, "Q5_K_S"}, {17, "Q5_K_M"},
    {18, "Q6_K"},    {19, "IQ2_XXS"}, {20, "IQ2_XS"},    {21, "Q2_K_S"}, {22, "IQ3_XS"},
    {23, "IQ3_XXS"}, {24, "IQ1_S"},   {25, "IQ4_NL"},    {26, "IQ3_S"},  {27, "IQ3_M"},
    {28, "IQ2_S"},   {29, "IQ2_M"},   {30, "IQ4_XS"},    {31, "IQ1_M"},  {32, "BF16"},
    {36, "TQ1_0"},   {37, "TQ2_0"},   {38, "MXFP4_MOE"}, {39, "NVFP4"},  {40, "Q1_0"},
    {41, "Q2_0"},
};

// Prefixes of the keys that say where a model comes from and what one may do with it.
constexpr std::string_view kOriginKeys[] = {
    "general.license",  "general.author",      "general.organization", "general.quantized_by",
    "general.url",      "general.doi",         "general.uuid",         "general.repo_url",
    "general.source.",  "general.base_model.", "general.version",      "general.finetune",
    "general.basename", "general.size_label",  "general.description",  "general.languages",
    "general.tags",     "general.datasets"};

std::string_view text_or_empty(const Metadata& metadata, std::string_view key) {
  return metadata.get_string_or(key, "").value_or(std::string_view{});
}

std::vector<NamedValue> find_all(const Metadata& metadata, const std::string& prefix,
                                 std::span<const NamedKey> keys) {
  std::vector<NamedValue> out;
  for (const NamedKey& key : keys)
    if (const Value* value = metadata.find(prefix + std::string(key.key)))
      out.push_back({key.id, key.label, value});
  return out;
}

std::string_view recipe_of(const Metadata& metadata) {
  const auto id = metadata.get_uint("general.file_type");
  if (!id) return {};
  const auto* row = std::ranges::find(kRecipes, *id, &Recipe::id);
  return row == std::end(kRecipes) ? std::string_view{} : row->name;
}

std::vector<TypeShare> shares_of(const format::ModelFile& file) {
  std::vector<TypeShare> shares(quant::all_types().size());
  for (const format::TensorInfo& tensor : file.tensors()) {
    TypeShare& share = shares[size_t(tensor.type->index)];
    share.type = tensor.type;
    ++share.n_tensors;
    share.n_parameters += tensor.n_elements();
    share.bytes += tensor.data.size();
  }
  std::erase_if(shares, [](const TypeShare& share) { return share.n_tensors == 0; });
  std::ranges::sort(shares, [](const TypeShare& a, const TypeShare& b) {
    return a.bytes != b.bytes ? a.bytes > b.bytes : a.type->index < b.type->index;
  });
  return shares;
}

std::vector<SpecialToken> special_tokens_of(const Metadata& metadata) {
  std::vector<SpecialToken> out;
  for (const std::string_view role : format::special_token_roles()) {
    const auto id = format::special_token_id(metadata, role);
    if (!id || !*id) continue;
    out.push_back(token_of(metadata, role, **id));
  }
  return out;
}

// What the file says, else what is done with an encoder; "" where nothing is pooled.
std::string_view pooling_of(const Metadata& metadata, const std::string& prefix) {
  const auto key = metadata.get_uint(prefix + "pooling_type");
  if (key && *key <= uint64_t(model::Pooling::kRank))
    return model::pooling_name(model::Pooling(*key));
  const auto params = model::read_hyper_params(metadata);
  if (!params || params->causal) return {};
  return model::pooling_name(model::default_pooling(*params));
}

std::vector<ChatTemplate> chat_templates_of(const Metadata& metadata) {
  constexpr std::string_view kKey = "tokenizer.chat_template";
  std::vector<ChatTemplate> out;
  for (const Entry& entry : metadata.entries()) {
    if (entry.value.type != ValueType::kString || !entry.key.starts_with(kKey)) continue;
    const std::string_view rest = entry.key.substr(kKey.size());
    if (rest.empty())
      out.insert(out.begin(), {"", entry.value.text()});
    else if (rest.starts_with('.'))
      out.push_back({rest.substr(1), entry.value.text()});
  }
  return out;
}

std::vector<Entry> origin_of(const Metadata& metadata) {
  std::vector<Entry> out;
  for (const Entry& entry : metadata.entries()) {
    const bool wanted = std::ranges::any_of(
        kOriginKeys, [&](std::string_view key) { return entry.key.starts_with(key); });
    if (wanted) out.push_back({entry.key.substr(std::string_view("general.").size()), entry.value});
  }
  return out;
}

std::optional<uint64_t> vocabulary_size_of(const Metadata& metadata, const std::string& prefix) {
  if (const Value* tokens = metadata.find("tokenizer.ggml.tokens")) return tokens->count;
  const auto size = metadata.get_uint(prefix + "vocab_size");
  return size ? std::optional<uint64_t>(*size) : std::nullopt;
}

}  // namespace

SpecialToken token_of(const Metadata& metadata, std::string_view role, uint32_t id) {
  SpecialToken token{role, id, {}};
  if (const Value* tokens = metadata.find("tokenizer.ggml.tokens"))
    token.text = format::element_as<std::string_view>(*tokens, id).value_or("");
  return token;
}

ModelSummary summarize(const format::ModelFile& file) {
  const Metadata& metadata = file.metadata();
  const std::string prefix = std::string(file.architecture()) + ".";
  ModelSummary summary;
  summary.architecture = file.architecture();
  summary.name = text_or_empty(metadata, "general.name");
  summary.kind = text_or_empty(metadata, "general.type");
  summary.recipe = recipe_of(metadata);
  if (file.n_parameters() > 0)
    summary.bits_per_weight = 8.0 * double(file.tensor_bytes()) / double(file.n_parameters());
  summary.types = shares_of(file);
  summary.sizes = find_all(metadata, prefix, kSizes);
  summary.pooling = pooling_of(metadata, prefix);
  summary.tokenizer_model = text_or_empty(metadata, "tokenizer.ggml.model");
  summary.tokenizer_pre = text_or_empty(metadata, "tokenizer.ggml.pre");
  summary.vocabulary_size = vocabulary_size_of(metadata, prefix);
  summary.special_tokens = special_tokens_of(metadata);
  summary.token_flags = find_all(metadata, "tokenizer.ggml.", kTokenFlags);
  summary.chat_templates = chat_templates_of(metadata);
  summary.origin = origin_of(metadata);
  return summary;
}

}  // namespace hearth::app
