// Where test scripts lie: the project's own, and Prometheus' when they are at hand.
#pragma once

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

namespace promql_test {

inline std::filesystem::path OwnScripts() {
  return std::filesystem::path(TEST_DIR) / "promql" / "scripts";
}

// Named by PROMQLTEST_DIR, or beside the source tree. Need not exist.
inline std::filesystem::path SharedScripts() {
  if (const char* named = std::getenv("PROMQLTEST_DIR")) return named;
  return std::filesystem::path(TEST_DIR) / ".." / ".." / "shared" / "promqltest";
}

// Sorted; none when there is no such folder.
inline std::vector<std::filesystem::path> ScriptsIn(const std::filesystem::path& folder) {
  std::vector<std::filesystem::path> paths;
  if (!std::filesystem::is_directory(folder)) return paths;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    if (entry.path().extension() == ".test") paths.push_back(entry.path());
  }
  std::ranges::sort(paths);
  return paths;
}

inline std::string ReadFile(const std::filesystem::path& path) {
  std::ifstream in(path);
  std::stringstream text;
  text << in.rdbuf();
  return text.str();
}

}  // namespace promql_test
