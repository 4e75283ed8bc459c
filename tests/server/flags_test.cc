#include "server/flags.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "storage/base/status.h"

namespace server {
namespace {

using ::testing::ElementsAre;

Flags Must(std::vector<std::string> args) {
  auto flags = Flags::Parse(args);
  EXPECT_TRUE(flags.ok()) << flags.status();
  return flags.ok() ? *flags : *Flags::Parse({});
}
std::string ErrorOf(std::vector<std::string> args) {
  const auto flags = Flags::Parse(args);
  return flags.ok() ? "" : std::string(base::message(flags.status()));
}

TEST(Flags, HavePrometheusDefaultsAndARetentionOfThirtyDays) {
  const Flags flags = Must({});
  EXPECT_EQ(flags.String("config.file"), "prometheus.yml");
  EXPECT_THAT(flags.List("web.listen-address"), ElementsAre("0.0.0.0:9090"));
  EXPECT_EQ(flags.DurationMs("query.lookback-delta"), 300'000);
  EXPECT_EQ(flags.Int("query.max-samples"), 50'000'000);
  EXPECT_EQ(flags.DurationMs("storage.tsdb.retention.time"), 30ll * 86400 * 1000);
  EXPECT_EQ(flags.Bytes("storage.tsdb.wal-segment-size"), 128u << 20);
  EXPECT_FALSE(flags.Bool("web.enable-lifecycle"));
  EXPECT_TRUE(flags.Warnings().empty());
}

TEST(Flags, AreReadInEveryWayPrometheusReadsThem) {
  const Flags flags = Must(
      {"--config.file", "a.yml", "--query.timeout=90s", "--web.enable-lifecycle",
       "--no-storage.tsdb.wal-compression", "--web.listen-address=:1", "--web.listen-address", ":2",
       "--web.read-timeout=1.5h", "--enable-feature=a,b", "--enable-feature=exemplar-storage"});
  EXPECT_EQ(flags.String("config.file"), "a.yml");
  EXPECT_EQ(flags.DurationMs("query.timeout"), 90'000);
  EXPECT_TRUE(flags.Bool("web.enable-lifecycle"));
  EXPECT_FALSE(flags.Bool("storage.tsdb.wal-compression"));
  EXPECT_THAT(flags.List("web.listen-address"), ElementsAre(":1", ":2"));
  EXPECT_EQ(flags.DurationMs("web.read-timeout"), 5'400'000);
  EXPECT_THAT(flags.Features(), ElementsAre("a", "b", "exemplar-storage"));
  EXPECT_EQ(flags.All().at("web.listen-address"), ":1,:2");
  EXPECT_EQ(flags.All().at("storage.tsdb.wal-compression"), "false");
  EXPECT_TRUE(Must({"-h"}).help());
  EXPECT_TRUE(Must({"--version"}).version());
}

TEST(Flags, AWrongOneIsNamedAndTheNearestOffered) {
  EXPECT_EQ(ErrorOf({"--config.fil=x"}),
            "unknown flag '--config.fil', did you mean '--config.file'?");
  EXPECT_EQ(ErrorOf({"--web.enable-lifecicle"}),
            "unknown flag '--web.enable-lifecicle', did you mean '--web.enable-lifecycle'?");
  EXPECT_EQ(ErrorOf({"--storage.local.path=x"}).find("unknown flag '--storage.local.path'"), 0u);
  EXPECT_EQ(ErrorOf({"--qqqqqqqqqqqqq"}), "unknown flag '--qqqqqqqqqqqqq'");
  EXPECT_EQ(ErrorOf({"--no-config.file"}).find("unknown flag '--no-config.file'"), 0u);
  EXPECT_EQ(ErrorOf({"-x"}), "unknown flag '-x'");
  EXPECT_EQ(ErrorOf({"stray"}), "unexpected 'stray'");
  EXPECT_EQ(ErrorOf({"--config.file"}), "expected argument for flag '--config.file'");
  EXPECT_EQ(ErrorOf({"--config.file=a", "--config.file=b"}),
            "flag '--config.file' cannot be repeated");
}

TEST(Flags, ValuesAreOfTheirType) {
  EXPECT_EQ(ErrorOf({"--query.timeout=soon"}),
            "--query.timeout: expected a duration such as 5m, got \"soon\"");
  EXPECT_EQ(ErrorOf({"--query.max-samples=1.5"}),
            "--query.max-samples: expected a whole number, got \"1.5\"");
  EXPECT_EQ(ErrorOf({"--storage.tsdb.retention.size=5"}),
            "--storage.tsdb.retention.size: expected a size such as 512MB, got \"5\"");
  EXPECT_EQ(ErrorOf({"--log.level=loud"}),
            "--log.level: enum value must be one of debug,info,warn,error, got 'loud'");
  EXPECT_EQ(ErrorOf({"--storage.wal-sync=never"}),
            "--storage.wal-sync: enum value must be one of always,interval,os, got 'never'");
  EXPECT_EQ(ErrorOf({"--web.enable-lifecycle=perhaps"}),
            "--web.enable-lifecycle: expected true or false, got \"perhaps\"");
}

TEST(Flags, WithoutEffectAreAcceptedWithAWarning) {
  EXPECT_THAT(Must({"--web.enable-otlp-receiver", "--rules.alert.resend-delay=2m",
                    "--enable-feature=fast-startup,exemplar-storage,none,promql-duration-expr"})
                  .Warnings(),
              ElementsAre("--web.enable-otlp-receiver has no effect yet",
                          "--rules.alert.resend-delay has no effect yet",
                          "--enable-feature=fast-startup has no effect yet",
                          "Unknown option for --enable-feature: none",
                          "--enable-feature=promql-duration-expr is always on"));
}

TEST(Flags, OneFeatureStandsForAllOfPromql) {
  const Flags all = Must({"--enable-feature=promql-all"});
  EXPECT_TRUE(all.HasFeature("promql-experimental-functions"));
  EXPECT_TRUE(all.HasFeature("use-start-timestamps"));
  EXPECT_FALSE(all.HasFeature("st-storage"));
  EXPECT_TRUE(all.Warnings().empty());
}

TEST(Flags, AListenerWithoutTheProtectionAskedForIsRefused) {
  const std::vector<std::string> args = {"--web.config.file=web.yml"};
  EXPECT_THAT(std::string(base::message(Flags::Parse(args).status())),
              ::testing::HasSubstr("not supported yet"));
}

TEST(Flags, DefaultsAreValidValuesAndNamesAreUnique) {
  std::vector<std::string> args;
  std::map<std::string_view, int> names;
  for (const FlagSpec& spec : FlagTable()) {
    EXPECT_EQ(++names[spec.name], 1) << spec.name;
    if (!spec.value.empty()) args.push_back(fmt::format("--{}={}", spec.name, spec.value));
    EXPECT_TRUE(spec.hidden || !spec.help.empty()) << spec.name;
  }
  EXPECT_EQ(ErrorOf(args), "");
  EXPECT_EQ(Flags::Parse({})->All().size(), FlagTable().size());
}

}  // namespace
}  // namespace server
