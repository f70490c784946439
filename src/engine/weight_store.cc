#include "engine/weight_store.h"

#include <fmt/format.h>

#include <algorithm>
#include <span>
#include <utility>
#include <vector>

namespace hearth::engine {
namespace {

constexpr uint64_t kPiece = uint64_t{32} << 20;
constexpr std::string_view kPackedRow = "weights, in the order the kernels read";
constexpr std::string_view kCachedRow = "weights, mapped from the cache";
constexpr std::string_view kFileRow = "weights, mapped from the file";

// The shard that holds these bytes, and where; null if none is mapped.
struct Place {
  const FileMap* map = nullptr;
  uint64_t offset = 0;
};
Place find_place(const format::ModelFile& file, const std::byte* data) {
  for (int i = 0; i < file.n_shards(); ++i) {
    const FileMap* map = file.shard(i);
    if (map == nullptr) continue;
    const std::span<const std::byte> bytes = map->bytes();
    if (data >= bytes.data() && data < bytes.data() + bytes.size())
      return {map, uint64_t(data - bytes.data())};
  }
  return {};
}

// Says how far loading is, and whether it is to stop.
class Progress {
 public:
  Progress(const ProgressFn& fn, uint64_t total_bytes) : fn_(fn), total_bytes_(total_bytes) {}
  Result<void> add(uint64_t bytes) {
    done_ = std::min(total_bytes_, done_ + bytes);
    if (fn_ && !fn_(double(done_) / double(total_bytes_)))
      return fail(ErrorCode::kCancelled, "loading was stopped");
    return {};
  }

 private:
  const ProgressFn& fn_;
  uint64_t total_bytes_;
  uint64_t done_ = 0;
};

// Reads a file into the page cache and maps its pages, so that the first answer does not wait for
// the disk.
Result<void> populate(const FileMap& map, Progress& progress) {
  map.will_need(0, map.bytes().size());
  for (uint64_t at = 0; at < map.bytes().size(); at += kPiece) {
    map.populate(at, kPiece);
    HEARTH_TRY(progress.add(std::min<uint64_t>(kPiece, map.bytes().size() - at)));
  }
  return {};
}

// The embedding's rows are looked up in the file.
void populate_embedding(const format::ModelFile& file, const model::Model& model) {
  const tensor::Weight& embedding = model.weight(model::Role::kTokenEmbd);
  if (const Place place = find_place(file, embedding.data); place.map != nullptr)
    place.map->populate(place.offset, embedding.size_bytes());
}

// Packs the weights, giving the file's pages back as they are done with: never much more than one
// model in memory.
Result<void> pack(const WeightStore::Source& source, std::byte* block, Progress& progress) {
  const format::ModelFile& file = source.file;
  for (int i = 0; i < file.n_shards(); ++i)
    if (const FileMap* map = file.shard(i)) map->will_need(0, map->bytes().size());
  return source.model.pack(
      source.backend, block, [&](std::span<const std::byte> bytes) -> Result<void> {
        if (const Place place = find_place(file, bytes.data()); place.map != nullptr)
          place.map->dont_need(place.offset, bytes.size());
        return progress.add(bytes.size());
      });
}

uint64_t block_bytes(std::span<const model::PackedPart> parts) {
  return parts.empty() ? 0 : parts.back().offset + parts.back().size_bytes;
}

// Why this model's packed weights are not looked for in a cache; empty: they are.
std::string why_no_cache(const format::ModelFile& file, const WeightOptions& options) {
  if (options.cache_folder.empty()) return "there is no folder for it, or it is switched off";
  if (file.tensor_bytes() < options.cache_model_bytes_min)
    return fmt::format("only models of {:.1f} GB and more are",
                       double(options.cache_model_bytes_min) / 1e9);
  return {};
}

}  // namespace

// Decides, and opens what the cache has.
void WeightStore::choose(const Source& source, const WeightOptions& options) {
  const std::vector<model::PackedPart> parts = source.model.packed_parts(source.backend);
  from_ = From::kFile;
  if (!options.repack || parts.empty()) {
    reason_ = !options.repack ? "used in place, as asked"
                              : "used in place: the kernels read them in the file's order";
    return;
  }
  not_cached_ = why_no_cache(source.file, options);
  if (not_cached_.empty()) {
    name_ = packed_name(source.file, parts);
    if (const auto folder = CacheFolder::find(options.cache_folder))
      if (auto cached = PackedFile::open(*folder, name_, parts)) cached_ = std::move(*cached);
  }
  if (cached_) {
    from_ = From::kCache;
    reason_ = "mapped from the cache, in the order of the kernels";
  } else if (source.larger_than_memory) {
    reason_ = "used in place: they are larger than the free memory";
  } else {
    from_ = From::kMemory;
    reason_ = "repacked while loading";
  }
}

Result<WeightStore> WeightStore::load(const Source& source, const WeightOptions& options,
                                      Arena& arena, const ProgressFn& progress) {
  WeightStore store;
  store.choose(source, options);
  const From from = store.from_;
  const uint64_t packed = from == From::kFile ? 0 : source.model.packable_bytes(source.backend);
  const uint64_t block_size = block_bytes(source.model.packed_parts(source.backend));
  arena.note(kFileRow, source.file.tensor_bytes() - packed);
  if (from == From::kCache) arena.note(kCachedRow, block_size);
  std::byte* block = nullptr;
  if (from == From::kMemory) {
    HEARTH_ASSIGN(block, arena.take(kPackedRow, block_size, Arena::Touch::kLater));
  }
  if (arena.measuring()) return store;
  HEARTH_TRY(store.fill(source, progress, block));
  if (from == From::kMemory) store.start_writer(options, source, block);
  return store;
}

Result<void> WeightStore::fill(const Source& source, const ProgressFn& progress, std::byte* block) {
  const format::ModelFile& file = source.file;
  Progress loaded(progress, file.file_bytes());
  switch (from_) {
    case From::kMemory:
      HEARTH_TRY(pack(source, block, loaded));
      populate_embedding(file, source.model);
      break;
    case From::kCache:
      source.model.use_packed(source.backend, cached_->block());
      if (!source.larger_than_memory) {
        HEARTH_TRY(populate(cached_->map(), loaded));
        populate_embedding(file, source.model);
      }
      break;
    case From::kFile:
      for (int i = 0; i < file.n_shards() && !source.larger_than_memory; ++i)
        if (const FileMap* map = file.shard(i)) HEARTH_TRY(populate(*map, loaded));
      break;
  }
  return loaded.add(file.file_bytes());
}

void WeightStore::start_writer(const WeightOptions& options, const Source& source,
                               const std::byte* block) {
  if (!options.cache_write && not_cached_.empty()) not_cached_ = "this command writes none";
  if (not_cached_.empty()) {
    const std::vector<model::PackedPart> parts = source.model.packed_parts(source.backend);
    const auto start = [&]() -> Result<std::unique_ptr<PackedWriter>> {
      HEARTH_ASSIGN(CacheFolder folder, CacheFolder::open(options.cache_folder));
      return PackedWriter::start(std::move(folder), {.name = name_,
                                                     .parts = parts,
                                                     .block = {block, block_bytes(parts)},
                                                     .limit_bytes = options.cache_limit_bytes});
    };
    auto writer = start();
    if (writer)
      writer_ = std::move(*writer);
    else
      not_cached_ = writer.error().message;
  }
  reason_ += writer_ ? ", and being written to the cache for the next time"
                     : fmt::format("; not cached: {}", not_cached_);
}

}  // namespace hearth::engine
