#include "model/spec.h"

namespace hearth::model {

#define HEARTH_ARCH(spec) extern const ArchSpec spec;
#include "model/arch/list.h"
#undef HEARTH_ARCH

namespace {
#define HEARTH_ARCH(spec) &spec,
constexpr const ArchSpec* kArchs[] = {
#include "model/arch/list.h"
};
#undef HEARTH_ARCH
}  // namespace

std::span<const ArchSpec* const> all_archs() { return kArchs; }

const ArchSpec* find_arch(std::string_view name) {
  for (const ArchSpec* arch : kArchs)
    if (arch->name == name) return arch;
  return nullptr;
}

std::string base_name(const TensorSpec& spec, int layer) {
  return is_layer_role(spec.role) ? "blk." + std::to_string(layer) + "." + std::string(spec.name)
                                  : std::string(spec.name);
}

std::string_view suffix_text(Suffix suffix) {
  switch (suffix) {
    case Suffix::kWeight:
      return ".weight";
    case Suffix::kBias:
      return ".bias";
    case Suffix::kScale:
      return ".scale";
    case Suffix::kNone:
      break;
  }
  return "";
}

}  // namespace hearth::model
