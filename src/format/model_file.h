// ModelFile: an opened and checked GGUF model, of one file or of all shards of a split one.
// Everything that it hands out (metadata, tensor names, tensor bytes) views the files' bytes and
// lives as long as the ModelFile. Used by the loader, `show`, the quantizer. Does not know what an
// architecture needs; the loader in `model` does.
//
// Split models are named PREFIX-00001-of-00003.gguf; only the first shard has the metadata.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/file_map.h"
#include "base/result.h"
#include "format/gguf_reader.h"
#include "format/gguf_value.h"

namespace hearth::format {

class ModelFile {
 public:
  // Opens the file, or, if it is a shard (any one) of a split model, the whole set; its siblings
  // must lie beside it. Errors: those of FileMap::open; kCorrupt, kUnsupported from the bytes;
  // kNotFound naming an absent shard.
  static Result<ModelFile> open(const std::string& path, MapMode mode = MapMode::kMap);

  // The same checks on one file's bytes in memory, which must outlive the result. A shard of a
  // split model gives kUnsupported.
  static Result<ModelFile> parse(std::span<const std::byte> bytes);

  [[nodiscard]] const Metadata& metadata() const { return metadata_; }
  [[nodiscard]] std::string_view architecture() const;  // "" if the file does not say
  [[nodiscard]] std::span<const TensorInfo> tensors() const { return tensors_; }
  [[nodiscard]] const TensorInfo* find(std::string_view name) const;

  [[nodiscard]] int n_shards() const { return n_shards_; }
  // The map of one shard, for its path and its page hints. Null for a parsed file.
  [[nodiscard]] const FileMap* shard(int index) const;

  [[nodiscard]] uint64_t file_bytes() const { return file_bytes_; }      // of all shards
  [[nodiscard]] uint64_t tensor_bytes() const { return tensor_bytes_; }  // weights alone
  [[nodiscard]] uint64_t n_parameters() const { return n_parameters_; }  // numbers in all tensors
  [[nodiscard]] uint32_t version() const { return version_; }
  [[nodiscard]] uint64_t alignment() const { return alignment_; }  // of the first shard

 private:
  ModelFile() = default;
  Result<void> take_first(GgufHead head, uint64_t size_bytes);
  Result<void> take_shard(GgufHead head, uint64_t size_bytes, int n_shards);
  void append(std::vector<TensorInfo> tensors, uint64_t size_bytes);
  Result<void> finish();

  std::vector<FileMap> maps_;
  Metadata metadata_;
  std::vector<TensorInfo> tensors_;
  std::vector<uint32_t> by_name_;  // indices into tensors_, names ascending
  int n_shards_ = 0;
  uint32_t version_ = 0;
  uint64_t alignment_ = 0;
  uint64_t file_bytes_ = 0;
  uint64_t tensor_bytes_ = 0;
  uint64_t n_parameters_ = 0;
};

// "model.gguf" -> "model-00002-of-00003.gguf" for index 1 of 3; "model" gives the same.
std::string shard_path(std::string_view path, int index, int n_shards);

}  // namespace hearth::format
