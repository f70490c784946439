#include "text/pre_tokenizer.h"

#include <algorithm>
#include <array>

namespace hearth::text {
namespace {

// ---- The expressions, as the models' own tokenizer.json have them ----
// The contractions are written (?i:..) there; the copies in llama.cpp spell out ASCII letters.

constexpr AlternationRules kGpt2Rules{.contractions = Contractions::kLowerFirst,
                                      .words = Words::kSpaceLetters,
                                      .digits_max = kAnyNumber,
                                      .space_digits = true,
                                      .tail = Tail::kNone,
                                      .spaces = Spaces::kPlain};
constexpr PreStep kGpt2{
    R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)",
    scan_alternation<kGpt2Rules>};

constexpr AlternationRules kQwen2Rules{};
constexpr PreStep kQwen2{
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|)"
    R"([^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)",
    scan_alternation<kQwen2Rules>};

constexpr AlternationRules kLlama3Rules{.digits_max = 3};
constexpr PreStep kLlama3{
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|)"
    R"([^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)",
    scan_alternation<kLlama3Rules>};

constexpr AlternationRules kAnyDigitsRules{.digits_max = kAnyNumber};
constexpr PreStep kAnyDigits{
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|)"
    R"([^\r\n\p{L}\p{N}]?\p{L}+|\p{N}+| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)",
    scan_alternation<kAnyDigitsRules>};

constexpr AlternationRules kJais2Rules{.digits_max = 3, .spaces = Spaces::kCascade};
constexpr PreStep kJais2{R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|)"
                         R"([^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|)"
                         R"(\s*[\r\n]+|\s{512}(?!\S)|\s{256}(?!\S)|\s{128}(?!\S)|\s{64}(?!\S)|)"
                         R"(\s{32}(?!\S)|\s{16}(?!\S)|\s{8}(?!\S)|\s{4}(?!\S)|\s{1,2}(?!\S)|\s{1})",
                         scan_alternation<kJais2Rules>};

constexpr AlternationRules kQwen35Rules{.words = Words::kPrefixMarks,
                                        .symbols_not = kLetter | kNumber | kMark};
constexpr PreStep kQwen35{R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|)"
                          R"([^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*|)"
                          R"(\s*[\r\n]+|\s+(?!\S)|\s+)",
                          scan_alternation<kQwen35Rules>};

// The same matches as Qwen2's: \s*[\r\n] ends where \s*[\r\n]+ does.
constexpr AlternationRules kBailingRules{};
constexpr PreStep kBailing{
    R"('(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|)"
    R"(\s*[\r\n]|\s+(?!\S)|\s+)",
    scan_alternation<kBailingRules>};

constexpr AlternationRules kSeedRules{.tail = Tail::kNone};
constexpr PreStep kSeed{
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|)"
    R"([^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1}| ?[^\s\p{L}\p{N}\r\n]+|\s*[\r\n]+|\s+(?!\S)|\s+)",
    scan_alternation<kSeedRules>};

constexpr AlternationRules kExaoneMoeRules{.words = Words::kSpaced, .tail = Tail::kOneNewlineSlash};
constexpr PreStep kExaoneMoe{R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|)"
                             R"([^\r\n\p{L}\p{N}]?(?:\p{L}\p{M}*(?: \p{L}\p{M}*)*)+|\p{N}|)"
                             R"( ?[^\s\p{L}\p{N}]+[\r\n/]?|\s*[\r\n]|\s+(?!\S)|\s+)",
                             scan_alternation<kExaoneMoeRules>};

constexpr AlternationRules kTekkenRules{
    .contractions = Contractions::kNone, .words = Words::kCased, .tail = Tail::kNewlinesSlashes};
constexpr PreStep kTekken{
    R"([^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+|)"
    R"([^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*)"
    R"(|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+)",
    scan_alternation<kTekkenRules>};

constexpr AlternationRules kGpt4oRules{.contractions = Contractions::kSuffix,
                                       .words = Words::kCased,
                                       .digits_max = 3,
                                       .tail = Tail::kNewlinesSlashes};
constexpr PreStep kGpt4o{
    R"([^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|)"
    R"([^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?)"
    R"(|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+)",
    scan_alternation<kGpt4oRules>};

