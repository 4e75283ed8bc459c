#!/usr/bin/env python3
"""Systematic, random and dashboard queries to Tidemark and to Debian's Prometheus over the same data.

    tests/e2e/differential/differential.py --tidemark build/release/tidemark [--seed N] [--queries 2000]

Both servers get the same random series by remote write. Then every query is asked of both, as an
instant query at several times and as a range query, and the answers must agree: error or none, label
sets exactly, values to a relative 1e-12. The seed and every difference are printed; one query can be
looked at again with --seed and --only. Exit code 1 when anything differs that is not known to.

With --modern the expressions are of the whole language of Prometheus 3.14, native histograms included, and
warnings and infos must be the same too: --prometheus then names such a binary.
"""
import argparse
import json
import os
import random
import sys
import time
import urllib.parse

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
import lab as labs  # noqa: E402
import remote_write  # noqa: E402

import compare  # noqa: E402
import data  # noqa: E402
import histogram_data  # noqa: E402
import modern  # noqa: E402
import native_histogram  # noqa: E402
import queries  # noqa: E402
import systematic  # noqa: E402

CONFIG = "global: {}\n"
MINUTES = 120


def load(server, series):
    for part in data.slices(series):
        for i in range(0, len(part), 100):
            status, body = labs.get(server.url + "/api/v1/write", timeout=60, headers=remote_write.HEADERS,
                                    data=native_histogram.request(part[i:i + 100]))
            if status >= 300:
                raise RuntimeError(f"{server.name} refused data: {status} {body[:300]!r}")


def ask(server, path, params):
    body = urllib.parse.urlencode(params).encode()
    status, answer = labs.get(f"{server.url}/api/v1/{path}", timeout=120, data=body,
                              headers={"Content-Type": "application/x-www-form-urlencoded"})
    try:
        return json.loads(answer)
    except ValueError:
        return {"status": "broken", "error": f"{status} {answer[:200]!r}"}


class Asker:
    def __init__(self, tidemark, prometheus, start_s, end_s, tolerance, modern):
        self.servers, self.modern = (tidemark, prometheus), modern
        self.start_s, self.end_s, self.tolerance = start_s, end_s, tolerance
        self.asked = self.errors = self.empty = 0
        self.differences, self.known = [], {}

    def moments(self, seed):
        """(path, parameters) of one query's askings; times on half seconds, see data.py."""
        chance = random.Random(seed)
        span = int(self.end_s - self.start_s)
        for _ in range(2):
            yield "query", {"time": f"{int(self.start_s) + chance.randrange(span) + 0.5:.3f}"}
        step = chance.choice([15, 61, 120, 420])
        start = int(self.start_s) + chance.randrange(-600, span // 2) + 0.5
        end = start + step * chance.randrange(1, 100)
        yield "query_range", {"start": f"{start:.3f}", "end": f"{end:.3f}", "step": step}

    def ask(self, number, expr, seed):
        for path, when in self.moments(seed):
            params = dict(when, query=expr)
            ours, theirs = (ask(server, path, params) for server in self.servers)
            self.asked += 1
            self.errors += theirs["status"] == "error"
            self.empty += theirs["status"] == "success" and not theirs["data"]["result"]
            what = compare.difference(expr, ours, theirs, self.tolerance)
            if what is None and self.modern:
                what = compare.annotations(ours, theirs)
            if what is None:
                continue
            reason = compare.known_reason(expr, what, ours, theirs, self.modern)
            if reason is not None:
                self.known[reason] = self.known.get(reason, 0) + 1
                continue
            self.differences.append(expr)
            print(f"DIFFERENT #{number} {path} {when}\n  {expr}\n  {what}", flush=True)
            return


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--tidemark", required=True)
    parser.add_argument("--prometheus", default="prometheus")
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--queries", type=int, default=1000)
    parser.add_argument("--only", type=int, help="the number of one random query")
    parser.add_argument("--tolerance", type=float, default=compare.TOLERANCE)
    parser.add_argument("--stop-after", type=int, default=50, help="differences")
    parser.add_argument("--modern", action="store_true", help="the language of Prometheus 3.14")
    parser.add_argument("--features", default="", help="more names for --enable-feature of both")
    parser.add_argument("--keep", action="store_true")
    args = parser.parse_args()
    seed = args.seed if args.seed is not None else random.randrange(10**6)
    print(f"seed {seed}", flush=True)

    # Not so far back that a server would take it for too old, and the same data for a seed and an hour.
    start_s = (int(time.time()) // 3600 - 3) * 3600
    series = data.make(seed, start_s * 1000, MINUTES)
    flags, generator = ["--web.enable-remote-write-receiver"], queries.Generator
    if args.modern:
        series += histogram_data.make(seed, start_s * 1000, MINUTES)
        flags.append("--enable-feature=" + ",".join(modern.FEATURES + args.features.split(",")).rstrip(","))
        generator = modern.ModernGenerator
    with labs.Lab(args.keep) as lab:
        tidemark = lab.tidemark(args.tidemark, CONFIG, *flags)
        prometheus = lab.prometheus(CONFIG, args.prometheus, *flags)
        for server in (tidemark, prometheus):
            load(server, series)
        asker = Asker(tidemark, prometheus, start_s + 600, start_s + MINUTES * 60, args.tolerance, args.modern)
        if args.only is None:
            for i, expr in enumerate(queries.DASHBOARD):
                asker.ask(f"dashboard {i}", expr, i)
            for i, expr in enumerate(systematic.every()):
                asker.ask(f"systematic {i}", expr, i)
        numbers = range(args.queries) if args.only is None else [args.only]
        for i in numbers:
            expr = generator(f"{seed}-{i}", asker.start_s, asker.end_s).query()
            asker.ask(i, expr, f"{seed}-{i}")
            if args.only is not None:
                print(expr)
            if len(asker.differences) >= args.stop_after:
                print("enough")
                break
        for reason, count in sorted(asker.known.items()):
            print(f"known ({count}): {reason}")
        print(json.dumps({"seed": seed, "asked": asker.asked, "errors_on_both": asker.errors, "empty": asker.empty,
                          "known_differences": sum(asker.known.values()), "differences": len(asker.differences)}))
        return 1 if asker.differences else 0


if __name__ == "__main__":
    sys.exit(main())
