// Operations of Gemma 3n alone: AltUp (Baykal et al. 2023, arXiv:2301.13310), which carries several
// residual streams and computes a layer on one of them, and sparse activations. Streams stand side
// by side in a row: [n, n_streams * d].
#pragma once

#include "tensor/view.h"

namespace hearth::tensor {

// out = in * |like| / |in|, of each of the n_heads parts of a row of `in`.
struct MatchLengthOp {
  View in;    // [n, n_heads * d]
  View like;  // [n, d]
  View out;
  int n_heads = 1;
};

// out[j] = in[j] + sum_i coefficients[j * S + i] * in[i] over the S streams. `out` is not `in`.
struct PredictStreamsOp {
  View in;
  View coefficients;  // [n, S * S]
  View out;
  int n_streams;
};

// x[j] += (1 + coefficients[j]) * (computed - x[0]) for each stream j, with x[0] as it was.
struct CorrectStreamsOp {
  View x;
  View computed;      // [n, d]
  View coefficients;  // [n, S]
  int n_streams;
};

// out = in * weight, value by value.
struct ScaleByOp {
  View in;
  View out;
  const float* weight;  // [d]
};

// x = max(0, x - (mean + factor * deviation)) over a row; the deviation is that of a sample.
struct KeepLargestOp {
  View x;
  float factor;
};

}  // namespace hearth::tensor
