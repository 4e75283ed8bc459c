#include "api/remote_write.h"
#include "api/remote_write_v2.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <protozero/pbf_writer.hpp>

#include <random>
#include <set>

#include "api/compress.h"
#include "storage/base/status.h"
#include "storage/head/head.h"
#include "tests/api/fake_server.h"
#include "tests/testing/seed.h"

namespace api {
namespace {

using ::testing::HasSubstr;
using PairList = std::vector<std::pair<std::string, std::string>>;

void AddLabels(protozero::pbf_writer* message, const PairList& labels) {
  for (const auto& [name, value] : labels) {
    protozero::pbf_writer label(*message, 1);
    label.add_string(1, name);
    label.add_string(2, value);
  }
}

// A WriteRequest, series by series.
class Message {
 public:
  Message& Series(const PairList& labels, const std::vector<model::Sample>& samples) {
    std::string bytes;
    protozero::pbf_writer series(bytes);
    AddLabels(&series, labels);
    for (const model::Sample& s : samples) {
      protozero::pbf_writer sample(series, 2);
      sample.add_double(1, s.v);
      sample.add_int64(2, s.t);
    }
    return Raw(std::move(bytes));
  }
  Message& Raw(std::string series) {
    protozero::pbf_writer(bytes_).add_message(1, series);
    return *this;
  }
  Message& Metadata(int32_t type, std::string_view family, std::string_view help,
                    std::string_view unit) {
    protozero::pbf_writer writer(bytes_);
    protozero::pbf_writer metadata(writer, 3);
    metadata.add_enum(1, type);
    metadata.add_string(2, family.data(), family.size());
    metadata.add_string(4, help.data(), help.size());
    metadata.add_string(5, unit.data(), unit.size());
    return *this;
  }
  const std::string& bytes() const { return bytes_; }

 private:
  std::string bytes_;
};

// Histogram messages.
void AddSpan(protozero::pbf_writer* message, int field, int32_t offset, uint32_t length) {
  protozero::pbf_writer span(*message, static_cast<uint32_t>(field));
  span.add_sint32(1, offset);
  span.add_uint32(2, length);
}
std::string WireIntegers(model::TimeMs t) {
  std::string bytes;
  protozero::pbf_writer h(bytes);
  h.add_uint64(1, 9);
  h.add_double(3, 12.5);
  h.add_sint32(4, 2);
  h.add_double(5, 0.001);
  h.add_uint64(6, 2);
  AddSpan(&h, 8, -2, 1);
  const std::vector<int64_t> negative{3}, positive{1, 2};  // 1, 3
  h.add_packed_sint64(9, negative.begin(), negative.end());
  AddSpan(&h, 11, 0, 1);
  AddSpan(&h, 11, 4, 1);
  h.add_packed_sint64(12, positive.begin(), positive.end());
  h.add_enum(14, 3);
  h.add_int64(15, t);
  return bytes;
}
std::string WireCustomFloats(model::TimeMs t) {
  std::string bytes;
  protozero::pbf_writer h(bytes);
  h.add_double(2, 4.5);
  h.add_double(3, -1);
  h.add_sint32(4, model::kCustomBuckets);
  h.add_double(7, 0);
  AddSpan(&h, 11, 1, 2);
  h.add_double(13, 1.5);  // Not packed.
  h.add_double(13, 3);
  const std::vector<double> bounds{-1, 0.5};
  h.add_packed_double(16, bounds.begin(), bounds.end());
  h.add_int64(15, t);
  return bytes;
}

class RemoteWriteTest : public ::testing::Test {
 protected:
  absl::Status Write(std::string_view message, model::TimeMs max_time = INT64_MAX) {
    counts_ = {};
    const auto appender = store_.NewAppender();
    const auto status = AppendWriteRequest(message, max_time, appender.get(), &counts_);
    if (!status.ok()) return status;
    return appender->Commit();
  }
  std::vector<std::string> Names() {
    std::vector<std::string> names;
    for (const auto& [name, series] : store_.Contents()) names.push_back(name);
    return names;
  }

