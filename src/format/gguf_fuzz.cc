// Fuzz target: any bytes as a GGUF file. They must be refused or give a ModelFile whose every view
// is sound.
//
//   cmake --preset fuzz && ninja -C build/fuzz gguf_fuzz
//   build/fuzz/src/gguf_fuzz --make-seeds=corpus
//   build/fuzz/src/gguf_fuzz -rss_limit_mb=512 -malloc_limit_mb=64 corpus
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "format/gguf_seeds.h"
#include "format/model_file.h"
#include "format/touch_everything.h"

extern "C" int LLVMFuzzerInitialize(int* argc, char*** argv) {
  constexpr std::string_view kOption = "--make-seeds=";
  for (int i = 1; i < *argc; ++i) {
    const std::string_view argument = (*argv)[i];
    if (argument.starts_with(kOption))
      std::exit(hearth::format::make_seed_corpus(argument.substr(kOption.size())) ? 0 : 1);
  }
  return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto file =
      hearth::format::ModelFile::parse({reinterpret_cast<const std::byte*>(data), size});
  volatile uint64_t sink =
      file ? hearth::format::touch_everything(*file) : file.error().message.size();
  (void)sink;
  return 0;
}
