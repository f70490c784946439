#include "backend/cpu/isa.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace hearth::backend::cpu {

// Each isa/<name>.cc defines fill(); rows of other architectures are not compiled.
#define HEARTH_ARCHITECTURE_any 1
#if defined(__x86_64__)
#define HEARTH_ARCHITECTURE_x86_64 1
#define HEARTH_ARCHITECTURE_aarch64 0
#elif defined(__aarch64__)
#define HEARTH_ARCHITECTURE_x86_64 0
#define HEARTH_ARCHITECTURE_aarch64 1
#else
#define HEARTH_ARCHITECTURE_x86_64 0
#define HEARTH_ARCHITECTURE_aarch64 0
#endif

#define HEARTH_ISA_ROW(name, architecture, predicate, flags) \
  namespace name {                                           \
  void fill(KernelTable& table);                             \
  }
#include "backend/cpu/isa/list.h"
#undef HEARTH_ISA_ROW

namespace {

struct Isa {
  std::string_view name;
  bool (*usable)(const CpuFeatures& f);
  void (*fill)(KernelTable& table);
};

// `if constexpr` in a template: the fill() of an ISA that is not compiled must not be linked.
template <bool kCompiled, class Fill>
void call_if(Fill&& fill_table) {
  if constexpr (kCompiled) fill_table(std::bool_constant<kCompiled>{});
}

#define HEARTH_ISA_ROW(name, architecture, predicate, flags)             \
  Isa{#name,                                                             \
      [](const CpuFeatures& f) -> bool {                                 \
        return HEARTH_ARCHITECTURE_##architecture && (predicate);        \
      },                                                                 \
      [](KernelTable& table) {                                           \
        call_if<HEARTH_ARCHITECTURE_##architecture>([&](auto compiled) { \
          if constexpr (compiled) name::fill(table);                     \
        });                                                              \
      }},
constexpr Isa kIsas[] = {
#include "backend/cpu/isa/list.h"
};
#undef HEARTH_ISA_ROW

// Cells of `upper` that are not null replace those of `table`.
void overlay(KernelTable& table, const KernelTable& upper) {
  const auto take = [](auto& cell, auto value) {
    if (value != nullptr) cell = value;
  };
  for (int i = 0; i < quant::TypeList::kSize; ++i) take(table.gemm[i], upper.gemm[i]);
  for (int i = 0; i < tensor::kNumKvTypes; ++i) take(table.attend[i], upper.attend[i]);
  for (int i = 0; i < tensor::kNumKvTypes; ++i) take(table.index_scores[i], upper.index_scores[i]);
  table.takes_packed |= upper.takes_packed;
  table.bf16_products |= upper.bf16_products;
  take(table.quantize, upper.quantize);
  take(table.rms_norm, upper.rms_norm);
  take(table.layer_norm, upper.layer_norm);
  for (int i = 0; i < tensor::kNumActivations; ++i) take(table.activate[i], upper.activate[i]);
  take(table.add_scaled, upper.add_scaled);
  take(table.scale, upper.scale);
  take(table.softcap, upper.softcap);
  take(table.rope_norm, upper.rope_norm);
  take(table.rope_neox, upper.rope_neox);
  take(table.merge, upper.merge);
  take(table.hadamard, upper.hadamard);
  take(table.dot, upper.dot);
  take(table.softplus, upper.softplus);
  take(table.decay, upper.decay);
  take(table.conv, upper.conv);
  take(table.step_state, upper.step_state);
  take(table.scan_channels, upper.scan_channels);
  take(table.peak_int, upper.peak_int);
  take(table.peak_float, upper.peak_float);
}

}  // namespace

std::vector<std::string_view> usable_isas(const CpuFeatures& features) {
  std::vector<std::string_view> names;
  for (const Isa& isa : kIsas)
    if (isa.usable(features)) names.push_back(isa.name);
  return names;
}

Result<KernelTable> select_kernels(std::string_view isa, const CpuFeatures& features) {
  const std::vector<std::string_view> usable = usable_isas(features);
  std::string_view wanted = isa.empty() ? usable.back() : isa;
  // Sapphire Rapids does vdpbf16ps at half the rate of Zen 4: f32 products prefill 1.6 times as
  // fast.
  if (isa.empty() && wanted == "avx512_bf16" && !features.fast_bf16) wanted = "avx512";
  KernelTable table;
  for (const Isa& row : kIsas) {
    if (!row.usable(features)) continue;
    KernelTable upper;
    row.fill(upper);
    overlay(table, upper);
    if (row.name == wanted) {
      table.name = row.name.data();
      return table;
    }
  }
  return fail(ErrorCode::kInvalidArgument,
              fmt::format("this machine cannot run the instruction set '{}'", wanted),
              fmt::format("use one of: {}", fmt::join(usable, ", ")));
}

}  // namespace hearth::backend::cpu
