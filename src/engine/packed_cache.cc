#include "engine/packed_cache.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>
#include <vector>

#include "base/cpu_info.h"

namespace hearth::engine {
namespace {

constexpr std::array<char, 8> kMagic = {'H', 'E', 'A', 'R', 'T', 'H', 'P', 'W'};

struct Part {
  uint64_t name_hash;
  uint64_t offset;  // in the block
  uint64_t size_bytes;
};

struct Head {
  std::array<char, 8> magic;
  uint32_t version;
  uint32_t n_parts;
  uint64_t file_bytes;
  std::array<char, 32> name;  // the key
  uint64_t checksum;          // of this head with 0 here, and of the parts
};
static_assert(sizeof(Head) == 64 && sizeof(Part) == 24);

// 64 bits of any bytes, 8 at a time: multiply and fold, as wyhash does.
class Hash {
 public:
  explicit Hash(uint64_t seed) : state_(seed) {}
  void add(std::span<const std::byte> bytes) {
    add(uint64_t(bytes.size()));
    for (; bytes.size() >= 8; bytes = bytes.subspan(8)) {
      uint64_t word = 0;
      std::memcpy(&word, bytes.data(), 8);
      add(word);
    }
    uint64_t rest = 0;
    if (!bytes.empty()) std::memcpy(&rest, bytes.data(), bytes.size());
    add(rest);
  }
  void add(uint64_t word) {
    using Wide = unsigned __int128;
    const Wide product = Wide(state_ ^ word ^ 0x2d358dccaa6c78a5) * Wide(0x8bb84b93962eacc9);
    state_ = uint64_t(product) ^ uint64_t(product >> 64) ^ (word << 1);
  }
  [[nodiscard]] uint64_t value() const { return state_; }

 private:
  uint64_t state_;
};

uint64_t hash_text(std::string_view text) {
  Hash hash(3);
  hash.add(std::as_bytes(std::span(text)));
  return hash.value();
}

// The head and the parts, as they stand in the file.
std::vector<std::byte> make_head(const std::string& name,
                                 std::span<const model::PackedPart> parts) {
  uint64_t size = 0;
  std::vector<Part> list;
  for (const model::PackedPart& p : parts) {
    list.push_back({hash_text(p.weight->name), p.offset, p.size_bytes});
    size = std::max(size, p.offset + p.size_bytes);
  }
  Head head{.magic = kMagic,
            .version = kPackedVersion,
            .n_parts = uint32_t(list.size()),
            .file_bytes = kPackedBlockOffset + size,
            .name = {},
            .checksum = 0};
  std::copy_n(name.begin(), std::min(name.size(), head.name.size()), head.name.begin());
  Hash hash(4);
  hash.add(std::as_bytes(std::span(&head, 1)));
  hash.add(std::as_bytes(std::span(list)));
  head.checksum = hash.value();
  std::vector<std::byte> bytes(sizeof(Head) + list.size() * sizeof(Part));
  std::memcpy(bytes.data(), &head, sizeof(Head));
  if (!list.empty())
    std::memcpy(bytes.data() + sizeof(Head), list.data(), list.size() * sizeof(Part));
  return bytes;
}

}  // namespace

std::string packed_name(const format::ModelFile& file, std::span<const model::PackedPart> parts) {
  // A page of every 4 MiB, but no more than 256 of a file: each may cost a seek of the disk.
  constexpr uint64_t kPage = 4096;
  constexpr uint64_t kStep = uint64_t{4} << 20;
  constexpr uint64_t kPagesMax = 256;
  std::array<Hash, 2> hashes = {Hash(1), Hash(2)};
  const auto add = [&](auto what) {
    for (Hash& hash : hashes) hash.add(what);
  };
  add(uint64_t{kPackedVersion});
  for (int i = 0; i < file.n_shards(); ++i) {
    const FileMap* map = file.shard(i);
    if (map == nullptr) continue;
    const std::span<const std::byte> bytes = map->bytes();
    uint64_t head = bytes.size();
    for (const format::TensorInfo& t : file.tensors())
      if (t.shard == i) head = std::min(head, uint64_t(t.data.data() - bytes.data()));
    add(uint64_t(bytes.size()));
    add(uint64_t(map->modified_ns()));
    add(bytes.first(head));
    const uint64_t step = std::max(kStep, (bytes.size() - head) / kPagesMax);
    for (uint64_t at = head; at < bytes.size(); at += step)
      add(bytes.subspan(at, std::min(kPage, bytes.size() - at)));
    add(bytes.last(std::min<uint64_t>(kPage, bytes.size())));
    map->dont_need(head, bytes.size());
  }
  for (const model::PackedPart& p : parts) {
    add(std::as_bytes(std::span(p.weight->name)));
    add(p.offset);
    add(p.size_bytes);
  }
  return fmt::format("{:016x}{:016x}", hashes[0].value(), hashes[1].value());
}

Result<PackedFile> PackedFile::open(const CacheFolder& folder, const std::string& name,
                                    std::span<const model::PackedPart> parts) {
  HEARTH_ASSIGN(FileMap map, FileMap::open(folder.path_of(name), MapMode::kMap));
  const std::vector<std::byte> head = make_head(name, parts);
  uint64_t size = kPackedBlockOffset;
  for (const model::PackedPart& p : parts)
    size = std::max(size, kPackedBlockOffset + p.offset + p.size_bytes);
  // All that the head says is known beforehand: it is right if it is the one we would write.
  if (!map.is_mapped() || map.bytes().size() != size || head.size() > kPackedBlockOffset ||
      std::memcmp(map.bytes().data(), head.data(), head.size()) != 0)
    return fail(ErrorCode::kCorrupt, "the file in the cache is damaged or of another version");
  folder.touch(name);
  return PackedFile(std::move(map));
}

Result<std::unique_ptr<PackedWriter>> PackedWriter::start(CacheFolder folder, const Job& job) {
  HEARTH_TRY(folder.lock());
  std::vector<std::byte> head = make_head(job.name, job.parts);
  const uint64_t size = kPackedBlockOffset + job.block.size();
  if (head.size() > kPackedBlockOffset)
    return fail(ErrorCode::kUnsupported, "the model has too many weights for the cache");
  head.resize(kPackedBlockOffset);
  const uint64_t limit = job.limit_bytes > 0 ? job.limit_bytes : folder.default_limit();
  HEARTH_TRY(folder.make_room(job.name, size, limit));
  HEARTH_ASSIGN(NewFile file,
                NewFile::create(folder.path_of(job.name), size, FileAccess::kOwnerOnly));
  HEARTH_TRY(file.append(head));
  std::unique_ptr<PackedWriter> writer(new PackedWriter(std::move(folder), std::move(file)));
  writer->thread_ = std::jthread([self = writer.get(), block = job.block](
                                     const std::stop_token& stop) { self->write(stop, block); });
  return writer;
}

void PackedWriter::write(const std::stop_token& stop, std::span<const std::byte> block) {
  // Between two looks at `stop`: what a slow disk (100 MB/s) writes in a sixth of a second.
  constexpr size_t kPiece = size_t{16} << 20;
  lower_current_thread();
  while (!block.empty()) {
    if (stop.stop_requested()) return;
    const size_t n = std::min(block.size(), kPiece);
    if (!file_.append(block.first(n))) return;
    file_.sync();
    block = block.subspan(n);
  }
  written_ = file_.commit().has_value();
}

bool PackedWriter::wait() {
  if (thread_.joinable()) thread_.join();
  return written_;
}

}  // namespace hearth::engine
