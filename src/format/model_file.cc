#include "format/model_file.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <optional>
#include <utility>

#include "base/checked.h"
#include "base/printable.h"
#include "format/metadata_checks.h"

namespace hearth::format {
namespace {

constexpr std::string_view kExtension = ".gguf";
constexpr int kShardsMax = 65535;  // split.count is a u16

// What a shard says of itself. A file without these keys is shard 0 of 1.
struct SplitKeys {
  int index = 0;
  int count = 1;
  std::optional<uint64_t> n_tensors_total;
};

Result<SplitKeys> split_keys(const Metadata& metadata) {
  HEARTH_ASSIGN(const uint64_t count, metadata.get_uint_or("split.count", 1));
  HEARTH_ASSIGN(const uint64_t index, metadata.get_uint_or("split.no", 0));
  if (count > kShardsMax || index >= std::max<uint64_t>(count, 1))
    return fail(
        ErrorCode::kCorrupt,
        fmt::format("the file says it is shard {} (from 0) of {}, which cannot be", index, count),
        "download the file again");
  SplitKeys keys{int(index), int(std::max<uint64_t>(count, 1)), std::nullopt};
  if (metadata.contains("split.tensors.count")) {
    HEARTH_ASSIGN(keys.n_tensors_total, metadata.get_uint("split.tensors.count"));
  }
  return keys;
}

// PREFIX-00002-of-00003.gguf, taken apart.
struct ShardName {
  std::string_view prefix;
  int index = 0;  // 0-based
  int count = 0;
};

std::optional<int> five_digits(std::string_view text) {
  int number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size() || number < 1) return std::nullopt;
  return number;
}

std::optional<ShardName> parse_shard_name(std::string_view path) {
  constexpr std::string_view kPattern = "-00001-of-00002.gguf";
  if (path.size() <= kPattern.size() || !path.ends_with(kExtension)) return std::nullopt;
  const std::string_view tail = path.substr(path.size() - kPattern.size());
  if (tail[0] != '-' || tail.substr(6, 4) != "-of-") return std::nullopt;
  const auto index = five_digits(tail.substr(1, 5));
  const auto count = five_digits(tail.substr(10, 5));
  if (!index || !count || *index > *count) return std::nullopt;
  return ShardName{path.substr(0, path.size() - kPattern.size()), *index - 1, *count};
}

std::unexpected<Error> in_file(const std::string& path, Error error) {
  error.message = fmt::format("'{}': {}", printable(path), error.message);
  return std::unexpected(std::move(error));
}

struct OpenedFile {
  FileMap map;
  GgufHead head;
};

Result<OpenedFile> open_one(const std::string& path, MapMode mode) {
  HEARTH_ASSIGN(FileMap map, FileMap::open(path, mode));
  auto head = read_gguf_head(map.bytes());
  if (!head) return in_file(path, std::move(head).error());
  return OpenedFile{std::move(map), std::move(*head)};
}

// Opens shard `index` (from 0) of the set that `path` belongs to.
Result<OpenedFile> open_sibling(const std::string& path, const SplitKeys& keys, int index,
                                MapMode mode) {
  const auto name = parse_shard_name(path);
  if (!name || name->count != keys.count || name->index != keys.index)
    return fail(ErrorCode::kInvalidArgument,
                fmt::format("'{}' is shard {} of {} of a split model, but its name does not say "
                            "so, so its siblings "
                            "cannot be found",
                            printable(path), keys.index + 1, keys.count),
                fmt::format("give the files their names back: NAME{} and so on",
                            shard_path("", keys.index, keys.count)));
  const std::string sibling = shard_path(name->prefix, index, keys.count);
  auto opened = open_one(sibling, mode);
  if (!opened && opened.error().code == ErrorCode::kNotFound)
    return fail(ErrorCode::kNotFound,
                fmt::format("shard {} of {} of the model is not there: '{}'", index + 1, keys.count,
                            printable(sibling)),
                fmt::format("put all {} files into one folder; then open any of them", keys.count));
  return opened;
}

}  // namespace

std::string shard_path(std::string_view path, int index, int n_shards) {
  if (path.ends_with(kExtension)) path.remove_suffix(kExtension.size());
  return fmt::format("{}-{:05}-of-{:05}{}", path, index + 1, n_shards, kExtension);
}

