// Decoding is bit exact: the decoded floats of made-up blocks are hashed and compared with the
// hashes that the reference decoders of the field (dequantize_row_* of llama.cpp, commit 3f545becc,
// August 2026) give for the same bytes. Q8_1 alone has no reference decoder; its hash is that of
// the formula d * q. To make the hashes again: build the generator below with the reference
// decoders in place of ours.
#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <functional>
#include <limits>
#include <string>
#include <vector>

#include "quant/list.h"

namespace hearth::quant {
namespace {

// SplitMix64 (Steele, Lea, Flood 2014): the state walks by a constant and the output is a mix of
// it.
struct SplitMix64 {
  uint64_t state;
  uint64_t next() {
    state += 0x9e3779b97f4a7c15u;
    uint64_t z = state;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
  }
};

using Decoder = std::function<void(const uint8_t* block, float* y)>;

// The hash of everything a decoder says about these blocks, in order, leaving out a block that
// decodes to anything but finite numbers:
//   - 256 blocks filled with the byte 0, 1, .. 255 (all zero; denormal and huge scales; all ones);
//   - the pairs below repeated over the block, starting with the first or the second byte (the
//     largest f16, the smallest and the largest denormal, minus zero, one);
//   - 1024 finite blocks of random bytes, eight from each output of SplitMix64, whose seed is the
//     GGUF id of the type.
// The hash is 64-bit FNV-1a over the bytes of the floats.
uint64_t golden_hash(uint32_t gguf_id, size_t block_bytes, size_t block_len,
                     const Decoder& decode) {
  std::vector<uint64_t> words(block_bytes / 8 + 1);  // aligned for every Block
  auto* block = reinterpret_cast<uint8_t*>(words.data());
  std::vector<float> y(block_len);
  uint64_t hash = 0xcbf29ce484222325u;
  const auto add = [&] {
    decode(block, y.data());
    for (const float v : y)
      if (!std::isfinite(v)) return false;
    for (const float v : y) {
      const auto bits = std::bit_cast<uint32_t>(v);
      for (int k = 0; k < 4; ++k) hash = (hash ^ ((bits >> (8 * k)) & 255)) * 0x100000001b3u;
    }
    return true;
  };
  for (int fill = 0; fill < 256; ++fill) {
    std::memset(block, fill, block_bytes);
    add();
  }
  constexpr uint8_t kPairs[5][2] = {
      {0xff, 0x7b}, {0x01, 0x00}, {0xff, 0x03}, {0x00, 0x80}, {0x00, 0x3c}};
  for (const auto& pair : kPairs) {
    for (size_t phase = 0; phase < 2; ++phase) {
      for (size_t i = 0; i < block_bytes; ++i) block[i] = pair[(i + phase) % 2];
      add();
    }
  }
  SplitMix64 random{gguf_id};
  for (int done = 0; done < 1024;) {
    for (size_t i = 0; i < block_bytes; i += 8) {
      const uint64_t word = random.next();
      std::memcpy(block + i, &word, std::min<size_t>(8, block_bytes - i));
    }
    if (add()) ++done;
  }
  return hash;
}

struct Golden {
  std::string_view name;
  uint64_t hash;
};
constexpr Golden kGoldens[] = {
    {"F16", 0xf8b456139f6ff9feu},    {"Q4_0", 0x195656baa9d2ae08u},
    {"Q4_1", 0xd333a481bd814358u},   {"Q5_0", 0x0bd61e168d357370u},
    {"Q5_1", 0x586649dd99b0cd90u},   {"Q8_0", 0x440a21e4386afe38u},
    {"Q8_1", 0x58cc90ba67b42312u},   {"Q2_K", 0xdaf11d73b5038a03u},
    {"Q3_K", 0x8898c762cb149ccau},   {"Q4_K", 0x682ae55c52838623u},
    {"Q5_K", 0x5a1d1fc33bcc6838u},   {"Q6_K", 0x65cc42eb40dc53f3u},
    {"Q8_K", 0xf7bdf8fde9568663u},   {"IQ2_XXS", 0x770a86ffbf38fdbfu},
    {"IQ2_XS", 0x2a0ebd1e345965f8u}, {"IQ3_XXS", 0x720b5ca6596ba00eu},
    {"IQ1_S", 0x0c9d77644caabf10u},  {"IQ4_NL", 0x13a8a84ae8fdd9a8u},
    {"IQ3_S", 0x08d570e44d9a8a1eu},  {"IQ2_S", 0xd078b13934834a41u},
    {"IQ4_XS", 0xf5258ef949986f7au}, {"IQ1_M", 0x06826993c35e22b4u},
    {"BF16", 0xacf4668a84a5c9eeu},   {"TQ1_0", 0x418333805e32bcfcu},
    {"TQ2_0", 0x8b5d30005fbf9eabu},  {"MXFP4", 0x8686067bf890e61au},
    {"NVFP4", 0x965ec088ff900057u},  {"Q1_0", 0xe29f7656bb41b825u},
    {"Q2_0", 0xf6527e118e30cfd6u},
};

TEST(Decode, EqualsTheReferenceBitForBit) {
  int checked = 0;
  for (const TypeInfo& type : all_types()) {
    if (type.is_integer || type.name == "F32" || type.name == "F64") continue;
    const auto* golden = std::find_if(std::begin(kGoldens), std::end(kGoldens),
                                      [&](const Golden& g) { return g.name == type.name; });
    ASSERT_NE(golden, std::end(kGoldens)) << type.name << " has no golden hash";
    const uint64_t hash = golden_hash(
        type.gguf_id, type.block_bytes, size_t(type.block_len),
        [&](const uint8_t* block, float* y) { type.decode_row(block, type.block_len, y); });
    EXPECT_EQ(hash, golden->hash) << type.name;
    ++checked;
  }
  EXPECT_EQ(checked, int(std::size(kGoldens)));
}

TEST(Decode, PlainNumbersAreThemselves) {
  const float f32[3] = {1.5f, -0.0f, std::numeric_limits<float>::denorm_min()};
  const double f64[3] = {1.5, -1e-300, 0.1};
  const int8_t i8[3] = {-128, 0, 127};
  const int16_t i16[3] = {-32768, 5, 32767};
  const int32_t i32[3] = {-2147483647 - 1, 16777217, 7};
  const int64_t i64[3] = {-(int64_t(1) << 62), 3, int64_t(1) << 40};
  const auto expect = [](std::string_view name, const void* blocks, const float(&want)[3]) {
    float y[3];
    find_type(name)->decode_row(blocks, 3, y);
    for (int i = 0; i < 3; ++i)
      EXPECT_EQ(std::bit_cast<uint32_t>(y[i]), std::bit_cast<uint32_t>(want[i]))
          << name << " " << i;
  };
  expect("F32", f32, {1.5f, -0.0f, std::numeric_limits<float>::denorm_min()});
  expect("F64", f64, {1.5f, -0.0f, 0.1f});
  expect("I8", i8, {-128.0f, 0.0f, 127.0f});
  expect("I16", i16, {-32768.0f, 5.0f, 32767.0f});
  expect("I32", i32, {-2147483648.0f, 16777216.0f, 7.0f});
  expect("I64", i64, {-0x1p62f, 3.0f, 0x1p40f});
}

// Decoding through the integer form must not depend on what was in the output before, and q must
// stay in range.
TEST(Decode, RowsAreTheirBlocksSideBySide) {
  for (const TypeInfo& type : all_types()) {
    constexpr int kBlocks = 3;
    std::vector<uint64_t> words(type.block_bytes * kBlocks / 8 + 1);
    auto* bytes = reinterpret_cast<uint8_t*>(words.data());
    SplitMix64 random{99};
    for (size_t i = 0; i < type.block_bytes * kBlocks; ++i)
      bytes[i] = uint8_t(random.next() & 0x3f);
    const auto n = size_t(type.block_len);
    std::vector<float> row(n * kBlocks, -1.0f);
    std::vector<float> one(n, 77.0f);
    type.decode_row(bytes, int64_t(n * kBlocks), row.data());
    for (size_t k = 0; k < kBlocks; ++k) {
      std::vector<uint64_t> copy(type.block_bytes / 8 + 1);
      std::memcpy(copy.data(), bytes + k * type.block_bytes, type.block_bytes);
      type.decode_row(copy.data(), int64_t(n), one.data());
      EXPECT_EQ(std::memcmp(one.data(), row.data() + k * n, n * sizeof(float)), 0) << type.name;
    }
  }
}

// Digit j of an entry names the magnitude of byte j of the same entry of the codebook.
template <class Entry, size_t kEntries>
void expect_digits(const Table<uint32_t, kEntries>& digits, const Table<Entry, kEntries>& grid,
                   const Table<int8_t, 16>& levels, const std::function<int(int)>& weight) {
  for (size_t i = 0; i < kEntries; ++i)
    for (size_t j = 0; j < sizeof(Entry); ++j) {
      const uint32_t digit = (digits[i] >> (8 * (j % 4) + j / 4 * 4)) & 15;
      ASSERT_LT(digit, 8u) << "the sign's bit is not free, entry " << i;
      ASSERT_EQ(int(levels[digit]), weight(int((grid[i] >> (8 * j)) & 255)))
          << "entry " << i << " byte " << j;
    }
}

TEST(Codebook, DigitsNameTheMagnitudesOfEveryEntry) {
  const auto same = [](int magnitude) { return magnitude; };
  expect_digits(kDigitsIq2Xxs, kGridIq2Xxs, kLevelsIq2, same);
  expect_digits(kDigitsIq2Xs, kGridIq2Xs, kLevelsIq2, same);
  expect_digits(kDigitsIq2S, kGridIq2S, kLevelsIq2, same);
  expect_digits(kDigitsIq3Xxs, kGridIq3Xxs, kLevelsIq3Xxs, same);
  expect_digits(kDigitsIq3S, kGridIq3S, kLevelsIq3S, same);
  expect_digits(kDigitsIq1, kGridIq1, kLevelsIq1, [](int biased) { return biased - 128 + 1; });
  for (size_t digit = 0; digit < 8; ++digit) {
    EXPECT_EQ(kLevelsIq2[digit + 8], -kLevelsIq2[digit]);
    EXPECT_EQ(kLevelsIq3Xxs[digit + 8], -kLevelsIq3Xxs[digit]);
    EXPECT_EQ(kLevelsIq3S[digit + 8], -kLevelsIq3S[digit]);
  }
  for (size_t digit = 0; digit < 3; ++digit)
    EXPECT_EQ(kLevelsIq1[digit + 8], kLevelsIq1[digit] - 2);
}

}  // namespace
}  // namespace hearth::quant