constexpr AlternationRules kGpt4oOneDigitRules{
    .contractions = Contractions::kSuffix, .words = Words::kCased, .tail = Tail::kNewlinesSlashes};
constexpr PreStep kGpt4oOneDigit{
    R"([^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|)"
    R"([^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?)"
    R"(|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+)",
    scan_alternation<kGpt4oOneDigitRules>};

constexpr AlternationRules kKimiRules{.contractions = Contractions::kSuffix,
                                      .han_first = true,
                                      .words = Words::kCasedNotHan,
                                      .digits_max = 3};
constexpr PreStep kKimi{
    R"(\p{sc:Han}+|)"
    R"([^\r\n\p{L}\p{N}]?(?:(?!\p{sc:Han})[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}])*(?:(?!\p{sc:Han})[\p{Ll}\p{Lm}\p{Lo}\p{M}])+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|)"
    R"([^\r\n\p{L}\p{N}]?(?:(?!\p{sc:Han})[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}])+(?:(?!\p{sc:Han})[\p{Ll}\p{Lm}\p{Lo}\p{M}])*(?i:'s|'t|'re|'ve|'m|'ll|'d)?)"
    R"(|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)",
    scan_alternation<kKimiRules>};

constexpr AlternationRules kDeepseek3Rules{.contractions = Contractions::kNone,
                                           .words = Words::kAsciiTail,
                                           .digits_max = 0,
                                           .symbols_only = kPunct | kSymbol};
constexpr PreStep kDeepseek3{R"([!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|)"
                             R"([^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[\r\n]*|)"
                             R"(\s*[\r\n]+|\s+(?!\S)|\s+)",
                             scan_alternation<kDeepseek3Rules>};

// ---- Steps that cut out one kind of character ----

bool in(char32_t c, char32_t first, char32_t last) { return c >= first && c <= last; }

bool is_newline(const ScanChar& c) { return c.code == '\r' || c.code == '\n'; }
bool is_ascii_blank(const ScanChar& c) { return c.code == ' '; }
bool is_not_space(const ScanChar& c) { return !c.is(kSpace); }
bool is_any_of(const ScanChar& c, std::u32string_view set) { return set.find(c.code) != set.npos; }

bool is_default_punct(const ScanChar& c) { return c.is(kPunct) || is_any_of(c, U"$+<=>^~|"); }
bool is_falcon_punct(const ScanChar& c) { return is_default_punct(c) || c.code == '`'; }
// [一-龥぀-ゟ゠-ヿ]
bool is_cjk(const ScanChar& c) { return in(c.code, 0x4E00, 0x9FA5) || in(c.code, 0x3040, 0x30FF); }
// [一-龥ࠀ-一가-퟿]
bool is_wide_cjk(const ScanChar& c) {
  return in(c.code, 0x0800, 0x9FA5) || in(c.code, 0xAC00, 0xD7FF);
}
// [!-/:-~！-／：-～‘-‟　-。]
bool is_deepseek_punct(const ScanChar& c) {
  return in(c.code, '!', '/') || in(c.code, ':', '~') || in(c.code, 0xFF01, 0xFF0F) ||
         in(c.code, 0xFF1A, 0xFF5E) || in(c.code, 0x2018, 0x201F) || in(c.code, 0x3000, 0x3002);
}
bool is_bloom_word(const ScanChar& c) {
  return !c.is(kSpace) && !is_any_of(c, U"(|.,!?…。，、।۔،)");
}
// CJK, Thai, Lao, Khmer, Myanmar and Hangul: scripts written without spaces, and Korean.
bool is_afmoe_script(const ScanChar& c) {
  constexpr std::array kRanges = std::to_array<std::array<char32_t, 2>>({{0x4E00, 0x9FFF},
                                                                         {0x3400, 0x4DBF},
                                                                         {0xF900, 0xFAFF},
                                                                         {0x3040, 0x30FF},
                                                                         {0xFF65, 0xFF9F},
                                                                         {0x2F00, 0x2FDF},
                                                                         {0x0E40, 0x0E7F},
                                                                         {0x0E80, 0x0EFF},
                                                                         {0x1780, 0x17FF},
                                                                         {0x1000, 0x109F},
                                                                         {0xAA60, 0xAA7F},
                                                                         {0xA9E0, 0xA9FF},
                                                                         {0xAC00, 0xD7AF},
                                                                         {0x1100, 0x11FF}});
  return std::ranges::any_of(kRanges, [&](const auto& r) { return in(c.code, r[0], r[1]); });
}
// [가-힣ㄱ-ㆎ]+|[！…“”‘’—：；，、-〿︰-﹏]+|[ㄅ-ㄯ]+|[一-龥぀-ゟ゠-ヿ]+
int youtu_group(const ScanChar& c) {
  if (in(c.code, 0xAC00, 0xD7A3) || in(c.code, 0x3131, 0x318E)) return 1;
  if (is_any_of(c, U"！…“”‘’—：；，") || in(c.code, 0x3001, 0x303F) || in(c.code, 0xFE30, 0xFE4F))
    return 2;
  if (in(c.code, 0x3105, 0x312F)) return 3;
  return is_cjk(c) ? 4 : 0;
}
int newline_group(const ScanChar& c) { return c.code == '\n' ? 1 : 2; }

