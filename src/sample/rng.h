// The random numbers of sampling: xoshiro256** 1.0, seeded through splitmix64, both by David
// Blackman and Sebastiano Vigna, who put them into the public domain (https://prng.di.unimi.it).
// Written out here because the distributions of <random> differ between standard libraries: one
// seed must give the same tokens everywhere.
#pragma once

#include <array>
#include <bit>
#include <cstdint>

namespace hearth::sample {

class Rng {
 public:
  explicit Rng(uint64_t seed) { reseed(seed); }
  // Starts from a given state, for the published test vectors. REQUIRES: not all zero.
  explicit Rng(const std::array<uint64_t, 4>& state) : state_(state) {}

  void reseed(uint64_t seed) {
    for (uint64_t& word : state_) word = splitmix64(seed);
  }

  // Advances `x` and returns the next splitmix64 number.
  static uint64_t splitmix64(uint64_t& x) {
    uint64_t z = (x += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
  }

  uint64_t next() {
    const uint64_t result = std::rotl(state_[1] * 5, 7) * 9;
    const uint64_t t = state_[1] << 17;
    state_[2] ^= state_[0];
    state_[3] ^= state_[1];
    state_[1] ^= state_[2];
    state_[0] ^= state_[3];
    state_[2] ^= t;
    state_[3] = std::rotl(state_[3], 45);
    return result;
  }

  // Uniform on [0, 1): the upper 53 bits, so every value is an exact multiple of 2^-53.
  double uniform() { return double(next() >> 11) * 0x1p-53; }

 private:
  std::array<uint64_t, 4> state_;
};

}  // namespace hearth::sample
