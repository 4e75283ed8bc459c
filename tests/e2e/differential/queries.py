"""What is asked: a list of dashboards' questions over the names of data.py, and random expressions
over the language that Prometheus 2.42 and 3.x share.
"""
import random

DASHBOARD = [
    # Node: processors, load, memory.
    'node_load1',
    'avg by (mode) (rate(node_cpu_seconds_total[5m])) * 100',
    '1 - avg without (cpu, mode) (rate(node_cpu_seconds_total{mode="idle"}[5m]))',
    'sum by (instance, mode) (irate(node_cpu_seconds_total{mode!="idle"}[1m]))',
    '100 - (avg by (instance) (irate(node_cpu_seconds_total{mode="idle"}[5m])) * 100)',
    'sum by (instance) (rate(node_cpu_seconds_total{mode=~"user|system"}[2m])) / on(instance) group_left '
    'count by (instance) (count by (instance, cpu) (node_cpu_seconds_total))',
    'count without (cpu, mode) (node_cpu_seconds_total{mode="idle"})',
    'node_load5 / scalar(count(count by (cpu) (node_cpu_seconds_total{instance="ada"})))',
    'max_over_time(node_load15[30m])',
    'quantile_over_time(0.95, node_load1[15m])',
    'avg_over_time(node_load1[5m]) > bool avg_over_time(node_load1[30m])',
    '100 * (1 - node_memory_MemAvailable_bytes / node_memory_MemTotal_bytes)',
    'node_memory_MemTotal_bytes - node_memory_MemFree_bytes - node_memory_Buffers_bytes - node_memory_Cached_bytes',
    'sum(node_memory_MemTotal_bytes) - sum(node_memory_MemAvailable_bytes)',
    'node_memory_SwapFree_bytes < 1e8',
    'deriv(node_memory_MemFree_bytes[10m])',
    'rate(node_vmstat_pgfault[5m])',
    'rate(node_context_switches_total[5m]) / rate(node_intr_total[5m])',
    # Disks and network.
    '100 - (node_filesystem_avail_bytes{fstype!~"tmpfs|overlay"} * 100) / node_filesystem_size_bytes{fstype!~"tmpfs|overlay"}',
    'predict_linear(node_filesystem_avail_bytes{mountpoint="/"}[1h], 4 * 3600) < bool 0',
    'min by (instance) (node_filesystem_avail_bytes)',
    'topk(3, node_filesystem_avail_bytes)',
    'bottomk(2, node_filesystem_avail_bytes{fstype="ext4"})',
    'rate(node_network_receive_bytes_total{device!="lo"}[5m]) * 8',
    'sum by (instance) (rate(node_network_transmit_bytes_total[5m]))',
    'increase(node_network_transmit_bytes_total[1h])',
    'resets(node_network_transmit_bytes_total[1h])',
    'sort_desc(sum by (device) (rate(node_network_receive_bytes_total[5m])))',
    'changes(node_network_up[30m])',
    'node_network_up == 0',
    'time() - node_boot_time_seconds',
    'label_replace(node_uname_info, "host", "$1", "nodename", "([^.]+)[.].*")',
    'node_load1 * on(instance) group_left(nodename) node_uname_info',
    # Targets.
    'up == 0',
    'count by (job) (up)',
    'avg_over_time(up[10m]) < 1',
    'absent(up{job="nothing"})',
    'absent_over_time(up{job="node"}[5m])',
    'sum by (job) (up) / count by (job) (up)',
    'count(up) - sum(up)',
    'time() - last_success_timestamp_seconds > 50',
    'max(timestamp(up)) - min(timestamp(up))',
    # Requests: rate, errors, duration.
    'sum(rate(http_requests_total[5m]))',
    'sum by (job) (rate(http_requests_total{code=~"5.."}[5m])) / sum by (job) (rate(http_requests_total[5m]))',
    'sum by (code, method) (increase(http_requests_total[10m]))',
    'topk(3, sum by (job, instance) (rate(http_requests_total[5m])))',
    'rate(http_requests_total{job="api",method="GET"}[5m] offset 10m)',
    'rate(http_requests_total[5m]) - rate(http_requests_total[5m] offset 30m)',
    'sum by (job) (rate(http_requests_total{code!="200"}[5m])) > 0.1',
    'histogram_quantile(0.99, sum by (le) (rate(http_request_duration_seconds_bucket[5m])))',
    'histogram_quantile(0.5, sum by (job, le) (rate(http_request_duration_seconds_bucket[5m])))',
    'histogram_quantile(0.9, rate(http_request_duration_seconds_bucket[10m]))',
    'rate(http_request_duration_seconds_sum[5m]) / rate(http_request_duration_seconds_count[5m])',
    'sum by (job) (rate(http_request_duration_seconds_bucket{le="0.25"}[5m])) / '
    'sum by (job) (rate(http_request_duration_seconds_count[5m]))',
    'max_over_time(sum(rate(http_requests_total[1m]))[30m:1m])',
    'avg_over_time(rate(http_requests_total{code="200"}[5m])[20m:30s])',
    'quantile(0.9, rate(http_requests_total[5m]))',
    'stddev by (job) (queue_length)',
    'count_values("version", build_info)',
    'count by (version) (build_info)',
    'queue_length * on(job, instance) group_left(version) build_info',
    'sum by (version) (rate(http_requests_total[5m]) * on(job, instance) group_left(version) build_info)',
    'clamp(queue_length, 5, 20)',
    'queue_length unless on(instance) node_load1 > 4',
    'up{job="api"} and on(instance) node_load1 > 1',
    'node_load1 or up{job="web"}',
    'vector(1) or absent(up)',
    'hour() + minute() / 60',
    'day_of_week(last_success_timestamp_seconds)',
    'flappy',
    'odd',
    '{__name__=~"node_load.+"}',
    'count({instance="ada"})',
    'sum({__name__=~"node_memory_.+",instance="bert"})',
]