// The letters with case that the DeepSeek-LLM tokenizer lists one by one.
constexpr std::array kDeepseekCased = std::to_array<std::array<char32_t, 2>>(
    {{0x41, 0x5A},       {0x61, 0x7A},       {0xB5, 0xB5},       {0xC0, 0xD6},
     {0xD8, 0xF6},       {0xF8, 0x1BA},      {0x1BC, 0x1BF},     {0x1C4, 0x293},
     {0x295, 0x2AF},     {0x370, 0x373},     {0x376, 0x376},     {0x377, 0x377},
     {0x37B, 0x37D},     {0x37F, 0x37F},     {0x386, 0x386},     {0x388, 0x38A},
     {0x38C, 0x38C},     {0x38E, 0x3A1},     {0x3A3, 0x3F5},     {0x3F7, 0x481},
     {0x48A, 0x52F},     {0x531, 0x556},     {0x10A0, 0x10C5},   {0x13A0, 0x13F5},
     {0x13F8, 0x13FD},   {0x1C90, 0x1CBA},   {0x1CBD, 0x1CBF},   {0x1D00, 0x1D2B},
     {0x1D6B, 0x1D77},   {0x1D79, 0x1D9A},   {0x1E00, 0x1F15},   {0x1F18, 0x1F1D},
     {0x1F20, 0x1F45},   {0x1F48, 0x1F4D},   {0x1F50, 0x1F57},   {0x1F59, 0x1F59},
     {0x1F5B, 0x1F5B},   {0x1F5D, 0x1F5D},   {0x1F5F, 0x1F7D},   {0x1F80, 0x1FB4},
     {0x1FB6, 0x1FBC},   {0x1FBE, 0x1FBE},   {0x1FC2, 0x1FC4},   {0x1FC6, 0x1FCC},
     {0x1FD0, 0x1FD3},   {0x1FD6, 0x1FDB},   {0x1FE0, 0x1FEC},   {0x1FF2, 0x1FF4},
     {0x1FF6, 0x1FFC},   {0x2102, 0x2102},   {0x2107, 0x2107},   {0x210A, 0x2113},
     {0x2115, 0x2115},   {0x2119, 0x211D},   {0x2124, 0x2124},   {0x2126, 0x2126},
     {0x2128, 0x2128},   {0x212A, 0x212D},   {0x212F, 0x2134},   {0x2139, 0x2139},
     {0x213C, 0x213F},   {0x2145, 0x2149},   {0x214E, 0x214E},   {0x2183, 0x2183},
     {0x2184, 0x2184},   {0x2C00, 0x2C7B},   {0x2C7E, 0x2CE4},   {0x2CEB, 0x2CEE},
     {0x2CF2, 0x2CF2},   {0x2CF3, 0x2CF3},   {0xA640, 0xA66D},   {0xA680, 0xA69B},
     {0xA722, 0xA76F},   {0xA771, 0xA787},   {0xA78B, 0xA78E},   {0xAB70, 0xABBF},
     {0xFB00, 0xFB06},   {0xFB13, 0xFB17},   {0xFF21, 0xFF3A},   {0xFF41, 0xFF5A},
     {0x10400, 0x1044F}, {0x104B0, 0x104D3}, {0x104D8, 0x104FB}, {0x10C80, 0x10CB2},
     {0x10CC0, 0x10CF2}, {0x118A0, 0x118DF}, {0x1E900, 0x1E943}});
