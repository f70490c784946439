#include "engine/engine.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "backend/cpu/cpu_backend.h"
#include "backend/cpu/isa.h"
#include "base/checked.h"
#include "model/vocab_loader.h"
#include "text/tokenizer.h"

namespace hearth::engine {
namespace {

std::string gib(uint64_t bytes) {
  return fmt::format("{:.1f} GiB", double(bytes) / double(uint64_t{1} << 30));
}

Result<tensor::KvType> kv_type(const std::string& name) {
  const std::optional<tensor::KvType> type = tensor::find_kv_type(name);
  if (!type)
    return fail(ErrorCode::kInvalidArgument,
                fmt::format("'{}' is not a type for the KV cache", name),
                fmt::format("use {}", tensor::kKvTypeNames));
  return *type;
}

// An encoder's cache holds one layer's keys and values for one step: numbers like any other between
// two operations, and of their type.
Result<tensor::KvType> kv_type(const model::HyperParams& params, const EngineOptions& options) {
  HEARTH_ASSIGN(const tensor::KvType type, kv_type(options.kv_type));
  return params.causal ? type : tensor::KvType::kF32;
}

// An encoder reads a whole text in one step.
model::DecoderLimits decoder_limits(const model::HyperParams& params, const EngineOptions& options,
                                    int64_t n_ctx) {
  const int n_batch =
      params.causal ? options.n_batch : int(std::max<int64_t>(options.n_batch, n_ctx));
  return {n_ctx, n_batch, options.n_outputs};
}

// Learned positions end where the table does.
bool has_position_table(const model::HyperParams& params) {
  return std::ranges::count(params.arch->tensors, model::Role::kPositionEmbd,
                            &model::TensorSpec::role) > 0;
}

// What of the machine's memory a model may plan with: a part stays for the rest of the person's
// programs.
uint64_t usable_memory(uint64_t available) {
  return available - std::min(available / 10 + (uint64_t{256} << 20), available);
}

// Where a model of this size is to live.
struct Placement {
  ContextChoice context;
  bool larger_than_memory = false;
  std::string warning;
};

// Whether the weights fit, beside the smallest context. Where the memory is not known, they do.
bool weights_fit(const model::HyperParams& params, const EngineOptions& options,
                 uint64_t weight_bytes, uint64_t available_bytes) {
  EngineOptions smallest = options;
  smallest.n_ctx = 0;
  return available_bytes == 0 || (weight_bytes <= available_bytes &&
                                  choose_context(params, smallest, weight_bytes, available_bytes));
}

// The context, and whether the weights are to stay in their file because they do not fit. Errors:
// those of choose_context(); kOutOfMemory for a file that does not fit and is not mapped.
Result<Placement> place_model(const format::ModelFile& file, const model::Model& model,
                              const EngineOptions& options, const MemoryInfo& memory) {
  // A dense model of this many times the memory takes minutes for every token, from a fast disk
  // too: that is no use to anybody. (Of a mixture of experts a token reads a small part.)
  constexpr uint64_t kTimesMemoryMax = 8;
  const model::HyperParams& params = model.params();
  const uint64_t weight_bytes = file.tensor_bytes();
  const uint64_t available = memory.available_bytes;
  Placement placement;
  HEARTH_TRY(kv_type(options.kv_type));
  if (weights_fit(params, options, weight_bytes, available)) {
    HEARTH_ASSIGN(placement.context, choose_context(params, options, weight_bytes, available));
    return placement;
  }
  const FileMap* map = file.shard(0);
  if (map == nullptr || !map->is_mapped() || model.bytes_per_token() / kTimesMemoryMax > available)
    return fail(
        ErrorCode::kOutOfMemory,
        fmt::format(
            "the model's weights take {}, but only {} of this machine's {} of memory are free",
            gib(weight_bytes), gib(available), gib(memory.total_bytes)),
        "close other programs, or use a smaller model or a stronger quantization of it (Q4_K_M, "
        "Q3_K_M)");
  // What the weights do not hold they read again and again: a context that nobody asked for leaves
  // them most of the memory.
  const uint64_t usable = usable_memory(available);
  const uint64_t held = options.n_ctx > 0 ? 0 : usable / 4 * 3;
  HEARTH_ASSIGN(placement.context, choose_context(params, options, held, available));
  placement.larger_than_memory = true;
  placement.warning = fmt::format(
      "the model's weights take {}, but only {} of memory are free: they stay in the file, at "
      "least {} "
      "of them are read from the disk again for every token, and that is slow; close other "
      "programs, "
      "or use a smaller model or a stronger quantization of it (Q4_K_M, Q3_K_M)",
      gib(weight_bytes), gib(available), gib(weight_bytes - std::min(weight_bytes, usable)));
  return placement;
}

MemoryInfo memory_of(const EngineOptions& options) {
  MemoryInfo memory = read_memory_info();
  if (options.memory_bytes > 0) memory.available_bytes = options.memory_bytes;
  return memory;
}

std::unique_ptr<ThreadTeam> make_team(const ThreadChoice& choice, bool pin) {
  return std::make_unique<ThreadTeam>(
      ThreadTeam::Options{.n_threads = std::max(choice.generate, choice.prompt), .pin = pin});
}

std::unique_ptr<backend::Backend> make_backend(const backend::cpu::KernelTable& kernels,
                                               ThreadTeam& team, const ThreadChoice& choice) {
  return backend::make_cpu_backend(kernels, team,
                                   {.few_tokens = choice.generate, .many_tokens = choice.prompt});
}

uint64_t n_elements(const format::ModelFile& file, std::string_view key) {
  const format::Value* value = file.metadata().find(key);
  return value != nullptr && value->is_array() ? value->count : 0;
}

// What a loaded model holds beside the weights and the arena's own: an estimate, measured as
// resident memory at its peak. The program and its libraries take 7 to 9 MB (models of a few MB
// with --verbose); the tokenizers of 13 usual vocabularies 75 to 90 bytes a token, and 55 more a
// merge (a fifth off at worst); logits and candidates of one sampler 30 bytes a token.
void note_program(const format::ModelFile& file, Arena& arena) {
  constexpr uint64_t kProgramBytes = uint64_t{15} << 19;
  constexpr uint64_t kBytesPerToken = 75 + 30;
  constexpr uint64_t kBytesPerMerge = 55;
  arena.note("program, tokenizer and tables",
             kProgramBytes + (file.file_bytes() - file.tensor_bytes()) +
                 kBytesPerToken * n_elements(file, "tokenizer.ggml.tokens") +
                 kBytesPerMerge * n_elements(file, "tokenizer.ggml.merges"));
}

}  // namespace

Result<ContextChoice> choose_context(const model::HyperParams& params, const EngineOptions& options,
                                     uint64_t weight_bytes, uint64_t available_bytes) {
  HEARTH_ASSIGN(const tensor::KvType type, kv_type(params, options));
  if (options.n_ctx > params.n_ctx_train && has_position_table(params))
    return fail(ErrorCode::kInvalidArgument,
                fmt::format("a context of {} tokens is asked for, but the model has learned {} "
                            "positions and knows no others",
                            options.n_ctx, params.n_ctx_train),
                fmt::format("use --ctx {} or less", params.n_ctx_train));
  const uint64_t per_position =
      KvCache::bytes_per_position(params, type) * uint64_t(options.n_sequences);
  const uint64_t usable = usable_memory(available_bytes);
  const uint64_t held = weight_bytes + KvCache::state_bytes(params, options.n_sequences);
  const uint64_t left = usable > held ? usable - held : 0;
  // Without attention a longer context costs nothing.
  const int64_t fits = per_position > 0
                           ? int64_t(left / per_position / tensor::kKvChunk * tensor::kKvChunk)
                           : (left > 0 ? INT32_MAX : 0);
  if (options.n_ctx > 0) {
    if (available_bytes > 0 && options.n_ctx > fits + tensor::kKvChunk)
      return fail(
          ErrorCode::kOutOfMemory,
          fmt::format(
              "a context of {} tokens needs {} for its KV cache, but {} are free beside the model",
              options.n_ctx, gib(per_position * uint64_t(options.n_ctx)), gib(left)),
          fmt::format("use --ctx {} or less, or a KV cache of a smaller type",
                      std::max<int64_t>(fits, tensor::kKvChunk)));
    if (options.n_ctx > params.n_ctx_train)
      return ContextChoice{
          options.n_ctx,
          fmt::format("as asked; the model was trained for {}, answers beyond may degrade",
                      params.n_ctx_train)};
    return ContextChoice{options.n_ctx, "as asked"};
  }
  if (available_bytes == 0 || params.n_ctx_train <= fits)
    return ContextChoice{params.n_ctx_train, "what the model was trained for"};
  if (fits < tensor::kKvChunk)
    return fail(ErrorCode::kOutOfMemory,
                fmt::format("beside the model's {} there is no memory for a context ({} free)",
                            gib(weight_bytes), gib(available_bytes)),
                "close other programs, or use a smaller model");
  return ContextChoice{
      fits, fmt::format("what fits the memory; the model allows {}", params.n_ctx_train)};
}

Engine::Engine() = default;
Engine::~Engine() = default;

Result<std::unique_ptr<Engine>> Engine::load(const std::string& path, const EngineOptions& options,
                                             const ProgressFn& progress) {
  std::unique_ptr<Engine> engine(new Engine);
  HEARTH_ASSIGN(format::ModelFile file, format::ModelFile::open(path, options.map_mode));
  engine->file_ = std::make_unique<format::ModelFile>(std::move(file));
  engine->arena_ = std::make_unique<Arena>(Arena::Mode::kReal);
  HEARTH_TRY(engine->set_up(options, progress));
  return engine;
}

Result<MemoryPlan> Engine::plan_memory(const format::ModelFile& file,
                                       const EngineOptions& options) {
  MemoryPlan plan;
  plan.machine = memory_of(options);
  HEARTH_ASSIGN(model::Model model, model::Model::load(file, plan.arena));
  Result<Placement> placement = place_model(file, model, options, plan.machine);
  if (!placement && placement.error().code != ErrorCode::kOutOfMemory)
    return std::unexpected(placement.error());
  if (!placement) {
    plan.problem = placement.error();
    placement = Placement{.context = {options.n_ctx > 0 ? options.n_ctx : tensor::kKvChunk,
                                      options.n_ctx > 0 ? "as asked" : "the smallest"},
                          .warning = {}};
  }
  plan.context = std::move(placement->context);
  plan.warning = std::move(placement->warning);
  const int64_t n_ctx = plan.context.n_ctx;
  HEARTH_ASSIGN(const backend::cpu::KernelTable kernels,
                backend::cpu::select_kernels(options.isa, detect_cpu_features()));
  // Measured here too, if it never was: scratch memory depends on it, and load() must find the
  // same.
  HEARTH_ASSIGN(plan.threads, choose_threads(options.threads, kernels));
  const auto team = make_team(plan.threads, false);
  const auto backend = make_backend(kernels, *team, plan.threads);
  HEARTH_ASSIGN(const tensor::KvType type, kv_type(model.params(), options));
  note_program(file, plan.arena);
  HEARTH_ASSIGN(const WeightStore weights,
                WeightStore::load({file, model, *backend, placement->larger_than_memory},
                                  options.weights, plan.arena));
  plan.weights_reason = weights.reason();
  HEARTH_TRY(KvCache::create(model.params(), {n_ctx, options.n_sequences, type}, plan.arena));
  HEARTH_TRY(model::Decoder::create(model, *backend, decoder_limits(model.params(), options, n_ctx),
                                    plan.arena));
  return plan;
}

Result<void> Engine::set_up(const EngineOptions& options, const ProgressFn& progress) {
  HEARTH_ASSIGN(const backend::cpu::KernelTable kernels,
                backend::cpu::select_kernels(options.isa, detect_cpu_features()));
  HEARTH_ASSIGN(threads_, choose_threads(options.threads, kernels));
  HEARTH_ASSIGN(model::Model model, model::Model::load(*file_, *arena_));
  model_ = std::make_unique<model::Model>(std::move(model));
  warnings_ = model_->warnings();
  HEARTH_ASSIGN(const tensor::KvType type, kv_type(model_->params(), options));
  HEARTH_ASSIGN(Placement placement, place_model(*file_, *model_, options, memory_of(options)));
  n_ctx_ = placement.context.n_ctx;
  n_ctx_reason_ = std::move(placement.context.reason);
  if (!placement.warning.empty()) warnings_.push_back(std::move(placement.warning));

  auto vocab = model::read_vocab(file_->metadata());
  auto tokenizer = vocab ? text::Tokenizer::create(*vocab)
                         : Result<std::unique_ptr<text::Tokenizer>>(std::unexpected(vocab.error()));
  if (tokenizer) {
    tokenizer_ = std::move(*tokenizer);
    for (const std::string& warning : tokenizer_->warnings()) warnings_.push_back(warning);
  } else if (options.need_tokenizer) {
    return std::unexpected(tokenizer.error());
  }

  team_ = make_team(threads_, true);
  backend_ = make_backend(kernels, *team_, threads_);
  note_program(*file_, *arena_);
  HEARTH_ASSIGN(WeightStore weights,
                WeightStore::load({*file_, *model_, *backend_, placement.larger_than_memory},
                                  options.weights, *arena_, progress));
  weights_ = std::make_unique<WeightStore>(std::move(weights));
  HEARTH_ASSIGN(KvCache kv,
                KvCache::create(model_->params(), {n_ctx_, options.n_sequences, type}, *arena_));
  kv_ = std::make_unique<KvCache>(std::move(kv));
  HEARTH_ASSIGN(model::Decoder decoder,
                model::Decoder::create(*model_, *backend_,
                                       decoder_limits(model_->params(), options, n_ctx_), *arena_));
  decoder_ = std::make_unique<model::Decoder>(std::move(decoder));
  return {};
}

// All or nothing: what feed() and states() refuse is known before the first step.
Result<void> Engine::check(std::span<const BatchToken> batch) {
  n_new_.assign(kv_->sequences().size(), 0);
  size_t n_wanted = 0;
  for (const BatchToken& t : batch) {
    if (t.token >= n_vocab() || (t.token < 0 && t.embedding == nullptr))
      return fail(
          ErrorCode::kInvalidArgument,
          fmt::format("the token {} does not exist; the vocabulary has {}", t.token, n_vocab()),
          fmt::format("use ids from 0 to {}", n_vocab() - 1));
    HEARTH_CHECK(size_t(t.sequence) < n_new_.size());
    n_new_[size_t(t.sequence)] += 1;
    n_wanted += t.wants_logits;
  }
  HEARTH_CHECK(n_wanted <= size_t(decoder_->limits().n_outputs));
  for (size_t s = 0; s < n_new_.size(); ++s) {
    const int64_t needed = kv_->n_positions(int(s)) + n_new_[s];
    if (n_new_[s] > 0 && needed > n_ctx_)
      return fail(ErrorCode::kContextFull,
                  fmt::format("the context is full: {} tokens are needed, {} fit", needed, n_ctx_),
                  "start over with /clear, shorten the prompt, or use a larger context (--ctx)");
  }
  return {};
}

Result<std::span<const float>> Engine::feed(std::span<const BatchToken> batch) {
  if (!model_->has_head())
    return fail(ErrorCode::kUnsupported,
                fmt::format("this model ('{}') makes embeddings and cannot go on with a text",
                            model_->params().arch->name),
                "use hearth embed or hearth rerank with it, and a language model here");
  HEARTH_TRY(check(batch));
  rows_.clear();
  const auto n_batch = size_t(decoder_->limits().n_batch);
  for (size_t at = 0; at < batch.size(); at += n_batch)
    HEARTH_TRY(step(batch.subspan(at, std::min(n_batch, batch.size() - at)), Want::kLogits, rows_));
  return std::span<const float>(rows_);
}

Result<std::span<const float>> Engine::states(std::span<const BatchToken> batch) {
  HEARTH_TRY(check(batch));
  const auto n_batch = size_t(decoder_->limits().n_batch);
  if (!model_->params().causal) {
    if (batch.size() > n_batch)
      return fail(ErrorCode::kContextFull,
                  fmt::format("{} tokens are to be read at once, but a step holds {}", batch.size(),
                              n_batch),
                  "shorten the text, or use a larger context (--ctx)");
    for (const BatchToken& t : batch) HEARTH_CHECK(kv_->n_positions(t.sequence) == 0);
  }
  rows_.clear();
  for (size_t at = 0; at < batch.size(); at += n_batch)
    HEARTH_TRY(step(batch.subspan(at, std::min(n_batch, batch.size() - at)), Want::kStates, rows_));
  return std::span<const float>(rows_);
}

Result<void> Engine::step(std::span<const BatchToken> batch, Want want, std::vector<float>& rows) {
  const int64_t d = model_->params().n_embd;
  tokens_.clear();
  positions_.clear();
  sequence_of_.clear();
  output_rows_.clear();
  embeddings_.clear();
  for (const BatchToken& t : batch) {
    const int64_t position = kv_->n_positions(t.sequence);
    HEARTH_TRY(kv_->reserve(t.sequence, position + 1));
    if (t.wants_logits && want == Want::kLogits) output_rows_.push_back(int32_t(tokens_.size()));
    if (t.token < 0) {
      embeddings_.resize(batch.size() * size_t(d));
      std::memcpy(embeddings_.data() + tokens_.size() * size_t(d), t.embedding,
                  size_t(d) * sizeof(float));
    }
    tokens_.push_back(t.token);
    positions_.push_back(int32_t(position));
    sequence_of_.push_back(t.sequence);
  }
  tensor::StepInputs in;
  in.n_tokens = int(tokens_.size());
  in.tokens = tokens_.data();
  in.embeddings = embeddings_.empty() ? nullptr : embeddings_.data();
  in.positions = positions_.data();
  in.sequence_of = sequence_of_.data();
  in.sequences = kv_->sequences();
  in.layers = kv_->layers();
  in.states = kv_->states();
  in.output_rows = output_rows_.data();
  in.n_outputs = int(output_rows_.size());
  const bool states = want == Want::kStates;
  const std::span<const float> result = decoder_->step(in, {.states = states});
  if (states || in.n_outputs > 0) rows.insert(rows.end(), result.begin(), result.end());
  return {};
}

}  // namespace hearth::engine
