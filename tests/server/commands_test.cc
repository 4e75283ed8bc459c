#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "server/commands/usage.h"
#include "storage/base/status.h"

namespace server {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

const CommandFlag kKnown[] = {"url", "storage.tsdb.path", CommandFlag("match").Repeated(),
                              CommandFlag("raw").Switch('r')};

absl::StatusOr<CommandArgs> Parse(std::vector<std::string> args) {
  return CommandArgs::Parse(args, kKnown);
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

TEST(CommandArgs, SomeRepeatAreSwitchesOrNumbers) {
  const auto args = Parse({"--match", "up", "-r", "--match=a=b", "--url=-5"});
  ASSERT_TRUE(args.ok()) << args.status();
  EXPECT_THAT(args->All("match"), ElementsAre("up", "a=b"));
  EXPECT_THAT(args->All("url"), ElementsAre("-5"));
  EXPECT_TRUE(args->Flag("raw"));
  EXPECT_FALSE(Parse({})->Flag("raw"));
  EXPECT_TRUE(Parse({"--raw"})->Flag("raw"));
  EXPECT_EQ(*args->Int("url", 7), -5);
  EXPECT_EQ(*Parse({})->Int("url", 7), 7);
  EXPECT_FALSE(Parse({"--url=5x"})->Int("url", 7).ok());
}

TEST(CommandArgs, SayWhatIsWrong) {
  const auto error = [](std::vector<std::string> args) {
    return std::string(base::message(Parse(std::move(args)).status()));
  };
  EXPECT_EQ(error({"--urls=x"}), "unknown flag --urls");
  EXPECT_EQ(error({"-url=x"}), "unknown flag -url");
  EXPECT_EQ(error({"-u"}), "unknown flag -u");
  EXPECT_EQ(error({"--raw=1"}), "--raw takes no value");
  EXPECT_EQ(error({"--url"}), "--url needs a value");
  EXPECT_EQ(error({"--url="}), "--url needs a value");
  EXPECT_EQ(error({"--url=a", "--url=b"}), "--url is given twice");
}

}  // namespace
}  // namespace server