bool is_deepseek_cased(const ScanChar& c) {
  return std::ranges::any_of(kDeepseekCased, [&](const auto& r) { return in(c.code, r[0], r[1]); });
}

constexpr PreStep kEachNumber{R"(\p{N})", scan_single<is_number>};
constexpr PreStep kNumbers{R"(\p{N}+)", scan_runs<is_number>};
constexpr PreStep kThreeNumbers{R"(\p{N}{1,3})", scan_up_to_three_numbers};
constexpr PreStep kThreeDigits{"[0-9][0-9][0-9]", scan_three_digits};
constexpr PreStep kEachNewline{"[\\r\\n]", scan_single<is_newline>};
constexpr PreStep kNewlineRuns{"[^\\n]+|[\\n]+", scan_group_runs<newline_group>};
constexpr PreStep kCjk{"[一-龥぀-ゟ゠-ヿ]+", scan_runs<is_cjk>};
constexpr PreStep kWideCjk{R"([\x{4E00}-\x{9FA5}\x{800}-\x{4E00}\x{AC00}-\x{D7FF}]+)",
                           scan_runs<is_wide_cjk>};
constexpr PreStep kBloom{R"( ?[^(\s|.,!?…。，、।۔،)]+)",
                         scan_spaced_runs<is_ascii_blank, is_bloom_word>};
constexpr PreStep kRightGroups{R"(\p{N}{1,3}(?=(?:\p{N}{3})*(?!\p{N})))", scan_right_groups};

constexpr PreStep kStepsGpt2[] = {kGpt2};
constexpr PreStep kStepsLlama3[] = {kLlama3};
constexpr PreStep kStepsQwen2[] = {kQwen2};
constexpr PreStep kStepsQwen35[] = {kQwen35};
constexpr PreStep kStepsTekken[] = {kTekken};
constexpr PreStep kStepsGpt4o[] = {kGpt4o};
constexpr PreStep kStepsKimi[] = {kKimi};
constexpr PreStep kStepsBailing[] = {kBailing};
constexpr PreStep kStepsSeed[] = {kSeed};
constexpr PreStep kStepsExaoneMoe[] = {kExaoneMoe};
constexpr PreStep kStepsJais2[] = {kJais2};
constexpr PreStep kStepsStarcoder[] = {kEachNumber, kGpt2};
constexpr PreStep kStepsDefault[] = {
    {R"([\p{P}\$\+<=>\^~\|]+)", scan_runs<is_default_punct>}, kGpt2, kNumbers, kThreeDigits};
constexpr PreStep kStepsFalcon[] = {
    {R"([\p{P}\$\+<=>\^~\|`]+)", scan_runs<is_falcon_punct>}, kGpt2, kThreeDigits};
