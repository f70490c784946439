// Model::load: from checked file to checked weights.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <set>

#include "base/checked.h"
#include "model/model.h"
#include "model/unknown_arch.h"

namespace hearth::model {

using tensor::Weight;

namespace {

constexpr std::string_view kWeightsRow = "weights, copied";

std::string shape_text(std::span<const uint64_t> shape) {
  std::string text;
  for (const uint64_t n : shape) text += (text.empty() ? "" : " x ") + std::to_string(n);
  return "[" + text + "]";
}

// Numbers are read in place as 2- or 4-byte words; files normally align tensors to 32 bytes.
bool is_aligned(const std::byte* data, const quant::TypeInfo& type) {
  const uintptr_t unit = type.is_block ? 4 : type.block_bytes;
  return reinterpret_cast<uintptr_t>(data) % unit == 0;
}

}  // namespace

class Loader {
 public:
  Loader(const format::ModelFile& file, Arena& arena, Model& model)
      : file_(file), arena_(arena), m_(model) {}

  Result<void> run() {
    const HyperParams& p = m_.params_;
    m_.layers_.resize(size_t(p.n_layers()));
    for (const TensorSpec& spec : p.arch->tensors) {
      if (!is_layer_role(spec.role)) {
        HEARTH_TRY(load_tensor(spec, 0, m_.whole_[size_t(spec.role)]));
        continue;
      }
      for (int layer = 0; layer < p.n_layers(); ++layer)
        HEARTH_TRY(load_tensor(spec, layer, m_.layers_[size_t(layer)][size_t(spec.role)]));
    }
    HEARTH_TRY(check_parts());
    HEARTH_TRY(check_latent());
    if (p.arch->check != nullptr) HEARTH_TRY(p.arch->check(m_));
    note_unused();
    return {};
  }

 private:
  Result<void> load_tensor(const TensorSpec& spec, int layer, Weight& out) {
    const std::string base = base_name(spec, layer);
    const std::string name = base + std::string(suffix_text(spec.suffix));
    const format::TensorInfo* info = file_.find(name);
    if (!is_wanted(m_.params_, spec, layer, info != nullptr)) return {};
    if (info == nullptr && spec.unless != Role::kCount &&
        m_.layers_[size_t(layer)][size_t(spec.unless)].present())
      return {};
    if (info == nullptr)
      return fail(ErrorCode::kCorrupt,
                  fmt::format("the tensor '{}' is missing, which every '{}' model has", name,
                              m_.params_.arch->name),
                  "the file is incomplete or made for another program; download it again");
    // An optional tensor that another of the list has taken: the first description holds.
    if (out.present()) return {};
    if (!shape_fits(spec, layer, *info)) {
      bool other = false;
      for (const TensorSpec& s : m_.params_.arch->tensors)
        other |= s.role == spec.role && &s != &spec && shape_fits(s, layer, *info);
      if (other) return {};
    }
    used_.insert(info->name);
    HEARTH_TRY(check_shape(spec, layer, *info));
    if (spec.is_vector()) {
      HEARTH_TRY(take_vector(*info, out));
      return spec.may_have_bias ? load_norm_bias(base, out) : Result<void>{};
    }
    out.name = info->name;
    out.type = info->type;
    out.k = int64_t(info->shape[0]);
    out.rows = int64_t(info->shape[1]);
    out.n_matrices = int64_t(info->shape[2]);
    HEARTH_ASSIGN(out.data, aligned_data(*info));
    if (spec.may_have_bias) HEARTH_TRY(load_bias(base, out));
    return load_scale(base, out);
  }

  // What latent attention caches must be what the keys say of heads: compressed values with the
  // rotated part as one head of keys, or heads that are made whole.
  Result<void> check_latent() const {
    const HyperParams& p = m_.params_;
    const MlaParams& mla = p.mla;
    if (mla.kv_rank == 0) return {};
    for (int layer = 0; layer < p.n_layers(); ++layer) {
      const LayerParams& l = p.layers[size_t(layer)];
      if (l.mixer != Mixer::kAttention) continue;
      const bool absorbed = m_.weight(Role::kMlaKB, layer).present();
      const int heads = absorbed ? 1 : l.n_heads;
      const int k = absorbed ? mla.kv_rank + mla.rope : mla.nope + mla.rope;
      const int v = absorbed ? mla.kv_rank : mla.v;
      if (l.n_kv_heads == heads && l.head_dim_k == k && l.head_dim_v == v) continue;
      return fail(ErrorCode::kCorrupt,
                  fmt::format("layer {} has {} KV heads of {} and {} values, but its matrices make "
                              "{} of {} and {}",
                              layer, l.n_kv_heads, l.head_dim_k, l.head_dim_v, heads, k, v),
                  "the file is damaged or was converted wrongly; download it again");
    }
    return {};
  }

