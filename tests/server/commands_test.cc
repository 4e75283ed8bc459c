#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "server/commands/usage.h"
#include "storage/base/status.h"

namespace server {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr std::string_view kNames[] = {"url", "storage.tsdb.path"};

absl::StatusOr<CommandArgs> Parse(std::vector<std::string> args) {
  return CommandArgs::Parse(args, kNames);
}

TEST(CommandArgs, TakesFlagsAnywhereAndBothWays) {
  const auto args = Parse({"one", "--url=http://h:1/?a=b", "two", "--storage.tsdb.path", "d"});
  ASSERT_TRUE(args.ok()) << args.status();
  EXPECT_THAT(args->rest, ElementsAre("one", "two"));
  EXPECT_EQ(args->Flag("url"), "http://h:1/?a=b");
  EXPECT_EQ(args->Flag("storage.tsdb.path"), "d");
  EXPECT_FALSE(args->help);
  EXPECT_EQ(Parse({"x"})->Flag("url"), std::nullopt);
  EXPECT_TRUE(Parse({"--help"})->help);
  EXPECT_TRUE(Parse({"x", "-h"})->help);
  EXPECT_THAT(Parse({})->rest, IsEmpty());
}

TEST(CommandArgs, SayWhatIsWrong) {
  const auto error = [](std::vector<std::string> args) {
    return std::string(base::message(Parse(std::move(args)).status()));
  };
  EXPECT_EQ(error({"--urls=x"}), "unknown flag --urls");
  EXPECT_EQ(error({"-url=x"}), "unknown flag -url");
  EXPECT_EQ(error({"-u"}), "unknown flag -u");
  EXPECT_EQ(error({"--url"}), "--url needs a value");
  EXPECT_EQ(error({"--url="}), "--url needs a value");
  EXPECT_EQ(error({"--url=a", "--url=b"}), "--url is given twice");
}

}  // namespace
}  // namespace server
