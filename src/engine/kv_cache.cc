#include "engine/kv_cache.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <span>

#include "base/checked.h"

namespace hearth::engine {
namespace {

// Floats of one layer's state, in whole cache lines.
size_t state_floats(const model::LayerParams& layer) {
  return size_t(align_up(uint64_t(layer.conv_state + layer.matrix_state), 16));
}
size_t state_floats(const model::HyperParams& params) {
  size_t total = 0;
  for (const model::LayerParams& layer : params.layers) total += state_floats(layer);
  return total;
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

void copy_chunk(std::span<const tensor::KvLayerView> layers, int32_t from, int32_t to) {
  for (const tensor::KvLayerView& layer : layers)
    if (layer.n_heads > 0) std::memcpy(layer.k(to, 0), layer.k(from, 0), layer.chunk_bytes());
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
  if (tensor::info(options.type).quantized && params.indexer.n_heads > 0)
    return fail(
        ErrorCode::kInvalidArgument,
        fmt::format("the KV cache cannot be of type {}: this model's sparse attention reads "
                    "single positions of it",
                    tensor::info(options.type).name),
        "use f16");
  KvCache cache;
  cache.options_ = options;
  const int64_t n_chunks = chunks_for(options.n_positions) * options.n_sequences;
  cache.layers_ = model::kv_layout(params, options.type);
  for (tensor::KvLayerView& view : cache.layers_) {
    HEARTH_ASSIGN(view.base, arena.take("KV cache", uint64_t(n_chunks) * view.chunk_bytes()));
  }
  HEARTH_TRY(cache.create_states(params, arena));
  if (arena.measuring()) return cache;
  uint64_t chunk_bytes = 0;
  for (const tensor::KvLayerView& view : cache.layers_) chunk_bytes += view.chunk_bytes();
  cache.pool_ = std::make_unique<BlockPool>(
      BlockPool::Options{.n_blocks = n_chunks, .block_bytes = std::max<uint64_t>(chunk_bytes, 1)});
  cache.tables_ =
      std::make_unique<BlockTables>(*cache.pool_, options.n_sequences, tensor::kKvChunk);
  cache.views_.resize(size_t(options.n_sequences));
  return cache;
}

uint64_t KvCache::bytes_per_position(const model::HyperParams& params, tensor::KvType type) {
  uint64_t chunk = 0;
  for (const tensor::KvLayerView& view : model::kv_layout(params, type))
    chunk += view.chunk_bytes();
  return chunk / tensor::kKvChunk;
}

Result<void> KvCache::create_states(const model::HyperParams& params, Arena& arena) {
  state_floats_ = state_floats(params);
  if (state_floats_ == 0) return {};
  HEARTH_ASSIGN(std::byte * memory,
                arena.take("recurrent states", state_bytes(params, options_.n_sequences)));
  state_base_ = reinterpret_cast<float*>(memory);
  snapshots_.resize(size_t(n_snapshots(options_.n_sequences)));
  size_t at = 0;
  for (const model::LayerParams& layer : params.layers) {
    states_.push_back({state_base_ + at, int64_t(state_floats_)});
    at += state_floats(layer);
  }
  return {};
}

uint64_t KvCache::state_bytes(const model::HyperParams& params, int n_sequences) {
  return state_floats(params) * sizeof(float) * uint64_t(n_sequences + n_snapshots(n_sequences));
}

Result<void> KvCache::reserve(int sequence, int64_t n_positions) {
  const int64_t n_before = this->n_positions(sequence);
  const auto copy = n_positions <= options_.n_positions
                        ? tables_->reserve(sequence, std::max(n_positions, n_before))
                        : std::nullopt;
  if (!copy)
    return fail(ErrorCode::kContextFull,
                fmt::format("the context is full: {} tokens are needed, {} fit", n_positions,
                            options_.n_positions),
                "start over with /clear, or use a larger context (--ctx)");
  if (copy->from >= 0) copy_chunk(layers_, copy->from, copy->to);
  // A new sequence's state is zero.
  if (has_states() && n_before == 0 && n_positions > 0)
    std::ranges::fill(state(size_t(sequence)), 0.0f);
  show(sequence);
  return {};
}

void KvCache::show(int sequence) {
  const std::span<const int32_t> chunks = tables_->blocks(sequence);
  views_[size_t(sequence)] = {chunks.data(), int(chunks.size())};
}

Result<void> KvCache::make_up(int sequence, int64_t n_positions) {
  trim(sequence, 0);
  HEARTH_TRY(reserve(sequence, n_positions));
  const std::vector<std::byte> numbers = made_up_numbers(options_.type);
  for (const tensor::KvLayerView& layer : layers_)
    if (layer.n_heads > 0)
      for (const int32_t chunk : tables_->blocks(sequence)) fill_chunk(layer, chunk, numbers);
  return {};
}

int64_t KvCache::trim(int sequence, int64_t n_positions) {
  if (n_positions < this->n_positions(sequence)) {
    if (has_states()) n_positions = go_back(sequence, n_positions);
    tables_->trim(sequence, n_positions);
    show(sequence);
  }
  return this->n_positions(sequence);
}

const KvCache::Snapshot* KvCache::last_snapshot(int sequence, int64_t n_positions) const {
  const Snapshot* best = nullptr;
  for (const Snapshot& s : snapshots_)
    if (s.sequence == sequence && s.n_positions <= n_positions &&
        (best == nullptr || s.n_positions > best->n_positions))
      best = &s;
  return best;
}

// The state becomes that of the last snapshot at or before n_positions; later ones are dropped.
int64_t KvCache::go_back(int sequence, int64_t n_positions) {
  for (Snapshot& s : snapshots_)
    if (s.sequence == sequence && s.n_positions > n_positions) s.sequence = -1;
  const Snapshot* best = last_snapshot(sequence, n_positions);
  if (best == nullptr) return 0;
  std::ranges::copy(state_of(*best), state(size_t(sequence)).begin());
  return best->n_positions;
}

void KvCache::snapshot(int sequence) {
  const int64_t n = n_positions(sequence);
  if (!has_states() || n == 0) return;
  Snapshot* place = &snapshots_.front();
  for (Snapshot& s : snapshots_) {
    if (s.sequence == sequence && s.n_positions == n) return;
    const auto age = [](const Snapshot& of) { return of.sequence < 0 ? 0 : of.taken; };
    if (age(s) < age(*place)) place = &s;
  }
  *place = {sequence, n, ++n_taken_};
  std::ranges::copy(state(size_t(sequence)), state_of(*place).begin());
}

Result<void> KvCache::copy(int from, int to) {
  trim(to, 0);
  HEARTH_TRY(reserve(to, n_positions(from)));
  for (size_t i = 0; i < tables_->blocks(from).size(); ++i)
    copy_chunk(layers_, tables_->blocks(from)[i], tables_->blocks(to)[i]);
  if (has_states()) std::ranges::copy(state(size_t(from)), state(size_t(to)).begin());
  return {};
}

int64_t KvCache::share(int from, int to, int64_t n_positions) {
  trim(to, 0);
  if (has_states()) {
    std::span<const float> source = state(size_t(from));
    if (n_positions < this->n_positions(from)) {
      const Snapshot* best = last_snapshot(from, n_positions);
      if (best == nullptr) return 0;
      n_positions = best->n_positions;
      source = state_of(*best);
    }
    std::ranges::copy(source, state(size_t(to)).begin());
  }
  tables_->attach(to, tables_->blocks(from), n_positions);
  show(to);
  return n_positions;
}

void KvCache::attach(int sequence, std::span<const int32_t> chunks, int64_t n_positions) {
  HEARTH_CHECK(!has_states());
  trim(sequence, 0);
  tables_->attach(sequence, chunks, n_positions);
  show(sequence);
}

}  // namespace hearth::engine
