#include "api/router.h"

#include <gtest/gtest.h>

#include <stdexcept>

#include "api/request_stats.h"
#include "tests/api/fake_server.h"

namespace api {
namespace {

class RouterTest : public ::testing::Test {
 protected:
  RouterTest() {
    Add(Method::kGet, "/a");
    Add(Method::kGet, "/label/{name}/values");
    Add(Method::kGet, "/label/all/values");
    Add(Method::kPost, "/a");
    Add(Method::kGet, "/files/*path");
    Add(Method::kOptions, "/*path");
  }
  void Add(Method method, std::string pattern) {
    router_.Add(method, pattern, [pattern](const Request& request) {
      Response response;
      response.body = pattern;
      for (const auto& [name, value] : request.captures) response.body += " " + name + "=" + value;
      return response;
    });
  }
  Response Route(Method method, std::string path) {
    Request request;
    request.method = method;
    request.path = path;
    return router_.Route(request, &pattern_);
  }
  std::string Body(std::string path) { return Route(Method::kGet, path).body; }

  Router router_;
  std::string pattern_;
};

TEST_F(RouterTest, AnExactSegmentWinsOverACapture) {
  EXPECT_EQ(Body("/label/all/values"), "/label/all/values");
  EXPECT_EQ(Body("/label/job/values"), "/label/{name}/values name=job");
  EXPECT_EQ(pattern_, "/label/{name}/values");
}

TEST_F(RouterTest, ARestTakesEverythingBelow) {
  EXPECT_EQ(Body("/files/a/b.js"), "/files/*path path=a/b.js");
  EXPECT_EQ(Body("/files/"), "/files/*path path=");
}

TEST_F(RouterTest, UnknownPathsAre404WithoutPattern) {
  for (const char* path : {"/b", "/label//values", "/label/a/values/", "/label/a", "/a/", ""}) {
    EXPECT_EQ(Route(Method::kGet, path).status, 404) << path;
    EXPECT_EQ(pattern_, "");
  }
  EXPECT_EQ(Body("/b"), "404 page not found\n");
}

TEST_F(RouterTest, AWrongMethodIs405AndSaysWhichAreAllowed) {
  const Response response = Route(Method::kDelete, "/a");
  EXPECT_EQ(response.status, 405);
  EXPECT_EQ(HeaderOf(response, "Allow"), "GET, POST");
}

TEST_F(RouterTest, HeadGoesByWayOfGet) {
  EXPECT_EQ(Route(Method::kHead, "/a").status, 200);
}

TEST_F(RouterTest, OptionsOfASubtreeDoNotMakeAPathExist) {
  EXPECT_EQ(Route(Method::kOptions, "/a").status, 200);
  EXPECT_EQ(Route(Method::kOptions, "/nothing/here").status, 200);
  EXPECT_EQ(Route(Method::kGet, "/nothing/here").status, 404);
}

TEST_F(RouterTest, RepeatedSlashesCountAsOne) {
  EXPECT_EQ(Body("//label//job/values"), "/label/{name}/values name=job");
}

TEST_F(RouterTest, APrefixIsTakenOffAndOthersAreUnknown) {
  router_.set_prefix("/prom/");
  EXPECT_EQ(Body("/prom/a"), "/a");
  EXPECT_EQ(pattern_, "/a");
  EXPECT_EQ(Route(Method::kGet, "/a").status, 404);
  EXPECT_EQ(Route(Method::kGet, "/promenade/a").status, 404);
  const Response response = Route(Method::kGet, "/");
  EXPECT_EQ(response.status, 302);
  EXPECT_EQ(HeaderOf(response, "Location"), "/prom/");
}

TEST_F(RouterTest, AHandlerThatThrowsIsAnswered500) {
  router_.Add(Method::kGet, "/bad", [](const Request&) -> Response {
    throw std::runtime_error("no luck");
  });
  const Response response = Route(Method::kGet, "/bad");
  EXPECT_EQ(response.status, 500);
  EXPECT_EQ(response.body, "no luck\n");
}

TEST_F(RouterTest, LanesFollowTheRoute) {
  router_.Add(Method::kGet, "/quick", [](const Request&) { return Response(); }, Lane::kPrompt);
  EXPECT_EQ(router_.LaneOf(Method::kGet, "/quick"), Lane::kPrompt);
  EXPECT_EQ(router_.LaneOf(Method::kGet, "/a"), Lane::kOrdinary);
  EXPECT_EQ(router_.LaneOf(Method::kGet, "/unknown"), Lane::kPrompt);
}

TEST(RequestStats, CountsByPatternAsPrometheusWritesIt) {
  RequestStats stats;
  stats.Observe("/label/{name}/values", 200, 0.3, 500);
  stats.Observe("/label/{name}/values", 400, 5, 50);
  stats.Observe("", 404, 1, 1);
  const auto routes = stats.Snapshot();
  ASSERT_EQ(routes.size(), 1u);
  const RouteStats& route = routes.at("/label/:name/values");
  EXPECT_EQ(route.requests_by_code.at(200), 1u);
  EXPECT_EQ(route.requests_by_code.at(400), 1u);
  EXPECT_EQ(route.seconds.count, 2u);
  EXPECT_EQ(route.seconds.buckets[2], 1u);  // <= 0.4
  EXPECT_EQ(route.seconds.buckets[5], 2u);  // <= 8
  EXPECT_EQ(route.response_bytes.buckets[0], 1u);
  EXPECT_EQ(route.response_bytes.sum, 550);
}

}  // namespace
}  // namespace api
