#include "storage/block/sealed_row.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

#include <absl/strings/escaping.h>

#include "tests/testing/seed.h"
#include "tests/testing/window_figures.h"

namespace storage::block {
namespace {

using ::testing::IsEmpty;
using Kind = PartNote::Kind;

std::string Hex(std::string_view bytes) {
  return absl::BytesToHexString({bytes.data(), bytes.size()});
}

std::string RowOf(std::span<const double> values) {
  std::string row;
  AppendSealedRow("key", {3, 7}, values, &row);
  return row;
}

std::vector<Kind> KindsOf(std::span<const double> values) {
  SealedRow row;
  const std::string bytes = RowOf(values);
  EXPECT_TRUE(row.Parse("key", bytes));
  std::vector<Kind> kinds;
  for (const PartNote& note : row.notes()) kinds.push_back(note.kind);
  return kinds;
}

TEST(SealedRow, BytesStayWhatTheyAre) {
  const std::vector<double> few(600, 5);  // As format 2 and 3 had them, however many.
  EXPECT_EQ(Hex(RowOf(few)), "0307d80403030300000a00000a00000a41f5f1ec");
  std::vector<double> many;
  for (int i = 0; i < 1024; ++i) many.push_back(i < 512 ? i : i * 7919 % 1000 * 512);
  const std::string row = RowOf(many);
  EXPECT_EQ(Hex(row.substr(0, 12)), "030780480708504d09000000");
  // Two that rise, two with extremes: 1 and 998, 0 and 997, in units of 512.
  EXPECT_EQ(Hex(row.substr(row.size() - 12)), "a59002e50701e50721b8ab29");
}

TEST(SealedRow, RowsOfFormatThreeAreReadAndHaveNoNotes) {
  const std::string old = absl::HexStringToBytes(
      "0307cc08030303030300000a00000a00000a00000a00000a5ea81025");
  SealedRow row;
  ASSERT_TRUE(row.Parse("key", old));
  EXPECT_EQ(row.size(), 1100u);
  EXPECT_THAT(row.notes(), IsEmpty());
  std::vector<double> values;
  ASSERT_TRUE(row.Read(0, row.size(), &values));
  EXPECT_EQ(values, std::vector<double>(1100, 5));
}

TEST(SealedRow, NotesWhatRisesAndOtherwiseTheExtremes) {
  std::vector<double> values;
  for (int i = 0; i < 2000; ++i) values.push_back(i);
  EXPECT_EQ(KindsOf(values), std::vector<Kind>(8, Kind::kRising));
  values[256 * 3] = 0;  // Lower than what was before: the part before and this one do not rise.
  std::vector<Kind> want(8, Kind::kRising);
  want[2] = want[3] = Kind::kNone;  // Both are packed in a few bytes.
  EXPECT_EQ(KindsOf(values), want);
  std::mt19937 random(1);
  for (int i = 256 * 4; i < 256 * 7; ++i) values[i] = random() % 1000 / 100.0;
  values[256 * 5 + 9] = -0.0;
  values[256 * 6 + 9] = model::StaleNan();
  want[4] = Kind::kExtremes;
  want[5] = want[6] = Kind::kNone;
  EXPECT_EQ(KindsOf(values), want);
  EXPECT_THAT(KindsOf(std::span(values).first(700)), IsEmpty());
}

TEST(SealedRow, FalseNotesAreKnown) {
  std::mt19937 random(2);
  std::vector<double> values;
  for (int i = 0; i < 2000; ++i) values.push_back(i < 1000 ? i : random() % 1000 / 8.0);
  const std::vector<uint64_t> sizes(8, 100);
  const std::vector<PartNote> notes = MakeNotes(values, 256, sizes);
  ASSERT_TRUE(NotesAreTrue(notes, values, 256));
  for (size_t i = 0; i < values.size(); ++i) {
    if (notes[i / 256].kind == Kind::kNone) continue;
    std::vector<double> others = values;
    others[i] = -1;
    if (i > 0) {
      EXPECT_FALSE(NotesAreTrue(notes, others, 256)) << i;
    }
    others[i] = model::NormalNan();
    EXPECT_FALSE(NotesAreTrue(notes, others, 256)) << i;
  }
  for (size_t i = 0; i < notes.size(); ++i) {
    if (notes[i].kind != Kind::kExtremes) continue;
    std::vector<PartNote> others = notes;
    others[i].greatest += 1;
    EXPECT_FALSE(NotesAreTrue(others, values, 256));
  }
}

TEST(SealedRow, NotesComeBackToTheBit) {
  std::mt19937_64 random(3);
  for (int round = 0; round < 2000; ++round) {
    std::vector<PartNote> notes(1 + random() % 32);
    const int exponent = static_cast<int>(random() % 4), shift = static_cast<int>(random() % 20);
    const int64_t most = int64_t{1} << (1 + random() % 52);
    const auto number = [&] {
      const int64_t n = static_cast<int64_t>(random() % static_cast<uint64_t>(most)) - most / 2;
      return static_cast<double>(n >> shift << shift) / std::pow(10, exponent);
    };
    for (PartNote& note : notes) {
      note.kind = static_cast<Kind>(random() % 3);
      if (note.kind != Kind::kExtremes) continue;
      note.least = number();
      note.greatest = number();
      if (note.greatest < note.least) std::swap(note.least, note.greatest);
    }
    std::string bytes;
    AppendNotes(notes, &bytes);
    std::string_view in = bytes;
    std::vector<PartNote> back;
    ASSERT_TRUE(TakeNotes(&in, notes.size(), &back));
    EXPECT_TRUE(in.empty());
    int lost = 0;
    for (size_t i = 0; i < notes.size(); ++i) {
      if (back[i] == notes[i]) continue;
      EXPECT_EQ(back[i].kind, Kind::kNone);
      ++lost;
    }
    if (most < int64_t{1} << 40) {
      EXPECT_EQ(lost, 0);
    }
    for (size_t cut = 0; cut < bytes.size(); ++cut) {
      std::string_view part = std::string_view(bytes).substr(0, cut);
      EXPECT_FALSE(TakeNotes(&part, notes.size(), &back));
    }
  }
}

// Of any row, whatever is left out or answered by a note.
TEST(SealedRow, FiguresOfWindowsAreTheSameToTheBit) {
  const uint32_t seed = testing_support::Seed();
  SCOPED_TRACE(seed);
  std::mt19937 random(seed);
  size_t thin_samples = 0, all_samples = 0;
  for (int round = 0; round < 300; ++round) {
    const int n = 1 + static_cast<int>(random() % 4000);
    int kind = static_cast<int>(random() % 8);
    chunk::SampleColumns all;
    double value = 1;
    for (int i = 0; i < n; ++i) {
      if (random() % 600 == 0) kind = static_cast<int>(random() % 8);
      value = testing_support::NextValue(random, kind, value);
      all.times.push_back(i * 1000 + static_cast<int64_t>(random() % 3));
      all.values.push_back(value);
    }
    SealedRow row;
    const std::string bytes = RowOf(all.values);
    ASSERT_TRUE(row.Parse("key", bytes));
    ASSERT_TRUE(NotesAreTrue(row.notes(), all.values, kPart));
    for (int i = 0; i < 5; ++i) {
      const chunk::Windows windows = testing_support::RandomWindows(random, 0, 1000, n);
      chunk::SampleColumns thin;
      ASSERT_TRUE(row.ReadThin(all.times.data(), windows, &thin));
      ASSERT_EQ(testing_support::Figures(thin, windows), testing_support::Figures(all, windows))
          << "round " << round << " want " << static_cast<int>(windows.want);
      thin_samples += thin.size();
      all_samples += all.size();
    }
  }
  EXPECT_LT(thin_samples, all_samples / 4);
}

}  // namespace
}  // namespace storage::block
