#include "tensor/graph.h"

#include <algorithm>

#include "base/checked.h"
#include "base/result.h"

namespace hearth::tensor {
namespace {

// The operands of an operation, inputs and outputs alike: planning needs only who is alive when.
struct Operands {
  std::vector<View>& views;
  void add(View v) {
    if (v.present()) views.push_back(v);
  }
  void operator()(const EmbedOp& op) { add(op.out); }
  void operator()(const HiddenInputOp& op) { add(op.out); }
  void operator()(const NormOp& op) { add(op.in), add(op.out); }
  void operator()(const MatMulOp& op) {
    add(op.in);
    for (int i = 0; i < op.n_weights; ++i) add(op.out[i]);
  }
  void operator()(const RopeTableOp& op) { add(op.out); }
  void operator()(const KvAppendOp& op) { add(op.k), add(op.v), add(op.q), add(op.table); }
  void operator()(const AttentionOp& op) { add(op.q), add(op.out), add(op.selected); }
  void operator()(const FfnOp& op) { add(op.in), add(op.hidden), add(op.out); }
  void operator()(const SoftcapOp& op) { add(op.x); }
  void operator()(const SelectRowsOp& op) { add(op.in), add(op.out); }
  void operator()(const MoeOp& op) {
    add(op.in), add(op.router_in), add(op.logits), add(op.hidden), add(op.partial), add(op.out);
  }
  void operator()(const HeadMatMulOp& op) { add(op.in), add(op.out); }
  void operator()(const CopyHeadsOp& op) { add(op.in), add(op.out); }
  void operator()(const ClampOp& op) { add(op.x); }
  void operator()(const GateOp& op) { add(op.in), add(op.gate), add(op.out); }
  void operator()(const ConvOp& op) { add(op.in), add(op.out), add(op.gate_in), add(op.gate_out); }
  void operator()(const DeltaRuleOp& op) {
    add(op.q), add(op.k), add(op.v), add(op.decay), add(op.beta), add(op.out);
  }
  void operator()(const SelectiveScanOp& op) {
    add(op.x), add(op.b), add(op.c), add(op.dt), add(op.out);
  }
  void operator()(const TokenShiftOp& op) { add(op.in), add(op.out); }
  void operator()(const Wkv7Op& op) {
    for (const View& v : {op.r, op.w, op.k, op.v, op.a, op.v_mix, op.first_v, op.out}) add(v);
  }
  void operator()(const GatedNormOp& op) { add(op.x), add(op.gate), add(op.out); }
  void operator()(const ApplyOp& op) { add(op.x); }
  void operator()(const MatchLengthOp& op) { add(op.in), add(op.like), add(op.out); }
  void operator()(const PredictStreamsOp& op) { add(op.in), add(op.coefficients), add(op.out); }
  void operator()(const CorrectStreamsOp& op) { add(op.x), add(op.computed), add(op.coefficients); }
  void operator()(const KeepLargestOp& op) { add(op.x); }
  void operator()(const ScaleByOp& op) { add(op.in), add(op.out); }
  void operator()(const SelectPositionsOp& op) { add(op.q), add(op.weights), add(op.out); }
};

struct Interval {
  size_t begin;
  size_t end;
};

// The lowest place for `size` bytes that avoids every interval of `taken`.
size_t first_fit(std::vector<Interval>& taken, size_t size) {
  std::sort(taken.begin(), taken.end(), [](Interval a, Interval b) { return a.begin < b.begin; });
  size_t place = 0;
  for (const Interval& t : taken) {
    if (place + size <= t.begin) break;
    place = std::max(place, t.end);
  }
  return place;
}

}  // namespace

View Graph::add_tensor(int64_t rows, int64_t width) {
  tensors_.push_back({.rows = rows, .width = width});
  return {TensorId(tensors_.size() - 1), 0, width};
}

void Graph::clear() {
  ops_.clear();
  tensors_.clear();
  activation_bytes_ = 0;
}

size_t Graph::plan() {
  std::vector<View> operands;
  for (size_t i = 0; i < ops_.size(); ++i) {
    operands.clear();
    std::visit(Operands{operands}, ops_[i]);
    for (const View& view : operands) {
      TensorDesc& t = tensors_[size_t(view.tensor)];
      HEARTH_CHECK(view.column + view.width <= t.width);
      if (t.first_op < 0) t.first_op = int(i);
      t.last_op = int(i);
    }
  }
  for (TensorDesc& t : tensors_)
    if (t.keep) t.last_op = int(ops_.size());

  // Largest first keeps the holes small; the order is fixed, so the plan is the same on every run.
  std::vector<size_t> order(tensors_.size());
  for (size_t i = 0; i < order.size(); ++i) order[i] = i;
  std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) {
    return tensors_[a].size_bytes() > tensors_[b].size_bytes();
  });
  std::vector<size_t> placed;
  std::vector<Interval> taken;
  activation_bytes_ = 0;
  for (const size_t i : order) {
    TensorDesc& t = tensors_[i];
    taken.clear();
    for (const size_t j : placed) {
      const TensorDesc& other = tensors_[j];
      if (other.first_op <= t.last_op && t.first_op <= other.last_op)
        taken.push_back({other.offset, other.offset + align_up(other.size_bytes(), 64)});
    }
    t.offset = first_fit(taken, align_up(t.size_bytes(), 64));
    activation_bytes_ = std::max(activation_bytes_, t.offset + align_up(t.size_bytes(), 64));
    placed.push_back(i);
  }
  return activation_bytes_;
}

const char* op_name(const Op& op) {
  static constexpr const char* kNames[] = {
      "embed",           "hidden",       "norm",         "matmul",
      "rope_table",      "kv_append",    "attention",    "ffn",
      "softcap",         "select_rows",  "moe",          "head_matmul",
      "copy_heads",      "gate",         "clamp",        "conv",
      "delta_rule",      "scan",         "token_shift",  "wkv7",
      "gated_norm",      "apply",        "match_length", "predict_streams",
      "correct_streams", "keep_largest", "scale_by",
      "select_positions"};
  static_assert(std::size(kNames) == std::variant_size_v<Op>);
  return kNames[op.index()];
}

}  // namespace hearth::tensor