Result<ModelFile> ModelFile::open(const std::string& path, MapMode mode) {
  HEARTH_ASSIGN(OpenedFile opened, open_one(path, mode));
  auto keys = split_keys(opened.head.metadata);
  if (!keys) return in_file(path, std::move(keys).error());

  std::string first_path = path;
  std::optional<OpenedFile>
      other;  // the shard that was named, if it is not the first: kept, not read again
  if (keys->index != 0) {
    HEARTH_ASSIGN(OpenedFile first, open_sibling(path, *keys, 0, mode));
    first_path = first.map.path();
    other = std::move(opened);
    opened = std::move(first);
  }
  ModelFile file;
  auto first_keys = split_keys(opened.head.metadata);
  if (!first_keys) return in_file(first_path, std::move(first_keys).error());
  if (first_keys->index != 0 || first_keys->count != keys->count)
    return fail(
        ErrorCode::kCorrupt,
        fmt::format("'{}' says it is shard {} of {}, where the first of {} is expected",
                    printable(first_path), first_keys->index + 1, first_keys->count, keys->count),
        "the files belong to different models: download them again");
  if (auto taken = file.take_first(std::move(opened.head), opened.map.bytes().size()); !taken)
    return in_file(first_path, std::move(taken).error());
  file.maps_.push_back(std::move(opened.map));

  for (int i = 1; i < first_keys->count; ++i) {
    const bool have = other && i == keys->index;
    HEARTH_ASSIGN(OpenedFile shard, have ? Result<OpenedFile>(std::move(*other))
                                         : open_sibling(first_path, *first_keys, i, mode));
    const std::string shard_name = shard.map.path();
    if (auto taken =
            file.take_shard(std::move(shard.head), shard.map.bytes().size(), first_keys->count);
        !taken)
      return in_file(shard_name, std::move(taken).error());
    file.maps_.push_back(std::move(shard.map));
  }
  if (first_keys->n_tensors_total && first_keys->count > 1 &&
      *first_keys->n_tensors_total != file.tensors_.size())
    return fail(ErrorCode::kCorrupt,
                fmt::format("the {} shards of '{}' have {} tensors together, but the first says {}",
                            first_keys->count, printable(first_path), file.tensors_.size(),
                            *first_keys->n_tensors_total),
                "one of the files belongs to another model: download them again");
  if (auto finished = file.finish(); !finished)
    return in_file(first_path, std::move(finished).error());
  return file;
}

Result<ModelFile> ModelFile::parse(std::span<const std::byte> bytes) {
  ModelFile file;
  HEARTH_ASSIGN(GgufHead head, read_gguf_head(bytes));
  HEARTH_ASSIGN(const SplitKeys keys, split_keys(head.metadata));
  if (keys.count > 1)
    return fail(ErrorCode::kUnsupported,
                fmt::format("these are the bytes of shard {} of {} of a split model",
                            keys.index + 1, keys.count),
                "open the first shard by its path");
  HEARTH_TRY(file.take_first(std::move(head), bytes.size()));
  HEARTH_TRY(file.finish());
  return file;
}

Result<void> ModelFile::take_first(GgufHead head, uint64_t size_bytes) {
  HEARTH_TRY(check_architecture(head.metadata));
  HEARTH_TRY(check_hyperparameters(head.metadata));
  HEARTH_TRY(check_vocabulary(head.metadata));
  metadata_ = std::move(head.metadata);
  version_ = head.version;
  alignment_ = head.alignment;
  append(std::move(head.tensors), size_bytes);
  return {};
}

Result<void> ModelFile::take_shard(GgufHead head, uint64_t size_bytes, int n_shards) {
  HEARTH_ASSIGN(const SplitKeys keys, split_keys(head.metadata));
  if (keys.index != n_shards_ || keys.count != n_shards)
    return fail(ErrorCode::kCorrupt,
                fmt::format("the file says it is shard {} of {}, its name says {} of {}",
                            keys.index + 1, keys.count, n_shards_ + 1, n_shards),
                "the files have been renamed or belong to different models: download them again");
  append(std::move(head.tensors), size_bytes);
  return {};
}

void ModelFile::append(std::vector<TensorInfo> tensors, uint64_t size_bytes) {
  for (TensorInfo& tensor : tensors) {
    tensor.shard = n_shards_;
    tensor_bytes_ += tensor.data.size();
  }
  if (tensors_.empty())
    tensors_ = std::move(tensors);
  else
    tensors_.insert(tensors_.end(), tensors.begin(), tensors.end());
  file_bytes_ += size_bytes;
  ++n_shards_;
}

Result<void> ModelFile::finish() {
  if (tensors_.size() > kTensorsMax)
    return fail(ErrorCode::kCorrupt,
                fmt::format("the shards have {} tensors together, more than {}", tensors_.size(),
                            kTensorsMax));
  HEARTH_ASSIGN(by_name_, index_by_name(tensors_));
  // Each tensor's bytes lie in a file, without overlap, and no type packs more than 8 numbers into
  // one byte: no wrap.
  for (const TensorInfo& tensor : tensors_) n_parameters_ += tensor.n_elements();
  return {};
}

std::string_view ModelFile::architecture() const { return architecture_of(metadata_); }

const TensorInfo* ModelFile::find(std::string_view name) const {
  const auto it =
      std::ranges::lower_bound(by_name_, name, {}, [&](uint32_t i) { return tensors_[i].name; });
  if (it == by_name_.end() || tensors_[*it].name != name) return nullptr;
  return &tensors_[*it];
}

const FileMap* ModelFile::shard(int index) const {
  return index >= 0 && size_t(index) < maps_.size() ? &maps_[size_t(index)] : nullptr;
}

}  // namespace hearth::format