GAUGES = ["node_load1", "node_load5", "queue_length", "temperature_celsius", "flappy", "node_memory_MemFree_bytes",
          "node_filesystem_avail_bytes", "up", "constant", "build_info", "odd", "node_network_up"]
COUNTERS = ["node_cpu_seconds_total", "http_requests_total", "node_network_receive_bytes_total",
            "node_network_transmit_bytes_total", "http_request_duration_seconds_count", "node_intr_total"]
LABELS = ["job", "instance", "cpu", "mode", "code", "method", "device", "n", "even", "version", "missing"]
MATCHERS = ['job="node"', 'job="api"', 'job!="web"', 'job=~"api|web"', 'job=""', 'instance="ada"', 'instance!~"a.*"',
            'instance=~".+o|dora"', 'code=~"[45].."', 'mode!="idle"', 'missing=""', 'missing!=""', 'n=~"[0-4]"',
            'device=~"eth1?0"', 'method="GET"']
RANGES = ["45s", "1m", "2m", "5m", "11m", "30m", "1h"]
MATH = ["abs", "ceil", "floor", "exp", "ln", "log2", "log10", "sqrt", "sgn", "sin", "cos", "tan", "asin", "acos", "atan",
        "sinh", "cosh", "tanh", "asinh", "acosh", "atanh", "deg", "rad", "round"]
DATES = ["hour", "minute", "month", "year", "day_of_month", "day_of_week", "day_of_year", "days_in_month"]
OVER_TIME = ["avg_over_time", "sum_over_time", "min_over_time", "max_over_time", "count_over_time", "last_over_time",
             "present_over_time", "stddev_over_time", "stdvar_over_time", "changes", "resets", "delta", "idelta", "deriv"]
RATES = ["rate", "increase", "irate", "resets", "changes"]
AGGREGATES = ["sum", "avg", "min", "max", "count", "group", "stddev", "stdvar"]
ARITHMETIC = ["+", "-", "*", "/", "%", "^", "atan2"]
COMPARISONS = ["==", "!=", ">", "<", ">=", "<="]


