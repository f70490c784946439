// ernie4_5: ERNIE 4.5 dense. Llama in the order of rows that its source has.
#include "model/spec.h"
#include "model/tensor_lists.h"

namespace hearth::model {
namespace {
constexpr auto kTensors = join(kEmbedAndHead, kSplitAttention, kGatedFfn);
}  // namespace

extern const ArchSpec kErnie45 = {
    .name = "ernie4_5",
    .title = "ERNIE 4.5 0.3B",
    .tensors = kTensors,
};

}  // namespace hearth::model
