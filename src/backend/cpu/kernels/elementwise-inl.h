// Norms, activations, rope, softcap, quantization of activations. Written once in the vector
// vocabulary of simd/.

namespace hearth::backend::cpu::HEARTH_ISA {

// Calls f(i, n) for i = 0, kLanes, ...; n is kLanes, or less in the last call.
template <class F_>
HEARTH_INLINE void for_lanes(int64_t n, F_&& f) {
  int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) f(i, kLanes);
  if (i < n) f(i, int(n - i));
}
HEARTH_INLINE F load_some(const float* p, int n) { return n == kLanes ? load(p) : load_n(p, n); }
HEARTH_INLINE void store_some(float* p, F x, int n) {
  if (n == kLanes)
    store(p, x);
  else
    store_n(p, x, n);
}

static void rms_norm(const float* x, const float* w, float* y, int64_t n, float eps) noexcept {
  F squares = zero();
  for_lanes(n, [&](int64_t i, int m) {
    const F v = load_some(x + i, m);
    squares = fma(v, v, squares);
  });
  const F inv = set1(1.0f / __builtin_sqrtf(reduce_add(squares) / float(n) + eps));
  for_lanes(n, [&](int64_t i, int m) {
    const F v = mul(load_some(x + i, m), inv);
    store_some(y + i, w == nullptr ? v : mul(v, load_some(w + i, m)), m);
  });
}

static void layer_norm(const float* x, const float* w, const float* b, float* y, int64_t n,
                       float eps) noexcept {
  F sum = zero();
  for_lanes(n, [&](int64_t i, int m) { sum = add(sum, load_some(x + i, m)); });
  const float mean = reduce_add(sum) / float(n);
  const F mean_v = set1(mean);
  float squares_tail = 0;
  F squares = zero();
  for_lanes(n, [&](int64_t i, int m) {
    if (m == kLanes) {
      const F v = sub(load(x + i), mean_v);
      squares = fma(v, v, squares);
    } else {
      for (int j = 0; j < m; ++j) squares_tail += (x[i + j] - mean) * (x[i + j] - mean);
    }
  });
  const F inv = set1(1.0f / __builtin_sqrtf((reduce_add(squares) + squares_tail) / float(n) + eps));
  for_lanes(n, [&](int64_t i, int m) {
    F v = mul(sub(load_some(x + i, m), mean_v), inv);
    if (w != nullptr) v = mul(v, load_some(w + i, m));
    if (b != nullptr) v = add(v, load_some(b + i, m));
    store_some(y + i, v, m);
  });
}

// x * sigmoid(z) for z = x (SiLU) or z = 2 * sqrt(2/pi) * (x + 0.044715 x^3) (GELU, tanh form: 0.5
// (1 + tanh u) is sigmoid(2u), which loses no digits near 0).
HEARTH_INLINE F times_sigmoid(F x, F z) { return div(x, add(set1(1.0f), exp(sub(zero(), z)))); }

HEARTH_INLINE F silu(F g) { return times_sigmoid(g, g); }
HEARTH_INLINE F gelu_tanh(F g) {
  const F inner = fma(mul(set1(0.044715f), mul(g, g)), g, g);
  return times_sigmoid(g, mul(set1(1.5957691216057308f), inner));
}

// y = act(gate) * up; act(gate) where there is no up.
template <tensor::Activation activation>
static void activate(const float* gate, const float* up, float* y, int64_t n) noexcept {
  using enum tensor::Activation;
  for_lanes(n, [&](int64_t i, int m) {
    const F g = load_some(gate + i, m);
    F u = up == nullptr ? set1(1.0f) : load_some(up + i, m);
    F a;
    if constexpr (activation == kSilu) {
      a = silu(g);
    } else if constexpr (activation == kGeluTanh) {
      a = gelu_tanh(g);
    } else if constexpr (activation == kRelu2) {
      const F positive = max(g, zero());
      a = mul(positive, positive);
    } else if constexpr (activation == kSwigluOai) {
      const F limit = set1(7.0f);
      const F low = min(g, limit);
      a = times_sigmoid(low, mul(set1(1.702f), low));
      u = add(max(min(u, limit), sub(zero(), limit)), set1(1.0f));
    } else {
      a = times_sigmoid(set1(1.0f), g);
    }
    store_some(y + i, mul(a, u), m);
  });
}

static void add_scaled(const float* a, const float* b, float scale, float* y, int64_t n) noexcept {
  const F s = set1(scale);
  for_lanes(n, [&](int64_t i, int m) {
    store_some(y + i, fma(s, load_some(b + i, m), load_some(a + i, m)), m);
  });
}

static void scale_row(float* x, float scale, int64_t n) noexcept {
  const F s = set1(scale);
  for_lanes(n, [&](int64_t i, int m) { store_some(x + i, mul(s, load_some(x + i, m)), m); });
}

// tanh(z) = 1 - 2 / (e^2z + 1).
HEARTH_INLINE F cap_value(F x, F cap, F inv_cap) {
  const F e = exp(mul(set1(2.0f), mul(x, inv_cap)));
  return mul(cap, sub(set1(1.0f), div(set1(2.0f), add(e, set1(1.0f)))));
}

