#include "format/foreign_file.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <string_view>

#include "base/printable.h"

namespace hearth::format {
namespace {

using std::string_view_literals::operator""sv;

struct Kind {
  std::string_view magic;
  ErrorCode code;
  const char* what;
  const char* hint;
};

constexpr char kUnpackHint[] = "unpack it first";
constexpr char kOldHint[] =
    "take a GGUF conversion of the model, or convert it again from the original weights";
constexpr char kConvertHint[] = "convert it to GGUF, or download a GGUF conversion of the model";
constexpr char kPageHint[] =
    "download the file itself (on Hugging Face the address has /resolve/ in place of /blob/), and "
    "log in if it asks";

constexpr Kind kKinds[] = {
    {"version https://git-lfs"sv, ErrorCode::kUnsupported,
     "a Git LFS pointer, not the model itself",
     "run `git lfs pull` in the repository, or download the file by its address"},
    {"<"sv, ErrorCode::kUnsupported, "a web page (HTML or XML) saved under the name of a model",
     kPageHint},
    {"{"sv, ErrorCode::kUnsupported,
     "JSON text, perhaps the error message of a server or a manifest", kPageHint},
    {"PK\x03\x04"sv, ErrorCode::kUnsupported, "a zip archive, perhaps a PyTorch checkpoint",
     kConvertHint},
    {"\x80\x02"sv, ErrorCode::kUnsupported, "a Python pickle, perhaps an old PyTorch checkpoint",
     kConvertHint},
    {"\x93NUMPY"sv, ErrorCode::kUnsupported, "a NumPy array", kConvertHint},
    {"lmgg"sv, ErrorCode::kUnsupported,
     "a model in the old 'ggml' format (or a Whisper model), from before GGUF", kOldHint},
    {"fmgg"sv, ErrorCode::kUnsupported, "a model in the old 'ggmf' format, from before GGUF",
     kOldHint},
    {"tjgg"sv, ErrorCode::kUnsupported, "a model in the old 'ggjt' format, from before GGUF",
     kOldHint},
    {"algg"sv, ErrorCode::kUnsupported, "an adapter in the old 'ggla' format, from before GGUF",
     kOldHint},
    {"FUGG"sv, ErrorCode::kUnsupported, "a byte-swapped GGUF", kOldHint},
    {"\x1f\x8b"sv, ErrorCode::kUnsupported, "a gzip archive", kUnpackHint},
    {"\x28\xb5\x2f\xfd"sv, ErrorCode::kUnsupported, "a zstd archive", kUnpackHint},
    {"\xfd"
     "7zXZ"sv,
     ErrorCode::kUnsupported, "an xz archive", kUnpackHint},
    {"BZh"sv, ErrorCode::kUnsupported, "a bzip2 archive", kUnpackHint},
    {"7z\xbc\xaf"sv, ErrorCode::kUnsupported, "a 7-zip archive", kUnpackHint},
    {"Rar!"sv, ErrorCode::kUnsupported, "a RAR archive", kUnpackHint},
};

// u64 length of a JSON header, then the header itself.
bool is_safetensors(std::string_view text) {
  constexpr uint64_t kHeaderBytesMax = 100'000'000;  // the limit of the safetensors library
  uint64_t header_bytes;
  if (text.size() < sizeof header_bytes + 1) return false;
  std::memcpy(&header_bytes, text.data(), sizeof header_bytes);
  return header_bytes > 0 && header_bytes <= kHeaderBytesMax && text[sizeof header_bytes] == '{';
}

std::string_view without_leading_space(std::string_view text) {
  if (text.starts_with("\xef\xbb\xbf")) text.remove_prefix(3);
  const size_t first = text.substr(0, 64).find_first_not_of(" \t\r\n");
  return first == std::string_view::npos ? text : text.substr(first);
}

}  // namespace

Result<void> refuse_foreign_file(std::span<const std::byte> bytes) {
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  if (text.starts_with("GGUF")) return {};
  if (text.empty())
    return fail(ErrorCode::kCorrupt, "the file is empty",
                "the download or copy never began: fetch the file again");
  if ("GGUF"sv.starts_with(text))
    return fail(ErrorCode::kCorrupt,
                fmt::format("the file ends after {} bytes, inside the magic", text.size()),
                "the download or copy is not complete: fetch the file again");
  if (is_safetensors(text))
    return fail(ErrorCode::kUnsupported, "the file is in safetensors format, not GGUF",
                kConvertHint);
  const std::string_view trimmed = without_leading_space(text);
  for (const Kind& kind : kKinds)
    if (text.starts_with(kind.magic) || trimmed.starts_with(kind.magic))
      return fail(kind.code, fmt::format("the file is {}", kind.what), kind.hint);
  if (text.substr(0, 64).find_first_not_of('\0') == std::string_view::npos)
    return fail(
        ErrorCode::kCorrupt,
        "the file begins with zeros: the space for a download was reserved, but never filled",
        "let the download finish, or fetch the file again");
  return fail(ErrorCode::kUnsupported,
              fmt::format("the file is not a GGUF model: it begins with '{}'",
                          printable(text.substr(0, 8))),
              "name a file that ends in .gguf; other formats must be converted first");
}

}  // namespace hearth::format
