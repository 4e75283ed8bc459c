#include "server/rules/template/value.h"

namespace server::text_template {
namespace {

template <class... F>
struct Overloaded : F... {
  using F::operator()...;
};
template <class... F>
Overloaded(F...) -> Overloaded<F...>;

}  // namespace

const Value* Struct::Find(std::string_view name) const {
  for (const auto& [field, value] : fields) {
    if (field == name) return &value;
  }
  return nullptr;
}

Value Value::Labels(model::LabelsView labels) {
  auto map = std::make_shared<Map>();
  for (const model::Label& label : labels) {
    map->entries.emplace(label.name, std::string(label.value));
  }
  return MapPtr(std::move(map));
}

Value Value::Sample(const promql::VectorSample& sample) {
  auto out = std::make_shared<Struct>();
  out->type = "template.sample";
  Value value = sample.histogram == nullptr
                    ? Value(sample.sample.v)
                    : Pointer(Value(promql::HistogramPtr(sample.histogram)));
  out->fields = {{"Labels", Labels(sample.labels)}, {"Value", std::move(value)}};
  return Pointer(StructPtr(std::move(out)));
}

Value Value::Results(const std::vector<promql::VectorSample>& samples) {
  Vector out;
  out.elements = std::make_shared<std::vector<Value>>();
  for (const promql::VectorSample& sample : samples) out.elements->push_back(Sample(sample));
  out.end = out.elements->size();
  return out;
}

bool Value::is_nil() const {
  if (!valid()) return true;
  if (const auto* p = If<StructPtr>()) return *p == nullptr;
  if (const auto* p = If<promql::HistogramPtr>()) return *p == nullptr;
  if (const auto* v = If<Vector>()) return v->elements == nullptr;
  return false;
}

Value Value::Pointed() const {
  Value out = *this;
  out.pointer_ = false;
  return out;
}

std::string Value::type() const {
  const std::string name = std::visit(
      Overloaded{
          [](std::monostate) { return std::string("<nil>"); },
          [](bool) { return std::string("bool"); }, [](int64_t) { return std::string("int"); },
          [](Byte) { return std::string("uint8"); }, [](double) { return std::string("float64"); },
          [](const std::string&) { return std::string("string"); },
          [](const Html&) { return std::string("template.HTML"); },
          [](const MapPtr& m) {
            return std::string(m->any ? "map[string]interface {}" : "map[string]string");
          },
          [](const StructPtr& s) { return s == nullptr ? "template.sample" : s->type; },
          [](const Vector&) { return std::string("template.queryResult"); },
          [](const Time&) { return std::string("time.Time"); },
          [](Duration) { return std::string("time.Duration"); },
          [](Month) { return std::string("time.Month"); },
          [](Weekday) { return std::string("time.Weekday"); },
          [](const promql::HistogramPtr&) { return std::string("histogram.FloatHistogram"); }},
      data_);
  return pointer_ ? "*" + name : name;
}

bool Value::truth() const {
  if (pointer_) return !is_nil();
  return std::visit(
      Overloaded{[](std::monostate) { return false; }, [](bool b) { return b; },
                 [](int64_t n) { return n != 0; }, [](Byte b) { return b.value != 0; },
                 [](double v) { return v != 0; }, [](const std::string& s) { return !s.empty(); },
                 [](const Html& h) { return !h.text.empty(); },
                 [](const MapPtr& m) { return !m->entries.empty(); },
                 [](const Vector& v) { return v.size() > 0; },
                 [](Duration d) { return d.nanos != 0; }, [](Month m) { return m.number != 0; },
                 [](Weekday d) { return d.number != 0; },
                 [](const auto&) { return true; }},  // Structs.
      data_);
}

}  // namespace server::text_template
