#include "promql/text.h"

#include <cmath>

#include <gtest/gtest.h>

namespace promql {
namespace {

TEST(Text, DecodesRunesAndMarksBrokenBytes) {
  const auto decode = [](std::string_view s) {
    int size = -1;
    const int32_t rune = DecodeRune(s, &size);
    return std::pair(rune, size);
  };
  EXPECT_EQ(decode(""), std::pair(kEndOfText, 0));
  EXPECT_EQ(decode("a"), std::pair(int32_t{'a'}, 1));
  EXPECT_EQ(decode("éa"), std::pair(0xE9, 2));
  EXPECT_EQ(decode("€"), std::pair(0x20AC, 3));
  EXPECT_EQ(decode("😀"), std::pair(0x1F600, 4));
  for (const std::string_view broken : {"\x80", "\xC3", "\xC3(", "\xC0\x80", "\xE0\x80\x80",
                                        "\xED\xA0\x80", "\xF4\x90\x80\x80", "\xFF", "\xE2\x82"}) {
    EXPECT_EQ(decode(broken), std::pair(kRuneError, 1));
  }
}

TEST(Text, AppendsWhatItDecodes) {
  for (const int32_t rune :
       {0x0, 0x7F, 0x80, 0x7FF, 0x800, 0xD7FF, 0xE000, 0xFFFF, 0x10000, 0x10FFFF}) {
    std::string s;
    AppendRune(&s, rune);
    int size = 0;
    EXPECT_EQ(DecodeRune(s, &size), rune);
    EXPECT_EQ(size, static_cast<int>(s.size()));
  }
  std::string s;
  AppendRune(&s, 0xD800);
  AppendRune(&s, -1);
  EXPECT_EQ(s, "\xEF\xBF\xBD\xEF\xBF\xBD");
}

TEST(Text, QuotesAsGoDoes) {
  EXPECT_EQ(Quote("a\"\\\n\x01\xff é"), R"("a\"\\\n\x01\xff é")");
  EXPECT_EQ(QuoteRune('a'), "'a'");
  EXPECT_EQ(QuoteRune('\''), "'\\''");
  EXPECT_EQ(QuoteRune('"'), "'\"'");
  EXPECT_EQ(QuoteRune('\\'), "'\\\\'");
  EXPECT_EQ(QuoteRune('\n'), "'\\n'");
  EXPECT_EQ(QuoteRune(kEndOfText), "'\xEF\xBF\xBD'");
  EXPECT_EQ(UnicodeName('.'), "U+002E '.'");
  EXPECT_EQ(UnicodeName('\n'), "U+000A");
  EXPECT_EQ(UnicodeName(0x1F600), "U+1F600 '😀'");
  EXPECT_EQ(QuotePrefix("éééé", 2), "\"éé\"");
}

TEST(Text, UnquotesAllThreeKinds) {
  EXPECT_EQ(Unquote(R"("a\tb\"'")"), "a\tb\"'");
  EXPECT_EQ(Unquote(R"('a\'"')"), "a'\"");
  EXPECT_EQ(Unquote("`a\\n\"'`"), "a\\n\"'");
  EXPECT_EQ(Unquote("\"\\x41\\101\\u00e9\\U0001F600\""), "AAé😀");
  EXPECT_EQ(Unquote(R"("\xff")"), "\xff");
  for (const std::string_view bad : {"", "\"", "a", "'a\"", "\"a\"b\"", R"("\'")", R"("\q")",
                                     R"("\x4")", R"("\400")", R"("\")", "\"\n\"", "`a`b`", R"("\U00110000")"}) {
    EXPECT_EQ(Unquote(bad), std::nullopt) << bad;
  }
}

TEST(Text, ReadsNumbersWithTheirBases) {
  const auto value = [](std::string_view s) { return ReadNumber(s).value.value_or(-999); };
  EXPECT_EQ(value("12"), 12);
  EXPECT_EQ(value("0x1F"), 31);
  EXPECT_EQ(value("0755"), 493);
  EXPECT_EQ(value("0"), 0);
  EXPECT_EQ(value("08"), 8);
  EXPECT_EQ(value("1_000"), 1000);
  EXPECT_EQ(value("0x_ff"), 255);
  EXPECT_EQ(value("5."), 5);
  EXPECT_EQ(value(".5"), 0.5);
  EXPECT_EQ(value("1_0.5e1_0"), 10.5e10);
  EXPECT_EQ(value("9223372036854775808"), 9223372036854775808.0);
  EXPECT_TRUE(std::isinf(value("iNF")));
  EXPECT_TRUE(std::isnan(value("nan")));
  EXPECT_EQ(ReadNumber("1e999").error, "value out of range");
  EXPECT_EQ(ReadNumber("0x").error, "invalid syntax");
  EXPECT_EQ(ReadNumber("1__0").error, "invalid syntax");
  EXPECT_EQ(ReadNumber("").error, "invalid syntax");
}

}  // namespace
}  // namespace promql
