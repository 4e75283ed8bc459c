// Runs a fuzz target where libFuzzer is not to be had: first every seed as it is, then random
// mutations of them until the time is up. Takes libFuzzer's -max_total_time=N and -seed=N, and files
// or directories of seeds. A crash leaves the input in ./crash-<target>.
#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <string>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

namespace {

std::string current;        // What is being run, for the crash handler.
std::string program_name;

void OnCrash(int signal) {
  const std::string path = "crash-" + program_name;
  if (FILE* f = std::fopen(path.c_str(), "wb")) {
    std::fwrite(current.data(), 1, current.size(), f);
    std::fclose(f);
  }
  std::fprintf(stderr, "input of %zu bytes written to %s\n", current.size(), path.c_str());
  std::signal(signal, SIG_DFL);
  std::raise(signal);
}

void Run(const std::string& input) {
  current = input;
  LLVMFuzzerTestOneInput(reinterpret_cast<const uint8_t*>(input.data()), input.size());
}

std::string Mutate(const std::vector<std::string>& seeds, std::mt19937_64& random) {
  const auto below = [&](size_t n) { return n == 0 ? 0 : random() % n; };
  std::string s = seeds[below(seeds.size())];
  for (size_t edits = 1 + below(8); edits > 0; --edits) {
    switch (below(7)) {
      case 0: if (!s.empty()) s[below(s.size())] ^= static_cast<char>(1u << below(8)); break;
      case 1: if (!s.empty()) s[below(s.size())] = static_cast<char>(random()); break;
      case 2: s.insert(below(s.size() + 1), 1, static_cast<char>(random())); break;
      case 3: if (!s.empty()) s.erase(below(s.size()), 1 + below(16)); break;
      case 4: s.resize(below(s.size() + 1)); break;
      case 5: {  // A piece of another seed.
        const std::string& other = seeds[below(seeds.size())];
        const size_t from = below(other.size() + 1);
        s.insert(below(s.size() + 1), other.substr(from, below(64)));
        break;
      }
      case 6: {  // Numbers that like to break things.
        constexpr uint64_t kEvil[] = {0, 0x7f, 0x80, 0xff, 0xffff, 0x7fffffff, 0xffffffff,
                                      0x7fffffffffffffff, 0xffffffffffffffff};
        const uint64_t v = kEvil[below(std::size(kEvil))];
        const size_t n = size_t{1} << below(4), at = below(s.size() + 1);
        s.replace(at, std::min(n, s.size() - at), reinterpret_cast<const char*>(&v), n);
        break;
      }
    }
  }
  if (s.size() > 1 << 16) s.resize(1 << 16);
  return s;
}

}  // namespace

int main(int argc, char** argv) {
  program_name = std::filesystem::path(argv[0]).filename().string();
  double seconds = 3;
  uint64_t seed = std::random_device()();
  std::vector<std::string> seeds = {""};
  const auto load = [&](const std::filesystem::path& path) {
    std::ifstream in(path, std::ios::binary);
    seeds.emplace_back(std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>());
  };
  for (int i = 1; i < argc; ++i) {
    const std::string arg = argv[i];
    if (arg.starts_with("-max_total_time=")) {
      seconds = std::atof(arg.c_str() + std::strlen("-max_total_time="));
    } else if (arg.starts_with("-seed=")) {
      seed = std::strtoull(arg.c_str() + std::strlen("-seed="), nullptr, 10);
    } else if (std::filesystem::is_directory(arg)) {
      for (const auto& entry : std::filesystem::directory_iterator(arg)) load(entry.path());
    } else if (std::filesystem::is_regular_file(arg)) {
      load(arg);
    }
  }
  std::printf("%s: seed %llu, %zu seed inputs\n", program_name.c_str(),
              static_cast<unsigned long long>(seed), seeds.size());
  std::fflush(stdout);
  for (const int signal : {SIGSEGV, SIGABRT, SIGFPE, SIGILL, SIGBUS}) std::signal(signal, OnCrash);
  for (const std::string& input : seeds) Run(input);
  std::mt19937_64 random(seed);
  const auto end = std::chrono::steady_clock::now() + std::chrono::duration<double>(seconds);
  uint64_t runs = 0;
  while (std::chrono::steady_clock::now() < end) {
    for (int i = 0; i < 16; ++i, ++runs) Run(Mutate(seeds, random));
  }
  std::printf("%s: %llu inputs\n", program_name.c_str(), static_cast<unsigned long long>(runs));
}