static void softcap_row(float* x, float cap, float scale, int64_t n) noexcept {
  const F cap_v = set1(cap);
  const F inv = set1(scale / cap);
  for_lanes(n, [&](int64_t i, int m) {
    store_some(x + i, cap_value(load_some(x + i, m), cap_v, inv), m);
  });
}

static void rope_norm(float* head, const float* table, int64_t n_pairs) noexcept {
  if constexpr (kLanes == 1) {
    for (int64_t i = 0; i < 2 * n_pairs; i += 2) {
      const float c = table[i];
      const float s = table[i + 1];
      const float x = head[i];
      const float y = head[i + 1];
      head[i] = x * c - y * s;
      head[i + 1] = x * s + y * c;
    }
  } else {
    for_lanes(2 * n_pairs, [&](int64_t i, int m) {
      store_some(head + i, rotate_pairs(load_some(head + i, m), load_some(table + i, m)), m);
    });
  }
}

static void rope_neox(float* head, const float* table, int64_t n_pairs) noexcept {
  for (int64_t i = 0; i < n_pairs; ++i) {
    const float c = table[2 * i];
    const float s = table[2 * i + 1];
    const float x = head[i];
    const float y = head[i + n_pairs];
    head[i] = x * c - y * s;
    head[i + n_pairs] = x * s + y * c;
  }
}

// d = max |x| / 127, q = x / d rounded to nearest even: equal on every ISA, since each step is one
// IEEE operation. A group with an infinity or NaN gets that as its d, so that it shows in the
// result; its codes do not matter. A group so small that 127 / max overflows counts as zero.
template <int n>
HEARTH_INLINE float quantize_group(const float* v, int8_t* q) {
  // Magnitudes compare as their bits do; an integer maximum may be taken in any order, also by the
  // vectorizer.
  uint32_t largest_bits = 0;
  for (int i = 0; i < n; ++i) {
    const uint32_t bits = __builtin_bit_cast(uint32_t, v[i]) & 0x7fffffffu;
    largest_bits = bits > largest_bits ? bits : largest_bits;
  }
  const float largest = __builtin_bit_cast(float, largest_bits);
  const bool usable = largest > 0x1p-119f && largest < __builtin_inff();
  const float inv = usable ? 127.0f / largest : 0.0f;
  if (usable)
    for (int i = 0; i < n; ++i) q[i] = int8_t(int(__builtin_rintf(v[i] * inv)));
  else
    __builtin_memset(q, 0, size_t(n));
  return largest / 127.0f;
}

static void quantize(const float* x, int64_t n, ActForm form, ActBlock& out) noexcept {
  float filled[256];
  if (n < 256) {
    for (int64_t i = 0; i < 256; ++i) filled[i] = i < n ? x[i] : 0.0f;
    x = filled;
  }
  if (form == ActForm::kBf16) {
    uint16_t halves[256];
    for (int i = 0; i < 256; ++i) halves[i] = f32_to_bf16(x[i]);
    __builtin_memcpy(out.q, halves, sizeof(halves));
    return;
  }
  if (form == ActForm::kPer256) {
    const float d = quantize_group<256>(x, out.q);
    for (int g = 0; g < 8; ++g) out.d[g] = d;
  } else {
    for (int g = 0; g < 8; ++g) out.d[g] = quantize_group<32>(x + 32 * g, out.q + 32 * g);
  }
  for (int g = 0; g < 16; ++g) {
    int sum = 0;
    for (int i = 0; i < 16; ++i) sum += out.q[16 * g + i];
    out.neg_sum16[g] = -sum;
  }
  for (int g = 0; g < 8; ++g) {
    out.neg_sum32[g] = out.neg_sum16[2 * g] + out.neg_sum16[2 * g + 1];
    out.d_sum32[g] = out.d[g] * float(-out.neg_sum32[g]);
  }
  for (int g = 0; g < 16; ++g) out.neg_pairs16[g] = int16_t(out.neg_sum16[g]);
  for (int g = 0; g < 8; ++g) out.neg_pairs32[g] = int16_t(out.neg_sum32[g]);
}

// Fills the cells that this file implements.
[[maybe_unused]] static void add_elementwise(KernelTable& t) {
  t.quantize = quantize;
  t.rms_norm = rms_norm;
  t.layer_norm = layer_norm;
  using enum tensor::Activation;
  t.activate[int(kSilu)] = activate<kSilu>;
  t.activate[int(kGeluTanh)] = activate<kGeluTanh>;
  t.activate[int(kRelu2)] = activate<kRelu2>;
  t.activate[int(kSwigluOai)] = activate<kSwigluOai>;
  t.activate[int(kSigmoid)] = activate<kSigmoid>;
  t.add_scaled = add_scaled;
  t.scale = scale_row;
  t.softcap = softcap_row;
  t.rope_norm = rope_norm;
  t.rope_neox = rope_neox;
}

}  // namespace hearth::backend::cpu::HEARTH_ISA
