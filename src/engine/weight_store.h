// WeightStore: where the weights of a loaded model are, and how they came there: in memory, in the
// order of the kernels; mapped in that order from the cache; or mapped from the model's file, in
// place. Called by Engine::load() and, over a measuring arena, by the memory plan.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "backend/backend.h"
#include "base/arena.h"
#include "base/result.h"
#include "engine/packed_cache.h"
#include "format/model_file.h"
#include "model/model.h"

namespace hearth::engine {

struct WeightOptions {
  // Copy the weights into the kernels' own order while loading. Else they are read from the mapped
  // file in place: the same results, more slowly.
  bool repack = true;
  // The folder that keeps packed weights for the next start; empty: none.
  std::string cache_folder = {};
  uint64_t cache_limit_bytes = 0;  // of all files in it; 0: CacheFolder's own
  // Smaller models are not cached: packing runs at 3 GB/s and more, so that a start would gain less
  // than half a second for a second copy on the disk.
  uint64_t cache_model_bytes_min = 2'000'000'000;
  bool cache_write = true;  // false: only use what is there
};

// How far loading is, in [0, 1]; called from the loading thread for every 32 MiB. Returning false
// stops (kCancelled).
using ProgressFn = std::function<bool(double)>;

class WeightStore {
 public:
  enum class From { kMemory, kCache, kFile };

  struct Source {
    const format::ModelFile& file;
    model::Model& model;
    const backend::Backend& backend;
    // Only a part of the weights fits the memory: they stay mapped, and what is read comes as it is
    // needed.
    bool larger_than_memory = false;
  };

  // Takes the memory and fills it; over a measuring arena only the former. Errors: kOutOfMemory,
  // kCancelled.
  static Result<WeightStore> load(const Source& source, const WeightOptions& options, Arena& arena,
                                  const ProgressFn& progress = {});

  [[nodiscard]] From from() const { return from_; }
  // "repacked while loading; not cached: ..."
  [[nodiscard]] const std::string& reason() const { return reason_; }
  // Null where nothing is being written to the cache.
  [[nodiscard]] PackedWriter* writer() const { return writer_.get(); }

 private:
  void choose(const Source& source, const WeightOptions& options);
  Result<void> fill(const Source& source, const ProgressFn& progress, std::byte* block);
  void start_writer(const WeightOptions& options, const Source& source, const std::byte* block);

  From from_ = From::kFile;
  std::string reason_;
  std::string not_cached_;            // why, in a few words; empty: it is to be written
  std::string name_;                  // in the cache
  std::optional<PackedFile> cached_;  // kCache
  std::unique_ptr<PackedWriter> writer_;
};

}  // namespace hearth::engine
