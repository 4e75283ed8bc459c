"""Whether two answers of the API are the same, and what is known to differ."""
import math
import re

TOLERANCE = 1e-12


def labels_of(series):
    return tuple(sorted(series["metric"].items()))


def same_number(a, b, tolerance=TOLERANCE):
    a, b = float(a), float(b)
    if math.isnan(a) or math.isnan(b):
        return math.isnan(a) and math.isnan(b)
    return a == b or abs(a - b) <= tolerance * max(abs(a), abs(b))


def points_of(series):
    return series["values"] if "values" in series else [series["value"]]


def difference(expr, ours, theirs, tolerance=TOLERANCE):
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
    if ours["resultType"] == "scalar":
        return None if a[0] == b[0] and same_number(a[1], b[1], tolerance) else f"{a}, not {b}"
    if ours["resultType"] == "vector" and re.match(r"(sort|sort_desc)\(", expr):
        order = [p["value"][1] for p in a], [p["value"][1] for p in b]
        if len(a) == len(b) and not all(same_number(x, y, tolerance) for x, y in zip(*order)):
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
        if [t for t, _ in ours_at] != [t for t, _ in theirs_at]:
            return f"{dict(labels)}: {len(ours_at)} points, not {len(theirs_at)}; other times"
        for (t, x), (_, y) in zip(ours_at, theirs_at):
            if not same_number(x, y, tolerance):
                return f"{dict(labels)} at {t}: {x}, not {y}"
    return None


# (why, whether a difference in this expression may be it). Prometheus 2.42 is the older of the two:
# where it differs from 3.x, we follow 3.x.
KNOWN = []


def known_reason(expr, what, ours, theirs):
    for reason, applies in KNOWN:
        if applies(expr, what, ours, theirs):
            return reason
    return None
