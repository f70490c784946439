// Every gemm cell of every usable ISA: against double, exact where it can be, and independent of
// what else is computed.
#include <gtest/gtest.h>

#include <algorithm>
#include <optional>

#include "backend/cpu/isa_test.h"

namespace hearth::backend::cpu::test {
namespace {

constexpr int64_t kRowsMax = 33;
constexpr int64_t kColumnsMax = 33;
constexpr int64_t kColumnCounts[] = {1, 2, 3, 4, 5, 6, 7, 12, 13, 31, 33};
constexpr int64_t kRowCounts[] = {1, 5, 15, 16, 17, 31, 32, 33};
constexpr float kUntouched = -123456.0f;

std::vector<int64_t> widths(const TypeCase& type) {
  std::vector<int64_t> all = {32, 64, 96, 128, 192, 256, 320, 512, 2304};
  if (!type.is_block()) all = {1, 8, 31, 33, 172, 256, 2304};
  std::erase_if(all, [&](int64_t k) { return k % type.info->block_len != 0; });
  return all;
}

// One call with its own buffers; checks that nothing outside the asked cells, or behind the panel,
// is written.
struct Call {
  const TypeCase& type;
  const std::vector<std::byte>& weights;  // [rows, k]
  const Activations& x;
  int64_t row_begin = 0;
  int64_t row_end = 0;
  std::vector<int32_t> x_rows = {};  // empty: 0, 1, ..
  std::vector<int32_t> y_rows = {};
  int64_t n_columns = 1;

  // y[column, row - row_begin], from the rows as they stand in the file, and the same packed: not a
  // bit may differ.
  std::vector<float> run(const KernelTable& table) const {
    const std::vector<float> in_place = run(table, nullptr);
    tensor::Weight w;
    w.type = type.info;
    w.k = x.k;
    w.rows = int64_t(weights.size() / type.info->row_bytes(x.k));
    w.data = weights.data();
    if (!table.takes_packed || packed_bytes(w) == 0) return in_place;
    std::vector<std::byte> packed(packed_bytes(w) + 1, std::byte(0x5a));
    pack_panels(w, 0, panels_per_matrix(w), packed.data());
    EXPECT_EQ(packed.back(), std::byte(0x5a));
    const std::vector<float> again = run(table, packed.data());
    if (!again.empty()) {
      EXPECT_EQ(std::memcmp(again.data(), in_place.data(), again.size() * sizeof(float)), 0)
          << "packed and in place differ";
    }
    return again;
  }

