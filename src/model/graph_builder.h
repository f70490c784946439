// GraphBuilder: the operations of a step, put together layer by layer from an ArchSpec. An
// architecture whose layers are unlike the others' puts them together itself, of the parts here
// (ArchSpec::layer).
#pragma once

#include "model/decoder.h"

namespace hearth::model {

class GraphBuilder {
 public:
  GraphBuilder(const Model& model, const Ropes& ropes, int n_tokens, tensor::Graph& graph);

  [[nodiscard]] const HyperParams& params() const { return p_; }
  [[nodiscard]] const LayerParams& layer_params(int il) const { return p_.layers[size_t(il)]; }
  [[nodiscard]] const Model& model() const { return m_; }
  [[nodiscard]] tensor::Graph& graph() { return g_; }
  [[nodiscard]] int64_t n_tokens() const { return n_; }

  // A new activation of a value in `width` columns for each token.
  tensor::View rows(int64_t width) { return g_.add_tensor(n_, width); }
  // The norm whose weight a role holds; absent where the tensor is.
  [[nodiscard]] tensor::Norm norm(Role role, int il = 0) const;
  [[nodiscard]] tensor::Norm norm_of(const tensor::Weight& weight) const;
  // RMS without weights.
  [[nodiscard]] tensor::Norm plain_norm() const;
  // norm(x), for those that need it more than once.
  tensor::View normed(tensor::View x, const tensor::Norm& norm);
  // weight * norm(x).
  tensor::View matmul(tensor::View x, const tensor::Weight& weight, const tensor::Norm& norm = {});
  // x += scale * norm(y).
  void add(tensor::View x, tensor::View y, const tensor::Norm& norm = {}, float scale = 1);

  // Softmax attention of layer `il` over norm(x): out = or, if `accumulate`, out += its answer.
  void attention(tensor::View x, tensor::View out, int il, const tensor::Norm& norm,
                 bool accumulate);
  // Multi-head latent attention, in its absorbed form where the file has it.
  void latent_attention(tensor::View x, tensor::View out, int il, const tensor::Norm& norm,
                        bool accumulate);
  // The recurrent mixer of layer `il`, likewise.
  void recurrent(tensor::View x, tensor::View out, int il, const tensor::Norm& norm,
                 bool accumulate);
  // What the layer has of these two.
  void mixer(tensor::View x, tensor::View out, int il, const tensor::Norm& norm, bool accumulate);
  // What the first layer hands to the others (RWKV's values).
  tensor::View carried;
  // Gemma 3n and 4: norms of all heads, those of values without weights; the keys are the values
  // where there is no matrix for these; another layer's cache may be read.
  void shared_kv_attention(tensor::View x, tensor::View out, int il, const tensor::Norm& norm);
  // What a layer's own embedding makes of x: proj * (gelu(gate * x) * e).
  tensor::View embedding_branch(tensor::View x, int il);
  // Rope, cache and scores of queries, keys and values that are there: [n, heads * dv].
  struct Heads {
    tensor::View q;
    tensor::View k;  // absent: another layer's
    tensor::View v;
    tensor::Norm q_norm = {};
    tensor::Norm k_norm = {};
    tensor::Norm v_norm = {};
    int64_t rope_begin = 0;
    int64_t q_step = 0;
    tensor::View selected = {};  // positions, of SelectPositionsOp; absent: all
  };
  tensor::View attend(const Heads& heads, int il);
  // The layer's feed-forward part over norm(x), dense or experts: out = or out += its answer.
  void ffn(tensor::View x, tensor::View out, int il, const tensor::Norm& norm, bool accumulate);
  void dense_ffn(tensor::View x, tensor::View out, int il, const tensor::Norm& norm,
                 bool accumulate);
  // The experts that the router chooses, without the shared one; the router reads `router_in` where
  // that is given, and not norm(x).
  void experts(tensor::View x, tensor::View out, int il, const tensor::Norm& norm, bool accumulate,
               tensor::View router_in = {});
  void shared_expert(tensor::View x, tensor::View out, int il, const tensor::Norm& norm);

  // Whether the layer's FFN may add to what it reads: not where several parts read it.
  [[nodiscard]] bool ffn_in_place(int il) const;
  // One of the two halves of a layer: x += residual_scale * post?(part(x)), where part writes to,
  // or adds to, what it is given.
  template <class Part>
  void half(tensor::View x, Role post_norm, int il, bool in_place, Part&& part) {
    const tensor::Norm post = norm(post_norm, il);
    if (in_place && !post.present() && p_.residual_scale == 1) {
      part(x, true);
      return;
    }
    const tensor::View y = rows(p_.n_embd);
    part(y, false);
    add(x, y, post, p_.residual_scale);
  }

  // x *= factor.
  void scale(tensor::View x, float factor);
  // The embeddings of all layers side by side, where the model has them; that of one layer.
  void set_layer_embeddings(tensor::View all) { layer_embeddings_ = all; }
  [[nodiscard]] tensor::View layer_embedding(int il) const {
    return layer_embeddings_.present()
               ? tensor::columns(layer_embeddings_, int64_t(il) * p_.layer_embd, p_.layer_embd)
               : tensor::View{};
  }

  // Gemma 3n's residual streams, [n, n_altup * d].
  void set_streams(tensor::View streams) { streams_ = streams; }
  [[nodiscard]] tensor::View streams() const { return streams_; }

  tensor::View embed();
  tensor::View hidden_input();
  void rope_tables();
  void layer(tensor::View x, int il);
  tensor::View head(tensor::View x, int n_outputs);

 private:
  void parallel_layer(tensor::View x, int il);
  void post_norm_layer(tensor::View x, int il);
  // Of queries compressed to q_a: the positions that layer `il` attends to.
  tensor::View select_positions(tensor::View x, tensor::View q_a, int il, const tensor::Norm& norm);
  tensor::View gate_attention(tensor::View x, tensor::View mixed, tensor::View q, int il,
                              const tensor::Norm& norm);

  const Model& m_;
  const HyperParams& p_;
  const Ropes& ropes_;
  int64_t n_;
  tensor::Graph& g_;
  tensor::View main_table_;
  tensor::View window_table_;
  tensor::View layer_embeddings_;
  tensor::View streams_;
  tensor::View selected_;  // by the last layer with an indexer of its own
};

// ArchSpec::before_layers of Gemma 3n and 4: the embeddings that every layer has.
void embed_layers(GraphBuilder& graph, tensor::View x);

// The graph of a step: `graph` is cleared first and planned. Returns its result, logits
// [n_outputs, n_vocab] or hidden states [n_tokens, n_embd].
tensor::View build_graph(const Model& model, const Ropes& ropes, LayerRange range, int n_tokens,
                         int n_outputs, tensor::Graph& graph);

}  // namespace hearth::model
