#include "server/scrape/content_type.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "storage/base/status.h"

namespace server {
namespace {

using enum ScrapeProtocol;

std::string Choose(std::string_view type, std::optional<ScrapeProtocol> fallback = std::nullopt) {
  const absl::StatusOr<PageFormat> format = ChooseFormat(type, fallback);
  if (!format.ok()) return std::string(base::message(format.status()));
  return *format == PageFormat::kText ? "text" : "openmetrics";
}

TEST(ContentType, DecidesTheParser) {
  EXPECT_EQ(Choose("text/plain"), "text");
  EXPECT_EQ(Choose("text/plain; version=0.0.4; charset=utf-8"), "text");
  EXPECT_EQ(Choose(" Text/Plain ;version=\"0.0;4\";"), "text");
  EXPECT_EQ(Choose("application/openmetrics-text; version=1.0.0; charset=utf-8"), "openmetrics");
}

TEST(ContentType, RefusesInPrometheusWords) {
  EXPECT_EQ(Choose(""),
            "non-compliant scrape target sending blank Content-Type and no "
            "fallback_scrape_protocol specified for target");
  EXPECT_EQ(Choose("text/html"),
            "received unsupported Content-Type \"text/html\" and no fallback_scrape_protocol "
            "specified for target");
  EXPECT_EQ(Choose("text/plain; x"),
            "cannot parse Content-Type \"text/plain; x\" and no fallback_scrape_protocol for "
            "target\nmime: invalid media parameter");
  EXPECT_EQ(Choose(";x=y"),
            "cannot parse Content-Type \";x=y\" and no fallback_scrape_protocol for target\n"
            "mime: no media type");
  EXPECT_EQ(Choose("text/plain;a=1;a=2"),
            "cannot parse Content-Type \"text/plain;a=1;a=2\" and no fallback_scrape_protocol for "
            "target\nmime: duplicate parameter name");
}

TEST(ContentType, FallsBackWhenTold) {
  for (const char* type : {"", "text/html", "text/plain; x"}) {
    EXPECT_EQ(Choose(type, kPrometheusText004), "text");
    EXPECT_EQ(Choose(type, kOpenMetricsText100), "openmetrics");
  }
  EXPECT_EQ(Choose("text/plain", kOpenMetricsText100), "text");
}

TEST(ContentType, SaysThatProtobufIsNotSpoken) {
  EXPECT_EQ(Choose("application/vnd.google.protobuf;proto=x"),
            "received Content-Type \"application/vnd.google.protobuf;proto=x\": the protobuf format "
            "is not supported yet; offer a text format in scrape_protocols");
  EXPECT_NE(Choose("", kPrometheusProto).find("not supported yet"), std::string::npos);
}

TEST(ContentType, AcceptHeaderIsPrometheusOwn) {
  const std::vector<ScrapeProtocol> standard = {kOpenMetricsText100, kOpenMetricsText001,
                                                kPrometheusText100, kPrometheusText004};
  EXPECT_EQ(AcceptHeader(standard, "allow-utf-8"),
            "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,"
            "application/openmetrics-text;version=0.0.1;q=0.5,"
            "text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,"
            "text/plain;version=0.0.4;q=0.3,*/*;q=0.2");
  EXPECT_EQ(AcceptHeader({kPrometheusProto, kPrometheusText004}, "underscores"),
            "text/plain;version=0.0.4;q=0.6,*/*;q=0.5");
  EXPECT_EQ(AcceptHeader({kPrometheusProto}, "allow-utf-8"), "");
}

}  // namespace
}  // namespace server
