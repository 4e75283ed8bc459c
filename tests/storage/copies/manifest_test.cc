#include "storage/copies/manifest.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "storage/base/status.h"

namespace storage {
namespace {

using ::testing::HasSubstr;

BackupManifest Example() {
  return {"20261129T101112Z-0123456789abcdef",
          1'795'948'272'000,
          {{"FORMAT", {23, {0x0123456789abcdef, 0xfedcba9876543210}}, ""},
           {"blocks/000012.sst", {4096, {1, 2}}, "00112233445566778899aabbccddeeff0011223344556677"},
           {"wal/checkpoint.00000003/00000000", {0, {0, 0}}, ""}}};
}

// These bytes lie on disks: they must be read for ever.
constexpr char kText[] =
    "tidemark backup 1\n"
    "name 20261129T101112Z-0123456789abcdef\n"
    "time 1795948272000\n"
    "file 23 fedcba98765432100123456789abcdef - FORMAT\n"
    "file 4096 00000000000000020000000000000001 "
    "00112233445566778899aabbccddeeff0011223344556677 blocks/000012.sst\n"
    "file 0 00000000000000000000000000000000 - wal/checkpoint.00000003/00000000\n"
    "end 3 ";

TEST(BackupManifest, IsTextAsTheReadmeHasIt) {
  const std::string text = Example().ToText();
  EXPECT_THAT(text, ::testing::StartsWith(kText));
  EXPECT_EQ(text.size(), sizeof kText - 1 + 9);
  const auto back = BackupManifest::Parse(text);
  ASSERT_TRUE(back.ok()) << back.status();
  EXPECT_EQ(back->name, Example().name);
  EXPECT_EQ(back->time_ms, Example().time_ms);
  EXPECT_EQ(back->files, Example().files);
  EXPECT_EQ(back->bytes(), 4119);
}

TEST(BackupManifest, AnyOtherByteIsDamage) {
  const std::string text = Example().ToText();
  for (size_t i = 0; i < text.size(); ++i) {
    EXPECT_FALSE(BackupManifest::Parse(text.substr(0, i)).ok()) << i;
    for (const int flip : {1, 2, 32, 128}) {
      std::string other = text;
      other[i] = static_cast<char>(other[i] ^ flip);
      EXPECT_FALSE(BackupManifest::Parse(other).ok()) << i << ": " << other[i];
    }
  }
  EXPECT_FALSE(BackupManifest::Parse(text + "\n").ok());
}

TEST(BackupManifest, NamesNoFileOutsideOfTheBackup) {
  for (const char* path : {"", "/etc/passwd", "../x", "a/../../x", "a/..", "a//b", "a/", "./a",
                           "a\nb", "a\x7f"}) {
    BackupManifest manifest = Example();
    manifest.files = {{path, {1, {1, 1}}, ""}};
    EXPECT_FALSE(BackupManifest::Parse(manifest.ToText()).ok()) << path;
  }
  BackupManifest twice = Example();
  twice.files[1] = twice.files[0];
  EXPECT_FALSE(BackupManifest::Parse(twice.ToText()).ok());
}

TEST(BackupManifest, OfANewerVersionIsToldApart) {
  const auto newer = BackupManifest::Parse("tidemark backup 2\nwhatever\n");
  EXPECT_TRUE(absl::IsFailedPrecondition(newer.status()));
  EXPECT_THAT(std::string(base::message(newer.status())), HasSubstr("newer than 1"));
}

}  // namespace
}  // namespace storage
