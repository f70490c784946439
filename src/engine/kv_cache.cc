#include "engine/kv_cache.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <span>

namespace hearth::engine {
namespace {

tensor::KvLayerView layer_view(const model::HyperParams& params, int layer, tensor::KvType type) {
  const bool own = params.kv_layer(layer) == layer;
  return {.type = type,
          .n_heads = own ? params.layers[size_t(layer)].n_kv_heads : 0,
          .dk = params.layers[size_t(layer)].head_dim_k,
          .dv = params.layers[size_t(layer)].head_dim_v};
}

int64_t chunks_for(int64_t n_positions) {
  return (n_positions + tensor::kKvChunk - 1) / tensor::kKvChunk;
}

// Numbers between -1 and 1 in this type (codes, if it is quantized): a prime number of them, so
// that rows differ.
std::vector<std::byte> made_up_numbers(tensor::KvType type) {
  constexpr int64_t kNumbers = 65521;
  std::vector<float> numbers;
  std::vector<std::byte> bytes;
  for (int64_t i = 0; i < kNumbers; ++i) {
    numbers.push_back(float(2 * (i * 48271 % kNumbers) - kNumbers) / float(kNumbers));
    bytes.push_back(std::byte(uint8_t(i * 48271 % kNumbers)));
  }
  if (tensor::info(type).quantized) return bytes;
  const quant::TypeInfo& info = *quant::find_type(tensor::info(type).name);
  bytes.resize(info.row_bytes(kNumbers));
  info.encode_row(numbers.data(), kNumbers, nullptr, bytes.data());
  return bytes;
}

// Fills one chunk of one layer; what pads the rows of V stays zero.
void fill_chunk(const tensor::KvLayerView& layer, int chunk, std::span<const std::byte> numbers) {
  std::byte* bytes = layer.k(chunk, 0);
  for (size_t at = 0; at < layer.chunk_bytes(); at += numbers.size())
    std::memcpy(bytes + at, numbers.data(), std::min(numbers.size(), layer.chunk_bytes() - at));
  if (layer.quantized()) {
    for (int head = 0; head < layer.n_heads; ++head) {
      std::fill_n(layer.k_scales(chunk, head), tensor::kKvChunk, 1.0f / 128);
      std::fill_n(layer.v_scales(chunk, head), tensor::kKvChunk, 1.0f / 128);
    }
    return;
  }
  const size_t size = sizeof(uint32_t) / size_t(tensor::info(layer.type).per_word);
  const auto pad = size_t(layer.dv_padded() - layer.dv) * size;
  if (pad == 0) return;
  for (int head = 0; head < layer.n_heads; ++head)
    for (int row = 1; row <= tensor::kKvChunk; ++row)
      std::memset(layer.v(chunk, head) + size_t(row) * size_t(layer.dv_padded()) * size - pad, 0,
                  pad);
}

}  // namespace

Result<KvCache> KvCache::create(const model::HyperParams& params, const Options& options,
                                Arena& arena) {
  int widest = 0;
  for (const model::LayerParams& l : params.layers)
    widest = std::max({widest, l.head_dim_k, l.head_dim_v});
  if (tensor::info(options.type).quantized && widest > tensor::kKvQuantizedWidth)
    return fail(
        ErrorCode::kInvalidArgument,
        fmt::format("the KV cache cannot be of type {}: it takes heads of up to {} numbers, "
                    "this model's have {}",
                    tensor::info(options.type).name, tensor::kKvQuantizedWidth, widest),
        "use f16");
  KvCache cache;
  cache.options_ = options;
  const int64_t n_chunks = chunks_for(options.n_positions) * options.n_sequences;
  for (int layer = 0; layer < params.n_layers(); ++layer) {
    tensor::KvLayerView view = layer_view(params, layer, options.type);
    HEARTH_ASSIGN(view.base, arena.take("KV cache", uint64_t(n_chunks) * view.chunk_bytes()));
    cache.layers_.push_back(view);
  }
  if (arena.measuring()) return cache;
  cache.tables_.resize(size_t(options.n_sequences));
  cache.used_.resize(size_t(options.n_sequences));
  cache.views_.resize(size_t(options.n_sequences));
  cache.free_.reserve(size_t(n_chunks));
  // Taken from the back: low chunks first, so that short conversations touch few pages.
  for (int64_t i = n_chunks; i-- > 0;) cache.free_.push_back(int32_t(i));
  for (std::vector<int32_t>& table : cache.tables_)
    table.reserve(size_t(chunks_for(options.n_positions)));
  return cache;
}

uint64_t KvCache::bytes_per_position(const model::HyperParams& params, tensor::KvType type) {
  uint64_t chunk = 0;
  for (int layer = 0; layer < params.n_layers(); ++layer)
    chunk += layer_view(params, layer, type).chunk_bytes();
  return chunk / tensor::kKvChunk;
}

Result<void> KvCache::reserve(int sequence, int64_t n_positions) {
  std::vector<int32_t>& table = tables_[size_t(sequence)];
  const auto wanted = size_t(chunks_for(n_positions));
  if (n_positions > options_.n_positions || wanted > table.size() + free_.size())
    return fail(ErrorCode::kContextFull,
                fmt::format("the context is full: {} tokens are needed, {} fit", n_positions,
                            options_.n_positions),
                "start over with /clear, or use a larger context (--ctx)");
  while (table.size() < wanted) {
    table.push_back(free_.back());
    free_.pop_back();
  }
  used_[size_t(sequence)] = n_positions;
  views_[size_t(sequence)] = {table.data(), int(table.size())};
  return {};
}

Result<void> KvCache::make_up(int sequence, int64_t n_positions) {
  trim(sequence, 0);
  HEARTH_TRY(reserve(sequence, n_positions));
  const std::vector<std::byte> numbers = made_up_numbers(options_.type);
  for (const tensor::KvLayerView& layer : layers_)
    for (const int32_t chunk : tables_[size_t(sequence)]) fill_chunk(layer, chunk, numbers);
  return {};
}

void KvCache::trim(int sequence, int64_t n_positions) {
  std::vector<int32_t>& table = tables_[size_t(sequence)];
  const auto wanted = size_t(chunks_for(n_positions));
  while (table.size() > wanted) {
    free_.push_back(table.back());
    table.pop_back();
  }
  if (n_positions < used_[size_t(sequence)]) used_[size_t(sequence)] = n_positions;
  views_[size_t(sequence)] = {table.data(), int(table.size())};
}

}  // namespace hearth::engine
