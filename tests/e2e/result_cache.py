#!/usr/bin/env python3
"""Dashboards that refresh while samples come, late ones too, are deleted and the server restarts: each
answer beside the one with nocache=1, byte for byte.

    tests/e2e/result_cache.py --tidemark build/release/tidemark [--refreshes 60] [--series 200] [--seed N]

With --figures it says what a refresh costs with and without the cache.
"""
import argparse
import json
import os
import random
import sys
import time
import urllib.parse

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import lab as labs  # noqa: E402
import remote_write  # noqa: E402

CONFIG = "storage: {tsdb: {out_of_order_time_window: 2h}}\n"
PANELS = [
    "sum by (job) (rate(requests_total[5m]))",
    "histogram_quantile(0.9, sum by (le) (rate(latency_bucket[5m])))",
    "topk(3, sum by (pod) (rate(requests_total[5m])))",
    "100 * sum(rate(requests_total{job=\"a\"}[5m])) / sum(rate(requests_total[5m]))",
    "memory", "max(memory) - min(memory)", "rate(memory[2m])", "memory @ end()", "sum(sum by (pod) (memory))",
    "avg_over_time(sum(memory)[10m:1m])", "memory offset 10m",
]
STEP = 15


def push(server, series):
    status, body = labs.get(server.url + "/api/v1/write", headers=remote_write.HEADERS, timeout=60,
                            data=remote_write.request(series))
    assert status < 300, (status, body)


class Load:
    """Counters and gauges of so many series, one sample each at a time."""

    def __init__(self, count, chance):
        self.chance = chance
        self.labels = []
        for i in range(count):
            job, pod = "ab"[i % 2], f"pod-{i % 17}"
            self.labels.append({"__name__": "requests_total", "job": job, "pod": pod, "i": str(i)})
        for i in range(count // 10):
            self.labels.append({"__name__": "memory", "pod": f"pod-{i % 17}", "i": str(i)})
            self.labels.append({"__name__": "latency_bucket", "le": ["0.1", "1", "+Inf"][i % 3], "i": str(i // 3)})
        self.values = [0.0] * len(self.labels)

    def samples(self, times):
        series = []
        for i, labels in enumerate(self.labels):
            points = []
            for t in times:
                if labels["__name__"] == "memory":
                    self.values[i] = self.chance.randrange(10**6) / 7
                else:
                    self.values[i] += self.chance.randrange(100)
                points.append((t * 1000, self.values[i]))
            series.append((labels, points))
        return series


def ask(server, query, start, end, **more):
    """The `data.result` with its infos and warnings, as text, and what the cache did."""
    params = urllib.parse.urlencode({"query": query, "start": start, "end": end, "step": STEP, **more})
    status, body = labs.get(f"{server.url}/api/v1/query_range?{params}", timeout=60)
    answer = json.loads(body)
    assert status == 200, (status, body[:300])
    cache = answer["data"].get("stats", {}).get("cache", {}).get("result", "none")
    answer["data"].pop("stats", None)
    return json.dumps(answer), cache


def refresh(server, now, hours, counts):
    end = now - now % STEP
    start = end - hours * 3600
    for query in PANELS:
        kept, cache = ask(server, query, start, end, stats="true")
        fresh, none = ask(server, query, start, end, nocache="1", stats="true")
        assert kept == fresh, f"{query} {start} {end}:\n{kept[:2000]}\n{fresh[:2000]}"
        assert none == "none", none
        counts[cache] = counts.get(cache, 0) + 1


def metrics(server):
    text = labs.get(server.url + "/metrics")[1].decode()
    return {line.split(" ")[0]: float(line.split(" ")[1]) for line in text.splitlines()
            if line.startswith("tidemark_result_cache")}


def check(lab, args, chance):
    server = lab.tidemark(args.tidemark, CONFIG, "--web.enable-remote-write-receiver", "--web.enable-admin-api")
    load = Load(args.series, chance)
    now = int(time.time()) - args.refreshes * STEP
    now -= now % STEP
    for begin in range(now - 3 * 3600, now, 1800):
        push(server, load.samples(range(begin, begin + 1800, STEP)))
    counts = {}
    restarts = 0
    for i in range(args.refreshes):
        now += STEP
        push(server, load.samples([now]))
        if i % 7 == 3:  # Late ones.
            t = (now - chance.randrange(1, 6000)) * 1000 + 1
            push(server, [(chance.choice(load.labels), [(t, 5.0)])])
        if i % 20 == 11:
            params = urllib.parse.urlencode({"match[]": "memory{pod=\"pod-3\"}", "start": now - 3000, "end": now - 2000})
            status, body = labs.get(f"{server.url}/api/v1/admin/tsdb/delete_series?{params}", data=b"")
            assert status == 204, (status, body)
        if i % 25 == 17:
            before = dict(counts)
            assert server.stop() == 0
            server.start()
            server.wait_replayed()
            refresh(server, now, 2, counts)
            restarts += 1
            if restarts == 1:  # All there is was written by the stop, so nothing is sure to be the same.
                continue
            restored = counts.get("partial", 0) + counts.get("hit", 0) - before.get("partial", 0) - before.get("hit", 0)
            assert restored >= 5, (before, counts)
        refresh(server, now, 2, counts)
    print(f"{counts}")
    assert counts.get("partial", 0) > args.refreshes * 5, counts
    figures = metrics(server)
    assert figures['tidemark_result_cache_queries_total{result="partial"}'] > 0, figures
    assert 0 < figures["tidemark_result_cache_bytes"] <= figures["tidemark_result_cache_limit_bytes"], figures
    off = lab.tidemark(args.tidemark, CONFIG, "--query.cache-bytes=0", name="off")
    assert metrics(off) == {}, metrics(off)
    assert ask(off, "vector(1)", now - 600, now, stats="true")[1] == "none"


def figures(lab, args, chance):
    server = lab.tidemark(args.tidemark, CONFIG, "--web.enable-remote-write-receiver")
    load = Load(args.series, chance)
    now = int(time.time()) - args.refreshes * STEP
    now -= now % STEP
    for begin in range(now - 6 * 3600 - 600, now, 600):
        push(server, load.samples(range(begin, begin + 600, STEP)))
    query = PANELS[0]
    spent = {"": [], "1": []}
    wall = {"": [], "1": []}
    for _ in range(args.refreshes):
        now += STEP
        push(server, load.samples([now]))
        time.sleep(0.3)
        for nocache in ("1", ""):
            cpu, begin = server.cpu_s(), time.time()
            ask(server, query, now - 6 * 3600, now, nocache=nocache)
            wall[nocache].append(time.time() - begin)
            spent[nocache].append(server.cpu_s() - cpu)
    for nocache, name in (("1", "without"), ("", "with")):
        times = sorted(wall[nocache][1:])
        print(f"{len(load.labels)} series, 6 h by {STEP} s, {name} the cache: "
              f"{1000 * sum(spent[nocache][1:]) / len(times):.1f} ms of CPU a refresh, "
              f"{1000 * times[len(times) // 2]:.1f} ms median, {1000 * times[-1]:.1f} ms at most")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--tidemark", required=True)
    parser.add_argument("--refreshes", type=int, default=60)
    parser.add_argument("--series", type=int, default=200)
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--figures", action="store_true")
    parser.add_argument("--keep", action="store_true")
    args = parser.parse_args()
    seed = args.seed if args.seed is not None else random.randrange(10**6)
    print(f"seed {seed}", flush=True)
    with labs.Lab(args.keep) as lab:
        (figures if args.figures else check)(lab, args, random.Random(seed))


if __name__ == "__main__":
    main()