constexpr PreStep kStepsDeepseek3[] = {kThreeNumbers, kCjk, kDeepseek3};
constexpr PreStep kStepsDeepseekLlm[] = {
    kEachNewline,
    {R"(\s?[\x{41}-\x{5A}\x{61}-\x{7A}\x{B5}\x{C0}-\x{D6}\x{D8}-\x{F6}\x{F8}-\x{1BA})"
     R"(\x{1BC}-\x{1BF}\x{1C4}-\x{293}\x{295}-\x{2AF}\x{370}-\x{373}\x{376}\x{377})"
     R"(\x{37B}-\x{37D}\x{37F}\x{386}\x{388}-\x{38A}\x{38C}\x{38E}-\x{3A1})"
     R"(\x{3A3}-\x{3F5}\x{3F7}-\x{481}\x{48A}-\x{52F}\x{531}-\x{556}\x{10A0}-\x{10C5})"
     R"(\x{13A0}-\x{13F5}\x{13F8}-\x{13FD}\x{1C90}-\x{1CBA}\x{1CBD}-\x{1CBF})"
     R"(\x{1D00}-\x{1D2B}\x{1D6B}-\x{1D77}\x{1D79}-\x{1D9A}\x{1E00}-\x{1F15})"
     R"(\x{1F18}-\x{1F1D}\x{1F20}-\x{1F45}\x{1F48}-\x{1F4D}\x{1F50}-\x{1F57}\x{1F59})"
     R"(\x{1F5B}\x{1F5D}\x{1F5F}-\x{1F7D}\x{1F80}-\x{1FB4}\x{1FB6}-\x{1FBC}\x{1FBE})"
     R"(\x{1FC2}-\x{1FC4}\x{1FC6}-\x{1FCC}\x{1FD0}-\x{1FD3}\x{1FD6}-\x{1FDB})"
     R"(\x{1FE0}-\x{1FEC}\x{1FF2}-\x{1FF4}\x{1FF6}-\x{1FFC}\x{2102}\x{2107})"
     R"(\x{210A}-\x{2113}\x{2115}\x{2119}-\x{211D}\x{2124}\x{2126}\x{2128})"
     R"(\x{212A}-\x{212D}\x{212F}-\x{2134}\x{2139}\x{213C}-\x{213F}\x{2145}-\x{2149})"
     R"(\x{214E}\x{2183}\x{2184}\x{2C00}-\x{2C7B}\x{2C7E}-\x{2CE4}\x{2CEB}-\x{2CEE})"
     R"(\x{2CF2}\x{2CF3}\x{A640}-\x{A66D}\x{A680}-\x{A69B}\x{A722}-\x{A76F})"
     R"(\x{A771}-\x{A787}\x{A78B}-\x{A78E}\x{AB70}-\x{ABBF}\x{FB00}-\x{FB06})"
     R"(\x{FB13}-\x{FB17}\x{FF21}-\x{FF3A}\x{FF41}-\x{FF5A}\x{10400}-\x{1044F})"
     R"(\x{104B0}-\x{104D3}\x{104D8}-\x{104FB}\x{10C80}-\x{10CB2}\x{10CC0}-\x{10CF2})"
     R"(\x{118A0}-\x{118DF}\x{1E900}-\x{1E943}]+)",
     scan_spaced_runs<is_space, is_deepseek_cased>},
    {R"(\s?[!-/:-~！-／：-～‘-‟\x{3000}-。]+)", scan_spaced_runs<is_space, is_deepseek_punct>},
    {R"(\s+\z)", scan_trailing_spaces},
    kWideCjk,
    kNumbers};
constexpr PreStep kStepsDeepseekCoder[] = {kEachNewline,
                                           {R"(\s?\p{L}+)", scan_spaced_runs<is_space, is_letter>},
                                           {R"(\s?\p{P}+)", scan_spaced_runs<is_space, is_punct>},
                                           kWideCjk,
                                           kEachNumber};
constexpr PreStep kStepsNewlines[] = {kNewlineRuns};
constexpr PreStep kStepsLaguna[] = {kNewlineRuns, kQwen2};
// The original ends in \b; engines differ in what a word is, so it is spelled out.
constexpr PreStep kStepsTinyAya[] = {
    {R"(\d{1,3}(?=(?:\d{3})*(?![\p{L}\p{M}\p{Nd}\p{Nl}\p{Pc}])))", scan_right_groups_at_boundary},
    kGpt4o};
constexpr PreStep kStepsMinicpm5[] = {kThreeNumbers, kAnyDigits};
constexpr PreStep kStepsYoutu[] = {
    {"[가-힣ㄱ-ㆎ]+|[！…“”‘’—：；，、-〿︰-﹏]+|[ㄅ-ㄯ]+|[一-龥぀-"
     "ゟ゠-ヿ]+",
     scan_group_runs<youtu_group>},
    kGpt4oOneDigit};
constexpr PreStep kStepsAfmoe[] = {
    kRightGroups,
    {R"([一-鿿㐀-䶿\x{F900}-\x{FAFF}぀-ゟ゠-ヿ･-ﾟ⼀-\x{2FDF}เ-\x{E7F}\x{E80}-\x{EFF}ក-\x{17FF}က-႟ꩠ-ꩿꧠ-\x{A9FF}가-\x{D7AF}ᄀ-ᇿ]+)",
     scan_runs<is_afmoe_script>},
    kDeepseek3};