  // An architecture may know no layers that attend, or no dense ones, and gate and up of the
  // experts may be two tensors or one: what a layer computes with must be there.
  Result<void> check_parts() const {
    const HyperParams& p = m_.params_;
    for (int layer = 0; layer < p.n_layers(); ++layer) {
      if (p.layers[size_t(layer)].mixer == Mixer::kAttention &&
          !m_.weight(Role::kAttnOut, layer).present())
        return fail(
            ErrorCode::kCorrupt,
            fmt::format("layer {} is to attend, which '{}' models do not", layer, p.arch->name),
            "the file is damaged or was converted wrongly; download it again");
      const FfnKind ffn = p.layers[size_t(layer)].ffn;
      if (ffn == FfnKind::kDense &&
          !(m_.weight(Role::kFfnUp, layer).present() && m_.weight(Role::kFfnDown, layer).present()))
        return fail(ErrorCode::kCorrupt,
                    fmt::format("layer {} has neither a feed-forward network nor experts", layer),
                    "the file is incomplete or made for another program; download it again");
      if (ffn != FfnKind::kExperts && ffn != FfnKind::kBoth) continue;
      const bool apart = m_.weight(Role::kFfnUpExps, layer).present() &&
                         (!p.arch->gated || m_.weight(Role::kFfnGateExps, layer).present());
      if (apart != m_.weight(Role::kFfnGateUpExps, layer).present()) continue;
      return fail(ErrorCode::kCorrupt,
                  fmt::format("the experts of layer {} need either 'ffn_gate_up_exps' or both "
                              "'ffn_gate_exps' and 'ffn_up_exps'",
                              layer),
                  "the file is incomplete or made for another program; download it again");
    }
    return {};
  }

  // As many sizes as the tensor has, then ones.
  [[nodiscard]] std::array<uint64_t, 4> wanted_shape(const TensorSpec& spec, int layer) const {
    std::array<uint64_t, 4> want = {1, 1, 1, 1};
    for (int i = 0; i < spec.n_dims(); ++i)
      want[size_t(i)] = uint64_t(m_.params_.size(spec.shape[size_t(i)], layer));
    return want;
  }
  [[nodiscard]] bool shape_fits(const TensorSpec& spec, int layer,
                                const format::TensorInfo& info) const {
    const std::array<uint64_t, 4> want = wanted_shape(spec, layer);
    // Tables are read number by number: only their rows must be as wide.
    if (spec.is_table)
      return want[0] == info.shape[0] && want[0] * want[1] * want[2] == info.n_elements();
    return std::equal(want.begin(), want.end(), info.shape.begin());
  }
  Result<void> check_shape(const TensorSpec& spec, int layer,
                           const format::TensorInfo& info) const {
    if (shape_fits(spec, layer, info)) return {};
    const std::array<uint64_t, 4> want = wanted_shape(spec, layer);
    return fail(
        ErrorCode::kCorrupt,
        fmt::format("the tensor '{}' has the shape {}, but the file's own metadata makes it {}",
                    info.name,
                    shape_text(std::span(info.shape).first(size_t(std::max(1, int(info.n_dims))))),
                    shape_text(std::span(want).first(size_t(spec.n_dims())))),
        "the file is damaged or was converted wrongly; download it again");
  }

  // Norms, biases, factors: always f32, in memory of ours.
  Result<void> take_vector(const format::TensorInfo& info, Weight& out) {
    const auto n = int64_t(info.shape[0] * info.shape[1] * info.shape[2] * info.shape[3]);
    HEARTH_ASSIGN(std::byte * memory, take(size_t(n) * sizeof(float)));
    if (memory != nullptr) {
      std::vector<std::byte> copy;  // where the file stores it unaligned
      if (!is_aligned(info.data.data(), *info.type))
        copy.assign(info.data.begin(), info.data.end());
      const std::byte* data = copy.empty() ? info.data.data() : copy.data();
      info.type->decode_row(data, n, reinterpret_cast<float*>(memory));
    }
    out.name = info.name;
    out.type = quant::find_type("F32");
    out.k = n;
    out.rows = 1;
    out.data = memory;
    return {};
  }