  testing_support::MemoryAppendable store_;
  WriteCounts counts_;
};

TEST_F(RemoteWriteTest, StoresSamplesUnderTheirLabels) {
  ASSERT_TRUE(Write(Message()
                        .Series({{"__name__", "up"}, {"job", "a"}}, {{1000, 1}, {2000, 0}})
                        .Series({{"__name__", "up"}, {"job", "b"}}, {{1000, 1}})
                        .bytes())
                  .ok());
  EXPECT_EQ(counts_.samples, 3u);
  const auto samples = store_.Samples(model::Labels{{"__name__", "up"}, {"job", "a"}});
  ASSERT_EQ(samples.size(), 2u);
  EXPECT_EQ(samples[1].t, 2000);
  EXPECT_EQ(samples[1].v, 0);
}

TEST_F(RemoteWriteTest, StoresHistogramsOfBothKinds) {
  const auto series = [](const std::string& name, std::initializer_list<std::string> histograms) {
    std::string bytes;
    protozero::pbf_writer writer(bytes);
    AddLabels(&writer, {{"__name__", name}});
    for (const std::string& h : histograms) writer.add_message(4, h);
    return bytes;
  };
  std::string fine;  // Of a schema finer than ours: a bucket, and none left beside it.
  protozero::pbf_writer writer(fine);
  writer.add_uint64(1, 5);
  writer.add_sint32(4, 9);
  AddSpan(&writer, 11, 1, 2);
  const std::vector<int64_t> deltas{2, 1};
  writer.add_packed_sint64(12, deltas.begin(), deltas.end());
  writer.add_int64(15, 3000);
  ASSERT_TRUE(Write(Message()
                        .Raw(series("ints", {WireIntegers(1000), WireIntegers(2000), fine}))
                        .Raw(series("floats", {WireCustomFloats(1000)}))
                        .bytes())
                  .ok());
  EXPECT_EQ(counts_.histograms, 4u);
  EXPECT_EQ(counts_.samples, 0u);
  const auto contents = store_.Contents();
  const auto& ints = contents.at("{__name__=\"ints\"}").histograms;
  ASSERT_EQ(ints.size(), 3u);
  EXPECT_EQ(ints[1].first, 2000);
  model::Histogram want;
  want.count = 9, want.sum = 12.5, want.schema = 2, want.zero_threshold = 0.001, want.zero_count = 2;
  want.negative_spans = {{-2, 1}}, want.negative_buckets = {3};
  want.positive_spans = {{0, 1}, {4, 1}}, want.positive_buckets = {1, 2};
  EXPECT_TRUE(model::SameBits(ints[0].second, want));
  EXPECT_EQ(model::HintOf(ints[0].second), model::ResetHint::kGauge);
  want = {};
  want.count = 5, want.schema = 8, want.positive_spans = {{1, 1}}, want.positive_buckets = {5};
  EXPECT_TRUE(model::SameBits(ints[2].second, want));
  const auto& floats = contents.at("{__name__=\"floats\"}").histograms;
  ASSERT_EQ(floats.size(), 1u);
  model::FloatHistogram custom;
  custom.count = 4.5, custom.sum = -1, custom.schema = model::kCustomBuckets;
  custom.positive_spans = {{1, 2}}, custom.positive_buckets = {1.5, 3};
  custom.custom_values = {-1, 0.5};
  EXPECT_TRUE(model::SameBits(floats[0].second, custom));
}

TEST_F(RemoteWriteTest, HistogramsObeyTheRulesOfSamples) {
  std::string series;
  protozero::pbf_writer writer(series);
  AddLabels(&writer, {{"__name__", "h"}});
  writer.add_message(4, WireIntegers(1000));
  EXPECT_EQ(Write(Message().Raw(series).bytes(), 999).message(),
            "out of bounds: timestamp is too far in the future for series {__name__=\"h\"} at "
            "timestamp 1000");
  std::string nameless;
  protozero::pbf_writer(nameless).add_message(4, WireIntegers(1000));
  EXPECT_TRUE(Write(Message().Raw(nameless).bytes()).ok());
  EXPECT_EQ(counts_.invalid_labels, 1u);
}

TEST_F(RemoteWriteTest, SortsLabelsOfSendersThatDoNot) {
  ASSERT_TRUE(Write(Message().Series({{"z", "1"}, {"__name__", "up"}, {"a", "2"}}, {{1, 1}}).bytes())
                  .ok());
  EXPECT_THAT(Names(), ::testing::ElementsAre("{__name__=\"up\", a=\"2\", z=\"1\"}"));
}

TEST_F(RemoteWriteTest, AnEmptyValueIsNoLabel) {
  ASSERT_TRUE(Write(Message().Series({{"__name__", "up"}, {"a", ""}}, {{1, 1}}).bytes()).ok());
  EXPECT_THAT(Names(), ::testing::ElementsAre("{__name__=\"up\"}"));
}

TEST_F(RemoteWriteTest, SkipsSeriesWhoseLabelsCannotBe) {
  const PairList kBad[] = {
      {},
      {{"job", "a"}},                                     // No name.
      {{"__name__", ""}, {"job", "a"}},                   // An empty one.
      {{"__name__", "up"}, {"a", "1"}, {"a", "2"}},       // Twice.
      {{"a", "1"}, {"__name__", "up"}, {"a", "1"}},       // Twice, unsorted.
      {{"__name__", "up"}, {"", "x"}},                    // No label name.
      {{"__name__", "up"}, {"a", "\xff"}},                // Not UTF-8.
      {{"__name__", "\xff"}},
  };
  Message message;
  for (const PairList& labels : kBad) message.Series(labels, {{1, 1}, {2, 2}});
  message.Series({{"__name__", "good"}}, {{1, 1}});
  ASSERT_TRUE(Write(message.bytes()).ok());
  EXPECT_EQ(counts_.invalid_labels, 16u);
  EXPECT_EQ(counts_.samples, 1u);
  EXPECT_THAT(Names(), ::testing::ElementsAre("{__name__=\"good\"}"));
}

TEST_F(RemoteWriteTest, AnOutOfOrderSampleRefusesTheWholeRequest) {
  const auto status = Write(Message()
                                .Series({{"__name__", "first"}}, {{1, 1}})
                                .Series({{"__name__", "second"}}, {{5, 1}, {4, 1}})
                                .bytes());
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(base::message(status)),
              HasSubstr("out of order sample for series {__name__=\"second\"} at timestamp 4"));
  EXPECT_THAT(Names(), ::testing::IsEmpty());
}

TEST_F(RemoteWriteTest, TheSameAgainIsFineAndAnotherValueIsNot) {
  const auto message = [](double v) {
    return Message().Series({{"__name__", "up"}}, {{5, v}}).bytes();
  };
  ASSERT_TRUE(Write(message(1)).ok());
  EXPECT_TRUE(Write(message(1)).ok());
  EXPECT_EQ(Write(message(2)).code(), absl::StatusCode::kFailedPrecondition);
}

TEST_F(RemoteWriteTest, TheFarFutureIsOutOfBounds) {
  const auto status = Write(Message().Series({{"__name__", "up"}}, {{1001, 1}}).bytes(), 1000);
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(base::message(status)), HasSubstr("out of bounds"));
}

