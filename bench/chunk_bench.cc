// How many samples a second does one core put into Gorilla chunks and sealed values, and take out?
// Target: Prometheus' chunkenc benchmarks (about 60 M/s in, 100 M/s out); the floor for decoding is
// 300-620 M/s. Sealed: 20 M/s in, 750 M/s out, and far fewer bytes.
#include <random>

#include "bench/bench.h"
#include "storage/chunk/sealed/value_codec.h"
#include "storage/chunk/xor_chunk.h"

namespace {

struct Shape {
  const char* name;
  std::vector<model::Sample> samples;
};

// 15 s apart; a counter of requests, a float gauge, a constant.
std::vector<Shape> MakeShapes(int n) {
  std::mt19937_64 random(42);
  std::vector<Shape> shapes = {{"counter", {}}, {"gauge", {}}, {"constant", {}}, {"jitter", {}}};
  double counter = 0, gauge = 0.5;
  for (int i = 0; i < n; ++i) {
    const model::TimeMs t = 1'700'000'000'000 + int64_t{15'000} * i;
    counter += static_cast<double>(random() % 100);
    gauge += (static_cast<double>(random() % 2001) - 1000) / 1e6;
    shapes[0].samples.push_back({t, counter});
    shapes[1].samples.push_back({t, gauge});
    shapes[2].samples.push_back({t, 1});
    shapes[3].samples.push_back({t + static_cast<int64_t>(random() % 7) - 3, counter});
  }
  return shapes;
}

void Sealed(const Shape& shape) {
  constexpr size_t kPart = chunk::sealed::kMaxValues;
  std::vector<double> values;
  for (const model::Sample& sample : shape.samples) values.push_back(sample.v);
  values.resize(values.size() / kPart * kPart);
  std::vector<std::string> parts(values.size() / kPart);
  size_t bytes = 0;
  const bench::Timing encode = bench::Measure([&] {
    bytes = 0;
    for (size_t i = 0; i < parts.size(); ++i) {
      parts[i].clear();
      chunk::sealed::AppendValues({values.data() + i * kPart, kPart}, &parts[i]);
      bytes += parts[i].size();
    }
  });
  double out[kPart];
  const bench::Timing decode = bench::Measure([&] {
    for (const std::string& part : parts) {
      if (!chunk::sealed::ReadValues(part, kPart, out)) return;
      bench::Keep(out[0]);
    }
  });
  const auto n = static_cast<double>(values.size());
  const std::string note =
      fmt::format("{}, {:.2f} bytes a sample", shape.name, static_cast<double>(bytes) / n);
  bench::Print("sealed_encode", n / encode.median_s / 1e6, "Msamples/cpu_s", note);
  bench::Print("sealed_decode", n / decode.median_s / 1e6, "Msamples/cpu_s", note);
}

}  // namespace

int main() {
  constexpr int kSamples = 240'000;
  for (const Shape& shape : MakeShapes(kSamples)) {
    std::vector<std::string> chunks;
    std::vector<int> counts;
    size_t bytes = 0;
    const bench::Timing encode = bench::Measure([&] {
      chunks.clear();
      counts.clear();
      bytes = 0;
      chunk::XorEncoder encoder;
      const auto seal = [&] {
        counts.push_back(encoder.view().num_samples);
        chunks.push_back(std::move(encoder).Seal());
        bytes += chunks.back().size();
      };
      for (const model::Sample& sample : shape.samples) {
        if (encoder.Append(sample)) continue;
        seal();
        if (!encoder.Append(sample)) return;
      }
      seal();
    });
    chunk::SampleColumns columns;
    const bench::Timing decode = bench::Measure([&] {
      for (size_t i = 0; i < chunks.size(); ++i) {
        columns.clear();
        if (!chunk::Decode({chunk::Encoding::kXor, {}, counts[i], chunks[i]}, {}, &columns).ok()) return;
        bench::Keep(columns);
      }
    });
    const std::string note = fmt::format("{}, {:.2f} bytes a sample", shape.name, double(bytes) / kSamples);
    bench::Print("xor_encode", kSamples / encode.median_s / 1e6, "Msamples/cpu_s", note);
    bench::Print("xor_decode", kSamples / decode.median_s / 1e6, "Msamples/cpu_s", note);
    Sealed(shape);
  }
}