  Result<void> load_bias(const std::string& base, Weight& out) {
    const format::TensorInfo* info = file_.find(base + ".bias");
    if (info == nullptr) return {};
    used_.insert(info->name);
    if (info->shape[0] != uint64_t(out.rows) || info->shape[1] != uint64_t(out.n_matrices) ||
        info->shape[2] != 1)
      return fail(ErrorCode::kCorrupt,
                  fmt::format("the bias '{}' has the shape {}, but its matrix has {} rows",
                              info->name, shape_text(std::span(info->shape).first(2)), out.rows),
                  "the file is damaged or was converted wrongly; download it again");
    Weight bias;
    HEARTH_TRY(take_vector(*info, bias));
    out.bias = reinterpret_cast<const float*>(bias.data);
    return {};
  }

  // A norm's: as many values as its weight.
  Result<void> load_norm_bias(const std::string& base, Weight& out) {
    const format::TensorInfo* info = file_.find(base + ".bias");
    if (info == nullptr) return {};
    used_.insert(info->name);
    if (info->n_elements() != uint64_t(out.k))
      return fail(ErrorCode::kCorrupt,
                  fmt::format("the bias '{}' has {} values, but its norm has {}", info->name,
                              info->n_elements(), out.k),
                  "the file is damaged or was converted wrongly; download it again");
    Weight bias;
    HEARTH_TRY(take_vector(*info, bias));
    out.bias = reinterpret_cast<const float*>(bias.data);
    return {};
  }

  // The second-level scale that some types (NVFP4) keep in a tensor of their own: one value, or one
  // per expert.
  Result<void> load_scale(const std::string& base, Weight& out) {
    const format::TensorInfo* info = file_.find(base + ".scale");
    // A scale that the architecture lists is no second-level one.
    if (info == nullptr || is_listed(info->name)) return {};
    const uint64_t n = info->n_elements();
    if (n != 1 && n != uint64_t(out.n_matrices))
      return fail(ErrorCode::kCorrupt,
                  fmt::format("the scale '{}' has {} values for {} matrices", info->name, n,
                              out.n_matrices),
                  "the file is damaged or was converted wrongly; download it again");
    used_.insert(info->name);
    Weight scale;
    HEARTH_TRY(take_vector(*info, scale));
    out.scale = reinterpret_cast<const float*>(scale.data);
    out.scale_per_matrix = n != 1;
    return {};
  }

  Result<const std::byte*> aligned_data(const format::TensorInfo& info) {
    if (is_aligned(info.data.data(), *info.type)) return info.data.data();
    HEARTH_ASSIGN(std::byte * memory, take(info.data.size()));
    if (memory != nullptr) std::memcpy(memory, info.data.data(), info.data.size());
    return memory;
  }

  // Small pieces share pages.
  Result<std::byte*> take(size_t size_bytes) {
    constexpr size_t kPiece = size_t{1} << 20;
    size_bytes = align_up(size_bytes, 64);
    if (size_bytes > left_) {
      const size_t piece = std::max(size_bytes, kPiece);
      HEARTH_ASSIGN(at_, arena_.take(kWeightsRow, piece));
      left_ = piece;
    }
    std::byte* memory = at_;
    if (at_ != nullptr) at_ += size_bytes;
    left_ -= size_bytes;
    return memory;
  }

  [[nodiscard]] bool is_listed(std::string_view tensor) const {
    return std::ranges::any_of(m_.params_.arch->tensors, [&](const TensorSpec& spec) {
      return spec.suffix == Suffix::kScale &&
             tensor.ends_with(std::string(spec.name) + std::string(suffix_text(spec.suffix)));
    });
  }

  void note_unused() {
    std::vector<std::string> unused;
    for (const format::TensorInfo& info : file_.tensors())
      if (!used_.contains(info.name)) unused.emplace_back(info.name);
    if (unused.empty()) return;
    m_.warnings_.push_back(
        fmt::format("{} tensors of the file are not used by this architecture (the first: '{}')",
                    unused.size(), unused.front()));
  }