TEST_F(RemoteWriteTest, ExistingSeriesFlowWhenNewOnesAreRefused) {
  ASSERT_TRUE(Write(Message().Series({{"__name__", "old"}}, {{1, 1}}).bytes()).ok());
  store_.RefuseNewSeries(true);
  ASSERT_TRUE(Write(Message()
                        .Series({{"__name__", "new"}}, {{2, 1}})
                        .Series({{"__name__", "old"}}, {{2, 1}})
                        .bytes())
                  .ok());
  EXPECT_EQ(counts_.limited, 1u);
  EXPECT_EQ(counts_.first_limited, "{__name__=\"new\"}");
  EXPECT_EQ(store_.Samples(model::Labels{{"__name__", "old"}}).size(), 2u);
}

TEST_F(RemoteWriteTest, ExemplarsFollowTheirSeries) {
  std::string series;
  protozero::pbf_writer writer(series);
  {
    protozero::pbf_writer exemplar(writer, 3);  // Before the labels: the order is free.
    AddLabels(&exemplar, {{"trace_id", "abc"}});
    exemplar.add_double(2, 0.5);
    exemplar.add_int64(3, 7);
  }
  {
    protozero::pbf_writer sample(writer, 2);
    sample.add_double(1, 9);
    sample.add_int64(2, 8);
  }
  AddLabels(&writer, {{"__name__", "up"}});
  ASSERT_TRUE(Write(Message().Raw(series).bytes()).ok());
  const auto contents = store_.Contents();
  const auto& stored = contents.at("{__name__=\"up\"}");
  ASSERT_EQ(stored.exemplars.size(), 1u);
  EXPECT_EQ(stored.exemplars[0].labels.ToString(), "{trace_id=\"abc\"}");
  EXPECT_EQ(stored.exemplars[0].value, 0.5);
  EXPECT_EQ(stored.exemplars[0].t, 7);
  EXPECT_EQ(counts_.exemplars, 1u);
}

// Prometheus sends each exemplar as a series of its own, without the sample it came with.
TEST_F(RemoteWriteTest, ExemplarsMayComeAlone) {
  ASSERT_TRUE(Write(Message().Series({{"__name__", "up"}}, {{1, 8}}).bytes()).ok());
  for (const char* name : {"up", "unknown"}) {
    std::string series;
    protozero::pbf_writer writer(series);
    AddLabels(&writer, {{"__name__", name}});
    {
      protozero::pbf_writer exemplar(writer, 3);
      exemplar.add_double(2, 0.5);
      exemplar.add_int64(3, 7);
    }
    ASSERT_TRUE(Write(Message().Raw(series).bytes()).ok());
  }
  EXPECT_EQ(store_.Contents().at("{__name__=\"up\"}").exemplars.size(), 1u);
  EXPECT_FALSE(store_.Contents().contains("{__name__=\"unknown\"}"));
  EXPECT_EQ(counts_.exemplars_refused, 1u);
}

TEST_F(RemoteWriteTest, UnknownFieldsAndMetadataAreSkipped) {
  std::string bytes = Message().Series({{"__name__", "up"}}, {{1, 1}}).bytes();
  protozero::pbf_writer writer(bytes);
  writer.add_message(3, std::string("\x08\x01"));
  writer.add_fixed32(99, 5);
  writer.add_uint64(1, 3);  // timeseries, but not a message.
  ASSERT_TRUE(Write(bytes).ok());
  EXPECT_EQ(counts_.samples, 1u);
}

