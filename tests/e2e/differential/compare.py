"""Whether two answers of the API are the same, and what is known to differ."""
import math
import re

TOLERANCE = 1e-12


def labels_of(series):
    return tuple(sorted(series["metric"].items()))


def same_number(a, b, tolerance=TOLERANCE, absolute=0.0):
    a, b = float(a), float(b)
    if math.isnan(a) or math.isnan(b):
        return math.isnan(a) and math.isnan(b)
    return a == b or abs(a - b) <= max(tolerance * max(abs(a), abs(b)), absolute)


def points_of(series):
    """[(time, what kind, value)], numbers before histograms."""
    floats = series["values"] if "values" in series else [series["value"]] if "value" in series else []
    histograms = series["histograms"] if "histograms" in series else [series["histogram"]] if "histogram" in series else []
    return [(t, "number", v) for t, v in floats] + [(t, "histogram", v) for t, v in histograms]


def same_value(a, b, tolerance, absolute):
    """Numbers, or histograms: count, sum, and bounds and counts of each bucket."""
    if isinstance(a, str):
        return same_number(a, b, tolerance, absolute)
    buckets = a.get("buckets", []), b.get("buckets", [])
    return (same_number(a["count"], b["count"], tolerance, absolute) and same_number(a["sum"], b["sum"], tolerance, absolute)
            and len(buckets[0]) == len(buckets[1])
            and all(x[0] == y[0] and all(same_number(p, q, tolerance, absolute) for p, q in zip(x[1:], y[1:]))
                    for x, y in zip(*buckets)))


def annotations(ours, theirs):
    """What differs in warnings and infos, in words."""
    for kind in ("warnings", "infos"):
        a, b = sorted(ours.get(kind, [])), sorted(theirs.get(kind, []))
        if a != b and not (len(a) == len(b) and any("more " + kind[:-1] in x for x in a + b)):
            return f"{kind} {a}, not {b}"
    return None


def difference(expr, ours, theirs, tolerance=TOLERANCE, absolute=0.0):
    """Nothing, or what differs, in words. Answers are the parsed bodies."""
    if ours["status"] != theirs["status"]:
        return f"{ours['status']} ({ours.get('error', '')}), not {theirs['status']} ({theirs.get('error', '')})"
    if ours["status"] == "error":
        kinds = ours.get("errorType"), theirs.get("errorType")
        return None if kinds[0] == kinds[1] else f"error of type {kinds[0]} ({ours['error']}), not {kinds[1]} ({theirs['error']})"
    ours, theirs = ours["data"], theirs["data"]
    if ours["resultType"] != theirs["resultType"]:
        return f"a {ours['resultType']}, not a {theirs['resultType']}"
    a, b = ours["result"], theirs["result"]
    if ours["resultType"] == "string":
        return None if a == b else f"{a}, not {b}"
    if ours["resultType"] == "scalar":
        return None if a[0] == b[0] and same_number(a[1], b[1], tolerance, absolute) else f"{a}, not {b}"
    if ours["resultType"] == "vector" and re.match(r"(sort|sort_desc)\(", expr):
        order = [[p["value"][1] for p in x if "value" in p] for x in (a, b)]
        if len(order[0]) == len(order[1]) and not all(same_number(x, y, tolerance, absolute) for x, y in zip(*order)):
            return f"ordered {order[0][:6]}, not {order[1][:6]}"
    by_labels = {labels_of(s): points_of(s) for s in a}, {labels_of(s): points_of(s) for s in b}
    if len(by_labels[0]) != len(a):
        return "the same labels twice"
    for first, second, word in ((0, 1, "more"), (1, 0, "missing")):
        for labels in by_labels[first].keys() - by_labels[second].keys():
            return f"{word}: {dict(labels)} {by_labels[first][labels][:2]} ({len(a)} series, not {len(b)})"
    if ours["resultType"] == "matrix" and [labels_of(s) for s in a] != sorted(labels_of(s) for s in a):
        return "series out of order"
    for labels, theirs_at in by_labels[1].items():
        ours_at = by_labels[0][labels]
        if [p[:2] for p in ours_at] != [p[:2] for p in theirs_at]:
            return f"{dict(labels)}: {len(ours_at)} points, not {len(theirs_at)}; other times or kinds"
        for (t, _, x), (_, _, y) in zip(ours_at, theirs_at):
            if not same_value(x, y, tolerance, absolute):
                return f"{dict(labels)} at {t}: {x}, not {y}"
    return None


def close(expr, ours, theirs):
    """The same but for what rounding leaves when it is blown up."""
    return difference(expr, ours, theirs, 1e-6, 1e-6) is None


