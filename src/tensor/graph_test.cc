// Graph: the plan gives every tensor memory that nobody else uses while it lives.
#include "tensor/graph.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <vector>

#include "tensor/kv_view.h"

namespace hearth::tensor {
namespace {

// Which operations touch each tensor, told beside the graph: the plan's own view of operands is
// under test.
struct RandomGraph {
  Graph graph;
  std::vector<int> first, last;

  void touch(int op, const View& v) {
    if (first[size_t(v.tensor)] < 0) first[size_t(v.tensor)] = op;
    last[size_t(v.tensor)] = op;
  }

  explicit RandomGraph(std::mt19937& random) {
    const auto pick = [&](int low, int high) {
      return std::uniform_int_distribution<int>(low, high)(random);
    };
    std::vector<View> views;
    const int n_tensors = pick(1, 25);
    for (int i = 0; i < n_tensors; ++i) views.push_back(graph.add_tensor(pick(0, 9), pick(1, 200)));
    first.assign(size_t(n_tensors), -1);
    last.assign(size_t(n_tensors), -1);
    const int n_ops = pick(1, 40);
    for (int op = 0; op < n_ops; ++op) {
      const auto any = [&] {
        const View v = views[size_t(pick(0, n_tensors - 1))];
        touch(op, v);
        return columns(v, pick(0, 1) * (v.width / 2), v.width / 2);  // a part keeps the whole alive
      };
      add_random_op(pick(0, 18), any);
    }
    for (const View& v : views)
      if (pick(0, 9) == 0) {
        graph.keep(v);
        last[size_t(v.tensor)] = n_ops;
      }
  }

  template <class Any>
  void add_random_op(int kind, Any&& any) {
    switch (kind) {
      case 0:
        graph.add(EmbedOp{.weight = nullptr, .scale = 1, .out = any()});
        return;
      case 1:
        graph.add(HiddenInputOp{.out = any()});
        return;
      case 2: {
        NormOp op{};
        op.in = any(), op.out = any();
        graph.add(op);
        return;
      }
      case 3: {
        MatMulOp op{};
        op.in = any();
        op.n_weights = 3;
        for (View& v : op.out) v = any();
        graph.add(op);
        return;
      }
      case 4:
        graph.add(RopeTableOp{.inv_freq = nullptr, .n_pairs = 0, .mscale = 1, .out = any()});
        return;
      case 5:  // q and table may be absent
        graph.add(KvAppendOp{.k = any(), .v = any(), .layer = 0});
        return;
      case 6:
        graph.add(KvAppendOp{.k = any(), .v = any(), .layer = 0, .q = any(), .table = any()});
        return;
      case 7: {
        AttentionOp op{};
        op.q = any(), op.out = any();
        graph.add(op);
        return;
      }
      case 8: {
        FfnOp op{};
        op.in = any(), op.hidden = any(), op.out = any();
        graph.add(op);
        return;
      }
      case 9:
        graph.add(SoftcapOp{.x = any(), .cap = 0, .scale = 1});
        return;
      case 10:
        graph.add(SelectRowsOp{.in = any(), .out = any()});
        return;
      case 11: {
        MoeOp op{};
        op.in = any(), op.logits = any(), op.hidden = any(), op.partial = any(), op.out = any();
        graph.add(op);
        return;
      }
      default:
        add_random_recurrent_op(kind - 12, any);
    }
  }

  template <class Op, class Any>
  void add_with(Any&& any, std::initializer_list<View Op::*> views) {
    Op op{};
    for (View Op::* view : views) op.*view = any();
    graph.add(op);
  }