class Generator:
    """Expressions with types; `depth` bounds their nesting."""

    def __init__(self, seed, start_s, end_s):
        self.random = random.Random(seed)
        self.start_s, self.end_s = start_s, end_s

    def chance(self, p):
        return self.random.random() < p

    def pick(self, *options):
        return self.random.choice(options)

    def some(self, options, low, high):
        return self.random.sample(options, self.random.randint(low, high))

    def query(self):
        depth = self.pick(1, 2, 2, 3, 3, 4)
        return self.scalar(depth) if self.chance(0.05) else self.vector(depth)

    def selector(self, names=None):
        name = self.random.choice(names or GAUGES + COUNTERS)
        matchers = self.some(MATCHERS, 0, 2) if self.chance(0.5) else []
        if names is None and self.chance(0.03):
            return '{__name__=~"node_.*",%s}' % ",".join(matchers or ['instance="ada"'])
        return name + ("{%s}" % ",".join(matchers) if matchers else "")

    def shift(self):
        out = ""
        if self.chance(0.12):
            out += " offset " + self.pick("1m", "7m", "-2m", "1h")
        if self.chance(0.06):
            at = self.random.randint(int(self.start_s), int(self.end_s)) + 0.5
            out += " @ " + self.pick(f"{at:.3f}", "start()", "end()")
        return out

    def range(self, names):
        return f"{self.selector(names)}[{self.random.choice(RANGES)}]{self.shift()}"

    def subquery(self, depth):
        return f"{self.operand(depth)}[{self.pick('5m', '17m', '30m')}:{self.pick('30s', '1m', '47s', '')}]{self.shift()}"

    def number(self):
        return self.pick("0", "1", "-1", "2", "0.5", "3.25", "100", "1e6", "-0.25", "1024", "NaN", "Inf", "-Inf")

    def scalar(self, depth):
        if depth <= 1 or self.chance(0.4):
            return self.pick(self.number(), self.number(), "time()", "pi()")
        if self.chance(0.4):
            return f"scalar({self.vector(depth - 1)})"
        op = self.random.choice(ARITHMETIC + ["== bool", "> bool", "<= bool"])
        return f"({self.scalar(depth - 1)} {op} {self.scalar(depth - 1)})"

    def operand(self, depth):
        """A vector that anything can be applied to."""
        return f"({self.vector(depth)})" if depth > 0 else self.selector()

    def vector(self, depth):
        if depth <= 0:
            return self.selector() + self.shift()
        make = self.random.choices(
            [self.leaf, self.window, self.math, self.aggregate, self.with_scalar, self.two, self.set_operation,
             self.special, self.quantiles, self.labels, self.negative],
            [2, 6, 3, 6, 4, 4, 2, 3, 2, 2, 1])[0]
        return make(depth)

    def leaf(self, _):
        return self.selector() + self.shift()

    def window(self, depth):
        kind = self.random.random()
        if kind < 0.35:
            return f"{self.random.choice(RATES)}({self.range(COUNTERS)})"
        if kind < 0.7:
            return f"{self.random.choice(OVER_TIME)}({self.range(GAUGES)})"
        if kind < 0.78:
            return f"quantile_over_time({self.scalar(1)}, {self.range(GAUGES)})"
        if kind < 0.84:
            return f"predict_linear({self.range(GAUGES)}, {self.pick('60', '3600', 'time() % 60')})"
        return f"{self.random.choice(OVER_TIME)}({self.subquery(depth - 1)})"

    def math(self, depth):
        kind = self.random.random()
        inner = self.vector(depth - 1)
        if kind < 0.6:
            return f"{self.random.choice(MATH)}({inner})"
        if kind < 0.75:
            return f"{self.random.choice(DATES)}({inner})"
        if kind < 0.9:
            return self.pick(f"clamp({inner}, {self.scalar(1)}, {self.scalar(1)})", f"clamp_min({inner}, {self.scalar(1)})",
                             f"clamp_max({inner}, {self.scalar(1)})", f"round({inner}, {self.pick('5', '0.1', '0')})")
        return f"timestamp({inner})"

    def grouping(self):
        return f" {self.pick('by', 'without')} ({', '.join(self.some(LABELS, 0, 3))}) " if self.chance(0.7) else ""

    def aggregate(self, depth):
        kind = self.random.random()
        inner = self.vector(depth - 1)
        if kind < 0.75:
            return f"{self.random.choice(AGGREGATES)}{self.grouping()}({inner})"
        if kind < 0.85:
            return f"quantile{self.grouping()}({self.pick('0', '0.3', '0.5', '0.99', '1', '-1', '2')}, {inner})"
        if kind < 0.95:
            walks = self.selector(["node_memory_MemFree_bytes", "node_filesystem_avail_bytes"])
            return f"{self.pick('topk', 'bottomk')}{self.grouping()}({self.pick('1', '2', '5', '0')}, {walks})"
        return f'count_values{self.grouping()}("v", {self.selector(["up", "queue_length", "odd", "build_info"])})'

    def with_scalar(self, depth):
        a, b = self.operand(depth - 1), self.scalar(depth - 1)
        if self.chance(0.5):
            a, b = b, a
        if self.chance(0.5):
            return f"{a} {self.random.choice(ARITHMETIC)} {b}"
        return f"{a} {self.random.choice(COMPARISONS)} {self.pick('', 'bool ')}{b}"

    def two(self, depth):
        op = self.random.choice(ARITHMETIC + COMPARISONS)
        if op in COMPARISONS and self.chance(0.3):
            op += " bool"
        if self.chance(0.35):  # Both sides of one shape, so that much matches.
            x = self.operand(depth - 1)
            return f"{x} {op} {self.pick('', 'ignoring(mode) ')}{x}"
        labels = ", ".join(self.some(LABELS, 0, 3))
        matching = self.pick("", f"on({labels})", f"ignoring({labels})")
        if matching and self.chance(0.4):
            include = ", ".join(self.some(LABELS, 0, 1))
            matching += f" {self.pick('group_left', 'group_right')}({include})"
        return f"{self.operand(depth - 1)} {op} {matching} {self.operand(depth - 1)}"

    def set_operation(self, depth):
        labels = ", ".join(self.some(LABELS, 0, 2))
        matching = self.pick("", f"on({labels})", f"ignoring({labels})")
        return f"{self.operand(depth - 1)} {self.pick('and', 'or', 'unless')} {matching} {self.operand(depth - 1)}"

    def special(self, depth):
        inner = self.vector(depth - 1)
        return self.pick(f"absent({inner})", f"sort({inner})", f"sort_desc({inner})", f"vector({self.scalar(depth - 1)})",
                         f"absent_over_time({self.range(GAUGES)})", f"absent_over_time({self.subquery(0)})",
                         f"{self.random.choice(DATES)}()", f"absent({self.selector()})")

    def quantiles(self, _):
        bucket = "http_request_duration_seconds_bucket"
        inner = self.pick(f"rate({bucket}[{self.random.choice(RANGES[1:])}])", bucket,
                          f"sum by ({', '.join(['le'] + self.some(['job', 'instance'], 0, 2))}) (rate({bucket}[5m]))",
                          self.selector(GAUGES))
        return f"histogram_quantile({self.pick('0', '0.5', '0.9', '0.999', '1', '-1', '2', 'NaN')}, {inner})"

    def labels(self, depth):
        inner = self.vector(depth - 1)
        target = self.pick("new", "job", "instance", "__name__")
        source = self.random.choice(LABELS)
        if self.chance(0.5):
            regex = self.pick("(.*)", "(.)(.*)", "a.*", "", "(?P<first>[a-z])(.*)")
            value = self.pick("$1", "${1}x", "$2-$1", "fixed", "", "$first", "$$1", "$3")
            return f'label_replace({inner}, "{target}", "{value}", "{source}", "{regex}")'
        sources = "".join(f', "{s}"' for s in self.some(LABELS, 0, 3))
        return f'label_join({inner}, "{target}", "{self.pick("-", "")}"{sources})'

    def negative(self, depth):
        return f"-{self.operand(depth - 1)}"
