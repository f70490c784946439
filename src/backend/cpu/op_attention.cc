// Executor: appending to the KV cache, and attention over it.
//
// FlashAttention-style: per KV head and tile of query rows, chunk after chunk, with a running
// maximum and sum; scores of one chunk are all that is ever held. The chunk boundaries are those of
// the cache, and partial results are merged in chunk order, so the bits do not depend on tiles,
// threads, or on which of the two schedules below runs.
#include <algorithm>
#include <cmath>
#include <limits>

#include "backend/cpu/executor.h"
#include "base/f16.h"

namespace hearth::backend::cpu {

using namespace tensor;

namespace {

void store_number(std::byte* base, int64_t index, float value, KvType type) {
  if (type == KvType::kF32)
    reinterpret_cast<float*>(base)[index] = value;
  else
    reinterpret_cast<uint16_t*>(base)[index] =
        type == KvType::kF16 ? f32_to_f16(value) : f32_to_bf16(value);
}

// The codes and the scale of one head at one position; n of at most kKvQuantizedWidth numbers, the
// rest of the codes mean (nearly) zero.
struct KvCodes {
  uint8_t code[kKvQuantizedWidth];
  float scale;
};
KvCodes encode_kv(const KernelTable& kernels, const float* x, int n, KvType type) {
  KvCodes out;
  if (type == KvType::kQ8_0) {
    ActBlock block;
    kernels.quantize(x, n, ActForm::kPer256, block);
    for (int i = 0; i < kKvQuantizedWidth; ++i) out.code[i] = uint8_t(block.q[i] + 128);
    out.scale = block.d[0];
    return out;
  }
  float largest = 0;
  for (int i = 0; i < n; ++i) largest = std::max(largest, std::fabs(x[i]));
  const float inv = largest > 0x1p-100f ? 7.5f / largest : 0.0f;
  for (int i = 0; i < kKvQuantizedWidth; ++i)
    out.code[i] = uint8_t(std::clamp(i < n ? x[i] * inv + 8.0f : 8.0f, 0.0f, 15.0f));
  out.scale = largest / 15.0f;
  return out;
}

void store_code(std::byte* words, KvCodePlace place, uint8_t code, bool first) {
  // The lower half of a byte is stored first, and clears the upper.
  if (first)
    words[place.byte] = std::byte(code);
  else
    words[place.byte] |= std::byte(code) << place.shift;
}

float temperature(const Temperature& t, int position) {
  if (t.scale == 0) return 1;
  return 1 + t.scale * std::log(std::floor((float(position) + t.offset) / t.length) + 1);
}

// As AttentionOp says.
float alibi_slope(const AttentionOp& op, int head) {
  if (op.max_alibi == 0) return 0;
  int power = 1;
  while (2 * power <= op.n_heads) power *= 2;
  const float base = op.max_alibi / float(power);
  return head < power ? std::exp2(-base * float(head + 1))
                      : std::exp2(-base / 2 * float(2 * (head - power) + 1));
}

// The widest rotation of a head of n numbers: the largest power of two that divides n.
int64_t rotation(int n) { return n & -n; }

}  // namespace

void Executor::append_quantized(const KvLayerView& kv, const float* k, const float* v, int chunk,
                                int head, int row) const {
  // n numbers, `padded` codes of which `place` says where each is in `words`.
  const auto store = [&](const float* from, int n, int padded, std::byte* words, auto place) {
    float x[kKvQuantizedWidth];
    std::copy_n(from, n, x);
    k_.hadamard(x, n, rotation(n));
    const KvCodes codes = encode_kv(k_, x, n, kv.type);
    for (int i = 0; i < padded; ++i) {
      const KvCodePlace at = place(kv.type, padded, row, i);
      store_code(words, at, codes.code[i], at.shift == 0);
    }
    return codes.scale;
  };
  kv.k_scales(chunk, head)[row] = store(k, kv.dk, kv.dk_padded(), kv.k(chunk, head), k_code_place);
  kv.v_scales(chunk, head)[row] = store(v, kv.dv, kv.dv_padded(), kv.v(chunk, head), v_code_place);
}

void Executor::append_head(const KvAppendOp& op, int64_t t, int head) const {
  const KvLayerView& kv = in_.layers[size_t(op.layer)];
  const int position = in_.positions[t];
  const int chunk = in_.sequences[size_t(in_.sequence_of[t])].chunks[position / kKvChunk];
  const int row = position % kKvChunk;
  const float* k = data(op.k, t) + int64_t(head) * kv.dk;
  const float* v = op.v.present() ? data(op.v, t) + int64_t(head) * kv.dv : nullptr;
  if (kv.quantized()) {
    append_quantized(kv, k, v, chunk, head, row);
    return;
  }
  std::byte* k_out = kv.k(chunk, head);
  std::byte* v_out = kv.v(chunk, head);
  for (int d = 0; d < kv.dk; ++d)
    store_number(k_out, (row / kKvLanes * kv.dk + d) * kKvLanes + row % kKvLanes, k[d], kv.type);
  for (int d = 0; d < kv.dv_padded(); ++d)
    store_number(v_out, row * kv.dv_padded() + d, d < kv.dv ? v[d] : 0.0f, kv.type);
}

// Consecutive tokens of one sequence, with query heads that read the same KV head: row = token *
// group + head in group.
struct Executor::AttentionTile {
  int token;
  int n_tokens;
  int kv_head;     // by take_heads
  int first_head;  // query head
  int group;       // query heads
  const int32_t* chunks;
  // Not null: the one token sees these positions alone; what follows counts them.
  const float* selected;
  int first_position;  // smallest position any row sees
  int last_position;
  int end_of_step;  // behind the last position that there is, where rows see what follows them
  [[nodiscard]] int n_rows() const { return n_tokens * group; }
  [[nodiscard]] int first_chunk() const { return first_position / kKvChunk; }
  [[nodiscard]] int last_chunk() const { return last_position / kKvChunk; }
};

// One thread's working memory for a tile.
struct Executor::AttentionScratch {
  float* floats;       // [kKvChunk, dk + dv_padded]
  float* scores;       // [kTileRows, kKvChunk]
  float* q;            // [kTileRows, dk]
  ActBlock* q_blocks;  // [kTileRows], of a quantized cache
  float* o;            // [kTileRows, dv_padded] of the chunk
  float* O;            // [kTileRows, dv_padded] running
  float* m;            // [kTileRows], and l, M, L
  float* l;
  float* M;
  float* L;
  int32_t* begin;
  int32_t* end;
  int32_t* own;
  float* slope;
  std::byte* gathered;  // a chunk of K and V, where positions are selected
  int dv_padded;
};

Executor::AttentionScratch Executor::attention_scratch(const AttentionOp& op, int thread) const {
  AttentionScratch s;
  s.dv_padded = in_.layers[size_t(op.layer)].dv_padded();
  auto* at = reinterpret_cast<float*>(thread_memory(thread));
  const auto take = [&](size_t n) {
    float* p = at;
    at += align_up(n, 16);
    return p;
  };
  s.scores = take(size_t(kTileRows) * kKvChunk);
  s.floats = take(size_t(kKvChunk) * size_t(op.dk + s.dv_padded));
  s.q = take(size_t(kTileRows) * size_t(op.dk));
  s.o = take(size_t(kTileRows) * size_t(s.dv_padded));
  s.O = take(size_t(kTileRows) * size_t(s.dv_padded));
  s.m = take(kTileRows);
  s.l = take(kTileRows);
  s.M = take(kTileRows);
  s.L = take(kTileRows);
  s.begin = reinterpret_cast<int32_t*>(take(kTileRows));
  s.end = reinterpret_cast<int32_t*>(take(kTileRows));
  s.own = reinterpret_cast<int32_t*>(take(kTileRows));
  s.slope = take(kTileRows);
  s.q_blocks = reinterpret_cast<ActBlock*>(at);
  s.gathered = reinterpret_cast<std::byte*>(s.q_blocks + kTileRows);
  return s;
}

// The tile that starts at `token`; returns the first token behind it.
int Executor::next_tile(const AttentionOp& op, int token, AttentionTile& tile) const {
  const KvLayerView& kv = in_.layers[size_t(op.layer)];
  tile.token = token;
  const int group = op.n_heads / kv.n_heads;
  const int limit = op.selected.present() ? 1 : std::max(1, kTileRows / group);
  const int sequence = in_.sequence_of[token];
  int n = 1;
  while (n < limit && token + n < in_.n_tokens && in_.sequence_of[token + n] == sequence) ++n;
  tile.n_tokens = n;
  tile.chunks = in_.sequences[size_t(sequence)].chunks;
  tile.end_of_step = in_.positions[token + n - 1] + 1;
  if (op.mask == Mask::kFull || op.mask == Mask::kSymmetric)
    for (int t = token + n; t < in_.n_tokens && in_.sequence_of[t] == sequence; ++t)
      ++tile.end_of_step;
  const bool selects = op.selected.present() && in_.positions[token] >= op.selected.width;
  tile.selected = selects ? data(op.selected, token) : nullptr;
  tile.first_position = seen(op, tile, in_.positions[token]).first;
  tile.last_position = seen(op, tile, in_.positions[token + n - 1]).second - 1;
  return token + n;
}

// The query heads of a KV head, in parts of at most kTileRows.
int Executor::n_head_units(const AttentionOp& op) const {
  const int n_kv = in_.layers[size_t(op.layer)].n_heads;
  return n_kv * ((op.n_heads / n_kv + kTileRows - 1) / kTileRows);
}

void Executor::take_heads(const AttentionOp& op, int unit, AttentionTile& tile) const {
  const int n_kv = in_.layers[size_t(op.layer)].n_heads;
  const int n_parts = n_head_units(op) / n_kv;
  tile.kv_head = unit / n_parts;
  const Range heads = share(op.n_heads / n_kv, unit % n_parts, n_parts);
  tile.first_head = tile.kv_head * (op.n_heads / n_kv) + int(heads.begin);
  tile.group = int(heads.end - heads.begin);
}

// [begin, end) of the positions that a token at `position` sees.
std::pair<int, int> Executor::seen(const AttentionOp& op, const AttentionTile& tile,
                                   int position) const {
  if (tile.selected != nullptr) return {0, int(op.selected.width)};
  switch (op.mask) {
    case Mask::kCausal:
      return {op.window > 0 ? std::max(0, position - op.window + 1) : 0, position + 1};
    case Mask::kChunked:
      return {op.window > 0 ? position / op.window * op.window : 0, position + 1};
    case Mask::kFull:
      return {0, tile.end_of_step};
    case Mask::kSymmetric:
      return {std::max(0, position - op.window / 2),
              std::min(tile.end_of_step, position + op.window / 2 + 1)};
  }
  return {0, 0};
}

void Executor::load_queries(const AttentionOp& op, const AttentionTile& tile,
                            const AttentionScratch& s) const {
  const bool quantized = in_.layers[size_t(op.layer)].quantized();
  for (int r = 0; r < tile.n_rows(); ++r) {
    float* q = s.q + int64_t(r) * op.dk;
    const int head = tile.first_head + r % tile.group;
    const int token = tile.token + r / tile.group;
    const float* from =
        data(op.q, token) + int64_t(head) * (op.q_step > 0 ? op.q_step : int64_t(op.dk));
    const float scale = op.scale * temperature(op.temperature, in_.positions[token]);
    for (int d = 0; d < op.dk; ++d) q[d] = from[d] * scale;
    if (!quantized) continue;
    k_.hadamard(q, op.dk, rotation(op.dk));
    k_.quantize(q, op.dk, ActForm::kPer256, s.q_blocks[r]);
  }
}

void Executor::attend_chunk(const AttentionOp& op, const AttentionTile& tile, int chunk,
                            const AttentionScratch& s) const {
  const KvLayerView& kv = in_.layers[size_t(op.layer)];
  for (int r = 0; r < tile.n_rows(); ++r) {
    const int position = in_.positions[tile.token + r / tile.group];
    const auto [first, end] = seen(op, tile, position);
    s.begin[r] = std::clamp(first - chunk * kKvChunk, 0, kKvChunk);
    s.end[r] = std::clamp(end - chunk * kKvChunk, 0, kKvChunk);
    s.own[r] = position - chunk * kKvChunk;
    s.slope[r] = alibi_slope(op, tile.first_head + r % tile.group);
  }
  AttendArgs args{};
  args.n_rows = tile.n_rows();
  args.q = s.q;
  args.dk = op.dk;
  args.dv_padded = s.dv_padded;
  if (tile.selected != nullptr) {
    KvLayerView gathered = kv;
    gathered.n_heads = 1;
    gathered.base = s.gathered;
    const int first = chunk * kKvChunk;
    const int n = std::min(kKvChunk, int(op.selected.width) - first);
    gather_chunk(kv, tile.kv_head, tile.chunks, {tile.selected + first, size_t(n)}, gathered);
    args.k = gathered.k(0, 0);
    args.v = gathered.v(0, 0);
  } else {
    args.k = kv.k(tile.chunks[chunk], tile.kv_head);
    args.v = kv.v(tile.chunks[chunk], tile.kv_head);
    if (chunk < tile.last_chunk()) {
      args.next = kv.k(tile.chunks[chunk + 1], tile.kv_head);
      args.next_bytes = int64_t(kv.k_bytes());
    }
  }
  if (kv.quantized()) {
    args.q_blocks = s.q_blocks;
    args.k_scale = kv.k_scales(tile.chunks[chunk], tile.kv_head);
    args.v_scale = kv.v_scales(tile.chunks[chunk], tile.kv_head);
  }
  args.begin = s.begin;
  args.end = s.end;
  args.softcap = op.softcap;
  if (op.max_alibi > 0) {
    args.slope = s.slope;
    args.own = s.own;
  }
  args.scores = s.scores;
  args.floats = s.floats;
  args.m = s.m;
  args.l = s.l;
  args.o = s.o;
  k_.attend[int(kv.type)](args);
}

// out = O / L, with the sink's share in L; V's rotation is undone.
void Executor::finish_rows(const AttentionOp& op, const AttentionTile& tile,
                           const AttentionScratch& s) const {
  const bool quantized = in_.layers[size_t(op.layer)].quantized();
  for (int r = 0; r < tile.n_rows(); ++r) {
    const int head = tile.first_head + r % tile.group;
    float* O = s.O + int64_t(r) * s.dv_padded;
    if (op.sinks != nullptr) {
      std::fill_n(s.o, s.dv_padded, 0.0f);
      k_.merge(op.sinks[head], 1.0f, s.o, &s.M[r], &s.L[r], O, s.dv_padded);
    }
    const float inv = 1.0f / s.L[r];
    float* out = data(op.out, tile.token + r / tile.group) + int64_t(head) * op.dv;
    for (int d = 0; d < op.dv; ++d) out[d] = O[d] * inv;
    if (quantized) k_.hadamard(out, op.dv, rotation(op.dv));
  }
}

// One thread takes a tile and its heads through all chunks. For prefill and for batches.
void Executor::attend_whole(const AttentionOp& op, int thread) {
  const int n_units = n_head_units(op);
  const AttentionScratch s = attention_scratch(op, thread);
  AttentionTile tile;
  int unit = 0;
  for (int token = 0; token < in_.n_tokens;) {
    token = next_tile(op, token, tile);
    for (int heads = 0; heads < n_units; ++heads, ++unit) {
      if (unit % n_threads() != thread) continue;
      take_heads(op, heads, tile);
      load_queries(op, tile, s);
      std::fill_n(s.M, tile.n_rows(), -std::numeric_limits<float>::infinity());
      for (int c = tile.first_chunk(); c <= tile.last_chunk(); ++c) {
        attend_chunk(op, tile, c, s);
        for (int r = 0; r < tile.n_rows(); ++r)
          k_.merge(s.m[r], s.l[r], s.o + int64_t(r) * s.dv_padded, &s.M[r], &s.L[r],
                   s.O + int64_t(r) * s.dv_padded, s.dv_padded);
      }
      finish_rows(op, tile, s);
    }
  }
}

// Threads share the chunks of each tile; the partial results are merged in chunk order behind a
// barrier. For decode of one long sequence. REQUIRES: all tiles together have at most split_rows()
// rows.
void Executor::attend_split(const AttentionOp& op, int thread) {
  const int n_head_units = this->n_head_units(op);
  const AttentionScratch s = attention_scratch(op, thread);
  const int64_t slot = s.dv_padded + 2;  // m, l, o
  AttentionTile tile;
  int64_t n_units = 0;
  for (int token = 0; token < in_.n_tokens;) {
    token = next_tile(op, token, tile);
    n_units += int64_t(n_head_units) * (tile.last_chunk() - tile.first_chunk() + 1);
  }
  const Range mine = share(n_units, thread, n_threads());
  int64_t unit = 0;
  float* partial = split_memory();
  for (int token = 0; token < in_.n_tokens;) {
    token = next_tile(op, token, tile);
    const int n_chunks = tile.last_chunk() - tile.first_chunk() + 1;
    for (int heads = 0; heads < n_head_units; ++heads) {
      take_heads(op, heads, tile);
      for (int c = 0; c < n_chunks; ++c, ++unit, partial += slot * tile.n_rows()) {
        if (unit < mine.begin || unit >= mine.end) continue;
        if (c == 0 || unit == mine.begin) load_queries(op, tile, s);
        attend_chunk(op, tile, tile.first_chunk() + c, s);
        for (int r = 0; r < tile.n_rows(); ++r) {
          float* p = partial + r * slot;
          p[0] = s.m[r];
          p[1] = s.l[r];
          std::copy_n(s.o + int64_t(r) * s.dv_padded, s.dv_padded, p + 2);
        }
      }
    }
  }
  team_.barrier();
  unit = 0;
  partial = split_memory();
  for (int token = 0; token < in_.n_tokens;) {
    token = next_tile(op, token, tile);
    const int n_chunks = tile.last_chunk() - tile.first_chunk() + 1;
    for (int heads = 0; heads < n_head_units;
         ++heads, ++unit, partial += slot * tile.n_rows() * n_chunks) {
      take_heads(op, heads, tile);
      if (unit % n_threads() != thread) continue;
      std::fill_n(s.M, tile.n_rows(), -std::numeric_limits<float>::infinity());
      for (int c = 0; c < n_chunks; ++c)
        for (int r = 0; r < tile.n_rows(); ++r) {
          const float* p = partial + (int64_t(c) * tile.n_rows() + r) * slot;
          k_.merge(p[0], p[1], p + 2, &s.M[r], &s.L[r], s.O + int64_t(r) * s.dv_padded,
                   s.dv_padded);
        }
      finish_rows(op, tile, s);
    }
  }
}

void Executor::run(const AttentionOp& op, int thread) {
  const bool few_rows = int64_t(in_.n_tokens) * op.n_heads <= split_rows(op);
  if (few_rows && n_threads() > 1 && in_.n_tokens * n_head_units(op) < 4 * n_threads())
    attend_split(op, thread);
  else
    attend_whole(op, thread);
}

}  // namespace hearth::backend::cpu
