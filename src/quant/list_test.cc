// The list as others see it: sizes, names and ids.
#include "quant/list.h"

#include <gtest/gtest.h>

#include <set>
#include <string>

namespace hearth::quant {
namespace {

TEST(List, NamesAndIdsAreUniqueAndFound) {
  std::set<uint32_t> ids;
  std::set<std::string> names;
  int index = 0;
  for (const TypeInfo& type : all_types()) {
    EXPECT_EQ(type.index, index++);
    EXPECT_TRUE(ids.insert(type.gguf_id).second) << type.name;
    EXPECT_TRUE(names.insert(std::string(type.name)).second) << type.name;
    EXPECT_EQ(find_type(type.gguf_id), &type);
    std::string lower(type.name);
    for (char& c : lower) c = char(std::tolower(static_cast<unsigned char>(c)));
    EXPECT_EQ(find_type(lower), &type) << lower;
  }
  EXPECT_EQ(index, TypeList::kSize);
  EXPECT_EQ(all_types().size(), 35u);  // every tensor type of GGUF in August 2026
  EXPECT_EQ(type_index<Q4_0>(), find_type("Q4_0")->index);
}

TEST(List, UnknownTypesAreNull) {
  for (const uint32_t id : {4u, 5u, 31u, 33u, 36u, 38u, 43u, 97u, 0xffffffffu})
    EXPECT_EQ(find_type(id), nullptr) << id;
  for (const std::string_view name : {"", "Q4", "Q4_0 ", "Q4_00", "IQ2_K"})
    EXPECT_EQ(find_type(name), nullptr) << name;
}

// Bytes and numbers per block, as the format has them.
TEST(List, SizesAreThoseOfTheFormat) {
  struct Size {
    std::string_view name;
    uint32_t id;
    int block_len;
    size_t block_bytes;
  };
  constexpr Size kSizes[] = {
      {"F32", 0, 1, 4},         {"F16", 1, 1, 2},         {"BF16", 30, 1, 2},
      {"F64", 28, 1, 8},        {"I8", 24, 1, 1},         {"I16", 25, 1, 2},
      {"I32", 26, 1, 4},        {"I64", 27, 1, 8},        {"Q4_0", 2, 32, 18},
      {"Q4_1", 3, 32, 20},      {"Q5_0", 6, 32, 22},      {"Q5_1", 7, 32, 24},
      {"Q8_0", 8, 32, 34},      {"Q8_1", 9, 32, 36},      {"Q2_K", 10, 256, 84},
      {"Q3_K", 11, 256, 110},   {"Q4_K", 12, 256, 144},   {"Q5_K", 13, 256, 176},
      {"Q6_K", 14, 256, 210},   {"Q8_K", 15, 256, 292},   {"IQ2_XXS", 16, 256, 66},
      {"IQ2_XS", 17, 256, 74},  {"IQ3_XXS", 18, 256, 98}, {"IQ1_S", 19, 256, 50},
      {"IQ4_NL", 20, 32, 18},   {"IQ3_S", 21, 256, 110},  {"IQ2_S", 22, 256, 82},
      {"IQ4_XS", 23, 256, 136}, {"IQ1_M", 29, 256, 56},   {"TQ1_0", 34, 256, 54},
      {"TQ2_0", 35, 256, 66},   {"MXFP4", 39, 32, 17},    {"NVFP4", 40, 64, 36},
      {"Q1_0", 41, 128, 18},    {"Q2_0", 42, 64, 18},
  };
  EXPECT_EQ(std::size(kSizes), all_types().size());
  for (const Size& size : kSizes) {
    const TypeInfo* type = find_type(size.name);
    ASSERT_NE(type, nullptr) << size.name;
    EXPECT_EQ(type->gguf_id, size.id) << size.name;
    EXPECT_EQ(type->block_len, size.block_len) << size.name;
    EXPECT_EQ(type->block_bytes, size.block_bytes) << size.name;
    EXPECT_EQ(type->row_bytes(3 * size.block_len), 3 * size.block_bytes) << size.name;
  }
  EXPECT_FLOAT_EQ(find_type("Q4_K")->bits_per_weight, 4.5f);
  EXPECT_FLOAT_EQ(find_type("TQ1_0")->bits_per_weight, 1.6875f);
}

TEST(List, KindsAreExclusiveAndEncodersAreWhereTheyShouldBe) {
  for (const TypeInfo& type : all_types()) {
    EXPECT_EQ(int(type.is_float) + int(type.is_integer) + int(type.is_block), 1) << type.name;
    EXPECT_NE(type.decode_row, nullptr) << type.name;
    EXPECT_EQ(type.has_encoder, type.encode_row != nullptr) << type.name;
    const bool codebook = type.name.starts_with("IQ") && !type.name.starts_with("IQ4");
    EXPECT_EQ(type.has_encoder, !codebook && !type.is_integer) << type.name;
    EXPECT_EQ(type.is_activation, type.name == "Q8_1" || type.name == "Q8_K") << type.name;
  }
}

TEST(List, GroupsAreSixteenOrThirtyTwoAndDivideTheBlock) {
  TypeList::for_each([]<class T>() {
    if constexpr (BlockType<T>) {
      EXPECT_TRUE(T::kGroup == 16 || T::kGroup == 32) << T::kName;
      EXPECT_EQ(T::kBlockLen % T::kGroup, 0) << T::kName;
      EXPECT_LE(alignof(typename T::Block), 4u) << T::kName;
    }
  });
}

}  // namespace
}  // namespace hearth::quant