TEST_F(RemoteWriteTest, NothingStaysOfAMalformedMessage) {
  const std::string good = Message().Series({{"__name__", "up"}}, {{1, 1}}).bytes() +
                           Message().Series({{"__name__", "down"}}, {{1, 1}}).bytes();
  const std::string first = Message().Series({{"__name__", "up"}}, {{1, 1}}).bytes();
  for (size_t n = 1; n < good.size(); ++n) {
    if (n == first.size()) continue;
    EXPECT_EQ(Write(std::string_view(good).substr(0, n)).code(),
              absl::StatusCode::kInvalidArgument) << n;
  }
  EXPECT_THAT(Names(), ::testing::IsEmpty());
}

// Random series of every form, against what they obviously mean.
TEST_F(RemoteWriteTest, EveryFormOfASeriesIsReadAlike) {
  std::mt19937 random(17);
  const auto pick = [&](uint32_t n) { return random() % n; };
  const std::string kTexts[] = {"", "a", "node_cpu_seconds_total", "é", "instance", "\xff", "job",
                                std::string(90, 'n'), std::string(140, 'v'), std::string(20000, 'w'),
                                "B", "abcdefgh", "abcdefghi"};
  uint64_t stored = 0;
  for (int i = 0; i < 4000; ++i) {
    PairList labels = {{"__name__", fmt::format("m{}", i)}};
    for (uint32_t n = pick(5); n > 0; --n) {
      labels.emplace_back(kTexts[pick(10) == 0 ? pick(13) : 1 + pick(12)], kTexts[pick(13)]);
    }
    if (pick(4) != 0) std::sort(labels.begin(), labels.end());
    std::string bytes;
    protozero::pbf_writer series(bytes);
    for (const auto& [name, value] : labels) {
      protozero::pbf_writer label(series, 1);
      if (pick(20) == 0) label.add_uint32(9, 1);  // A field of the future.
      label.add_string(1, name);
      if (!value.empty() || pick(2) == 0) label.add_string(2, value);
    }
    const double v = pick(3) == 0 ? 0 : static_cast<double>(random());
    const model::TimeMs t = pick(5) == 0 ? 0 : static_cast<int64_t>(random()) - (pick(5) == 0) * 5e9;
    {
      protozero::pbf_writer sample(series, 2);
      if (v != 0 || pick(2) == 0) sample.add_double(1, v);
      if (t != 0 || v == 0 || pick(2) == 0) sample.add_int64(2, t);  // Not both left out.
    }
    bool valid = true;
    std::set<std::string> names;
    for (const auto& [name, value] : labels) {
      valid &= !name.empty() && model::IsValidUtf8(name) && model::IsValidUtf8(value) &&
               names.insert(name).second;
    }
    testing_support::MemoryAppendable store;
    const auto appender = store.NewAppender();
    counts_ = {};
    ASSERT_TRUE(AppendWriteRequest(Message().Raw(bytes).bytes(), INT64_MAX, appender.get(), &counts_)
                    .ok());
    ASSERT_TRUE(appender->Commit().ok());
    const auto samples = store.Samples(model::Labels::FromPairs(labels));
    ASSERT_EQ(samples.size(), valid ? 1u : 0u)
        << i << " " << model::Labels::FromPairs(labels).ToString();
    ASSERT_EQ(counts_.invalid_labels, valid ? 0u : 1u) << i;
    if (!valid) continue;
    ++stored;
    EXPECT_EQ(samples[0].t, t);
    EXPECT_EQ(samples[0].v, v);
  }
  EXPECT_GT(stored, 1000u);
}

// --- Over the route.

class WriteRouteTest : public ::testing::Test {
 protected:
  Response Post(std::string body, Pairs headers = {}) {
    return server_.Send(Method::kPost, "/api/v1/write", std::move(body), std::move(headers));
  }
  static std::string Good() {
    return SnappyCompress(Message().Series({{"__name__", "up"}}, {{1000, 1}}).bytes());
  }
  FakeServer server_;
};

TEST_F(WriteRouteTest, SuccessIs204) {
  const Response response = Post(Good(), {{"content-type", "application/x-protobuf"},
                                          {"content-encoding", "snappy"}});
  EXPECT_EQ(response.status, 204);
  EXPECT_EQ(response.body, "");
  EXPECT_EQ(server_.stats.remote_write_samples.value(), 1u);
  EXPECT_EQ(server_.pattern, "/api/v1/write");
}

TEST_F(WriteRouteTest, HeadersMayBeMissing) { EXPECT_EQ(Post(Good()).status, 204); }

TEST_F(WriteRouteTest, OtherContentIs415) {
  EXPECT_EQ(Post(Good(), {{"content-type", "text/plain"}}).status, 415);
  EXPECT_EQ(Post(Good(), {{"content-encoding", "gzip"}}).status, 415);
  EXPECT_EQ(Post(Good(), {{"content-type", "application/x-protobuf;proto=x.Y"}}).status, 415);
  EXPECT_EQ(Post(Good(), {{"content-type", "application/x-protobuf;proto=prometheus.WriteRequest"}})
                .status,
            204);
}

