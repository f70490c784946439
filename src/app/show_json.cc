#include "app/show_json.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <nlohmann/json.hpp>

namespace hearth::app {
namespace {

using Json = nlohmann::ordered_json;
using format::Value;
using format::ValueType;

// A float as the shortest decimal that gives it back: 1e-05, not 9.999999747378752e-06.
double shortest(float value) { return std::strtod(fmt::format("{}", value).c_str(), nullptr); }

Json element_json(const Value& value, uint64_t index) {
  if (value.element == ValueType::kBool) return *format::element_as<bool>(value, index);
  if (const auto number = format::element_as<int64_t>(value, index)) return *number;
  if (const auto number = format::element_as<uint64_t>(value, index)) return *number;
  if (value.element == ValueType::kF32) return shortest(*format::element_as<float>(value, index));
  return format::element_as<double>(value, index).value_or(0);
}

// The first n elements.
Json elements_json(const Value& value, uint64_t n) {
  Json out = Json::array();
  if (value.element == ValueType::kString) {
    for (const std::string_view text : value.strings()) {
      if (out.size() == n) break;
      out.push_back(text);
    }
  } else {
    for (uint64_t i = 0; i < n; ++i) out.push_back(element_json(value, i));
  }
  return out;
}

Json value_json(const Value& value, LongArrays long_arrays) {
  constexpr uint64_t kWholeMax = 64;
  constexpr uint64_t kFirst = 8;
  if (value.type == ValueType::kString) return value.text();
  if (!value.is_array()) return element_json(value, 0);
  if (value.count <= kWholeMax || long_arrays == LongArrays::kWhole)
    return elements_json(value, value.count);
  return {{"type", format::name_of(value.element)},
          {"count", value.count},
          {"first", elements_json(value, kFirst)}};
}

Json named_json(std::span<const NamedValue> values) {
  Json out = Json::object();
  for (const NamedValue& named : values)
    out[std::string(named.id)] = value_json(*named.value, LongArrays::kWhole);
  return out;
}

Json weights_json(const format::ModelFile& file, const ModelSummary& summary) {
  Json out = Json::array();
  for (const TypeShare& share : summary.types)
    out.push_back({{"type", share.type->name},
                   {"n_tensors", share.n_tensors},
                   {"n_parameters", share.n_parameters},
                   {"bytes", share.bytes},
                   {"share", double(share.bytes) / double(file.tensor_bytes())}});
  return out;
}

Json tokenizer_json(const ModelSummary& summary) {
  Json special = Json::object();
  for (const SpecialToken& token : summary.special_tokens)
    special[std::string(token.role)] = {{"id", token.id}, {"text", token.text}};
  Json out = {{"model", summary.tokenizer_model}, {"pre", summary.tokenizer_pre}};
  out["vocabulary_size"] = summary.vocabulary_size ? Json(*summary.vocabulary_size) : Json(nullptr);
  out["special_tokens"] = std::move(special);
  out["end_of_generation"] = Json::array();
  for (const SpecialToken& token : summary.ends)
    out["end_of_generation"].push_back({{"id", token.id}, {"text", token.text}});
  out.update(named_json(summary.token_flags));
  return out;
}

Json memory_json(const engine::MemoryPlan& plan) {
  Json rows = Json::array();
  for (const Arena::Row& row : plan.rows())
    rows.push_back({{"what", row.what}, {"bytes", row.size_bytes}});
  return {{"rows", std::move(rows)},
          {"total_bytes", plan.total_bytes()},
          {"ctx", plan.context.n_ctx},
          {"reason", plan.context.reason},
          {"weights", plan.weights_reason},
          {"threads", plan.threads.generate},
          {"threads_batch", plan.threads.prompt},
          {"threads_reason", plan.threads.reason},
          {"fits", !plan.problem && plan.warning.empty()},
          {"runs", !plan.problem},
          {"problem", plan.problem ? Json(plan.problem->message) : Json(nullptr)},
          {"warning", plan.warning.empty() ? Json(nullptr) : Json(plan.warning)},
          {"machine_total_bytes", plan.machine.total_bytes},
          {"machine_free_bytes", plan.machine.available_bytes}};
}

Json templates_json(const ModelSummary& summary) {
  Json out = Json::object();
  for (const ChatTemplate& chat : summary.chat_templates)
    out[chat.name.empty() ? "default" : std::string(chat.name)] = chat.text;
  return out;
}

Json tensors_json(const format::ModelFile& file) {
  Json out = Json::array();
  for (const format::TensorInfo& tensor : file.tensors()) {
    Json shape = Json::array();
    for (int i = 0; i < tensor.n_dims; ++i) shape.push_back(tensor.shape[size_t(i)]);
    out.push_back({{"name", tensor.name},
                   {"type", tensor.type->name},
                   {"shape", std::move(shape)},
                   {"bytes", tensor.data.size()},
                   {"offset", tensor.file_offset},
                   {"shard", tensor.shard}});
  }
  return out;
}

}  // namespace

std::string summary_json(const ShownFile& shown, LongArrays long_arrays) {
  const format::ModelFile& file = shown.file;
  const ModelSummary& summary = shown.summary;
  Json out = {
      {"path", shown.path}, {"gguf_version", file.version()}, {"alignment", file.alignment()}};
  out["shards"] = Json::array();
  for (int i = 0; i < file.n_shards(); ++i)
    if (const FileMap* shard = file.shard(i)) out["shards"].push_back(shard->path());
  out["architecture"] = summary.architecture;
  out["name"] = summary.name;
  out["kind"] = summary.kind;
  out["quantization"] = summary.recipe;
  out["n_parameters"] = file.n_parameters();
  out["file_bytes"] = file.file_bytes();
  out["tensor_bytes"] = file.tensor_bytes();
  out["bits_per_weight"] = summary.bits_per_weight;
  out["sizes"] = named_json(summary.sizes);
  out["pooling"] = summary.pooling.empty() ? Json(nullptr) : Json(summary.pooling);
  out["weights"] = weights_json(file, summary);
  out["tokenizer"] = tokenizer_json(summary);
  out["chat_templates"] = templates_json(summary);
  if (shown.memory != nullptr) out["memory"] = memory_json(*shown.memory);
  out["metadata"] = Json::object();
  // The reader has made sure that no key occurs twice; operator[] would search all keys for each.
  auto& metadata = out["metadata"].get_ref<Json::object_t&>();
  for (const format::Entry& entry : file.metadata().entries())
    metadata.emplace_back(std::string(entry.key), value_json(entry.value, long_arrays));
  out["tensors"] = tensors_json(file);
  return out.dump(2, ' ', false, Json::error_handler_t::replace) + '\n';
}

}  // namespace hearth::app
