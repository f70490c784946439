#include "format/metadata_checks.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>

#include "base/printable.h"

namespace hearth::format {
namespace {

constexpr char kHint[] =
    "the file is damaged or was written wrongly: try another conversion of the model";
constexpr char kTokensKey[] = "tokenizer.ggml.tokens";

// Sizes that the rest of the program allocates or loops by. The limits are some 10 to 100 times
// what models have (2026: 126 layers, 1,024 experts, 262,400 tokens), and small enough that
// products of two cannot wrap.
struct Limit {
  std::string_view key;  // after "<architecture>."
  uint64_t max;
};
constexpr Limit kLimits[] = {
    {"block_count", 4096},
    {"context_length", uint64_t{1} << 32},
    {"embedding_length", 1 << 24},
    {"embedding_length_out", 1 << 24},
    {"feed_forward_length", 1 << 26},
    {"vocab_size", 1 << 26},
    {"attention.head_count", 1 << 16},
    {"attention.head_count_kv", 1 << 16},
    {"attention.key_length", 1 << 20},
    {"attention.value_length", 1 << 20},
    {"attention.q_lora_rank", 1 << 20},
    {"attention.kv_lora_rank", 1 << 20},
    {"rope.dimension_count", 1 << 20},
    {"expert_count", 1 << 16},
    {"expert_used_count", 1 << 16},
    {"expert_shared_count", 1 << 16},
    {"expert_group_count", 1 << 16},
    {"expert_feed_forward_length", 1 << 26},
    {"leading_dense_block_count", 4096},
    {"nextn_predict_layers", 4096},
    {"ssm.conv_kernel", 1 << 16},
    {"ssm.inner_size", 1 << 26},
    {"ssm.state_size", 1 << 20},
    {"ssm.time_step_rank", 1 << 20},
    {"ssm.group_count", 1 << 16},
};

constexpr std::string_view kRoles[] = {
    "bos",  "eos",     "eot",     "eom",     "unknown", "seperator", "padding", "cls",
    "mask", "fim_pre", "fim_suf", "fim_mid", "fim_pad", "fim_rep",   "fim_sep", "separator"};

Result<void> check_limit(const Metadata& metadata, const std::string& key, uint64_t max) {
  const Value* value = metadata.find(key);
  if (value == nullptr) return {};
  const size_t n = value->is_array() ? value->count : 1;
  if (value->is_array() && n > kLimits[0].max)
    return fail(ErrorCode::kCorrupt,
                fmt::format("'{}' has {} elements (byte {}), more than a model has layers",
                            printable(key, 80), n, value->file_offset),
                kHint);
  HEARTH_ASSIGN(const auto numbers, metadata.get_per_layer<uint64_t>(key, n));
  for (const uint64_t number : numbers)
    if (number > max)
      return fail(ErrorCode::kCorrupt,
                  fmt::format("'{}' is {} (byte {}); no model has more than {}", printable(key, 80),
                              number, value->file_offset, max),
                  kHint);
  return {};
}

Result<void> check_not_more(const Metadata& metadata, const std::string& smaller,
                            const std::string& larger) {
  if (!metadata.contains(smaller) || !metadata.contains(larger)) return {};
  if (metadata.find(smaller)->is_array() || metadata.find(larger)->is_array()) return {};
  HEARTH_ASSIGN(const uint64_t a, metadata.get_uint(smaller));
  HEARTH_ASSIGN(const uint64_t b, metadata.get_uint(larger));
  if (a > b)
    return fail(ErrorCode::kCorrupt,
                fmt::format("'{}' is {}, more than '{}' ({}; byte {})", printable(smaller, 80), a,
                            printable(larger, 80), b, metadata.find(smaller)->file_offset),
                kHint);
  return {};
}

// A NaN in any number of the model would turn every logit into NaN.
Result<void> check_no_nan(const Metadata& metadata, std::string_view prefix) {
  for (const Entry& entry : metadata.entries()) {
    if (entry.value.is_array() || !entry.key.starts_with(prefix)) continue;
    const auto number = element_as<double>(entry.value);
    if (number && std::isnan(*number))
      return fail(ErrorCode::kCorrupt,
                  fmt::format("'{}' is not a number (NaN, byte {})", printable(entry.key, 80),
                              entry.value.file_offset),
                  kHint);
  }
  return {};
}

// How many tokens ids may name; null if the file has no vocabulary.
Result<std::optional<uint64_t>> vocabulary_size(const Metadata& metadata) {
  if (const Value* tokens = metadata.find(kTokensKey)) return tokens->count;
  const std::string key = fmt::format("{}.vocab_size", architecture_of(metadata));
  if (!metadata.contains(key)) return std::nullopt;
  HEARTH_ASSIGN(const uint64_t size, metadata.get_uint(key));
  return size;
}

// A list that goes along with the tokens, one element for each.
Result<void> check_along(const Metadata& metadata, std::string_view key, uint64_t n_tokens) {
  const Value* value = metadata.find(key);
  if (value == nullptr) return {};
  if (value->count < n_tokens)
    return fail(ErrorCode::kCorrupt,
                fmt::format("'{}' has {} elements for {} tokens (byte {})", key, value->count,
                            n_tokens, value->file_offset),
                kHint);
  return {};
}

Result<void> check_element_type(const Metadata& metadata, std::string_view key,
                                std::initializer_list<ValueType> allowed) {
  const Value* value = metadata.find(key);
  if (value == nullptr) return {};
  if (value->is_array() && std::ranges::find(allowed, value->element) != allowed.end()) return {};
  const std::string found = value->is_array()
                                ? fmt::format("an array of {}", name_of(value->element))
                                : fmt::format("a {}", name_of(value->type));
  return fail(ErrorCode::kCorrupt,
              fmt::format("'{}' is {} (byte {}); an array of {} is expected", key, found,
                          value->file_offset, name_of(*allowed.begin())),
              kHint);
}

Result<void> check_ids(const Metadata& metadata, std::string_view key, uint64_t n_tokens) {
  const Value* value = metadata.find(key);
  if (value == nullptr) return {};
  HEARTH_TRY(check_element_type(
      metadata, key, {ValueType::kI32, ValueType::kU32, ValueType::kI64, ValueType::kU64}));
  for (uint64_t i = 0; i < value->count; ++i) {
    const auto id = element_as<uint64_t>(*value, i);
    if (!id || *id >= n_tokens)
      return fail(
          ErrorCode::kCorrupt,
          fmt::format("element {} of '{}' is no id of the vocabulary of {} tokens (byte {})", i,
                      key, n_tokens, value->file_offset + i * bytes_of(value->element)),
          kHint);
  }
  return {};
}

}  // namespace

std::span<const std::string_view> special_token_roles() { return kRoles; }

std::string_view architecture_of(const Metadata& metadata) {
  const Value* value = metadata.find("general.architecture");
  return value != nullptr && value->type == ValueType::kString ? value->text() : std::string_view{};
}

Result<void> check_architecture(const Metadata& metadata) {
  const Value* value = metadata.find("general.architecture");
  if (value == nullptr) return {};
  HEARTH_ASSIGN(const std::string_view name, metadata.get_string("general.architecture"));
  const bool plain = std::ranges::all_of(name, [](char c) { return c > ' ' && c < '\x7f'; });
  if (name.empty() || name.size() > 64 || !plain)
    return fail(ErrorCode::kCorrupt,
                fmt::format("'general.architecture' is '{}' (byte {}), which is not a name",
                            printable(name, 64), value->file_offset),
                kHint);
  return {};
}

Result<void> check_hyperparameters(const Metadata& metadata) {
  const std::string prefix = std::string(architecture_of(metadata)) + ".";
  if (prefix == ".") return {};
  for (const Limit& limit : kLimits)
    HEARTH_TRY(check_limit(metadata, prefix + std::string(limit.key), limit.max));
  HEARTH_TRY(check_not_more(metadata, prefix + "expert_used_count", prefix + "expert_count"));
  HEARTH_TRY(check_not_more(metadata, prefix + "nextn_predict_layers", prefix + "block_count"));
  return check_no_nan(metadata, prefix);
}

Result<void> check_vocabulary(const Metadata& metadata) {
  HEARTH_TRY(check_element_type(metadata, kTokensKey, {ValueType::kString}));
  HEARTH_TRY(check_element_type(metadata, "tokenizer.ggml.merges", {ValueType::kString}));
  HEARTH_TRY(
      check_element_type(metadata, "tokenizer.ggml.scores", {ValueType::kF32, ValueType::kF64}));
  HEARTH_TRY(check_element_type(metadata, "tokenizer.ggml.token_type",
                                {ValueType::kI32, ValueType::kU32}));
  HEARTH_ASSIGN(const auto n_tokens, vocabulary_size(metadata));
  if (!n_tokens) return {};
  if (metadata.contains(kTokensKey)) {
    HEARTH_TRY(check_along(metadata, "tokenizer.ggml.scores", *n_tokens));
    HEARTH_TRY(check_along(metadata, "tokenizer.ggml.token_type", *n_tokens));
  }
  for (const std::string_view role : kRoles) {
    HEARTH_ASSIGN(const auto id, special_token_id(metadata, role));
    (void)id;
  }
  HEARTH_TRY(check_ids(metadata, "tokenizer.ggml.eos_token_ids", *n_tokens));
  return check_ids(metadata, "tokenizer.ggml.suppress_tokens", *n_tokens);
}

Result<std::optional<uint32_t>> special_token_id(const Metadata& metadata, std::string_view role) {
  const std::string key = fmt::format("tokenizer.ggml.{}_token_id", role);
  const Value* value = metadata.find(key);
  if (value == nullptr) return std::nullopt;
  constexpr int64_t kNoneAsU32 = std::numeric_limits<uint32_t>::max();
  HEARTH_ASSIGN(const int64_t id, metadata.get_int(key));
  if (id == -1 || id == kNoneAsU32) return std::nullopt;
  HEARTH_ASSIGN(const auto n_tokens, vocabulary_size(metadata));
  const uint64_t n = n_tokens.value_or(uint64_t{1} << 31);
  if (id >= 0 && uint64_t(id) < n) return uint32_t(id);
  if (role == "padding") return std::nullopt;
  return fail(ErrorCode::kCorrupt,
              fmt::format("'{}' is {} (byte {}), but the vocabulary has {} tokens", key, id,
                          value->file_offset, n),
              kHint);
}

}  // namespace hearth::format
