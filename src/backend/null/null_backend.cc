#include "backend/backend.h"

namespace hearth::backend {
namespace {

class NullBackend final : public Backend {
 public:
  [[nodiscard]] std::string name() const override { return "null"; }
  [[nodiscard]] size_t scratch_bytes(const tensor::Graph&, int64_t) const override { return 0; }
  void execute(const tensor::Graph&, const tensor::StepInputs&, std::byte*, std::byte*) override {}
};

}  // namespace

std::unique_ptr<Backend> make_null_backend() { return std::make_unique<NullBackend>(); }

}  // namespace hearth::backend
