// Short convolutions, matrix states, selective scan of channels, gates: what recurrent mixers do
// beside products with weights. Written once in the vector vocabulary of simd/; behind
// elementwise-inl.h.

namespace hearth::backend::cpu::HEARTH_ISA {

static float dot_rows(const float* a, const float* b, int64_t n) noexcept {
  F sum = zero();
  for_lanes(n, [&](int64_t i, int m) { sum = fma(load_some(a + i, m), load_some(b + i, m), sum); });
  return reduce_add(sum);
}

// log(1 + e^z) = max(z, 0) + log(1 + t) with t = e^-|z|, and log(1 + t) = 2 artanh(t / (2 + t)) by
// its Taylor polynomial: the argument is at most 1/3, the remainder below 2e-9.
HEARTH_INLINE F softplus(F z) {
  const F t = exp(sub(zero(), abs(z)));
  const F s = div(t, add(set1(2.0f), t));
  const F s2 = mul(s, s);
  F p = set1(2.0f / 15);
  p = fma(p, s2, set1(2.0f / 13));
  p = fma(p, s2, set1(2.0f / 11));
  p = fma(p, s2, set1(2.0f / 9));
  p = fma(p, s2, set1(2.0f / 7));
  p = fma(p, s2, set1(2.0f / 5));
  p = fma(p, s2, set1(2.0f / 3));
  p = fma(p, s2, set1(2.0f));
  return fma(p, s, max(z, zero()));
}

static void softplus_row(const float* x, const float* bias, float* y, int64_t n) noexcept {
  for_lanes(n, [&](int64_t i, int m) {
    store_some(y + i, softplus(add(load_some(x + i, m), load_some(bias + i, m))), m);
  });
}

static void decay_row(const float* x, const float* bias, float a, float* y, int64_t n) noexcept {
  const F rate = set1(a);
  for_lanes(n, [&](int64_t i, int m) {
    store_some(y + i, exp(mul(rate, softplus(add(load_some(x + i, m), load_some(bias + i, m))))),
               m);
  });
}

// m channels from channel c on, all tokens.
HEARTH_INLINE void convolve(const ConvArgs& a, int64_t c, int m) {
  float taps[ConvArgs::kMaxKernel * kLanes] = {};
  F past[ConvArgs::kMaxKernel];
  for (int i = 0; i < a.kernel; ++i)
    for (int j = 0; j < m; ++j) taps[i * kLanes + j] = a.weight[(c + j) * a.kernel + i];
  for (int i = 0; i + 1 < a.kernel; ++i) past[i] = load_some(a.state + i * a.state_stride + c, m);
  const F bias = a.bias != nullptr ? load_some(a.bias + c, m) : zero();
  for (int64_t t = 0; t < a.n_tokens; ++t) {
    F u = load_some(a.x + t * a.x_stride + c, m);
    if (a.gate_in != nullptr) u = mul(u, load_some(a.gate_in + t * a.gate_in_stride + c, m));
    past[a.kernel - 1] = u;
    F sum = mul(load(taps), past[0]);
    for (int i = 1; i < a.kernel; ++i) sum = fma(load(taps + i * kLanes), past[i], sum);
    sum = add(sum, bias);
    if (a.silu) sum = times_sigmoid(sum, sum);
    if (a.gate_out != nullptr) sum = mul(sum, load_some(a.gate_out + t * a.gate_out_stride + c, m));
    store_some(a.y + t * a.y_stride + c, sum, m);
    for (int i = 0; i + 1 < a.kernel; ++i) past[i] = past[i + 1];
  }
  for (int i = 0; i + 1 < a.kernel; ++i) store_some(a.state + i * a.state_stride + c, past[i], m);
}

static void conv(const ConvArgs& a) noexcept {
  for_lanes(a.n_channels, [&](int64_t c, int m) { convolve(a, c, m); });
}

// Token t, kVectors * kLanes columns from column c on, whose rows lie `stride` numbers apart from
// `state` on; m < kLanes only with one vector.
template <int kVectors, bool kSeen>
HEARTH_INLINE void step_columns(const StateArgs& s, float* state, int64_t stride, int64_t t,
                                int64_t c, int m) {
  const auto row_of = [&](const StateArgs::Rows& rows) { return rows.data + t * rows.stride; };
  const float* w_row = row_of(s.w);
  const float* k_row = row_of(s.k);
  const float* q_row = row_of(s.q);
  const float* v_row = row_of(s.v) + c;
  F value[kVectors];
  F seen[kVectors];
  F out[kVectors];
  for (int v = 0; v < kVectors; ++v) {
    value[v] = load_some(v_row + v * kLanes, m);
    seen[v] = zero();
    out[v] = zero();
  }
  if constexpr (kSeen) {
    const float* a_row = row_of(s.a);
    for (int64_t j = 0; j < s.n_rows; ++j) {
      const F a = set1(a_row[j]);
      for (int v = 0; v < kVectors; ++v)
        seen[v] = fma(a, load_some(state + j * stride + v * kLanes, m), seen[v]);
    }
  }
  const float* b_row = kSeen ? row_of(s.b) : nullptr;
  for (int64_t j = 0; j < s.n_rows; ++j) {
    float* row = state + j * stride;
    const F w = set1(w_row[j]);
    const F k = set1(k_row[j]);
    const F q = set1(q_row[j]);
    for (int v = 0; v < kVectors; ++v) {
      F x = fma(k, value[v], mul(w, load_some(row + v * kLanes, m)));
      if constexpr (kSeen) x = fma(set1(b_row[j]), seen[v], x);
      store_some(row + v * kLanes, x, m);
      out[v] = fma(q, x, out[v]);
    }
  }
  for (int v = 0; v < kVectors; ++v)
    store_some(s.out + t * s.out_stride + c + v * kLanes, out[v], m);
}

// All tokens for some columns before the next: so much of a state stays in L1.
template <bool kSeen>
HEARTH_INLINE void step_tokens(const StateArgs& s) {
  for (int64_t panel = 0; panel < s.n_columns; panel += StateArgs::kPanel) {
    float* state = s.state + panel * s.n_rows;
    const int64_t left = s.n_columns - panel;
    const int64_t width = left < StateArgs::kPanel ? left : StateArgs::kPanel;
    int64_t c = 0;
    for (; c + 4 * kLanes <= width; c += 4 * kLanes)
      for (int64_t t = 0; t < s.n_tokens; ++t)
        step_columns<4, kSeen>(s, state + c, width, t, panel + c, kLanes);
    for (; c < width; c += kLanes) {
      const int m = int(width - c < kLanes ? width - c : kLanes);
      for (int64_t t = 0; t < s.n_tokens; ++t)
        step_columns<1, kSeen>(s, state + c, width, t, panel + c, m);
    }
  }
}

static void step_state(const StateArgs& s) noexcept {
  if (s.a.data != nullptr)
    step_tokens<true>(s);
  else
    step_tokens<false>(s);
}

static void scan_channels(const ScanArgs& s) noexcept {
  for (int64_t c = 0; c < s.n_channels; ++c) {
    const F step = set1(s.dt[c]);
    const F input = set1(s.dt[c] * s.x[c]);
    float* state = s.state + c * s.d_state;
    const float* a = s.a + c * s.d_state;
    F sum = zero();
    for_lanes(s.d_state, [&](int64_t i, int m) {
      const F decay = exp(mul(step, load_some(a + i, m)));
      const F x = fma(load_some(s.b + i, m), input, mul(decay, load_some(state + i, m)));
      store_some(state + i, x, m);
      sum = fma(load_some(s.c + i, m), x, sum);
    });
    s.y[c] = reduce_add(sum) + s.d[c] * s.x[c];
  }
}

// Fills the cells that this file implements.
[[maybe_unused]] static void add_recurrent(KernelTable& t) {
  t.dot = dot_rows;
  t.softplus = softplus_row;
  t.decay = decay_row;
  t.conv = conv;
  t.step_state = step_state;
  t.scan_channels = scan_channels;
}

}  // namespace hearth::backend::cpu::HEARTH_ISA
