#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "server/discovery/discovery_manager.h"
#include "server/discovery/file_discovery.h"
#include "storage/base/status.h"

namespace server {
namespace {

using ::testing::HasSubstr;

class FakeClock : public base::Clock {
 public:
  int64_t NowMs() const override { return now; }
  int64_t now = base::SystemClock::Get()->NowMs() + 1'000'000;
};

// "source{labels}: address address; ..."
std::string Show(const std::vector<TargetGroup>& groups) {
  std::string out;
  for (const TargetGroup& group : groups) {
    out += std::filesystem::path(group.source).filename().string();
    model::LabelsBuilder labels(group.labels);
    labels.Remove("__meta_filepath");
    out += labels.Build().ToString() + ":";
    for (const model::Labels& target : group.targets)
      out += " " + std::string(target.Get("__address__"));
    out += ";";
  }
  return out;
}

class Discovery : public testing::Test {
 protected:
  Discovery() {
    dir_ = std::filesystem::path(testing::TempDir()) /
           testing::UnitTest::GetInstance()->current_test_info()->name();
    std::filesystem::remove_all(dir_);
    std::filesystem::create_directories(dir_);
  }
  ~Discovery() override { std::filesystem::remove_all(dir_); }

  void Write(const std::string& name, std::string_view text) { std::ofstream(dir_ / name) << text; }
  FileSdConfig Files(const std::string& pattern) { return {.files = {dir_ / pattern}}; }

  std::filesystem::path dir_;
  FakeClock clock_;
};

TEST_F(Discovery, ReadsJsonAndYamlFiles) {
  Write("a.json", R"([{"targets": ["a:1", "a:2"], "labels": {"env": "x"}}])");
  Write("b.yml", "- targets: ['b:1']\n- targets: []\n  labels: {env: y, n: 1}\n");
  FileDiscovery files(Files("*.*"));
  EXPECT_TRUE(files.Poll(clock_.now));
  EXPECT_EQ(Show(files.groups()),
            R"(a.json:0{env="x"}: a:1 a:2;b.yml:0{}: b:1;b.yml:1{env="y", n="1"}:;)");
  EXPECT_EQ(files.groups()[0].labels.Get("__meta_filepath"), (dir_ / "a.json").string());
}

TEST_F(Discovery, SeesNewChangedAndVanishedFiles) {
  FileDiscovery files(Files("*.yml"));
  EXPECT_TRUE(files.Poll(clock_.now));
  EXPECT_FALSE(files.Poll(clock_.now + 1));
  Write("a.yml", "- targets: ['a:1']\n");
  EXPECT_TRUE(files.Poll(clock_.now + 2));
  EXPECT_FALSE(files.Poll(clock_.now + 3));
  Write("a.yml", "- targets: ['a:1', 'a:2']\n");
  EXPECT_TRUE(files.Poll(clock_.now + 4));
  EXPECT_EQ(Show(files.groups()), "a.yml:0{}: a:1 a:2;");
  std::filesystem::remove(dir_ / "a.yml");
  EXPECT_TRUE(files.Poll(clock_.now + 5));
  EXPECT_EQ(Show(files.groups()), "");
}

TEST_F(Discovery, ABadFileKeepsItsLastGoodGroupsAndIsCounted) {
  Write("a.yml", "- targets: ['a:1']\n");
  FileDiscovery files(Files("*.yml"));
  files.Poll(clock_.now);
  Write("a.yml", "- target: ['a:1', 'b:1']\n");
  EXPECT_FALSE(files.Poll(clock_.now + 1));
  EXPECT_EQ(Show(files.groups()), "a.yml:0{}: a:1;");
  EXPECT_EQ(files.stats().read_errors, 1u);
  Write("a.yml", "- targets: ['c:1']\n");
  EXPECT_TRUE(files.Poll(clock_.now + 2));
  EXPECT_EQ(Show(files.groups()), "a.yml:0{}: c:1;");
}

TEST(TargetFile, ErrorsNameThePlace) {
  const auto error = [](std::string path, std::string_view text) {
    return std::string(base::message(ParseTargetFile(path, text).status()));
  };
  EXPECT_EQ(error("f.yml", "- targets: [a]\n  lables: {}\n"),
            "f.yml:2:3: unknown field \"lables\" in [0]; did you mean \"labels\"?");
  EXPECT_EQ(error("f.yml", "- null\n"), "f.yml:1:3: nil target group item found (index 0)");
  EXPECT_EQ(error("f.yml", "a: 1\n"), "f.yml:1:1: must be a list of target groups");
  EXPECT_EQ(error("f.json", " "), "f.json:1:1: unexpected end of JSON input");
  EXPECT_THAT(error("f.json", "[{\"targets\": ['a']}]"), HasSubstr("f.json:1:"));
  EXPECT_EQ(ParseTargetFile("f.yml", "").value().size(), 0u);
}

TEST_F(Discovery, TheManagerTellsAJobsTargetsAtOnceAndThenGathersNews) {
  std::map<std::string, std::string> told;
  int calls = 0;
  DiscoveryManager manager(
      [&](const std::string& job, std::vector<TargetGroup> groups) {
        told[job] = Show(groups);
        ++calls;
      },
      {.update_interval_ms = 5000, .clock = &clock_});
  ScrapeConfig job;
  job.job_name = "j";
  job.static_configs = {{.targets = {"s:1"}, .labels = {{"env", "x"}}}};
  job.file_sd_configs = {Files("*.yml")};
  ScrapeConfig none;
  none.job_name = "none";
  manager.Apply({job, none});
  EXPECT_EQ(told["j"], R"(0{env="x"}: s:1;)");
  EXPECT_EQ(told.count("none"), 1u);
  EXPECT_EQ(calls, 2);

  Write("a.yml", "- targets: ['a:1']\n");
  clock_.now += 1000;
  manager.PollOnce();
  EXPECT_EQ(calls, 2);  // Too soon after the last.
  clock_.now += 4000;
  manager.PollOnce();
  EXPECT_EQ(told["j"], R"(0{env="x"}: s:1;a.yml:0{}: a:1;)");
  EXPECT_EQ(manager.Stats().targets.at("j"), 2u);

  clock_.now += 60'000;
  Write("a.yml", "broken: [");
  manager.PollOnce();
  manager.Apply({job});  // A reload keeps what the file last said.
  EXPECT_EQ(told["j"], R"(0{env="x"}: s:1;a.yml:0{}: a:1;)");
  EXPECT_GE(manager.Stats().file_read_errors, 1u);
  EXPECT_EQ(manager.Stats().targets.count("none"), 0u);
  manager.Start();
  manager.Stop();
  manager.Stop();
}

}  // namespace
}  // namespace server
