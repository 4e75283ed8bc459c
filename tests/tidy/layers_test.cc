// The arrows of the house: which room may include which, and who may touch which library.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <regex>
#include <set>
#include <string>
#include <vector>

namespace {

namespace fs = std::filesystem;
using ::testing::IsEmpty;

struct Source {
  std::string path;  // From the root: "storage/head/head.cc".
  std::string room;
  std::vector<std::string> includes;  // As written, without quotes or brackets.
  size_t lines = 0;
  std::string text;
};

const std::set<std::string> kRooms = {"wal", "storage", "compaction", "promql", "api", "server"};

std::vector<Source> ReadSources() {
  const fs::path root = fs::path(TEST_DIR).parent_path();
  const std::regex include(R"(^\s*#\s*include\s*[<"]([^>"]+)[>"])");
  std::vector<Source> sources;
  for (const std::string& room : kRooms) {
    for (const auto& entry : fs::recursive_directory_iterator(root / room)) {
      const auto extension = entry.path().extension();
      if (extension != ".h" && extension != ".cc") continue;
      Source source{fs::relative(entry.path(), root).string(), room, {}, 0, {}};
      std::ifstream in(entry.path());
      for (std::string line; std::getline(in, line); ++source.lines) {
        std::smatch match;
        if (std::regex_search(line, match, include)) source.includes.push_back(match[1]);
        source.text += line + '\n';
      }
      sources.push_back(std::move(source));
    }
  }
  return sources;
}

const std::vector<Source>& Sources() {
  static const auto* sources = new std::vector<Source>(ReadSources());
  return *sources;
}

TEST(Layers, IncludesGoDownOnly) {
  const std::map<std::string, std::set<std::string>> below = {
      {"wal", {}},
      {"storage", {"wal"}},
      {"compaction", {"storage", "wal"}},
      {"promql", {"storage"}},
      {"api", {"promql", "storage"}},
      {"server", {"api", "promql", "compaction", "storage", "wal"}}};
  std::vector<std::string> wrong;
  for (const Source& source : Sources()) {
    for (const std::string& include : source.includes) {
      const std::string room = include.substr(0, include.find('/'));
      if (!kRooms.contains(room) || room == source.room) continue;
      if (!below.at(source.room).contains(room)) wrong.push_back(source.path + " includes " + include);
    }
  }
  EXPECT_THAT(wrong, IsEmpty());
}

TEST(Layers, PromqlSeesStorageThroughItsDoorOnly) {
  const std::regex allowed("storage/((querier|change_log)\\.h|model/.*|chunk/(chunk|thin)\\.h|base/.*)");
  std::vector<std::string> wrong;
  for (const Source& source : Sources()) {
    if (source.room != "promql") continue;
    for (const std::string& include : source.includes) {
      if (include.starts_with("storage/") && !std::regex_match(include, allowed)) {
        wrong.push_back(source.path + " includes " + include);
      }
    }
  }
  EXPECT_THAT(wrong, IsEmpty());
}

TEST(Layers, LibrariesStayBehindTheirDoors) {
  const std::vector<std::pair<std::regex, std::regex>> doors = {
      {std::regex("rocksdb/.*"), std::regex("storage/block/.*\\.cc")},
      {std::regex("boost/(beast|asio).*"), std::regex("(api/http_server|server/http_client)\\.cc")},
      {std::regex("re2/.*"), std::regex("(storage/model/.*|server/relabel|api/.*)\\.cc|promql/testing/.*")},
      {std::regex("libfyaml\\.h"), std::regex("server/.*\\.cc")}};
  std::vector<std::string> wrong;
  for (const Source& source : Sources()) {
    for (const std::string& include : source.includes) {
      for (const auto& [library, users] : doors) {
        if (std::regex_match(include, library) && !std::regex_match(source.path, users)) {
          wrong.push_back(source.path + " includes " + include);
        }
      }
    }
  }
  EXPECT_THAT(wrong, IsEmpty());
}

TEST(Layers, EveryHeaderIsGuardedAndEverySourceIncludesItsOwnHeaderFirst) {
  std::vector<std::string> wrong;
  for (const Source& source : Sources()) {
    if (source.path.ends_with(".h")) {
      if (source.text.find("#pragma once") == std::string::npos) wrong.push_back(source.path);
      continue;
    }
    const std::string header = source.path.substr(0, source.path.size() - 2) + "h";
    const fs::path root = fs::path(TEST_DIR).parent_path();
    if (fs::exists(root / header) && (source.includes.empty() || source.includes[0] != header)) {
      wrong.push_back(source.path + " does not include " + header + " first");
    }
  }
  EXPECT_THAT(wrong, IsEmpty());
}

TEST(Layers, EveryRoomHasAReadme) {
  const fs::path root = fs::path(TEST_DIR).parent_path();
  for (const std::string& room : kRooms) EXPECT_TRUE(fs::exists(root / room / "README.md")) << room;
  EXPECT_TRUE(fs::exists(root / "tests/README.md"));
  EXPECT_TRUE(fs::exists(root / "bench/README.md"));
}

TEST(Layers, FilesStayReadable) {
  std::vector<std::string> wrong;
  for (const Source& source : Sources()) {
    if (source.lines > 900) wrong.push_back(source.path + ": " + std::to_string(source.lines) + " lines");
  }
  EXPECT_THAT(wrong, IsEmpty());
}

TEST(Words, EachRoomSpeaksItsOwnLanguage) {
  // Words that say a line stands in the wrong room, and where it belongs.
  struct Rule {
    std::string room;
    std::regex words;
    std::string instead;
  };
  const std::vector<Rule> rules = {
      {"wal", std::regex("\\b(labels?|series|sample|chunk)\\b", std::regex::icase), "storage/head/record"},
      {"storage", std::regex("\\b(http|promql|alert)\\b", std::regex::icase), "api, promql or server"},
      {"compaction", std::regex("\\b(rocksdb|http)\\b", std::regex::icase), "storage/block"},
      {"promql", std::regex("\\b(rocksdb|http_|json_writer)\\b", std::regex::icase), "storage or api"},
      {"api", std::regex("\\brocksdb\\b", std::regex::icase), "storage/block"}};
  std::vector<std::string> wrong;
  const std::regex comment("//[^\n]*");
  for (const Source& source : Sources()) {
    const std::string code = std::regex_replace(source.text, comment, "");
    for (const Rule& rule : rules) {
      std::smatch match;
      if (rule.room == source.room && source.path.find("storage/block") != 0 &&
          std::regex_search(code, match, rule.words)) {
        wrong.push_back(source.path + " says \"" + match[0].str() + "\": " + rule.instead);
      }
    }
  }
  EXPECT_THAT(wrong, IsEmpty());
}

}  // namespace