  const format::ModelFile& file_;
  Arena& arena_;
  Model& m_;
  std::set<std::string_view> used_;
  std::byte* at_ = nullptr;
  size_t left_ = 0;
};

Result<Model> Model::load(const format::ModelFile& file, Arena& arena) {
  HEARTH_TRY(arch_of(file));
  Model model;
  HEARTH_ASSIGN(model.params_, read_hyper_params(file.metadata()));
  HEARTH_TRY(Loader(file, arena, model).run());
  return model;
}

std::vector<PackedPart> Model::packed_parts(const backend::Backend& backend) const {
  std::vector<PackedPart> parts;
  uint64_t offset = 0;
  const auto add = [&](const Weight& w) {
    const uint64_t bytes = w.present() && w.rows > 1 ? backend.packed_bytes(w) : 0;
    if (bytes > 0) parts.push_back({&w, offset, bytes});
    offset += bytes;
  };
  if (has_head()) add(head());
  if (const Weight& w = weight(Role::kLayerEmbdProj); w.present()) add(w);
  for (const WeightSet& layer : layers_)
    for (const Weight& w : layer) add(w);
  return parts;
}

uint64_t Model::packable_bytes(const backend::Backend& backend) const {
  uint64_t total = 0;
  for (const PackedPart& part : packed_parts(backend)) total += part.weight->size_bytes();
  return total;
}

Result<void> Model::pack(const backend::Backend& backend, std::byte* block,
                         const backend::Backend::PackedFn& done) {
  for (const PackedPart& part : packed_parts(backend))
    HEARTH_TRY(backend.pack(*part.weight, block + part.offset, done));
  use_packed(backend, block);
  return {};
}

void Model::use_packed(const backend::Backend& backend, const std::byte* block) {
  for (const PackedPart& part : packed_parts(backend))
    const_cast<Weight*>(part.weight)->packed = block + part.offset;
}

const Weight& Model::head() const {
  const Weight& own = weight(Role::kOutput);
  return own.present() ? own : weight(Role::kTokenEmbd);
}

namespace {

bool is_expert_role(Role role) {
  return role == Role::kFfnGateExps || role == Role::kFfnUpExps || role == Role::kFfnGateUpExps ||
         role == Role::kFfnDownExps;
}

// Calls f(weight, matrices of it that one token uses) for every matrix that a token is multiplied
// with.
template <class F>
void for_each_used_matrix(const Model& model, bool with_head, F&& f) {
  const HyperParams& p = model.params();
  if (with_head && model.has_head()) f(model.head(), 1);
  if (const Weight& w = model.weight(Role::kLayerEmbdProj); w.present()) f(w, 1);
  for (int layer = 0; layer < p.n_layers(); ++layer)
    for (int i = 0; i < kRoleCount; ++i) {
      const Weight& w = model.weight(Role(i), layer);
      if (w.present() && w.rows > 1)
        f(w, is_expert_role(Role(i)) ? p.n_experts_used : int(w.n_matrices));
    }
}

}  // namespace

uint64_t Model::bytes_per_token() const {
  uint64_t total = weight(Role::kTokenEmbd).row_bytes();
  for_each_used_matrix(*this, true,
                       [&](const Weight& w, int n) { total += w.matrix_bytes() * uint64_t(n); });
  return total;
}

double Model::bytes_per_step(int64_t n_tokens) const {
  double total = double(weight(Role::kTokenEmbd).row_bytes()) * double(n_tokens);
  const double n_experts = params_.n_experts;
  // One token leaves an expert out with probability 1 - used / all; the tokens choose
  // independently.
  const double left_out = 1 - double(params_.n_experts_used) / std::max(n_experts, 1.0);
  const double chosen = n_experts * (1 - std::pow(left_out, double(n_tokens)));
  for_each_used_matrix(*this, true, [&](const Weight& w, int) {
    // More matrices than one that are no experts are those of heads: all are read.
    const bool experts = w.n_matrices > 1 && w.n_matrices == params_.n_experts;
    total += experts ? double(w.matrix_bytes()) * chosen : double(w.size_bytes());
  });
  return total;
}

uint64_t Model::macs_per_token(bool with_head) const {
  uint64_t total = 0;
  for_each_used_matrix(*this, with_head, [&](const Weight& w, int n) {
    total += uint64_t(w.k * w.rows) * uint64_t(n);
  });
  return total;
}

}  // namespace hearth::model
