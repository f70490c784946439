// Reads the head of one GGUF file (version 2 and 3, little-endian): metadata and the list of
// tensors. Called by ModelFile, which joins the shards of a split model, and by the fuzzer. Knows
// nothing of what keys mean, except `general.alignment`.
//
//   "GGUF" | u32 version | u64 n_tensors | u64 n_keys | keys | tensor infos | padding | data
//   key         := string name, u32 value type, value
//   array       := u32 element type, u64 count, elements          (no arrays of arrays)
//   tensor info := string name, u32 n_dims <= 4, u64 shape[n_dims], u32 tensor type, u64 offset
//   from start of data string      := u64 length, bytes start of data and every offset: multiples
//   of general.alignment (a power of two, 32 if absent)
//
// The file is hostile: every count, length, dimension and offset is compared with what is left of
// the file before it is used, and nothing is allocated for a count that the bytes do not bear out.
// Gaps between tensors are allowed (other programs leave them), overlaps are not.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "format/gguf_value.h"
#include "quant/list.h"

namespace hearth::format {

// Far above what models have (the largest of 2026: 90 keys, 100,000 tensors with unmerged experts);
// they bound the memory that a file made of tiny entries can take to some 40 MB.
inline constexpr uint64_t kKeysMax = 1 << 16;
inline constexpr uint64_t kTensorsMax = 1 << 18;
inline constexpr uint64_t kNameBytesMax = 255;
inline constexpr uint64_t kKeyBytesMax = 1024;
inline constexpr uint64_t kStringBytesMax = 1 << 30;
inline constexpr uint32_t kDimsMax = 4;
inline constexpr uint32_t kAlignmentDefault = 32;

struct TensorInfo {
  std::string_view name;
  const quant::TypeInfo* type = nullptr;
  int n_dims = 0;
  std::array<uint64_t, kDimsMax> shape = {1, 1, 1,
                                          1};  // shape[0] is contiguous; missing dimensions are 1
  std::span<const std::byte> data;             // rows of shape[0] numbers each, one after the other
  uint64_t file_offset = 0;                    // of `data` in its shard
  int shard = 0;

  [[nodiscard]] uint64_t n_elements() const { return shape[0] * shape[1] * shape[2] * shape[3]; }
  [[nodiscard]] uint64_t n_rows() const { return shape[1] * shape[2] * shape[3]; }
};

struct GgufHead {
  uint32_t version = 0;
  uint64_t alignment = kAlignmentDefault;
  uint64_t data_start = 0;
  Metadata metadata;
  std::vector<TensorInfo> tensors;  // in file order
};

// Views into `bytes`, which must outlive the result. Errors: kCorrupt, kUnsupported; messages name
// the byte.
Result<GgufHead> read_gguf_head(std::span<const std::byte> bytes);

// Errors if two tensors have one name. Gives the indices of `tensors`, names ascending.
Result<std::vector<uint32_t>> index_by_name(std::span<const TensorInfo> tensors);

}  // namespace hearth::format
