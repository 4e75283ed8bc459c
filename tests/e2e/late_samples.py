#!/usr/bin/env python3
"""The same late, repeated and too old samples to Tidemark and to Debian's Prometheus, by remote write.

    tests/e2e/late_samples.py --tidemark build/release/tidemark [--seed N] [--requests 400]

Every request must be taken by both or by none, and in the end both must hold the same samples.
Exit code 1 when anything differs; the seed is printed.
"""
import argparse
import json
import os
import random
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import lab as labs  # noqa: E402
import remote_write  # noqa: E402

WINDOW_S = 1800
CONFIG = f"storage: {{tsdb: {{out_of_order_time_window: {WINDOW_S // 60}m}}}}\n"
SERIES = 12


def value(series, t, other):
    return float(t % 100_003 * SERIES + series) + (0.5 if other else 0)


def requests(chance, start_ms, count):
    """Lists of (series, t, value), the newest time moving on."""
    newest = start_ms
    for _ in range(count):
        newest += chance.randrange(0, 30_000)
        batch = []
        for series in chance.sample(range(SERIES), chance.randrange(1, SERIES)):
            t = newest
            kind = chance.random()
            if kind < 0.3:
                t -= chance.randrange(0, WINDOW_S * 1000)
            elif kind < 0.32:
                t -= chance.randrange(WINDOW_S * 1000, 3 * WINDOW_S * 1000)
            batch.append((series, t, value(series, t, chance.random() < 0.02)))
        yield batch


def push(server, batch):
    series = [({"__name__": "late", "series": str(s)}, [(t, v)]) for s, t, v in batch]
    status, body = labs.get(server.url + "/api/v1/write", timeout=30, headers=remote_write.HEADERS,
                            data=remote_write.request(series))
    return status, body.decode(errors="replace")


def contents(server, at_s, range_s):
    result = server.query(f"late[{range_s}s]", at_s)["result"]
    return {s["metric"]["series"]: s["values"] for s in result}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--tidemark", required=True)
    parser.add_argument("--prometheus", default="prometheus")
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--requests", type=int, default=400)
    parser.add_argument("--keep", action="store_true")
    args = parser.parse_args()
    seed = args.seed if args.seed is not None else random.randrange(10**6)
    print(f"seed {seed}", flush=True)
    start_ms = (int(time.time()) - 3 * 3600) * 1000
    different = refused = 0
    with labs.Lab(args.keep) as lab:
        servers = [lab.tidemark(args.tidemark, CONFIG, "--web.enable-remote-write-receiver"),
                   lab.prometheus(CONFIG, args.prometheus, "--web.enable-remote-write-receiver")]
        for batch in requests(random.Random(seed), start_ms, args.requests):
            ours, theirs = (push(server, batch) for server in servers)
            refused += theirs[0] >= 300
            if (ours[0] < 300) != (theirs[0] < 300):  # 2.42 says 500 to what is too old, 3.x 400.
                different += 1
                print(f"{batch}\n  Tidemark: {ours}\n  Prometheus: {theirs}")
        now = int(time.time())
        ours, theirs = (contents(server, now, 4 * 3600) for server in servers)
        for series in sorted(set(ours) | set(theirs)):
            a, b = dict(ours.get(series, [])), dict(theirs.get(series, []))
            for t in sorted(set(a) | set(b)):
                if a.get(t) != b.get(t):
                    different += 1
                    print(f"series {series} at {t}: {a.get(t)}, not {b.get(t)}")
        samples = sum(len(v) for v in theirs.values())
        print(json.dumps({"seed": seed, "requests": args.requests, "refused_by_both": refused, "samples": samples,
                          "differences": different}))
    return 1 if different or samples == 0 else 0


if __name__ == "__main__":
    sys.exit(main())