  std::vector<float> run(const KernelTable& table, const std::byte* packed) const {
    const int64_t stride = row_end + 3;
    std::vector<float> y(size_t((std::max(kColumnsMax, n_columns) + 2) * stride), kUntouched);
    std::vector<std::byte> scratch(kGemmScratchBytes + 64, std::byte(0x5a));
    GemmArgs args{};
    args.packed = packed;
    args.packing = find_packing(*type.info);
    if (args.packing != nullptr) args.panel_bytes = panel_bytes(*args.packing, x.k);
    args.weight = packed == nullptr ? weights.data() : nullptr;
    args.row_bytes = type.info->row_bytes(x.k);
    args.k = x.k;
    args.row_begin = row_begin;
    args.row_end = row_end;
    args.x = x.view();
    args.n_columns = n_columns;
    args.x_rows = x_rows.empty() ? nullptr : x_rows.data();
    args.y_rows = y_rows.empty() ? nullptr : y_rows.data();
    args.y = y.data();
    args.y_stride = stride;
    args.scale = 1;
    args.scratch = scratch.data();
    table.gemm[type.info->index](args);
    for (size_t i = kGemmScratchBytes; i < scratch.size(); ++i)
      EXPECT_EQ(scratch[i], std::byte(0x5a)) << "behind the scratch";
    std::vector<float> out;
    for (int64_t c = 0; c < n_columns; ++c) {
      float* from = y.data() + (y_rows.empty() ? c : y_rows[size_t(c)]) * stride;
      out.insert(out.end(), from + row_begin, from + row_end);
      std::fill(from + row_begin, from + row_end, kUntouched);
    }
    EXPECT_TRUE(std::all_of(y.begin(), y.end(), [](float v) { return v == kUntouched; }))
        << "a cell nobody asked for";
    return out;
  }
};

// The types whose index is `part` modulo `n_parts`: so that the test runner can spread the work.
class GemmTypes : public ::testing::TestWithParam<int> {
 protected:
  static constexpr int kParts = 4;
  static std::vector<TypeCase> types() {
    std::vector<TypeCase> all = all_type_cases();
    std::erase_if(all, [](const TypeCase& t) { return t.info->index % kParts != GetParam(); });
    return all;
  }
};
INSTANTIATE_TEST_SUITE_P(Parts, GemmTypes, ::testing::Range(0, 4));

// (b) NMSE against double on the same activations, and (c) each column's bits do not depend on the
// others.
TEST_P(GemmTypes, MatchDoubleAndColumnsAreIndependent) {
  Random random(1);
  const std::vector<KernelTable> tables = all_tables();
  for (const TypeCase& type : types())
    for (const int64_t k : widths(type)) {
      SCOPED_TRACE(std::string(type.info->name) + " k=" + std::to_string(k));
      const std::vector<std::byte> weights = random_weights(type, kRowsMax * k, random);
      const Activations x = random_activations(kColumnsMax, k, type, random);
      std::vector<double> reference(size_t(kColumnsMax * kRowsMax));
      for (int64_t c = 0; c < kColumnsMax; ++c)
        for (int64_t r = 0; r < kRowsMax; ++r)
          reference[size_t(c * kRowsMax + r)] =
              reference_dot(type, weights.data() + size_t(r) * type.info->row_bytes(k), x, c);
      for (const KernelTable& table : tables) {
        SCOPED_TRACE(table.name);
        Call call{.type = type, .weights = weights, .x = x, .row_end = kRowsMax};
        std::vector<float> alone;  // [column, row], one column a call
        for (int32_t c = 0; c < kColumnsMax; ++c) {
          call.x_rows = {c};
          const std::vector<float> y = call.run(table);
          alone.insert(alone.end(), y.begin(), y.end());
        }
        Nmse nmse;
        for (size_t i = 0; i < alone.size(); ++i) nmse.add(alone[i], reference[i]);
        EXPECT_LE(nmse.value(), 1e-10);
        call.x_rows.clear();
        for (const int64_t n : kColumnCounts) {
          call.n_columns = n;
          const std::vector<float> y = call.run(table);
          EXPECT_TRUE(std::memcmp(y.data(), alone.data(), y.size() * sizeof(float)) == 0)
              << n << " columns";
        }
      }
    }
}

// (d) The rows of a call do not depend on which others it has, nor columns on gather lists.
TEST_P(GemmTypes, RowsAndGatherListsAreIndependent) {
  Random random(2);
  const std::vector<KernelTable> tables = all_tables();
  for (const TypeCase& type : types())
    for (const int64_t k :
         {widths(type).front(), widths(type).back() > 512 ? int64_t(512) : widths(type).back()}) {
      if (k % type.info->block_len != 0) continue;
      SCOPED_TRACE(std::string(type.info->name) + " k=" + std::to_string(k));
      const std::vector<std::byte> weights = random_weights(type, kRowsMax * k, random);
      const Activations x = random_activations(7, k, type, random);
      for (const KernelTable& table : tables) {
        SCOPED_TRACE(table.name);
        for (const int64_t n : {1, 2, 3, 4, 5, 7}) {
          Call call{.type = type, .weights = weights, .x = x, .row_end = kRowsMax, .n_columns = n};
          const std::vector<float> whole = call.run(table);
          const auto expect_rows = [&](int64_t begin, int64_t end) {
            call.row_begin = begin;
            call.row_end = end;
            const std::vector<float> part = call.run(table);
            for (int64_t c = 0; c < n; ++c)
              for (int64_t r = begin; r < end; ++r)
                ASSERT_TRUE(same_bits(part[size_t(c * (end - begin) + r - begin)],
                                      whole[size_t(c * kRowsMax + r)]))
                    << "rows " << begin << " .. " << end << ", row " << r << ", column " << c;
          };
          for (const int64_t rows : kRowCounts) {
            expect_rows(0, rows);
            if (rows % kPanelRows == 0) expect_rows(rows, kRowsMax);
          }
          expect_rows(16, 16);

          Call gather{
              .type = type, .weights = weights, .x = x, .row_end = kRowsMax, .n_columns = n};
          for (int32_t c = 0; c < n; ++c) {
            gather.x_rows.push_back((5 * c + 3) % int32_t(n));
            gather.y_rows.push_back(34 - 3 * c);
          }
          const std::vector<float> gathered = gather.run(table);
          for (int64_t c = 0; c < n; ++c)
            for (int64_t r = 0; r < kRowsMax; ++r)
              ASSERT_TRUE(same_bits(gathered[size_t(c * kRowsMax + r)],
                                    whole[size_t(gather.x_rows[size_t(c)] * kRowsMax + r)]))
                  << "gather, column " << c << " row " << r;
        }
      }
    }
}

// More columns than one pass over the weights serves: each has the bits that it has alone.
TEST_P(GemmTypes, HundredsOfColumns) {
  Random random(9);
  for (const TypeCase& type : types()) {
    constexpr int64_t k = 512;
    constexpr int32_t n = int32_t(kColumnBlock) + 3;
    SCOPED_TRACE(type.info->name);
    const std::vector<std::byte> weights = random_weights(type, kRowsMax * k, random);
    const Activations x = random_activations(3, k, type, random);
    for (const KernelTable& table : all_tables()) {
      SCOPED_TRACE(table.name);
      Call call{.type = type, .weights = weights, .x = x, .row_end = kRowsMax, .n_columns = 3};
      const std::vector<float> three = call.run(table);
      call.n_columns = n;
      for (int32_t c = 0; c < n; ++c) call.x_rows.push_back(c % 3);
      const std::vector<float> many = call.run(table);
      for (int64_t c = 0; c < n; ++c)
        ASSERT_EQ(std::memcmp(many.data() + c * kRowsMax, three.data() + c % 3 * kRowsMax,
                              size_t(kRowsMax) * sizeof(float)),
                  0)
            << "column " << c;
    }
  }
}

// --- exactness: when every partial sum is an integer times one power of two and fits 24 bits,
// rounding has no say ---

// The codes of a row: how they are drawn.
enum class Codes { kZeroBytes, kOnesBytes, kRandom };

std::vector<std::byte> make_row(const TypeCase& type, int64_t k, Codes codes, float d,
                                Random& random) {
  std::vector<std::byte> row(type.info->row_bytes(k));
  for (size_t at = 0; at < row.size(); at += type.info->block_bytes) {
    std::byte* block = row.data() + at;
    if (codes == Codes::kRandom)
      random.bytes(block, type.info->block_bytes);
    else
      std::memset(block, codes == Codes::kZeroBytes ? 0 : 0xff, type.info->block_bytes);
    type.set_scales(block, d, d / 2);
  }
  return row;
}

// The exponent of the lowest set bit.
int lowest_bit(double x) {
  int exponent;
  const auto mantissa = int64_t(std::ldexp(std::frexp(x, &exponent), 53));
  return exponent - 53 + __builtin_ctzll(uint64_t(mantissa));
}

// The exact result, if all the partial sums of `x` with `row` are exact in float; otherwise
// nothing.
std::optional<double> exact_dot(const TypeCase& type, const std::byte* row, const Activations& x) {
  int8_t q[256];
  float scale[16];
  float min[16] = {};
  double y = 0;
  double sum_of_magnitudes = 0;
  int unit = 1000;
  const auto add = [&](double factor, double product, double magnitude) {
    if (factor == 0 || magnitude == 0) return;
    y += factor * product;
    sum_of_magnitudes += std::fabs(factor) * magnitude;
    unit = std::min(unit, lowest_bit(factor));
  };
  for (int64_t i = 0; i < x.k; i += type.info->block_len, row += type.info->block_bytes) {
    type.unpack(row, q, scale, min);
    for (int g = 0; g < type.info->block_len / type.group; ++g) {
      for (int begin = g * type.group; begin < (g + 1) * type.group;
           begin += std::min(32, type.group)) {
        int64_t dot = 0, magnitude = 0, sum = 0, x_magnitude = 0;
        for (int j = begin; j < begin + std::min(32, type.group); ++j) {
          const int xq = x.q[size_t(i + j)];
          dot += q[j] * xq;
          magnitude += std::abs(q[j] * xq);
          sum += xq;
          x_magnitude += std::abs(xq);
        }
        const double d = x.d[size_t((i + begin) / 32)];
        add(double(scale[g]) * d, double(dot), double(magnitude));
        if (type.has_min) add(-double(min[g]) * d, double(sum), double(x_magnitude));
      }
    }
  }
  if (unit == 1000) return 0.0;
  if (std::ldexp(sum_of_magnitudes, -unit) >= 0x1p24) return std::nullopt;
  return y;
}

// Fills group `g` of 32 activations to be hostile to `row`.
enum class Fill { kRandom, kPlus, kMinus, kWithSign, kSmall };
void fill_group(const TypeCase& type, const std::byte* row, Activations& x, int64_t g, Fill fill,
                Random& random) {
  const int64_t begin = g * 32;
  const int64_t block = begin / type.info->block_len;
  int8_t q[256];
  float scale[16];
  float min[16];
  type.unpack(row + size_t(block) * type.info->block_bytes, q, scale, min);
  for (int64_t i = begin; i < begin + 32; ++i) {
    const int w = q[i - block * type.info->block_len];
    const int sign = w < 0 ? -1 : 1;
    const int values[] = {random.integer(-127, 127), 127, -127, 127 * sign, random.integer(-1, 1)};
    x.q[size_t(i)] = int8_t(values[int(fill)]);
  }
}

TEST_P(GemmTypes, IntegerSumsAreExact) {
  Random random(3);
  const std::vector<KernelTable> tables = all_tables();
  for (const TypeCase& type : types()) {
    if (!type.is_block()) continue;
    SCOPED_TRACE(type.info->name);
    int n_exact = 0;
    const auto check = [&](const std::vector<std::byte>& row, Activations& x,
                           const std::string& what) {
      x.make_blocks();
      const std::optional<double> exact = exact_dot(type, row.data(), x);
      if (!exact) return;
      ++n_exact;
      ASSERT_EQ(double(float(*exact)), *exact);
      for (const KernelTable& table : tables) {
        const Call one{.type = type, .weights = row, .x = x, .row_end = 1};
        ASSERT_EQ(one.run(table)[0], float(*exact)) << table.name << " " << what;
        Call five = one;
        five.n_columns = 5;
        five.x_rows = {0, 0, 0, 0, 0};
        for (const float y : five.run(table))
          ASSERT_EQ(y, float(*exact)) << table.name << " five columns, " << what;
      }
    };
    for (const int64_t k : {256, 512, 2304})
      for (const Codes codes :
           {Codes::kZeroBytes, Codes::kOnesBytes, Codes::kRandom, Codes::kRandom, Codes::kRandom})
        for (const float d : {1.0f, -0.25f}) {
          const std::vector<std::byte> row = make_row(type, k, codes, d, random);
          for (const Fill fill : {Fill::kRandom, Fill::kPlus, Fill::kMinus, Fill::kWithSign}) {
            // One group alive: the largest sums that are still exact.
            for (int64_t g = 0; g < std::min<int64_t>(k / 32, 16); ++g) {
              Activations x(1, k);
              std::fill(x.d.begin(), x.d.end(), 0.5f);
              fill_group(type, row.data(), x, g, fill, random);
              check(row, x, "group " + std::to_string(g) + " fill " + std::to_string(int(fill)));
            }
          }
          // All groups alive: no weight may be missed or counted twice.
          Activations x(1, k);
          for (int64_t g = 0; g < k / 32; ++g) {
            const bool again = g % 8 != 0 && act_form(*type.info, true) == ActForm::kPer256;
            x.d[size_t(g)] = again ? x.d[size_t(g) - 1] : float(random.integer(0, 2));
            fill_group(type, row.data(), x, g, Fill::kSmall, random);
          }
          check(row, x, "all groups");
        }
    EXPECT_GT(n_exact, 100) << "the test did not find exact cases";
  }
}

TEST_P(GemmTypes, ExtremeScalesStayFinite) {
  Random random(4);
  const std::vector<KernelTable> tables = all_tables();
  for (const TypeCase& type : types()) {
    if (!type.is_block()) continue;
    SCOPED_TRACE(type.info->name);
    for (const Codes codes : {Codes::kZeroBytes, Codes::kOnesBytes, Codes::kRandom})
      for (const float d : {0.0f, -0.0f, 65504.0f, -65504.0f, 0x1p-24f}) {
        constexpr int64_t k = 512;
        const std::vector<std::byte> row = make_row(type, k, codes, d, random);
        Activations x(5, k);
        x.f32 = random.normals(x.f32.size());
        for (int64_t i = 0; i < k; ++i)
          x.f32[size_t(k + i)] = i % 2 == 0 ? 1e4f : -1e4f;  // every code +-127
        std::fill_n(x.f32.begin() + 2 * k, k, 0.0f);
        x.quantize(tables[0], act_form(*type.info, true));
        for (const KernelTable& table : tables) {
          SCOPED_TRACE(table.name);
          const Call call{.type = type, .weights = row, .x = x, .row_end = 1, .n_columns = 5};
          const std::vector<float> y = call.run(table);
          for (int64_t c = 0; c < 5; ++c) {
            const double reference = reference_dot(type, row.data(), x, c);
            double magnitude = 0;  // of the sum's terms: what float rounding is relative to
            for (int64_t g = 0; g < k / 32; ++g) {
              Activations part = x;
              std::fill(part.q.begin(), part.q.end(), 0);
              std::copy_n(x.q.begin() + c * k + g * 32, 32, part.q.begin() + c * k + g * 32);
              magnitude += std::fabs(reference_dot(type, row.data(), part, c));
            }
            ASSERT_TRUE(std::isfinite(y[size_t(c)]));
            ASSERT_NEAR(y[size_t(c)], reference, 2e-6 * magnitude + 1e-3 * std::fabs(reference))
                << "column " << c;
            const bool can_be_zero = type.info->name != "MXFP4";  // its smallest scale is 2^-128
            if (c == 2 || (d == 0 && can_be_zero)) {
              ASSERT_EQ(y[size_t(c)], 0.0f) << "column " << c;
            }
          }
        }
      }
  }
}

// A NaN in the file must not be hidden: the user sees it as a broken model, not as a subtly wrong
// one.
TEST(Gemm, NotANumberScaleGivesNotANumber) {
  Random random(5);
  for (const TypeCase& type : all_type_cases()) {
    if (!type.is_block() || type.info->name == "MXFP4" || type.info->name == "NVFP4") continue;
    SCOPED_TRACE(type.info->name);
    std::vector<std::byte> row = make_row(type, 256, Codes::kRandom, 1, random);
    type.set_scales(row.data(), NAN, 0);
    const Activations x = random_activations(5, 256, type, random);
    for (const KernelTable& table : all_tables())
      for (const int64_t n : {1, 5}) {
        const Call call{.type = type, .weights = row, .x = x, .row_end = 1, .n_columns = n};
        for (const float y : call.run(table)) EXPECT_TRUE(std::isnan(y)) << table.name;
      }
  }
}

// i8mm only changes how the integers are summed: not a bit of the result.
TEST(Gemm, NeonTablesAgree) {
  const Result<KernelTable> i8mm = select_kernels("neon_i8mm", detect_cpu_features());
  if (!i8mm) GTEST_SKIP() << "this CPU has no NEON with i8mm";
  const KernelTable dotprod = select_kernels("neon_dotprod", detect_cpu_features()).value();
  Random random(7);
  for (const TypeCase& type : all_type_cases())
    for (const int64_t n : {7, 33}) {
      const std::vector<std::byte> weights = random_weights(type, kRowsMax * 512, random);
      const Activations x = random_activations(n, 512, type, random);
      const Call call{
          .type = type, .weights = weights, .x = x, .row_end = kRowsMax, .n_columns = n};
      const std::vector<float> a = call.run(dotprod);
      EXPECT_EQ(std::memcmp(a.data(), call.run(*i8mm).data(), a.size() * 4), 0)
          << type.info->name << ", " << n << " columns";
    }
}

// Whole panels of whole superblocks are the file's bytes in another order. All types that models
// are stored in have a packed form.
TEST(Gemm, PackedWeightsAreAsLargeAsInTheFile) {
  for (const TypeCase& type : all_type_cases()) {
    const Packing* packing = find_packing(*type.info);
    const bool weights =
        !type.info->is_activation && !type.info->is_integer && type.info->name != "F64";
    EXPECT_EQ(packing != nullptr, weights) << type.info->name;
    if (packing == nullptr) continue;
    EXPECT_EQ(panel_bytes(*packing, 2048), kPanelRows * type.info->row_bytes(2048))
        << type.info->name;
  }
}

TEST(Gemm, EmptyCallsWriteNothing) {
  Random random(6);
  const TypeCase type = make_type_case<quant::Q4_K>();
  const std::vector<std::byte> weights = random_weights(type, 4 * 256, random);
  const Activations x = random_activations(2, 256, type, random);
  for (const KernelTable& table : all_tables()) {
    EXPECT_TRUE((Call{.type = type, .weights = weights, .x = x, .row_begin = 16, .row_end = 16}
                     .run(table)
                     .empty()));
    EXPECT_TRUE((
        Call{.type = type, .weights = weights, .x = x, .row_begin = 0, .row_end = 4, .n_columns = 0}
            .run(table)
            .empty()));
  }
}

TEST(Isa, EveryCellIsFilledAndNamesAreChecked) {
  const CpuFeatures features = detect_cpu_features();
  const std::vector<std::string_view> isas = usable_isas(features);
  ASSERT_FALSE(isas.empty());
  EXPECT_EQ(isas.front(), "scalar");
  EXPECT_EQ(usable_isas(CpuFeatures{}), std::vector<std::string_view>{"scalar"});
  for (const KernelTable& table : all_tables()) {
    for (int i = 0; i < quant::TypeList::kSize; ++i)
      EXPECT_NE(table.gemm[i], nullptr) << table.name << " " << i;
    for (int i = 0; i < tensor::kNumKvTypes; ++i) EXPECT_NE(table.attend[i], nullptr);
    EXPECT_NE(table.quantize, nullptr);
    EXPECT_NE(table.rms_norm, nullptr);
    EXPECT_NE(table.layer_norm, nullptr);
    for (const auto activate : table.activate) EXPECT_NE(activate, nullptr);
    EXPECT_NE(table.add_scaled, nullptr);
    EXPECT_NE(table.scale, nullptr);
    EXPECT_NE(table.softcap, nullptr);
    EXPECT_NE(table.rope_norm, nullptr);
    EXPECT_NE(table.rope_neox, nullptr);
    EXPECT_NE(table.merge, nullptr);
  }
  const bool slow_bf16 = isas.back() == "avx512_bf16" && !features.fast_bf16;
  EXPECT_EQ(select_kernels("", features).value().name, slow_bf16 ? "avx512" : isas.back());
  for (const char* bad : {"mmx", "AVX2", "scalar "}) {
    const Result<KernelTable> table = select_kernels(bad, features);
    ASSERT_FALSE(table.has_value());
    EXPECT_EQ(table.error().code, ErrorCode::kInvalidArgument);
  }
  EXPECT_FALSE(select_kernels("avx512", CpuFeatures{}).has_value());
}

}  // namespace
}  // namespace hearth::backend::cpu::test
