"""Every function, operator and aggregation that Prometheus 2.42 and 3.x share, one by one, each with all
kinds of arguments, ranges, offsets and groupings it can have: what random expressions might miss."""
from queries import AGGREGATES, ARITHMETIC, COMPARISONS, DATES, MATH, OVER_TIME, RATES

RANGES = ["1s", "15s", "1m", "5m", "15m", "1h"]
SHIFTS = ["", " offset 1m", " offset -7m", " @ start()", " @ end() offset 5m"]
GROUPINGS = ["", " by () ", " by (instance) ", " by (instance, fstype) ", " by (missing) ", " without () ",
             " without (instance) ", " without (instance, fstype) ", " without (missing) ", " by (__name__) "]
QUANTILES = ["-0.5", "0", "0.1", "0.5", "0.75", "0.9", "0.99", "1", "1.5", "NaN"]
GAUGE = "node_filesystem_avail_bytes"
COUNTER = "node_network_transmit_bytes_total"
BUCKETS = "http_request_duration_seconds_bucket"


def scalars():
    yield from ["42", "1.5", ".125", "2e-3", "0x2a", "Inf", "+Inf", "-Inf", "NaN", "1e3", "-2 ^ 2", "2 ^ 3 ^ 2", "time()", "pi()",
                "1 * 2 + 4 / 6 - 10 % 2 ^ 2", "scalar(constant)", "scalar(flappy)", '"text"', "vector(1.25)", "vector(time())"]
    for op in ARITHMETIC + [c + " bool" for c in COMPARISONS]:
        yield from [f"1 {op} time()", f"time() {op} 1", f"time() {op} time()", f"3 {op} 2"]


def selectors():
    for matchers in ("", "{fstype='xfs'}", "{fstype!='xfs'}", "{instance=~'.*a'}", "{instance=~'od'}", "{instance!~'d.*'}",
                     "{fstype='xfs',instance!='ada'}", "{missing=''}", "{missing!=''}", "{missing=~'.*'}", "{fstype=~''}"):
        yield GAUGE + matchers
    yield from [GAUGE + shift for shift in SHIFTS]
    yield from ["{__name__='node_load1'}", "{fstype='xfs',instance!='ada'}", "{__name__=~'.*'}", "{missing=''}", "nothing_there",
                "flappy", "odd", "{__name__=~'flappy|odd'}"]


def aggregations():
    for grouping in GROUPINGS:
        for aggregate in AGGREGATES:
            yield f"{aggregate}{grouping}({GAUGE})"
        yield f"quantile{grouping}(0.3, {GAUGE})"
        yield f"topk{grouping}(2, {GAUGE})"
        yield f"bottomk{grouping}(1, {GAUGE})"
        yield f'count_values{grouping}("v", build_info)'
    for aggregate in AGGREGATES:
        yield from [f"{aggregate}(nothing_there)", f"{aggregate}(odd)", f"{aggregate}(flappy)"]
    for q in QUANTILES:
        yield from [f"quantile({q}, {GAUGE})", f"histogram_quantile({q}, rate({BUCKETS}[1m]))", f"histogram_quantile({q}, {BUCKETS})",
                    f"quantile_over_time({q}, {GAUGE}[5m])", f"quantile_over_time({q}, flappy[15m])"]


def windows():
    for length in RANGES:
        for function in OVER_TIME + ["absent_over_time"]:
            yield from [f"{function}({GAUGE}[{length}])", f"{function}(flappy[{length}])"]
        for function in RATES + ["delta", "idelta", "deriv"]:
            yield f"{function}({COUNTER}[{length}])"
        yield f"predict_linear({GAUGE}[{length}], 600)"
    for function in OVER_TIME + RATES:
        yield from [f"{function}({GAUGE}[5m]{shift})" for shift in SHIFTS[1:]]
        yield from [f"{function}(nothing_there[5m])", f"{function}(odd[5m])",
                    f"{function}(rate({COUNTER}[1m])[5m:30s] offset 3m)"]
    # Rates of gaps near zero differ between 2.42 and 3.x.
    for function in OVER_TIME:
        yield f"{function}(({GAUGE} > 1e10)[10m:1m])"


