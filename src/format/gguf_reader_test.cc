#include "format/gguf_reader.h"

#include <gtest/gtest.h>

#include <cstring>
#include <string>

#include "format/gguf_seeds.h"
#include "format/model_file.h"
#include "format/touch_everything.h"

namespace hearth::format {
namespace {

// Writes the format by hand, so that the reader is not tested against the writer alone.
class Bytes {
 public:
  template <class T>
  Bytes& num(T value) {
    const auto* raw = reinterpret_cast<const std::byte*>(&value);
    bytes_.insert(bytes_.end(), raw, raw + sizeof value);
    return *this;
  }
  Bytes& raw(std::string_view text) {
    const auto view = std::as_bytes(std::span(text));
    bytes_.insert(bytes_.end(), view.begin(), view.end());
    return *this;
  }
  Bytes& str(std::string_view text) { return num<uint64_t>(text.size()).raw(text); }
  Bytes& head(uint64_t n_tensors, uint64_t n_keys, uint32_t version = 3) {
    return raw("GGUF").num(version).num(n_tensors).num(n_keys);
  }
  Bytes& tensor(std::string_view name, std::vector<uint64_t> shape, uint32_t type,
                uint64_t offset) {
    str(name).num(uint32_t(shape.size()));
    for (const uint64_t dim : shape) num(dim);
    return num(type).num(offset);
  }
  Bytes& pad(size_t alignment = 32) {
    bytes_.resize((bytes_.size() + alignment - 1) / alignment * alignment);
    return *this;
  }
  Bytes& zeros(size_t n) {
    bytes_.resize(bytes_.size() + n);
    return *this;
  }
  operator std::span<const std::byte>() const { return bytes_; }  // NOLINT: a view of itself

