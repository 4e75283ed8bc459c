// The log of queries and the file of those that run.
#include "server/query_trail.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>

#include "storage/base/status.h"
#include "promql/testing/memory_queryable.h"
#include "tests/testing/temp_dir.h"

namespace server {
namespace {

std::string ReadAll(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

TEST(ActiveQueries, WhatRanIsToldAfterACrash) {
  const testing_support::TempDir dir;
  const std::string path = dir.path() + "/queries.active";
  EXPECT_EQ(UnfinishedQueries(path), "");
  auto active = ActiveQueries::Create(path, 3);
  ASSERT_TRUE(active.ok());
  EXPECT_EQ(std::filesystem::file_size(path), 3001);
  EXPECT_EQ(UnfinishedQueries(path), "");
  const int up = (*active)->Insert("up");
  const int quoted = (*active)->Insert("sum(x{a=\"b\"})");
  EXPECT_GE((*active)->Insert("third"), 0);
  EXPECT_EQ((*active)->Insert("one too many"), -1);
  (*active)->Remove(-1);
  (*active)->Remove(up);
  // As another process would see it now.
  const std::string left = UnfinishedQueries(path);
  EXPECT_TRUE(left.starts_with(R"x([{"query":"sum(x{a=\"b\"})","timestamp_sec":)x")) << left;
  EXPECT_NE(left.find(R"({"query":"third",)"), std::string::npos);
  EXPECT_EQ(left.find("\"up\""), std::string::npos);
  EXPECT_TRUE(left.ends_with("}]"));
  (*active)->Remove(quoted);
}

TEST(ActiveQueries, LongQueriesAreCutBetweenCharacters) {
  const testing_support::TempDir dir;
  const std::string path = dir.path() + "/queries.active";
  const auto active = ActiveQueries::Create(path, 2);
  ASSERT_TRUE(active.ok());
  std::string text;
  for (int i = 0; i < 400; ++i) text += "\u00e9<";
  (*active)->Insert(text);
  (*active)->Insert(std::string(5000, '"'));
  const std::string file = ReadAll(path);
  ASSERT_EQ(file.size(), 2001u);
  EXPECT_EQ(file[1000], ',');
  EXPECT_EQ(file[2000], ',');
  EXPECT_TRUE(file.substr(1001).starts_with("{\"query\":\"\\\""));
  EXPECT_EQ(UnfinishedQueries(path).find("\\ufffd"), std::string::npos);
  EXPECT_TRUE(UnfinishedQueries(path).ends_with("}]"));
}

TEST(QueryTrail, WritesALineForEachQuery) {
  const testing_support::TempDir dir;
  const std::string path = dir.path() + "/queries.log";
  QueryTrail trail;
  trail.StartTracking(dir.path(), 4);
  ASSERT_TRUE(trail.log().SetFile(path).ok());
  EXPECT_TRUE(trail.log().enabled());
  promql::Engine::Options options;
  options.observer = &trail;
  promql::Engine engine(options);
  promql_test::MemoryQueryable data;
  data.Add(model::Labels{{"__name__", "m"}}, 0, 1);
  promql::QueryOptions query;
  query.origin = {"httpRequest", {{"clientIP", "::1"}, {"method", "GET"}}};
  ASSERT_TRUE(engine.Evaluate("m < 2", {0, 60'000, 30'000}, &data, query).ok());
  ASSERT_FALSE(engine.Evaluate("quantile(0.5, m) + on () group_left () count_values(\"\", m)",
                               {1500, 1500, 0}, &data).ok());
  // Not logged: what is no query.
  ASSERT_FALSE(engine.Evaluate("not a query", {0, 0, 0}, &data).ok());
  ASSERT_FALSE(engine.Evaluate("m[5m]", {0, 60'000, 30'000}, &data).ok());
  ASSERT_FALSE(engine.Evaluate("m", {INT64_MAX, INT64_MAX, 0}, &data).ok());
  const std::string log = ReadAll(path);
  ASSERT_EQ(std::count(log.begin(), log.end(), '\n'), 2);
  const std::string first = log.substr(0, log.find('\n'));
  EXPECT_NE(first.find(R"("msg":"promql query logged","params":{"end":"1970-01-01T00:01:00.000Z",)"
                       R"("query":"m < 2","start":"1970-01-01T00:00:00.000Z","step":30},)"
                       R"("stats":{"timings":{"evalTotalTime":)"),
            std::string::npos)
      << first;
  EXPECT_TRUE(first.ends_with(R"("httpRequest":{"clientIP":"::1","method":"GET"}})")) << first;
  EXPECT_EQ(first.find("\"error\""), std::string::npos);
  EXPECT_NE(log.find(R"("step":0},"error":"invalid label name \"\"","stats")"), std::string::npos)
      << log;
  EXPECT_EQ(UnfinishedQueries(dir.path() + "/queries.active"), "");

  // A rotated file is left alone once the name is set again.
  std::filesystem::rename(path, path + ".1");
  ASSERT_TRUE(trail.log().SetFile(path).ok());
  ASSERT_TRUE(engine.Evaluate("m", {0, 0, 0}, &data).ok());
  EXPECT_EQ(std::count_if(log.begin(), log.end(), [](char c) { return c == '\n'; }), 2);
  EXPECT_NE(ReadAll(path).find(R"("query":"m")"), std::string::npos);
  EXPECT_FALSE(trail.log().SetFile(dir.path() + "/no/such/dir").ok());
  EXPECT_TRUE(trail.log().enabled());
  ASSERT_TRUE(trail.log().SetFile("").ok());
  EXPECT_FALSE(trail.log().enabled());
}

}  // namespace
}  // namespace server