  template <class Any>
  void add_random_recurrent_op(int kind, Any&& any) {
    switch (kind) {
      case 0:
        return add_with<ConvOp>(any, {&ConvOp::in, &ConvOp::out, &ConvOp::gate_in});
      case 1:
        return add_with<DeltaRuleOp>(
            any, {&DeltaRuleOp::q, &DeltaRuleOp::k, &DeltaRuleOp::v, &DeltaRuleOp::decay,
                  &DeltaRuleOp::beta, &DeltaRuleOp::out});
      case 2:
        return add_with<SelectiveScanOp>(
            any, {&SelectiveScanOp::x, &SelectiveScanOp::b, &SelectiveScanOp::c,
                  &SelectiveScanOp::dt, &SelectiveScanOp::out});
      case 3:
        return add_with<TokenShiftOp>(any, {&TokenShiftOp::in, &TokenShiftOp::out});
      case 4:
        return add_with<Wkv7Op>(any, {&Wkv7Op::r, &Wkv7Op::w, &Wkv7Op::k, &Wkv7Op::v, &Wkv7Op::a,
                                      &Wkv7Op::v_mix, &Wkv7Op::first_v, &Wkv7Op::out});
      case 5:
        return add_with<GatedNormOp>(any, {&GatedNormOp::x, &GatedNormOp::gate, &GatedNormOp::out});
      default:
        return add_with<ApplyOp>(any, {&ApplyOp::x});
    }
  }
};

TEST(GraphPlan, LiveTensorsNeverOverlap) {
  std::mt19937 random(1);
  for (int round = 0; round < 2000; ++round) {
    RandomGraph r(random);
    const size_t bytes = r.graph.plan();
    EXPECT_EQ(bytes, r.graph.activation_bytes());
    const std::vector<TensorDesc>& tensors = r.graph.tensors();
    size_t most_alive = 0;
    for (size_t a = 0; a < tensors.size(); ++a) {
      if (r.last[a] < 0) continue;
      ASSERT_EQ(tensors[a].offset % 64, 0u);
      ASSERT_LE(tensors[a].offset + tensors[a].size_bytes(), bytes);
      size_t alive = 0;
      for (size_t b = 0; b < tensors.size(); ++b) {
        if (r.last[b] < 0) continue;
        if (r.first[b] <= r.first[a] && r.first[a] <= r.last[b]) alive += tensors[b].size_bytes();
        if (b <= a || r.first[a] > r.last[b] || r.first[b] > r.last[a]) continue;
        ASSERT_TRUE(tensors[a].offset + tensors[a].size_bytes() <= tensors[b].offset ||
                    tensors[b].offset + tensors[b].size_bytes() <= tensors[a].offset)
            << "round " << round << ": tensors " << a << " and " << b << " share memory";
      }
      most_alive = std::max(most_alive, alive);
    }
    ASSERT_GE(bytes, most_alive);
  }
}

TEST(GraphPlan, AChainReusesMemory) {
  Graph g;
  View x = g.add_tensor(4, 256);
  g.add(HiddenInputOp{.out = x});
  for (int i = 0; i < 50; ++i) {
    const View y = g.add_tensor(4, 256);
    g.add(NormOp{.in = x, .out = y, .norm = {}});
    x = y;
  }
  EXPECT_EQ(g.plan(), 2u * 4 * 256 * sizeof(float));
}

TEST(GraphPlan, IsTheSameOnEveryRun) {
  std::mt19937 random(2);
  for (int round = 0; round < 20; ++round) {
    RandomGraph r(random);
    Graph copy = r.graph;
    EXPECT_EQ(r.graph.plan(), copy.plan());
    for (size_t i = 0; i < copy.tensors().size(); ++i)
      EXPECT_EQ(copy.tensors()[i].offset, r.graph.tensors()[i].offset);
  }
}

TEST(GraphPlan, KeptTensorsOutliveTheGraph) {
  Graph g;
  const View kept = g.add_tensor(1, 64);
  const View later = g.add_tensor(1, 64);
  g.add(HiddenInputOp{.out = kept});
  g.add(HiddenInputOp{.out = later});
  g.keep(kept);
  g.plan();
  EXPECT_NE(g.tensors()[size_t(kept.tensor)].offset, g.tensors()[size_t(later.tensor)].offset);
}

TEST(Graph, ClearMakesItNew) {
  Graph g;
  g.add(HiddenInputOp{.out = g.add_tensor(3, 5)});
  EXPECT_EQ(g.plan(), 64u);
  g.clear();
  EXPECT_TRUE(g.ops().empty());
  EXPECT_TRUE(g.tensors().empty());
  EXPECT_EQ(g.plan(), 0u);
  EXPECT_EQ(g.add_tensor(1, 1).tensor, 0);
}

TEST(Graph, ViewsAndNames) {
  Graph g;
  const View whole = g.add_tensor(2, 100);
  const View part = columns(columns(whole, 10, 50), 5, 20);
  EXPECT_EQ(part.tensor, whole.tensor);
  EXPECT_EQ(part.column, 15);
  EXPECT_EQ(part.width, 20);
  EXPECT_TRUE(part.present());
  EXPECT_FALSE(View().present());
  EXPECT_STREQ(op_name(EmbedOp{}), "embed");
  EXPECT_STREQ(op_name(KvAppendOp{}), "kv_append");
  EXPECT_STREQ(op_name(MoeOp{}), "moe");
}

TEST(KvLayerView, HeadsOfAllChunksAreDisjointAndFillTheChunk) {
  for (const KvTypeInfo& type : kKvTypes) {
    SCOPED_TRACE(type.name);
    KvLayerView kv{.type = type.type, .n_heads = 3, .dk = 40, .dv = 20};
    EXPECT_EQ(kv.dv_padded(), 32);
    std::vector<std::byte> memory(2 * kv.chunk_bytes());
    kv.base = memory.data();
    std::vector<std::pair<size_t, size_t>> parts;  // begin, end
    const size_t scales = type.quantized ? 256 * 4 : 0;
    for (int chunk = 0; chunk < 2; ++chunk)
      for (int head = 0; head < 3; ++head) {
        const auto k = size_t(kv.k(chunk, head) - kv.base);
        const auto v = size_t(kv.v(chunk, head) - kv.base);
        parts.emplace_back(k, k + size_t(256 * 40 * 4 / type.per_word) + scales);
        parts.emplace_back(v, v + size_t(256 * 32 * 4 / type.per_word) + scales);
        if (!type.quantized) continue;
        EXPECT_EQ(reinterpret_cast<std::byte*>(kv.k_scales(chunk, head)) - kv.base,
                  parts[parts.size() - 2].second - scales);
        EXPECT_EQ(reinterpret_cast<std::byte*>(kv.v_scales(chunk, head)) - kv.base,
                  parts.back().second - scales);
      }
    std::sort(parts.begin(), parts.end());
    size_t at = 0;
    for (const auto& [begin, end] : parts) {
      EXPECT_EQ(begin, at);
      at = end;
    }
    EXPECT_EQ(at, memory.size());
  }
}

TEST(Weight, MatricesFollowEachOther) {
  const std::vector<std::byte> data(10000);
  const float scales[] = {2, 3, 4};
  Weight w{.name = "experts",
           .type = quant::find_type("Q4_K"),
           .k = 512,
           .rows = 5,
           .n_matrices = 3,
           .data = data.data()};
  EXPECT_TRUE(w.present());
  EXPECT_FALSE(Weight().present());
  EXPECT_EQ(w.row_bytes(), 2u * 144);
  EXPECT_EQ(w.matrix_bytes(), 5u * 2 * 144);
  EXPECT_EQ(w.size_bytes(), 3u * 5 * 2 * 144);
  EXPECT_EQ(w.matrix(2) - w.data, 2 * 5 * 2 * 144);
  EXPECT_EQ(w.matrix_scale(1), 1.0f);
  w.scale = scales;
  EXPECT_EQ(w.matrix_scale(2), 2.0f);
  w.scale_per_matrix = true;
  EXPECT_EQ(w.matrix_scale(2), 4.0f);
}

}  // namespace
}  // namespace hearth::tensor