 private:
  std::vector<std::byte> bytes_;
};

Error error_of(std::span<const std::byte> bytes) {
  auto file = ModelFile::parse(bytes);
  return file ? Error{ErrorCode::kInternal, "was accepted", ""} : file.error();
}

void expect_error(std::span<const std::byte> bytes, std::string_view part) {
  const Error error = error_of(bytes);
  EXPECT_NE(error.message.find(part), std::string::npos)
      << "got: " << error.message << "\nwant: " << part;
  EXPECT_FALSE(error.hint.empty()) << error.message;
}

constexpr uint32_t kU32 = 4;
constexpr uint32_t kString = 8;
constexpr uint32_t kArray = 9;

TEST(GgufReader, ReadsAFileWrittenByHand) {
  Bytes b;
  b.head(2, 2)
      .str("general.architecture")
      .num(kString)
      .str("llama")
      .str("llama.block_count")
      .num(kU32)
      .num(7u);
  b.tensor("a", {4}, 0, 0)
      .tensor("b", {32, 2}, 2, 64)
      .pad();  // a: 16 bytes F32, a gap; b: 36 bytes Q4_0
  const uint64_t data_start = std::span<const std::byte>(b).size();
  b.num(1.0f).num(2.0f).num(3.0f).num(4.0f).zeros(48).zeros(36);
  const auto file = ModelFile::parse(b);
  ASSERT_TRUE(file) << file.error().message;
  EXPECT_EQ(file->architecture(), "llama");
  EXPECT_EQ(*file->metadata().get_uint("llama.block_count"), 7u);
  ASSERT_EQ(file->tensors().size(), 2u);
  const TensorInfo& a = *file->find("a");
  EXPECT_EQ(a.file_offset, data_start);
  EXPECT_EQ(a.n_dims, 1);
  float third;
  std::memcpy(&third, a.data.data() + 8, 4);
  EXPECT_EQ(third, 3.0f);
  const TensorInfo& q = *file->find("b");
  EXPECT_EQ(q.type->name, "Q4_0");
  EXPECT_EQ(q.shape, (std::array<uint64_t, 4>{32, 2, 1, 1}));
  EXPECT_EQ(q.data.size(), 36u);
  EXPECT_EQ(q.file_offset, data_start + 64);
  EXPECT_EQ(file->n_parameters(), 68u);
  EXPECT_EQ(file->tensor_bytes(), 52u);
  EXPECT_EQ(file->find("c"), nullptr);
}

TEST(GgufReader, Version2IsReadToo) {
  Bytes b;
  b.head(0, 0, 2);
  const auto file = ModelFile::parse(b);
  ASSERT_TRUE(file) << file.error().message;
  EXPECT_EQ(file->version(), 2u);
}

TEST(GgufReader, OtherVersionsAndBigEndianAreNamed) {
  expect_error(Bytes().head(0, 0, 1), "version 1");
  expect_error(Bytes().head(0, 0, 4), "version 4");
  expect_error(Bytes().head(0, 0, 0), "version 0");
  expect_error(Bytes().head(0, 0, 3u << 24), "big-endian");
}

TEST(GgufReader, ForeignFilesAreNamed) {
  const auto text = [](std::string_view t) { return std::as_bytes(std::span(t)); };
  expect_error(text(""), "empty");
  expect_error(text("GG"), "ends after 2 bytes");
  expect_error(text("<!DOCTYPE html><html>"), "web page");
  expect_error(text("\n  <html>"), "web page");
  expect_error(text("version https://git-lfs.github.com/spec/v1\noid sha256:00"),
               "Git LFS pointer");
  expect_error(text("{\"error\":\"Repository not found\"}"), "JSON");
  expect_error(text("PK\x03\x04....."), "zip archive");
  expect_error(Bytes().num(uint64_t{13}).raw("{\"a\":{}      }"), "safetensors");
  expect_error(Bytes().num(0x67676a74u).num(1u), "ggjt");
  expect_error(Bytes().num(0x67676d6cu).num(1u), "ggml");
  expect_error(Bytes().num(0x67676d66u).num(1u), "ggmf");
  expect_error(Bytes().zeros(4096), "begins with zeros");
  expect_error(text("hello world"), "not a GGUF model: it begins with 'hello wo'");
}

TEST(GgufReader, CountsMustFitTheFile) {
  expect_error(Bytes().head(~uint64_t{0}, 0), "claims -1 tensors");
  expect_error(Bytes().head(0, uint64_t{1} << 60), "metadata keys");
  expect_error(Bytes().head(1000, 0).zeros(1000), "need at least 25000 bytes; only 1000 are left");
}

TEST(GgufReader, StringsAndArraysMustFitTheFile) {
  expect_error(Bytes().head(0, 1).num(~uint64_t{0}).zeros(32),
               "the length of the name of a key at byte 24");
  expect_error(Bytes().head(0, 1).str("").num(kU32).num(1u).zeros(8), "empty name");
  expect_error(Bytes().head(0, 1).str("k").num(kString).num(uint64_t{100}).zeros(8),
               "ends inside a string");
  expect_error(Bytes().head(0, 1).str("k").num(kArray).num(kU32).num(uint64_t{1} << 62).zeros(8),
               "claims 4611686018427387904");
  expect_error(Bytes().head(0, 1).str("k").num(kArray).num(kString).num(uint64_t{3}).zeros(16),
               "claims 3 elements");
  expect_error(Bytes()
                   .head(0, 1)
                   .str("k")
                   .num(kArray)
                   .num(kString)
                   .num(uint64_t{2})
                   .num(uint64_t{9})
                   .zeros(8),
               "ends inside");
  expect_error(Bytes().head(0, 1).str("k").num(kArray).num(kArray).num(uint64_t{1}).zeros(32),
               "array of arrays");
  expect_error(Bytes().head(0, 1).str("k").num(kArray).num(13u).num(uint64_t{1}).zeros(32),
               "unknown type 13");
  expect_error(Bytes().head(0, 1).str("k").num(77u).zeros(32), "unknown type 77 (byte 33)");
}

TEST(GgufReader, KeysAreUnique) {
  Bytes b;
  b.head(0, 2).str("k").num(kU32).num(1u).str("k").num(kU32).num(2u);
  expect_error(b, "'k' occurs twice");
}

TEST(GgufReader, AlignmentIsAPowerOfTwo) {
  for (const uint32_t bad : {0u, 3u, 4294967295u})
    expect_error(Bytes().head(0, 1).str("general.alignment").num(kU32).num(bad), "power of two");
  expect_error(Bytes().head(0, 1).str("general.alignment").num(kString).str("32"),
               "general.alignment");
}

TEST(GgufReader, TensorsAreChecked) {
  const auto one = [](std::string_view name, std::vector<uint64_t> shape, uint32_t type,
                      uint64_t offset) {
    Bytes b;
    b.head(1, 0).tensor(name, std::move(shape), type, offset).pad().zeros(64);
    return b;
  };
  expect_error(one("", {4}, 0, 0), "empty name");
  expect_error(one(std::string(300, 'x'), {4}, 0, 0), "length of the name of a tensor");
  expect_error(one("t", {1, 1, 1, 1, 1}, 0, 0), "5 dimensions");
  expect_error(one("t", {4, 0}, 0, 0), "dimension 1 of tensor 't' is 0");
  expect_error(one("t", {~uint64_t{0}}, 0, 0), "is -1");
  expect_error(one("t", {uint64_t{1} << 32, uint64_t{1} << 32}, 0, 0), "more numbers than 2^63");
  expect_error(one("t", {33}, 2, 0), "needs a multiple of 32");
  expect_error(one("t", {4}, 0, 8), "not a multiple of the alignment 32");
  expect_error(one("t", {4}, 0, ~uint64_t{31}), "beyond any possible file");
  expect_error(one("t", {4}, 0, 1024), "bytes too short");
  expect_error(one("t\x1b[2J", {17}, 0, 0), "'t\\x1b[2J'");
  Bytes twice;
  twice.head(2, 0).tensor("t", {4}, 0, 0).tensor("t", {4}, 0, 32).pad().zeros(64);
  expect_error(twice, "two tensors have the name 't'");
  Bytes overlap;
  overlap.head(2, 0).tensor("a", {16}, 0, 0).tensor("b", {4}, 0, 32).pad().zeros(64);
  expect_error(overlap, "'a' and 'b' overlap");
}

TEST(GgufReader, ATruncatedDownloadSaysHowMuchIsMissing) {
  Bytes b;
  b.head(1, 0).tensor("t", {16}, 0, 0).pad().zeros(24);
  const Error error = error_of(b);
  EXPECT_NE(error.message.find("40 bytes too short"), std::string::npos) << error.message;
  EXPECT_NE(error.hint.find("not complete"), std::string::npos);
}

TEST(GgufReader, UnknownTensorTypesAreExplained) {
  const auto of_type = [](uint32_t id) {
    Bytes b;
    b.head(1, 0).tensor("t", {256}, id, 0).pad().zeros(4096);
    return error_of(b).message;
  };
  EXPECT_NE(of_type(137).find("fork such as ik_llama.cpp"), std::string::npos);
  EXPECT_NE(of_type(31).find("given up"), std::string::npos);
  EXPECT_NE(of_type(60).find("does not know"), std::string::npos);
  EXPECT_NE(of_type(0xffffffff).find("does not know"), std::string::npos);
}

TEST(GgufReader, AScalarTensorHasOneElement) {
  Bytes b;
  b.head(1, 0).tensor("t", {}, 0, 0).pad().num(2.5f);
  const auto file = ModelFile::parse(b);
  ASSERT_TRUE(file) << file.error().message;
  EXPECT_EQ(file->find("t")->n_elements(), 1u);
  EXPECT_EQ(file->find("t")->data.size(), 4u);
}

// Damage: no cut and no single changed bit may crash, and whatever is still accepted must be sound
// to read.
TEST(GgufReader, EveryTruncationIsRefused) {
  for (const Seed& seed : make_seeds()) {
    const auto whole = ModelFile::parse(seed.bytes);
    ASSERT_TRUE(whole) << seed.name << ": " << whole.error().message;
    uint64_t needed =
        24;  // the last byte that matters: of a tensor or of the metadata (what follows is padding)
    for (const Entry& entry : whole->metadata().entries())
      needed = std::max(needed, entry.value.file_offset + entry.value.bytes.size());
    for (const TensorInfo& tensor : whole->tensors())
      needed = std::max(needed, tensor.file_offset + tensor.data.size());
    for (size_t size = 0; size < seed.bytes.size(); ++size) {
      const std::vector<std::byte> cut(seed.bytes.begin(),
                                       seed.bytes.begin() + ptrdiff_t(size));  // its own allocation
      const auto file = ModelFile::parse(cut);
      ASSERT_EQ(file.has_value(), size >= needed) << seed.name << " cut to " << size;
    }
  }
}

TEST(GgufReader, EveryFlippedBitIsSurvived) {
  size_t refused = 0;
  for (const Seed& seed : make_seeds()) {
    std::vector<std::byte> bytes = seed.bytes;
    const auto head = read_gguf_head(seed.bytes);
    ASSERT_TRUE(head);
    const size_t head_bytes =
        std::min<size_t>(head->data_start, bytes.size());  // the reader does not look at weights
    for (size_t i = 0; i < head_bytes; ++i) {
      for (int bit = 0; bit < 8; ++bit) {
        bytes[i] ^= std::byte(1 << bit);
        const auto file = ModelFile::parse(bytes);
        refused += !file;
        if (file) touch_everything(*file);
        bytes[i] ^= std::byte(1 << bit);
      }
      bytes[i] ^= std::byte(0xff);
      if (const auto file = ModelFile::parse(bytes)) touch_everything(*file);
      bytes[i] ^= std::byte(0xff);
    }
  }
  EXPECT_GT(refused, 1000u);
}

}  // namespace
}  // namespace hearth::format
