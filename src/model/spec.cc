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

}  // namespace hearth::model
