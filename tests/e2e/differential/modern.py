"""Random expressions over what Prometheus 3.14 has beyond 2.42: native histograms, experimental functions,
extended range selectors, fill modifiers, durations that are computed."""
from queries import COUNTERS, GAUGES, LABELS, Generator

HISTOGRAMS = ["latency", "latency", "latency_custom", "size_gauge", "mixed"]
FEATURES = ["promql-experimental-functions", "promql-duration-expr", "promql-extended-range-selectors",
            "promql-binop-fill-modifiers"]
OVER_TIME = ["avg_over_time", "sum_over_time", "count_over_time", "last_over_time", "first_over_time", "present_over_time",
             "changes", "resets", "min_over_time", "stddev_over_time", "quantile_over_time", "rate", "increase", "delta",
             "irate", "idelta", "absent_over_time", "ts_of_last_over_time", "ts_of_max_over_time", "mad_over_time", "deriv"]
FLOATS_OVER_TIME = ["mad_over_time", "ts_of_min_over_time", "ts_of_max_over_time", "ts_of_last_over_time",
                    "ts_of_first_over_time", "first_over_time"]
TO_FLOATS = ["histogram_count", "histogram_sum", "histogram_avg", "histogram_stddev", "histogram_stdvar"]


class ModernGenerator(Generator):
    def query(self):
        depth = self.pick(1, 2, 2, 3, 3)
        return self.pick(self.histograms, self.histograms, self.to_floats, self.floats, self.super_query)(depth)

    def super_query(self, _):
        return Generator.query(self)

    def histogram_selector(self):
        matchers = self.some(['job="api"', 'job=~"a.*"', 'instance="ada"', 'instance!="dora"'], 0, 2)
        return self.pick(*HISTOGRAMS) + ("{%s}" % ",".join(matchers) if matchers else "")

    def window(self, depth=1):
        """Hides the base's; with a depth it is the base's or one of the newer functions."""
        if self.chance(0.5):
            return Generator.window(self, depth)
        kind = self.random.random()
        if kind < 0.3:
            return f"{self.pick(*FLOATS_OVER_TIME)}({self.range(GAUGES)})"
        if kind < 0.4:
            return f"double_exponential_smoothing({self.range(GAUGES)}, {self.pick('0.5', '0.1')}, {self.pick('0.5', '0.9')})"
        if kind < 0.8:
            names, function = self.pick((COUNTERS, "rate"), (COUNTERS, "increase"), (GAUGES, "delta"), (COUNTERS, "resets"),
                                        (COUNTERS, "changes"))
            word = self.pick("anchored", "anchored" if function in ("resets", "changes") else "smoothed")
            return f"{function}({self.selector(names)}[{self.length()}] {word}{self.shift()})"
        return f"{self.pick('rate', 'max_over_time', 'sum_over_time')}({self.selector()}[{self.length()}]{self.shift()})"

    def length(self):
        return self.pick("1m", "5m", "11m", "(1m + 30s)", "(2 * 3m)", "max_of(1m, step())", "min_of(5m, range() + 1m)", "240")

    def leaf(self, depth):
        if self.chance(0.15):
            return f"{self.selector()} smoothed"
        if self.chance(0.1):
            return f"{self.selector()} anchored"
        return Generator.leaf(self, depth)

    def scalar(self, depth):
        if self.chance(0.08):
            return self.pick("step()", "range()", "start()", "end()", "max_of(2, time())", "min_of(1, 3)")
        return Generator.scalar(self, depth)

    def histograms(self, depth):
        """Expressions that mostly give histograms."""
        if depth <= 0:
            return self.histogram_selector() + self.shift()
        inner = lambda: f"({self.histograms(depth - 1)})"
        kind = self.random.random()
        if kind < 0.35:
            function = self.random.choice(OVER_TIME)
            first = f"{self.pick('0.5', '0.9')}, " if function == "quantile_over_time" else ""
            what = f"{self.histogram_selector()}[{self.pick('1m', '2m', '5m', '11m')}]{self.shift()}"
            if self.chance(0.15):
                what = f"{inner()}[{self.pick('5m', '17m')}:{self.pick('30s', '1m')}]"
            return f"{function}({first}{what})"
        if kind < 0.55:
            grouping = self.pick("", " by (job) ", " by (instance) ", " without (instance) ", " by () ")
            return f"{self.pick('sum', 'avg', 'sum', 'avg', 'count', 'min', 'group', 'stddev')}{grouping}{inner()}"
        if kind < 0.7:
            op = self.pick("+", "-", "+", "-", "*", "/", "==", "!=", ">", "==bool ", "%", "^", "atan2", "</", ">/")
            matching = self.pick("", "", "on(instance, job) ", "ignoring(job) ", "ignoring(job) group_left ")
            fill = self.pick("", "", "", "fill(0) ", "fill_left(1) ")
            other = f"({self.vector(1)})" if self.chance(0.1) else inner()
            return f"{inner()} {op} {matching}{fill}{other}"
        if kind < 0.85:
            op = self.pick("*", "/", "*", "+", "</", ">/", "</", ">/", "==", "^")
            number = self.pick("2", "0.5", "-1", "0", "1", "3.7", "Inf", "NaN", "0.001", "100")
            return f"{number} {op} {inner()}" if self.chance(0.15) else f"{inner()} {op} {number}"
        if kind < 0.9:
            return f"-{inner()}"
        if kind < 0.95:
            return f"{inner()} {self.pick('and', 'or', 'unless')} {self.pick('', 'on(instance) ')}{inner()}"
        return f'label_replace({inner()}, "job", "x$1", "instance", "(a.*)")'

    def to_floats(self, depth):
        inner = self.histograms(depth - 1)
        kind = self.random.random()
        if kind < 0.45:
            return f"{self.random.choice(TO_FLOATS)}({inner})"
        quantile = self.pick("0", "0.25", "0.5", "0.9", "0.99", "1", "-1", "2", "NaN")
        if kind < 0.7:
            return f"histogram_quantile({quantile}, {inner})"
        if kind < 0.8:
            return f'histogram_quantiles({inner}, "q", 0.1, 0.5, {quantile})'
        if kind < 0.95:
            low, high = self.pick("0", "-1", "0.3", "-Inf"), self.pick("1", "0.5", "8", "Inf", "0.0001")
            return f"histogram_fraction({low}, {high}, {inner})"
        return self.pick(f"timestamp({inner})", f"absent({inner})", f"abs({inner})", f"topk(2, {inner})", f"sort({inner})",
                         f"scalar({inner})", f'count_values("v", {inner})', f"quantile(0.5, {inner})",
                         f"clamp({inner}, 0, 1)", f"round({inner})", f"hour({inner})")

    def floats(self, depth):
        inner = self.vector(depth - 1)
        kind = self.random.random()
        if kind < 0.35:
            return self.window(depth)
        if kind < 0.5:
            grouping = self.pick("", " by (job) ", " without (instance) ")
            return f"limit_ratio{grouping}({self.pick('0.5', '-0.5', '0.1', '1', '0', '-1', '3')}, {self.selector()})"
        if kind < 0.6:
            return f"count(limitk({self.pick('0', '1', '3', '100')}, {self.selector()}))"
        if kind < 0.8:
            labels = ", ".join(self.some(LABELS[:2], 1, 2))
            fill = self.pick("fill", "fill_left", "fill_right")
            one = self.pick("0", "-1", "NaN", "3.5")
            left = f"sum by (job, instance) ({self.selector()})"
            op = self.pick("+", "-", "*", "/", ">", "==", "< bool")
            return f"{left} {op} on({labels}) {self.pick('', 'group_left ')}{fill}({one}) sum by ({labels}) ({self.selector()})"
        if kind < 0.9:
            what = self.pick("queue_length", "http_requests_total", "rate(http_requests_total[5m])")
            which = self.pick("", ', {__name__="build_info"}', ', {version=~".+",__name__=~".*_info"}')
            return f"info({what}{which})"
        return self.pick(f'sort_by_label({inner}, "job", "instance")', f'sort_by_label_desc({inner}, "instance")',
                         f"{self.selector()} offset {self.pick('(1m + 15s)', '-(30s)', 'step()')}",
                         f"first_over_time({self.range(GAUGES)})")
