#!/usr/bin/env python3
"""Tidemark beside Debian's Prometheus on the same exporters: the same answers to dashboards' questions.

    tests/e2e/side_by_side.py --tidemark build/release/tidemark [--minutes 15] [--slot 10]

Real node_exporter, redis_exporter with Redis, postgres_exporter with PostgreSQL, Prometheus' own page
and Tidemark's own. The exporters are read through slot_proxy.py, so that both servers see the same
samples at the same times; node_exporter is also read directly, where only series and counts can be
compared. At the end every query of dashboard_queries.py is asked as an instant query at several
moments and as a range query, and the answers must have the same series, timestamps and values.

What is known to differ, because Prometheus 3 differs from the 2.42 that Debian has:
  - le and quantile values are written as floats on ingestion ("1" becomes "1.0");
  - ranges and lookback are open on the left (no window here ends exactly on a sample).
"""
import argparse
import json
import math
import sys
import threading
import time

import lab as labs
from dashboard_queries import QUERIES
from slot_proxy import OFFSET_S, SlotProxy

TOLERANCE = 1e-9  # Sums are taken in another order.


def config(proxy, exporters, slot_s):
    jobs = "".join(f"""
  - job_name: {job}
    metrics_path: /{address}/metrics
    static_configs: [{{targets: ["{proxy.address}"], labels: {{instance: "{job}-1"}}}}]
""" for job, address in exporters.items())
    return f"""
global:
  scrape_interval: {slot_s / 2:g}s
  scrape_timeout: {slot_s / 2:g}s
  external_labels: {{lab: "side-by-side"}}
scrape_configs:{jobs}
  - job_name: node_direct
    static_configs: [{{targets: ["{exporters['node']}"], labels: {{instance: "direct"}}}}]
  - job_name: self
    static_configs: [{{targets: ["127.0.0.1:@PORT@"], labels: {{instance: "self"}}}}]
  - job_name: nobody_home
    static_configs: [{{targets: ["127.0.0.1:1"], labels: {{instance: "nobody"}}}}]
"""


def normal(metric):
    """Labels with le and quantile as numbers."""
    out = dict(metric)
    for name in ("le", "quantile"):
        if name in out:
            out[name] = repr(float(out[name]))
    return json.dumps(out, sort_keys=True)


def same(a, b):
    a, b = float(a), float(b)
    if math.isnan(a) or math.isnan(b):
        return math.isnan(a) and math.isnan(b)
    return a == b or abs(a - b) <= TOLERANCE * max(abs(a), abs(b))


def ask(server, expr, *when):
    """The answer, or the refusal, of an instant query (one time) or a range query (three)."""
    try:
        return server.query(expr, *when) if len(when) == 1 else server.query_range(expr, *when)
    except RuntimeError as error:
        return {"resultType": "error", "result": [str(error).rsplit(": ", 1)[-1]]}


def points(data):
    """{labels: {time: value}} of any result."""
    kind, result = data["resultType"], data["result"]
    if kind == "error":
        return {result[0]: {}}
    if kind == "scalar":
        return {"{}": {result[0]: result[1]}}
    if kind == "vector":
        return {normal(s["metric"]): {s["value"][0]: s["value"][1]} for s in result}
    return {normal(s["metric"]): {t: v for t, v in s["values"]} for s in result}


def difference(expr, ours, theirs):
    """None, or what differs, in words."""
    if ours["resultType"] != theirs["resultType"]:
        return f"type {ours['resultType']}, not {theirs['resultType']}"
    a, b = points(ours), points(theirs)
    if expr.startswith("topk"):  # Ties are broken by the order of series, which is nobody's promise.
        def ranks(result):
            return sorted((t, float(v)) for values in result.values() for t, v in values.items())
        ra, rb = ranks(a), ranks(b)
        ok = len(ra) == len(rb) and all(x[0] == y[0] and same(x[1], y[1]) for x, y in zip(ra, rb))
        return None if ok else f"other ranks: {ra[:3]} and {rb[:3]}"
    if a.keys() != b.keys():
        return f"only ours: {sorted(a.keys() - b.keys())[:3]}; only theirs: {sorted(b.keys() - a.keys())[:3]}"
    for labels, values in b.items():
        if values.keys() != a[labels].keys():
            missing, more = sorted(values.keys() - a[labels].keys()), sorted(a[labels].keys() - values.keys())
            return f"{labels}: missing at {missing[:3]}, more at {more[:3]}"
        for t, v in values.items():
            if not same(v, a[labels][t]):
                return f"{labels} at {t}: {a[labels][t]}, not {v}"
    return None


PROBES = ('node_load1{job="node"}', 'redis_up{job="redis"}', 'pg_up{job="postgres"}', 'go_goroutines{job="oracle"}')


def whole_slots(servers, first, slot):
    """From when to when both servers have every slot, windows before the first moment included.

    On a machine that is busy a scrape may miss its slot; then it takes a little longer."""
    # Prometheus begins to scrape after 5 s; from then on the widest window must be full.
    start = math.ceil((first + 6) / slot) * slot + slot
    for _ in range(5):
        last = math.floor(time.time() / slot) * slot - slot  # Surely seen by both.
        slots = {round(t * 1000) for t in sample_times(start, last, slot)}
        missing = set()
        for server in servers:
            for probe in PROBES:
                result = server.query(f"{probe}[{math.ceil(last - start) + 1}s]", last)["result"]
                missing |= slots - {round(t * 1000) for series in result for t, _ in series["values"]}
        begin = max([start] + [t / 1000 - OFFSET_S + slot for t in missing]) + 9 * slot
        if last - begin >= 4 * slot:
            return begin, last
        time.sleep(8 * slot)
    raise RuntimeError("this machine is too busy: no stretch of time in which both servers scraped every slot")