TEST_F(WriteRouteTest, BadBytesAre400) {
  EXPECT_EQ(Post("not snappy").status, 400);
  EXPECT_EQ(Post(SnappyCompress("not protobuf")).status, 400);
  EXPECT_EQ(Post(std::string("\xff\xff\xff\xff\x0f\x00", 6)).status, 400);
  EXPECT_EQ(Post(std::string(33 << 20, 'x')).status, 413);
}

TEST_F(WriteRouteTest, OutOfOrderIs400AndAFailedLogIs503) {
  const std::string bad =
      SnappyCompress(Message().Series({{"__name__", "up"}}, {{2, 1}, {1, 1}}).bytes());
  const Response response = Post(bad);
  EXPECT_EQ(response.status, 400);
  EXPECT_THAT(response.body, HasSubstr("out of order sample"));
  server_.written.FailCommits(true);
  const Response later = Post(Good());
  EXPECT_EQ(later.status, 503);
  EXPECT_THAT(later.headers, testing::Contains(testing::Pair("Retry-After", "5")));
}

TEST_F(WriteRouteTest, MoreThanTenMinutesAheadIs400) {
  const auto at = [&](int64_t ms) {
    return SnappyCompress(
        Message().Series({{"__name__", "up"}}, {{server_.clock.now_ms + ms, 1}}).bytes());
  };
  EXPECT_EQ(Post(at(600'000)).status, 204);
  EXPECT_EQ(Post(at(600'001)).status, 400);
}

TEST_F(WriteRouteTest, HistogramsAreStoredAndInvalidOnesAre400InPrometheusWords) {
  const auto post = [&](const std::string& histogram) {
    std::string series;
    protozero::pbf_writer writer(series);
    AddLabels(&writer, {{"__name__", "h"}});
    writer.add_message(4, histogram);
    return Post(SnappyCompress(Message().Raw(series).bytes()));
  };
  EXPECT_EQ(post(WireIntegers(1000)).status, 204);
  EXPECT_EQ(server_.stats.remote_write_samples.value(), 1u);
  std::string wrong = WireIntegers(2000);
  protozero::pbf_writer(wrong).add_uint64(1, 99);
  const Response response = post(wrong);
  EXPECT_EQ(response.status, 400);
  EXPECT_THAT(response.body, HasSubstr("9 observations found in buckets, but the Count field is 99: "
                                       "histogram's observation count should equal the number of "
                                       "observations found in the buckets (in absence of NaN)"));
}

// A 2.0 Request, series by series; refs are into the symbols below.
class V2Message {
 public:
  V2Message() {
    for (const char* symbol : {"", "__name__", "up", "job", "a", "trace_id", "h"}) {
      protozero::pbf_writer(bytes_).add_string(4, symbol);
    }
  }
  V2Message& Series(const std::vector<uint32_t>& refs, const std::vector<model::Sample>& samples,
                    const std::vector<std::string>& histograms = {},
                    const std::vector<uint32_t>& exemplar = {},
                    const std::vector<uint32_t>& type_help_unit = {}) {
    protozero::pbf_writer writer(bytes_);
    protozero::pbf_writer series(writer, 5);
    series.add_packed_uint32(1, refs.begin(), refs.end());
    for (const model::Sample& s : samples) {
      protozero::pbf_writer sample(series, 2);
      sample.add_double(1, s.v);
      sample.add_int64(2, s.t);
      sample.add_int64(3, 1);
    }
    for (const std::string& h : histograms) series.add_message(3, h);
    if (!exemplar.empty()) {
      protozero::pbf_writer e(series, 4);
      e.add_packed_uint32(1, exemplar.begin(), exemplar.end());
      e.add_double(2, 7);
      e.add_int64(3, 1000);
    }
    if (!type_help_unit.empty()) {
      protozero::pbf_writer metadata(series, 5);
      metadata.add_enum(1, static_cast<int32_t>(type_help_unit[0]));
      metadata.add_uint32(3, type_help_unit[1]);
      metadata.add_uint32(4, type_help_unit[2]);
    }
    return *this;
  }
  const std::string& bytes() const { return bytes_; }

 private:
  std::string bytes_;
};
const Pairs kV2Header{
    {"content-type", "application/x-protobuf;proto=io.prometheus.write.v2.Request"}};

TEST_F(WriteRouteTest, Version2TellsTheStoreWhenSamplesBegan) {
  std::string histogram = WireIntegers(3000);
  protozero::pbf_writer(histogram).add_int64(17, 2500);
  EXPECT_EQ(Post(SnappyCompress(V2Message()
                                    .Series({1, 2}, {{1000, 1}, {2000, 2}})
                                    .Series({1, 6}, {}, {histogram, WireIntegers(4000)})
                                    .bytes()),
                 kV2Header)
                .status,
            204);
  using Starts = std::map<model::TimeMs, model::TimeMs>;
  EXPECT_EQ(server_.written.Starts(model::Labels{{"__name__", "up"}}), (Starts{{1000, 1}, {2000, 1}}));
  EXPECT_EQ(server_.written.Starts(model::Labels{{"__name__", "h"}}), (Starts{{3000, 2500}}));
}

TEST_F(WriteRouteTest, Version2IsWrittenAndSaysHowMuch) {
  const Response response =
      Post(SnappyCompress(V2Message()
                              .Series({1, 2, 3, 4}, {{1000, 1}, {2000, 2}}, {}, {5, 4})
                              .Series({1, 6}, {}, {WireIntegers(1000), WireCustomFloats(2000)})
                              .bytes()),
           kV2Header);
  EXPECT_EQ(response.status, 204);
  EXPECT_EQ(HeaderOf(response, "X-Prometheus-Remote-Write-Samples-Written"), "2");
  EXPECT_EQ(HeaderOf(response, "X-Prometheus-Remote-Write-Histograms-Written"), "2");
  EXPECT_EQ(HeaderOf(response, "X-Prometheus-Remote-Write-Exemplars-Written"), "1");
  EXPECT_EQ(server_.stats.remote_write_samples.value(), 4u);
  const auto contents = server_.written.Contents();
  const auto& up = contents.at("{__name__=\"up\", job=\"a\"}");
  ASSERT_EQ(up.samples.size(), 2u);
  EXPECT_EQ(up.samples[1].v, 2);
  ASSERT_EQ(up.exemplars.size(), 1u);
  EXPECT_EQ(up.exemplars[0].labels.ToString(), "{trace_id=\"a\"}");
  ASSERT_EQ(contents.at("{__name__=\"h\"}").histograms.size(), 2u);
}

TEST_F(WriteRouteTest, OfVersion2WhatCanBeWrittenIs) {
  std::string wrong = WireIntegers(3000);
  protozero::pbf_writer(wrong).add_uint64(1, 99);
  const Response response =
      Post(SnappyCompress(V2Message()
                              .Series({1, 2}, {{2000, 1}, {1000, 1}, {3000, 1}})
                              .Series({1, 2, 3}, {{1, 1}})
                              .Series({1, 9}, {{1, 1}})
                              .Series({3, 4}, {{1, 1}})
                              .Series({1, 2, 3, 4}, {})
                              .Series({1, 6}, {}, {wrong, WireIntegers(4000)})
                              .bytes()),
           kV2Header);
  EXPECT_EQ(response.status, 400);
  EXPECT_EQ(response.body,
            "out of order sample for series {__name__=\"up\"}\n"
            "parsing labels for series [1 2 3]: invalid labelRefs length 3\n"
            "parsing labels for series [1 9]: labelRefs 1 (name) = 9 (value) outside of symbols "
            "table (size 7)\n"
            "invalid metric name or labels, got {job=\"a\"}\n"
            "TimeSeries must contain at least one sample or histogram for series "
            "{__name__=\"up\", job=\"a\"}\n"
            "9 observations found in buckets, but the Count field is 99: histogram's observation "
            "count should equal the number of observations found in the buckets (in absence of NaN) "
            "for series {__name__=\"h\"}\n");
  EXPECT_EQ(HeaderOf(response, "X-Prometheus-Remote-Write-Samples-Written"), "2");
  EXPECT_EQ(HeaderOf(response, "X-Prometheus-Remote-Write-Histograms-Written"), "1");
  EXPECT_EQ(server_.stats.remote_write_invalid_labels.value(), 3u);
  EXPECT_EQ(server_.written.Samples(model::Labels{{"__name__", "up"}}).size(), 2u);
}

TEST_F(WriteRouteTest, OfVersion2ExemplarsAreTakenThoughAllSamplesOfTheirSeriesAreRefused) {
  ASSERT_EQ(Post(SnappyCompress(V2Message().Series({1, 2}, {{2000, 1}}).bytes()), kV2Header).status, 204);
  const Response response = Post(
      SnappyCompress(V2Message().Series({1, 2}, {{1000, 1}}, {}, {5, 4}).bytes()), kV2Header);
  EXPECT_EQ(response.status, 400);
  EXPECT_EQ(HeaderOf(response, "X-Prometheus-Remote-Write-Samples-Written"), "0");
  EXPECT_EQ(HeaderOf(response, "X-Prometheus-Remote-Write-Exemplars-Written"), "1");
  EXPECT_EQ(server_.written.Contents().at("{__name__=\"up\"}").exemplars.size(), 1u);
}

TEST_F(WriteRouteTest, OfVersion2WrongLabelsAreShownAsTheyCame) {
  const Response response = Post(SnappyCompress(V2Message()
                                                    .Series({3, 4, 1, 2, 3, 6}, {{1, 1}})
                                                    .Series({1, 0, 3, 0}, {{1, 1}})
                                                    .Series({3, 4, 3, 6}, {{1, 1}})
                                                    .bytes()),
                                 kV2Header);
  EXPECT_EQ(response.status, 400);
  EXPECT_EQ(response.body,
            "invalid labels for series, labels {__name__=\"up\", job=\"a\", job=\"h\"}, duplicated "
            "label job\n"
            "invalid metric name or labels, got {__name__=\"\", job=\"\"}\n"
            "invalid metric name or labels, got {job=\"a\", job=\"h\"}\n");
}

TEST_F(WriteRouteTest, Version1MetadataIsKeptAlsoOfRequestsWithoutSamples) {
  const std::string message = Message()
                                  .Metadata(3, "h", "How long.", "seconds")
                                  .Metadata(99, "new_type", "Of a later version.", "")
                                  .Metadata(0, "nothing", "", "")
                                  .Metadata(1, "bad", "\xff", "")
                                  .Metadata(2, "", "No family.", "")
                                  .bytes();
  EXPECT_EQ(Post(SnappyCompress(message)).status, 204);
  EXPECT_THAT(server_.written.Metadata(),
              testing::IsSupersetOf({"h histogram How long. seconds",
                                     "new_type unknown Of a later version. "}));
  for (const std::string& line : server_.written.Metadata()) {
    EXPECT_FALSE(line.starts_with("bad")) << line;
  }
  EXPECT_EQ(Post(SnappyCompress("\x1a\x05")).status, 400);
}

TEST_F(WriteRouteTest, Version2MetadataIsThatOfTheFamilyAndToldOnceARequest) {
  V2Message message;
  for (const char* symbol : {"h_bucket", "h_count", "How long.", "seconds"}) {
    protozero::pbf_writer m(const_cast<std::string&>(message.bytes()));
    m.add_string(4, symbol);
  }
  for (int i = 0; i < 10; ++i) {
    for (const uint32_t name : {7u, 8u}) {
      message.Series({1, name}, {{1000 + i, 1}}, {}, {}, {3, 9, 10});
    }
    message.Series({1, 2}, {{1000 + i, 1}}, {}, {}, {2, 6, 0});
    message.Series({1, 4}, {{1000 + i, 1}}, {}, {}, {0, 0, 0});
  }
  EXPECT_EQ(Post(SnappyCompress(message.bytes()), kV2Header).status, 204);
  uint64_t updates = 0;
  EXPECT_THAT(server_.written.Metadata(&updates),
              testing::ElementsAre("h histogram How long. seconds", "up gauge h "));
  EXPECT_EQ(updates, 3u);
  const Response refused =
      Post(SnappyCompress(V2Message().Series({1, 2}, {{5000, 1}}, {}, {}, {2, 7, 0}).bytes()), kV2Header);
  EXPECT_EQ(refused.status, 400);
  EXPECT_EQ(refused.body, "parsing metadata for series [1 2]: metadata help_ref 7 outside of "
                          "symbols table (size 7)\n");
}

TEST_F(RemoteWriteTest, Version2TypesAndUnitsBecomeLabelsWhenAskedFor) {
  V2Message message;
  for (const char* symbol : {"__type__", "__unit__", "seconds", "mine"}) {
    protozero::pbf_writer m(const_cast<std::string&>(message.bytes()));
    m.add_string(4, symbol);
  }
  const auto names = [&](bool labels) {
    testing_support::MemoryAppendable store;
    const auto batch = store.NewAppender();
    WriteV2Counts counts;
    EXPECT_TRUE(AppendWriteV2Request(message.bytes(), {INT64_MAX, labels}, batch.get(), &counts).ok());
    EXPECT_EQ(counts.text, "");
    EXPECT_TRUE(batch->Commit().ok());
    std::vector<std::string> found;
    for (const auto& [text, series] : store.Contents()) found.push_back(text);
    return found;
  };
  message.Series({1, 2, 3, 4}, {{1000, 1}}, {}, {}, {1, 0, 9});
  message.Series({1, 6, 7, 10, 8, 10}, {{1000, 1}}, {}, {}, {2, 0, 0});  // Sent as labels, too.
  message.Series({1, 4, 7, 10}, {{1000, 1}}, {}, {}, {0, 0, 0});
  message.Series({1, 5}, {{1000, 1}}, {}, {}, {0, 0, 9});
  EXPECT_THAT(names(true),
              testing::ElementsAre(
                  R"({__name__="a", __type__="mine"})",
                  R"({__name__="h", __type__="gauge"})",
                  R"({__name__="trace_id", __unit__="seconds"})",
                  R"({__name__="up", __type__="counter", __unit__="seconds", job="a"})"));
  EXPECT_THAT(names(false),
              testing::ElementsAre(R"({__name__="a", __type__="mine"})",
                                   R"({__name__="h", __type__="mine", __unit__="mine"})",
                                   R"({__name__="trace_id"})", R"({__name__="up", job="a"})"));
}

TEST_F(WriteRouteTest, Version2NotStoredSaysThatNothingIs) {
  server_.written.FailCommits(true);
  const Response response =
      Post(SnappyCompress(V2Message().Series({1, 2}, {{1, 1}}).bytes()), kV2Header);
  EXPECT_EQ(response.status, 503);
  EXPECT_EQ(HeaderOf(response, "X-Prometheus-Remote-Write-Samples-Written"), "0");
  EXPECT_EQ(Post(SnappyCompress("\x2a\x05"), kV2Header).status, 400);
}

TEST_F(WriteRouteTest, InvalidLabelsAreSkippedSilentlyAndCounted) {
  EXPECT_EQ(Post(SnappyCompress(Message().Series({{"job", "a"}}, {{1, 1}}).bytes())).status, 204);
  EXPECT_EQ(server_.stats.remote_write_invalid_labels.value(), 1u);
}

TEST_F(WriteRouteTest, IsOffUnlessEnabled) {
  server_.status.remote_write = false;
  const Response response = Post(Good());
  EXPECT_EQ(response.status, 404);
  EXPECT_EQ(response.body, "remote write receiver needs to be enabled with "
                           "--web.enable-remote-write-receiver\n");
  EXPECT_EQ(server_.Get("/api/v1/write").status, 405);
}

TEST_F(WriteRouteTest, TheOtherReceiversSayThatTheyAreOff) {
  EXPECT_EQ(server_.Send(Method::kPost, "/api/v1/otlp/v1/metrics").status, 404);
  EXPECT_EQ(server_.Send(Method::kPost, "/api/v1/read").status, 501);
}

// Hides the short way.
class LongWay final : public storage::Appender {
 public:
  explicit LongWay(std::unique_ptr<storage::Appender> inner) : inner_(std::move(inner)) {}
  storage::Appended Append(storage::SeriesRef hint, model::LabelsView labels,
                           model::Sample sample) override {
    return inner_->Append(hint, labels, sample);
  }
  bool AppendExemplar(storage::SeriesRef ref, const model::Exemplar& exemplar) override {
    return inner_->AppendExemplar(ref, exemplar);
  }
  absl::Status Commit() override { return inner_->Commit(); }

 private:
  const std::unique_ptr<storage::Appender> inner_;
};

std::string RandomRequest(std::mt19937_64* random, model::TimeMs now) {
  Message message;
  const int series = static_cast<int>((*random)() % 60);
  for (int i = 0; i < series; ++i) {
    PairList labels{{"__name__", fmt::format("m{}", (*random)() % 20)}, {"job", "a"}};
    if ((*random)() % 3 == 0) labels.emplace_back("z", std::string((*random)() % 200, 'z'));
    if ((*random)() % 20 == 0) std::swap(labels[0], labels[1]);
    if ((*random)() % 40 == 0) labels.emplace_back("job", "b");
    std::vector<model::Sample> samples;
    for (uint64_t n = (*random)() % 3; n > 0; --n) {
      samples.push_back({now - static_cast<int64_t>(n), static_cast<double>((*random)() % 4)});
      if ((*random)() % 300 == 0) samples.back().t = -now;
    }
    message.Series(labels, samples);
  }
  return message.bytes();
}

TEST(RemoteWrite, TheShortWayStoresAndAnswersAsTheLongOne) {
  const uint64_t seed = testing_support::Seed();
  SCOPED_TRACE(fmt::format("seed {}", seed));
  std::mt19937_64 random(seed);
  storage::Head with_short({}), without({});
  int refused = 0;
  for (int round = 0; round < 300; ++round) {
    const std::string request = RandomRequest(&random, 1'000'000 + 2 * round);
    WriteCounts a, b;
    const auto short_way = with_short.NewAppender();
    LongWay long_way(without.NewAppender());
    const auto got = AppendWriteRequest(request, INT64_MAX, short_way.get(), &a);
    const auto want = AppendWriteRequest(request, INT64_MAX, &long_way, &b);
    ASSERT_EQ(got, want);
    refused += !got.ok();
    if (!got.ok()) continue;
    EXPECT_EQ(a.samples, b.samples);
    EXPECT_EQ(a.invalid_labels, b.invalid_labels);
    ASSERT_TRUE(short_way->Commit().ok());
    ASSERT_TRUE(long_way.Commit().ok());
  }
  EXPECT_GT(refused, 0);
  const model::TimeRange all;
  const auto got = *with_short.NewQuerier(all)->Select({{}, all});
  const auto want = *without.NewQuerier(all)->Select({{}, all});
  ASSERT_GT(want->size(), 20);
  ASSERT_EQ(got->size(), want->size());
  for (int i = 0; i < want->size(); ++i) {
    chunk::SampleColumns x, y;
    ASSERT_TRUE(got->Read(i, all, &x).ok());
    ASSERT_TRUE(want->Read(i, all, &y).ok());
    EXPECT_EQ(got->labels(i), want->labels(i));
    EXPECT_EQ(x.times, y.times);
    EXPECT_EQ(x.values, y.values);
  }
}

}  // namespace
}  // namespace api