def functions():
    for function in MATH:
        yield from [f"{function}({GAUGE})", f"{function}(-{GAUGE})", f"{function}(odd)", f"{function}(flappy / 5)"]
    for function in DATES:
        yield from [f"{function}()", f"{function}(last_success_timestamp_seconds offset 5m)", f"{function}(odd)"]
    for low, high in (("0", "1"), ("0", "1e12"), ("1e12", "0"), ("1e12", "1e12"), ("NaN", "1"), ("-Inf", "Inf")):
        yield from [f"clamp({GAUGE}, {low}, {high})", f"clamp_min({GAUGE}, {low})", f"clamp_max({GAUGE}, {high})"]
    for to in ("0", "0.1", "5", "-5", "1e9", "NaN", "Inf"):
        yield from [f"round({GAUGE}, {to})", f"round(odd, {to})"]
    for regex in ("(.*)", "d(.*)", "(a)(.*)", "nothing", "", "(?P<x>.).*", "(.*"):
        for target, value in (("job", "x-$1"), ("new", "$2-$1"), ("job", ""), ("new", "$x"), ("__name__", "n$1")):
            yield f'label_replace(node_load1, "{target}", "{value}", "instance", "{regex}")'
    yield from ['label_replace(node_load1, "job", "v-$1", "missing", "(.*)")', 'label_replace(node_load1, "instance", "", "", "")',
                'label_join(node_load1, "new", "-", "instance", "job")', 'label_join(node_load1, "job", "-", "instance", "job")',
                'label_join(node_load1, "job", "-", "instance")', 'label_join(node_load1, "new", ",")',
                'label_join(node_load1, "instance", "-", "job")', 'absent(nothing_there)', 'absent(nothing{a="b",c=~"d",e="f",e="g"})',
                "absent(node_load1)", "timestamp(node_load1)", "timestamp(timestamp(node_load1))", "timestamp(-node_load1)",
                "timestamp(node_load1 * 1)", "sort(node_load1)", "sort_desc(node_load1)", "histogram_quantile(0.9, node_load1)",
                'histogram_quantile(0.9, {__name__=~"http_request_duration_seconds_.+"})', "histogram_quantile(0.9, nothing_there)"]


def binaries():
    for op in ARITHMETIC + COMPARISONS + [c + " bool" for c in COMPARISONS]:
        yield from [f"{GAUGE} {op} 2e10", f"2e10 {op} {GAUGE}", f"{GAUGE} {op} time()", f"time() {op} {GAUGE}", f"odd {op} 1",
                    f"odd {op} NaN", f"{GAUGE} {op} on(instance, job, device) {GAUGE}",
                    f"{GAUGE} {op} ignoring(fstype) node_filesystem_size_bytes", f"{GAUGE} {op} flappy", f"odd {op} odd",
                    f"{GAUGE} {op} on(instance) group_left node_load1", f"node_load1 {op} on(instance) group_right(job) {GAUGE}",
                    f"sum by (instance, device) ({GAUGE}) {op} on(instance, device) group_left(job) {GAUGE}",
                    f"node_load1 {op} on(instance) {GAUGE}", f"{GAUGE} {op} on(instance) {GAUGE}"]
    for op in ("and", "or", "unless"):
        yield from [f"{GAUGE} {op} {matching} {other}" for matching in ("", "on(instance)", "ignoring(fstype)", "on()")
                    for other in (GAUGE, "node_load1 > 4", "nothing_there", "(flappy or node_load5)")]
    yield from ["-node_load1", "+node_load1", "node_load1 + -(1)", "-node_load1 ^ 2", "-(node_load1 - node_load5)",
                f"{GAUGE} / on(instance, fstype, __name__) {GAUGE}"]


def every():
    for part in (scalars, selectors, aggregations, windows, functions, binaries):
        yield from part()