# Where Prometheus 2.42 differs from 3.x we follow 3.x: (why, whether it may be what differs here).
KNOWN = [
    ("2.42 keeps the metric name after atan2",
     lambda expr, what, ours, theirs: " atan2 " in expr),
    ("2.42 looks for many matches only among pairs that pass a comparison",
     lambda expr, what, ours, theirs: "multiple matches for labels" in ours.get("error", "")
     and theirs["status"] == "success" and re.search("[=!<>]", re.sub(r"\{.*?\}", "", expr))),
    ("2.42 takes the variance of infinities and NaN for 0",
     lambda expr, what, ours, theirs: re.search(r"std(dev|var)\b", expr)
     and ("NaN, not " in what or re.search("odd|NaN|Inf", expr))),
    ("2.42 moves windows from step to step in spite of @ where another argument depends on the step",
     lambda expr, what, ours, theirs: re.search(r"predict_linear|quantile_over_time\(time", expr) and "@" in expr),
    ("Prometheus, 3.x too, forgets the offset in timestamp(x offset d @ t)",
     lambda expr, what, ours, theirs: re.search(r"timestamp\([^()]* offset [^()]*@", expr)),
    ("windows of 2.42 are closed on the left: points of a subquery inside another meet the edge",
     lambda expr, what, ours, theirs: len(re.findall(r"\[\w+:", expr)) > 1),
    ("2.42 lets the way to zero stand in for a gap at a window's start before it caps that gap, 3.x after",
     lambda expr, what, ours, theirs: re.search("rate|increase", expr)
     and difference(expr, ours, theirs, 0.05) is None),
    ("2.42 adds up without compensation, which differences and variances blow up",
     lambda expr, what, ours, theirs: re.search(r"\b(sum|avg|stddev|stdvar)", expr) and close(expr, ours, theirs)),
    ("2.42 adds up and averages with more loss, and what is lost decides: a zero, a rest, an order",
     lambda expr, what, ours, theirs: re.search(r"\b(sum|avg|stddev|stdvar)", expr)
     and re.search(r"[%^<>]|==|!=|\b(sgn|ceil|floor|round|changes|resets|ln|log2|log10|sqrt)\b", re.sub(r"\{.*?\}", "", expr))),
    ("powers and transcendental functions differ in the last bit, which steep functions blow up",
     lambda expr, what, ours, theirs: re.search(r" \^ |\b(exp|a?(sin|cos|tan)h?|ln|log2|log10)\(", expr)
     and close(expr, ours, theirs)),
    ("so do sines of large numbers, and rests of large powers",
     lambda expr, what, ours, theirs: (re.search(r"\b(sin|cos|tan)\(", expr)
                                       or (" ^ " in expr and " % " in expr)) and " at " in what),
    ("2.42 groups count_values by other labels from the second step on",
     lambda expr, what, ours, theirs: "count_values by" in expr),
]


# Where we differ from 3.14.
KNOWN_MODERN = [entry for entry in KNOWN if entry[0].startswith(("powers and", "so do sines", "Prometheus, 3.x too"))] + [
    ("Prometheus drops a number when label_replace or label_join gives it the labels of a histogram of the same time",
     lambda expr, what, ours, theirs: re.search("label_(replace|join)", expr) and "the same labelset" in ours.get("error", "")
     and theirs["status"] == "success"),
    ("Prometheus fills empty buckets into the histograms of a chunk: a change, NaN times what is infinite, the end of a negated one",
     lambda expr, what, ours, theirs: re.search(r"(changes|resets)\((size_gauge|latency|mixed)"
                                              r"|(size_gauge|latency|mixed).*([!=]=|Inf|NaN|/ 0)|quantiles?\(.*-\(", expr) and " at " in what),
    ("the labels of absent depend on whether Prometheus has sorted the matchers of the selector while it read",
     lambda expr, what, ours, theirs: re.search(r'absent(_over_time)?\(.*instance!="dora",instance="ada"', expr)),
    ("with promql-delayed-name-removal the first sample decides in Prometheus whether a series of `or` that both sides have "
     "keeps its name, here the first side",
     lambda expr, what, ours, theirs: re.search(r" or ", expr) and what.startswith("more: ")),
    ("topk and its kin choose among equals by the order of series",
     lambda expr, what, ours, theirs: re.search(r"\b(topk|bottomk|limitk)\b", expr)
     and ("more: " in what or "missing: " in what or " points, not " in what)),
    ("series are added up in another order, which differences and remainders blow up",
     lambda expr, what, ours, theirs: re.search(r"\b(sum|avg|stddev|stdvar)", expr)
     and (close(expr, ours, theirs) or re.search(r" % ", expr))),
]


def known_reason(expr, what, ours, theirs, modern=False):
    for reason, applies in KNOWN_MODERN if modern else KNOWN:
        if applies(expr, what, ours, theirs):
            return reason
    return None
