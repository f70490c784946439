// The activations of feed-forward networks and gates. Compiled once per ISA too: data only.
#pragma once

#include <cstdint>

namespace hearth::tensor {

// What act(x) is, u beside it:
//   kSilu x sigmoid(x) u, kGeluTanh the tanh form of GELU times u, kRelu2 max(0, x)^2 u;
//   kSwigluOai x' sigmoid(1.702 x') (u' + 1) with x' = min(x, 7), u' = clamp(u, -7, 7): gpt-oss;
//   kSigmoid sigmoid(x) u, kSoftplus log(1 + e^x) u: gates.
// Without u it counts as 1.
enum class Activation : uint8_t { kSilu, kGeluTanh, kRelu2, kSwigluOai, kSigmoid, kSoftplus };
inline constexpr int kNumActivations = 6;

}  // namespace hearth::tensor
