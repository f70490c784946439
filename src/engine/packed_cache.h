// The cache of packed weights: for each model one file that holds them as Model::pack() writes
// them, so that the next start maps them instead of packing. Used by Engine::load() and the memory
// plan. What cannot be used or written is no error: the weights are then packed as if there were no
// cache.
//
// A file is named by its key: 32 hexadecimal digits of all that decides the content. Its bytes:
//
//     Head                                 (packed_cache.cc)
//     Part [n_parts]                       one for each weight, in the block's order
//     zeros up to kPackedBlockOffset
//     the block, to the end of the file
//
// It appears complete or not at all (base/new_file.h), and is never changed afterwards.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <thread>

#include "base/cache_folder.h"
#include "base/file_map.h"
#include "base/new_file.h"
#include "base/result.h"
#include "format/model_file.h"
#include "model/model.h"

namespace hearth::engine {

// Goes up whenever the bytes of a packed weight, their order in the block, or this file's own
// layout change: files of other versions are then not found.
inline constexpr uint32_t kPackedVersion = 1;
// Where the block stands: at a huge page.
inline constexpr uint64_t kPackedBlockOffset = uint64_t{2} << 20;

// A model's name in the cache: a hash over sizes and times of its files, their heads (all
// metadata), a page of every few MB of the weights, and the layout of the parts. Reads those pages.
// Not cryptographic: it protects from mistakes, not from attacks; the folder is the person's own.
std::string packed_name(const format::ModelFile& file, std::span<const model::PackedPart> parts);

// The block of a file in the cache, for as long as the object lives.
class PackedFile {
 public:
  // Errors: kNotFound; kCorrupt for a file that was cut off, damaged in its head, or of another
  // version.
  static Result<PackedFile> open(const CacheFolder& folder, const std::string& name,
                                 std::span<const model::PackedPart> parts);
  [[nodiscard]] const std::byte* block() const { return map_.bytes().data() + kPackedBlockOffset; }
  [[nodiscard]] uint64_t block_bytes() const { return map_.bytes().size() - kPackedBlockOffset; }
  [[nodiscard]] const FileMap& map() const { return map_; }

 private:
  explicit PackedFile(FileMap map) : map_(std::move(map)) {}
  FileMap map_;
};

// Writes a block to the cache, in the background.
class PackedWriter {
 public:
  struct Job {
    std::string name;
    std::span<const model::PackedPart> parts;  // read by start() only
    std::span<const std::byte> block;          // lives longer than the writer, and does not change
    uint64_t limit_bytes = 0;                  // of the whole cache; 0: CacheFolder's own
  };
  // Takes the lock and makes room; the rest is done by a thread of its own, at low priority.
  // Errors: those of CacheFolder and NewFile (no right to write, another program is writing, no
  // room).
  static Result<std::unique_ptr<PackedWriter>> start(CacheFolder folder, const Job& job);

  // Stops the writing where it is, which removes the incomplete file. Takes as long as the disk
  // needs for a few MB.
  ~PackedWriter() = default;

  // Waits until it is written. False: it was not (the disk failed).
  bool wait();

 private:
  PackedWriter(CacheFolder folder, NewFile file)
      : folder_(std::move(folder)), file_(std::move(file)) {}
  void write(const std::stop_token& stop, std::span<const std::byte> block);

  CacheFolder folder_;
  NewFile file_;
  bool written_ = false;
  std::jthread thread_;  // last: ends before what it uses goes
};

}  // namespace hearth::engine