def sample_times(start, end, slot):
    """The times of the samples of all slots from start to end."""
    return [start + i * slot + OFFSET_S for i in range(int((end - start) / slot))]


def keep_redis_busy(port, stop):
    import socket
    commands = [b"SET k%d v\r\n", b"GET k%d\r\n", b"GET absent%d\r\n", b"INCR n%d\r\n", b"LPUSH l%d x\r\n"]
    with socket.create_connection(("127.0.0.1", port)) as s:
        i = 0
        while not stop.wait(0.05):
            s.sendall(commands[i % len(commands)] % (i % 50))
            s.recv(4096)
            i += 1


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--tidemark", required=True)
    parser.add_argument("--prometheus", default="prometheus")
    parser.add_argument("--minutes", type=float, default=15)
    parser.add_argument("--slot", type=float, default=10, help="seconds; both scrape twice a slot")
    parser.add_argument("--keep", action="store_true")
    args = parser.parse_args()

    with labs.Lab(args.keep) as lab:
        node, redis, postgres = lab.node_exporter(), lab.redis(), lab.postgres()
        proxy = SlotProxy(args.slot)
        prometheus_port = labs.free_port()
        exporters = {"node": f"127.0.0.1:{node.port}", "redis": f"127.0.0.1:{redis.port}",
                     "postgres": f"127.0.0.1:{postgres.port}", "oracle": f"127.0.0.1:{prometheus_port}"}
        text = config(proxy, exporters, args.slot)
        tidemark = lab.tidemark(args.tidemark, text)
        # Prometheus on the port its own page is announced at.
        path = lab.write("prometheus.yml", text.replace("@PORT@", str(prometheus_port)))
        prometheus = lab.run("prometheus", [args.prometheus, f"--config.file={path}",
                                            f"--web.listen-address=127.0.0.1:{prometheus_port}",
                                            f"--storage.tsdb.path={lab.path('prometheus-data')}"],
                             prometheus_port, ready="/-/ready")
        stop = threading.Event()
        redis_port = int(next(s for s in lab.servers if s.name == "redis").args[2])
        threading.Thread(target=keep_redis_busy, args=(redis_port, stop), daemon=True).start()

        first = time.time()
        end = first + args.minutes * 60
        while time.time() < end:
            time.sleep(min(5, max(0, end - time.time())))
            for server in (tidemark, prometheus):
                if server.process.poll() is not None:
                    print(f"{server.name} died:\n{server.tail()}")
                    return 1
                if args.slot >= 2:
                    server.query("sum(up)")
        slot = args.slot
        begin, last = whole_slots((tidemark, prometheus), first, slot)
        stop.set()
        window = f"{max(4 * slot, 4):g}s"
        differences, asked, filled = [], 0, 0
        instants = [last, last - 3 * slot, begin + math.floor((last - begin) / slot / 2) * slot]
        for template in QUERIES:
            expr = template.replace("$w", window).replace("$s", f"{4 * slot - 1:g}s:{slot:g}s")
            full = False
            for t in instants:
                asked += 1
                theirs = ask(prometheus, expr, t)
                what = difference(expr, ask(tidemark, expr, t), theirs)
                full = full or (bool(theirs["result"]) and theirs["resultType"] != "error")
                if what:
                    differences.append(f"{expr} at {t}: {what}")
            asked += 1
            step = slot * max(1, math.floor((last - begin) / slot / 200))
            theirs = ask(prometheus, expr, begin, last, step)
            what = difference(expr, ask(tidemark, expr, begin, last, step), theirs)
            if what:
                differences.append(f"{expr} from {begin} to {last} step {step}: {what}")
            filled += full or (bool(theirs["result"]) and theirs["resultType"] != "error")

        # What is read directly has other values, but the same series.
        for expr in ('count by (__name__) ({job="node_direct"})', 'up{job!="self"}', 'count by (job) (scrape_samples_scraped)',
                     'scrape_samples_post_metric_relabeling{job!~"self|oracle"}'):
            asked += 1
            what = difference(expr, tidemark.query(expr, last), prometheus.query(expr, last))
            if what:
                differences.append(f"{expr}: {what}")
        for path, params in (("labels", {}), ("label/job/values", {}), ("label/__name__/values", {"match[]": '{job=~"node|redis|postgres"}'}),
                             ("series", {"match[]": '{job=~"redis|node_direct"}'})):
            asked += 1
            ours, theirs = tidemark.api(path, **params), prometheus.api(path, **params)
            if path == "labels":  # Each has labels of its own page.
                ours, theirs = set(ours) >= {"job", "instance", "cpu", "mode", "device"}, True
            if path == "series":
                ours, theirs = sorted(map(normal, ours)), sorted(map(normal, theirs))
            if ours != theirs:
                differences.append(f"{path} {params}: {str(ours)[:200]} not {str(theirs)[:200]}")

        for line in differences:
            print("DIFFERENT", line)
        print(json.dumps({
            "minutes": args.minutes, "slot_s": slot, "queries": len(QUERIES), "queries_with_data": filled,
            "answers_compared": asked, "differences": len(differences),
            "tidemark": {"cpu_s": tidemark.cpu_s(), "rss_mib": round(tidemark.rss_bytes() / 2**20, 1)},
            "prometheus": {"cpu_s": prometheus.cpu_s(), "rss_mib": round(prometheus.rss_bytes() / 2**20, 1)}}))
        proxy.close()
        code = tidemark.stop()
        if code != 0:
            print(f"tidemark stopped with {code}:\n{tidemark.tail()}")
            return 1
        return 1 if differences or filled < 40 else 0


if __name__ == "__main__":
    sys.exit(main())