constexpr PreStep kStepsBloom[] = {kBloom};
constexpr PreStep kStepsViking[] = {kBloom, kEachNumber};
constexpr PreStep kStepsSuperBpe[] = {kNumbers,
                                      {R"((?=(\d{3})+(?!\d)))", scan_between_right_groups}};
constexpr PreStep kStepsWords[] = {{R"(\S+)", scan_runs<is_not_space>}};
constexpr PreStep kStepsChameleon[] = {{"<sentinel:[0-9]+>"},       {"IMGIMG[A-I]{1,4}Z"},
                                       {R"([\t\n]|    |  )"},       kEachNumber,
                                       {R"([\p{P}!-/:-@\[-`{-~])"}, kGpt2};

constexpr PreTokenizer kTable[] = {
    {.name = "default", .steps = kStepsDefault},
    {.name = "llama3", .steps = kStepsLlama3, .adds_bos = true, .whole_words = true},
    {.name = "llama-v3", .steps = kStepsLlama3, .adds_bos = true, .whole_words = true},
    {.name = "llama-bpe", .steps = kStepsLlama3, .adds_bos = true, .whole_words = true},
    {.name = "falcon3", .steps = kStepsLlama3, .adds_bos = true, .whole_words = true},
    {.name = "falcon-h1", .steps = kStepsLlama3, .adds_bos = true, .whole_words = true},
    {.name = "pixtral", .steps = kStepsLlama3, .adds_bos = true, .whole_words = true},
    {.name = "midm-2.0", .steps = kStepsLlama3, .adds_bos = true, .whole_words = true},
    {.name = "lfm2", .steps = kStepsLlama3, .adds_bos = true, .whole_words = true},
    {.name = "jina-v5-nano", .steps = kStepsLlama3, .adds_bos = true, .whole_words = true},
    {.name = "dbrx", .steps = kStepsLlama3},
    {.name = "smaug-bpe", .steps = kStepsLlama3},
    {.name = "glm4", .steps = kStepsLlama3, .no_bos = true},
    {.name = "chatglm-bpe", .steps = kStepsLlama3, .no_bos = true},
    {.name = "qwen2", .steps = kStepsQwen2},
    {.name = "deepseek-r1-qwen", .steps = kStepsQwen2},
    {.name = "kormo", .steps = kStepsQwen2},
    {.name = "f2llmv2", .steps = kStepsQwen2},
    {.name = "megrez", .steps = kStepsQwen2},
    {.name = "stablelm2", .steps = kStepsQwen2},
    {.name = "hunyuan", .steps = kStepsQwen2},
    {.name = "solar-open", .steps = kStepsQwen2},
    {.name = "grok-2", .steps = kStepsQwen2},
    {.name = "qwen35", .steps = kStepsQwen35},
    {.name = "gpt-2", .steps = kStepsGpt2},
    {.name = "phi-2", .steps = kStepsGpt2},
    {.name = "mpt", .steps = kStepsGpt2},
    {.name = "olmo", .steps = kStepsGpt2},
    {.name = "jais", .steps = kStepsGpt2},
    {.name = "trillion", .steps = kStepsGpt2},
    {.name = "granite-docling", .steps = kStepsGpt2},
    {.name = "exaone4", .steps = kStepsGpt2},
    {.name = "modern-bert", .steps = kStepsGpt2},
    {.name = "gigachat", .steps = kStepsGpt2},
    {.name = "a.x-4.0", .steps = kStepsGpt2},
    {.name = "mellum", .steps = kStepsGpt2},
    {.name = "jina-es", .steps = kStepsGpt2},
    {.name = "jina-de", .steps = kStepsGpt2},
    {.name = "jina-v2-es", .steps = kStepsGpt2},
    {.name = "jina-v2-de", .steps = kStepsGpt2},
    {.name = "jina-v1-en", .steps = kStepsGpt2, .adds_sep = true},
    {.name = "jina-v2-code", .steps = kStepsGpt2, .adds_sep = true},
    {.name = "roberta-bpe", .steps = kStepsGpt2, .adds_sep = true},
    {.name = "starcoder", .steps = kStepsStarcoder},
    {.name = "refact", .steps = kStepsStarcoder},
    {.name = "command-r", .steps = kStepsStarcoder},
    {.name = "smollm", .steps = kStepsStarcoder},
    {.name = "codeshell", .steps = kStepsStarcoder},
    {.name = "exaone", .steps = kStepsStarcoder},
    {.name = "minerva-7b", .steps = kStepsStarcoder},
    {.name = "mellum2", .steps = kStepsStarcoder},
    {.name = "falcon", .steps = kStepsFalcon},
    {.name = "deepseek-v3", .steps = kStepsDeepseek3},
    {.name = "hunyuan-dense", .steps = kStepsDeepseek3},
    {.name = "joyai-llm", .steps = kStepsDeepseek3},
    {.name = "deepseek-llm", .steps = kStepsDeepseekLlm},
    {.name = "deepseek-coder", .steps = kStepsDeepseekCoder},
    {.name = "tekken", .steps = kStepsTekken, .adds_bos = true, .whole_words = true},
    {.name = "gpt-4o", .steps = kStepsGpt4o},
    {.name = "llama4", .steps = kStepsGpt4o},
    {.name = "kanana2", .steps = kStepsGpt4o},
    {.name = "talkie", .steps = kStepsGpt4o},
    {.name = "minimax-m2", .steps = kStepsGpt4o},
    {.name = "granite-embed-multi-97m", .steps = kStepsGpt4o, .whole_words = true},
    {.name = "tiny_aya", .steps = kStepsTinyAya},
    {.name = "cohere2moe", .steps = kStepsTinyAya},
    {.name = "kimi-k2", .steps = kStepsKimi},
    {.name = "gemma4", .steps = kStepsNewlines, .raw = true, .escapes_spaces = true},
    {.name = "granite-embed-multi-311m",
     .steps = kStepsNewlines,
     .raw = true,
     .escapes_spaces = true},
    {.name = "sarvam-moe", .steps = kStepsNewlines, .raw = true, .escapes_spaces = true},
    {.name = "laguna", .steps = kStepsLaguna},
    {.name = "bailingmoe", .steps = kStepsBailing},
    {.name = "bailingmoe2", .steps = kStepsBailing},
    {.name = "llada-moe", .steps = kStepsBailing},
    {.name = "seed-coder", .steps = kStepsSeed},
    {.name = "exaone-moe", .steps = kStepsExaoneMoe},
    {.name = "minicpm5", .steps = kStepsMinicpm5, .whole_words = true},
    {.name = "youtu", .steps = kStepsYoutu, .whole_words = true},
    {.name = "afmoe", .steps = kStepsAfmoe},
    {.name = "bloom", .steps = kStepsBloom},
    {.name = "poro-chat", .steps = kStepsBloom},
    {.name = "gpt3-finnish", .steps = kStepsBloom},
    {.name = "viking", .steps = kStepsViking},
    {.name = "superbpe", .steps = kStepsSuperBpe},
    {.name = "jais-2", .steps = kStepsJais2},
    {.name = "whitespace", .steps = kStepsWords, .raw = true},
    {.name = "chameleon", .steps = kStepsChameleon, .adds_bos = true},
};

}  // namespace

std::span<const PreTokenizer> pre_tokenizers() { return kTable; }

const PreTokenizer* find_pre_tokenizer(std::string_view name) {
  const auto* found = std::ranges::find(kTable, name, &PreTokenizer::name);
  return found == std::end(kTable) ? nullptr : found;
}

const PreTokenizer& default_pre_tokenizer() { return kTable[0]; }

Result<PreSplitter> PreSplitter::create(const PreTokenizer& pre) {
  PreSplitter splitter;
  for (const PreStep& step : pre.steps) {
    if (step.scan != nullptr) {
      splitter.steps_.push_back({step.scan, nullptr});
      continue;
    }
    HEARTH_ASSIGN(Regex regex, Regex::compile(step.regex));
    splitter.steps_.push_back({nullptr, std::make_shared<const Regex>(std::move(regex))});
    splitter.uses_regex_ = true;
  }
  return splitter;
}

}  // namespace hearth::text
