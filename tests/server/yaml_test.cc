#include "server/config/yaml.h"

#include <gtest/gtest.h>

#include "storage/base/status.h"

namespace server {
namespace {

// The tree printed again, or the error.
std::string Read(std::string_view text, YamlSyntax syntax = YamlSyntax::kYaml) {
  const auto node = ParseYaml(text, "f.yml", syntax);
  return node.ok() ? PrintYaml(*node) : std::string(base::message(node.status()));
}

TEST(Yaml, ReadsWhatPeopleWrite) {
  EXPECT_EQ(Read("a: 1\nb:\n  - x\n  - k: 'z'\n    w: [1, 2]\nc: {}\nd:\n"),
            "a: 1\nb:\n- x\n- k: z\n  w:\n  - 1\n  - 2\nc: {}\nd: null\n");
  EXPECT_EQ(Read("text: |\n  one\n  two\n"), "text: \"one\\ntwo\\n\"\n");
  EXPECT_EQ(Read("- - 1\n  - 2\n- []\n"), "- - 1\n  - 2\n- []\n");
  EXPECT_EQ(Read(""), "null\n");
  EXPECT_EQ(Read(" \n\n"), "null\n");
  EXPECT_EQ(Read("# only words\n"), "null\n");
  EXPECT_EQ(Read("---\na: 1\n...\n"), "a: 1\n");
}

TEST(Yaml, QuotesAndBracketsMayGoOnAtAnyColumn) {
  EXPECT_EQ(Read("a:\n  b: \"x\n  y\nz\"\n  c: 'x\n  y'\n"), "a:\n  b: x y z\n  c: x y\n");
  EXPECT_EQ(Read("a:\n- b: [\n1,\n 2\n]\n"), "a:\n- b:\n  - 1\n  - 2\n");
}

TEST(Yaml, KnowsWhereThingsStand) {
  const auto node = ParseYaml("a: 1\nlist:\n  - b:   word\n", "f.yml");
  ASSERT_TRUE(node.ok()) << node.status();
  const YamlNode& b = node->Find("list")->items[0];
  EXPECT_EQ(b.keys[0].line, 3);
  EXPECT_EQ(b.keys[0].column, 5);
  EXPECT_EQ(b.items[0].line, 3);
  EXPECT_EQ(b.items[0].column, 10);
}

TEST(Yaml, TellsQuotedFromPlain) {
  const auto node = ParseYaml("a: true\nb: 'true'\nc: ''\nd: !!str 1\n", "f.yml");
  ASSERT_TRUE(node.ok());
  EXPECT_TRUE(node->Find("a")->plain);
  EXPECT_FALSE(node->Find("b")->plain);
  EXPECT_TRUE(node->Find("c")->is_scalar());
  EXPECT_FALSE(node->Find("d")->plain);
}

TEST(Yaml, ResolvesAnchorsAndMergeKeys) {
  EXPECT_EQ(Read("base: &b {x: 1, z: 2}\nt:\n  <<: *b\n  z: 3\n"),
            "base:\n  x: 1\n  z: 2\nt:\n  z: 3\n  x: 1\n");
  EXPECT_EQ(Read("a: &v word\nb: *v\n"), "a: word\nb: word\n");
  EXPECT_EQ(Read("a: *nobody\n"), "f.yml:1:5: alias *nobody names no anchor before it");
  EXPECT_EQ(Read("t:\n  <<: 1\n"),
            "f.yml:2:3: map merge requires map or sequence of maps as the value");
}

TEST(Yaml, NamesThePlaceOfAnError) {
  EXPECT_EQ(Read("a: 1\na: 2\n"), "f.yml:2:1: key \"a\" already set in map");
  EXPECT_EQ(Read("a: 1\n---\nb: 2\n"), "f.yml:3:1: more than one YAML document");
  for (const char* text : {"a: [1, 2\n", "a:\n\t- b\n", "a: 'x\n", "a: b: c\n", "{", "@x"}) {
    const std::string error = Read(text);
    EXPECT_EQ(error.rfind("f.yml:", 0), 0u) << text << " -> " << error;
  }
  EXPECT_EQ(Read("a: 1\n\xff: 2\n"), "f.yml:2:1: not UTF-8");
  EXPECT_EQ(Read("%\xcd\xcd"), "f.yml:1:1: not UTF-8");  // Would never end in libfyaml.
  EXPECT_EQ(Read(std::string_view("a: 1\nb\0c", 8)), "f.yml:2:1: a NUL byte");
}

TEST(Yaml, KeepsItsLimits) {
  EXPECT_NE(Read(std::string(100, '[')).find("f.yml:1:"), std::string::npos);
  std::string deep;
  for (int i = 0; i < 80; ++i) deep += std::string(i, ' ') + "a:\n";
  EXPECT_NE(Read(deep).find("nested deeper than 64 levels"), std::string::npos);
  std::string laughs = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n";
  for (int i = 1; i < 20; ++i) {
    laughs += fmt::format("a{}: &a{} [", i, i);
    for (int k = 0; k < 10; ++k) laughs += fmt::format("{}*a{}", k ? ", " : "", i - 1);
    laughs += "]\n";
  }
  EXPECT_NE(Read(laughs).find("anchors and aliases expand to too much"), std::string::npos);
  std::string fat = "a: &a '" + std::string(1 << 20, 'x') + "'\nb:\n";
  for (int i = 0; i < 100; ++i) fat += "- *a\n";
  EXPECT_NE(Read(fat).find("anchors and aliases expand to too much"), std::string::npos);
}

TEST(Yaml, ReadsJsonStrictly) {
  EXPECT_EQ(Read(R"([{"targets": ["a:1"], "labels": {"x": "1"}}])", YamlSyntax::kJson),
            "- targets:\n  - a:1\n  labels:\n    x: \"1\"\n");
  EXPECT_NE(Read("- targets: [a]\n", YamlSyntax::kJson).find("f.yml:1:"), std::string::npos);
}

TEST(Yaml, PrintsStringsSoThatTheyReadBackTheSame) {
  for (const char* text :
       {"plain", "12",    "-3.5",  "1e3",        "0x1f",  "true",  "no",  "~",   "",
        "null",  "a: b",  "a #b",  "#a",         "'q'",   "\"d\"", "- x", "-x",  "*a",
        "a:",    " lead", "tail ", "two\nlines", "tab\t", "é",     "[a]", "{b}", "%x",
        "@y",    "`z",    "5m",    "<secret>",   "(.*)",  "$1",    "?x",  "|",   ">",
        "!t",    "&n",    "=",     "<<",         "1:30",  "...",   "---"}) {
    YamlNode map = YamlNode::Mapping();
    map.Add(text, YamlNode::Scalar(text));
    const std::string printed = PrintYaml(map);
    const auto back = ParseYaml(printed, "f.yml");
    ASSERT_TRUE(back.ok()) << printed << back.status();
    ASSERT_EQ(back->keys.size(), 1u) << printed;
    EXPECT_EQ(back->keys[0].name, text) << printed;
    EXPECT_EQ(back->items[0].text, text) << printed;
    EXPECT_TRUE(back->items[0].is_scalar()) << printed;
  }
}

}  // namespace
}  // namespace server
