#include "api/wire_histogram.h"

#include <protozero/exception.hpp>

#include <vector>

namespace api {
namespace {

using protozero::pbf_reader;
using protozero::pbf_wire_type;

model::Span ReadSpan(pbf_reader reader) {
  model::Span span;
  while (reader.next()) {
    switch (reader.tag_and_type()) {
      case protozero::tag_and_type(1, pbf_wire_type::varint): span.offset = reader.get_sint32(); break;
      case protozero::tag_and_type(2, pbf_wire_type::varint): span.length = reader.get_uint32(); break;
      default: reader.skip();
    }
  }
  return span;
}

// Repeated numbers come packed, or one by one.
void ReadDeltas(pbf_reader* reader, std::vector<int64_t>* out) {
  if (reader->wire_type() == pbf_wire_type::varint) return out->push_back(reader->get_sint64());
  if (reader->wire_type() != pbf_wire_type::length_delimited) return reader->skip();
  const auto range = reader->get_packed_sint64();
  out->insert(out->end(), range.begin(), range.end());
}
void ReadDoubles(pbf_reader* reader, std::vector<double>* out) {
  if (reader->wire_type() == pbf_wire_type::fixed64) return out->push_back(reader->get_double());
  if (reader->wire_type() != pbf_wire_type::length_delimited) return reader->skip();
  const auto range = reader->get_packed_double();
  out->insert(out->end(), range.begin(), range.end());
}

// All fields as they come; which of them count is known at the end.
struct Fields {
  bool floats = false;
  model::TimeMs t = 0, start = 0;
  model::Histogram ints;  // And what both kinds have.
  double count = 0, zero_count = 0;
  std::vector<double> positive_counts, negative_counts;
};

void ReadField(pbf_reader* reader, Fields* f) {
  model::Histogram& h = f->ints;
  switch (reader->tag_and_type()) {
    case protozero::tag_and_type(1, pbf_wire_type::varint):
      h.count = reader->get_uint64();
      f->floats = false;
      return;
    case protozero::tag_and_type(2, pbf_wire_type::fixed64):
      f->count = reader->get_double();
      f->floats = true;
      return;
    case protozero::tag_and_type(3, pbf_wire_type::fixed64): h.sum = reader->get_double(); return;
    case protozero::tag_and_type(4, pbf_wire_type::varint): h.schema = reader->get_sint32(); return;
    case protozero::tag_and_type(5, pbf_wire_type::fixed64):
      h.zero_threshold = reader->get_double();
      return;
    case protozero::tag_and_type(6, pbf_wire_type::varint):
      h.zero_count = reader->get_uint64();
      f->zero_count = 0;
      return;
    case protozero::tag_and_type(7, pbf_wire_type::fixed64):
      f->zero_count = reader->get_double();
      h.zero_count = 0;
      return;
    case protozero::tag_and_type(8, pbf_wire_type::length_delimited):
      h.negative_spans.push_back(ReadSpan(reader->get_message()));
      return;
    case protozero::tag_and_type(11, pbf_wire_type::length_delimited):
      h.positive_spans.push_back(ReadSpan(reader->get_message()));
      return;
    case protozero::tag_and_type(14, pbf_wire_type::varint):
      h.hint = static_cast<model::ResetHint>(reader->get_enum() & 3);
      return;
    case protozero::tag_and_type(15, pbf_wire_type::varint): f->t = reader->get_int64(); return;
    case protozero::tag_and_type(17, pbf_wire_type::varint): f->start = reader->get_int64(); return;
    default: break;
  }
  switch (reader->tag()) {
    case 9: return ReadDeltas(reader, &h.negative_buckets);
    case 10: return ReadDoubles(reader, &f->negative_counts);
    case 12: return ReadDeltas(reader, &h.positive_buckets);
    case 13: return ReadDoubles(reader, &f->positive_counts);
    case 16: return ReadDoubles(reader, &h.custom_values);
    default: reader->skip();
  }
}

model::FloatHistogram Floats(Fields&& f) {
  model::FloatHistogram h;
  h.hint = f.ints.hint;
  h.schema = f.ints.schema;
  h.zero_threshold = f.ints.zero_threshold;
  h.zero_count = f.zero_count;
  h.count = f.count;
  h.sum = f.ints.sum;
  h.positive_spans = std::move(f.ints.positive_spans);
  h.negative_spans = std::move(f.ints.negative_spans);
  h.positive_buckets = std::move(f.positive_counts);
  h.negative_buckets = std::move(f.negative_counts);
  h.custom_values = std::move(f.ints.custom_values);
  return h;
}

}  // namespace

WireHistogram ReadWireHistogram(pbf_reader reader) {
  Fields fields;
  while (reader.next()) ReadField(&reader, &fields);
  WireHistogram read;
  read.t = fields.t;
  read.start = fields.start;
  if (fields.floats) {
    read.value = Floats(std::move(fields));
  } else {
    read.value = std::move(fields.ints);
  }
  std::visit(
      [](auto& h) {
        if (h.schema <= model::kMaxSchema || h.schema > model::kMaxKnownSchema) return;
        h.ReduceResolution(model::kMaxSchema).IgnoreError();  // Validate will say what is wrong.
      },
      read.value);
  return read;
}

}  // namespace api
