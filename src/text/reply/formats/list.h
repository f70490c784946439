// All formats of tool calls, most particular first: the first one that reads back what a template
// wrote is the template's. A format is a file of this folder and a line here.
#pragma once

#include <span>

#include "text/reply/tool_format.h"

#define HEARTH_TOOL_FORMATS(X) \
  X(kHarmony)                  \
  X(kSolar)                    \
  X(kKimiK3)                   \
  X(kMuse)                     \
  X(kKimiK2)                   \
  X(kDeepseekR1)               \
  X(kDeepseekV31)              \
  X(kDeepseekV32)              \
  X(kDeepseekV4)               \
  X(kGemma4)                   \
  X(kMinimaxM3)                \
  X(kMinimaxM2)                \
  X(kMinimaxM1)                \
  X(kQwen3Coder)               \
  X(kSeedOss)                  \
  X(kHunyuan)                  \
  X(kGlm)                      \
  X(kMiniCpm5)                 \
  X(kMistralArgs)              \
  X(kMistralIds)               \
  X(kMistralList)              \
  X(kCohere)                   \
  X(kCommandRPlus)             \
  X(kNemotron)                 \
  X(kApertus)                  \
  X(kApriel)                   \
  X(kGigaChat31)               \
  X(kGigaChat3)                \
  X(kFunctionary31)            \
  X(kFunctionary32)            \
  X(kFirefunction)             \
  X(kPhi4Mini)                 \
  X(kGranite3)                 \
  X(kHermes)                   \
  X(kLfm2)                     \
  X(kLlama4)                   \
  X(kOlmo3)                    \
  X(kGemma3)                   \
  X(kLlama3)                   \
  X(kGeneric)

namespace hearth::text::reply {

#define HEARTH_DECLARE(format) extern const ToolFormat format;
HEARTH_TOOL_FORMATS(HEARTH_DECLARE)
#undef HEARTH_DECLARE

// In the order above.
std::span<const ToolFormat* const> tool_formats();

}  // namespace hearth::text::reply
