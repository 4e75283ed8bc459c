#!/usr/bin/env python3
"""Native histograms from remote write to the answers of queries.

    tests/e2e/histograms.py --tidemark build/release/tidemark

A counter of whole numbers grows by the same buckets every 15 s; its rate, its sum with itself, its
quantile and its count must be what that makes them, from the head and after a restart.
"""
import argparse
import os
import struct
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import lab as labs  # noqa: E402
import remote_write as rw  # noqa: E402


def zigzag(n):
    return rw.varint(n << 1 ^ n >> 63)


def histogram(t, k):
    """k times: 1 around zero, 2 in (0.5,1], 3 in (1,2], 1 in (4,8]; their sum is 12."""
    spans = [(0, 2), (1, 1)]
    deltas = [2 * k, k, -2 * k]
    body = b"\x08" + rw.varint(7 * k) + b"\x19" + struct.pack("<d", 12.0 * k)
    body += b"\x20" + zigzag(0) + b"\x29" + struct.pack("<d", 0.001) + b"\x30" + rw.varint(k)
    for offset, length in spans:
        body += rw.field(11, b"\x08" + zigzag(offset) + b"\x10" + rw.varint(length))
    body += rw.field(12, b"".join(zigzag(d) for d in deltas)) + b"\x78" + rw.varint(t)
    return body


def series(labels, histograms):
    body = b"".join(rw.field(1, rw.field(1, k.encode()) + rw.field(2, v.encode()))
                    for k, v in sorted(labels.items()))
    return rw.field(1, body + b"".join(rw.field(4, h) for h in histograms))


def buckets(k):
    k = f"{k:g}"
    return lambda *counts: [[3 if low < 0 else 0, f"{low:g}", f"{high:g}", f"{n * float(k):g}"]
                            for (low, high), n in zip(
                                [(-0.001, 0.001), (0.5, 1), (1, 2), (4, 8)], counts)]


def value(k):
    return {"count": f"{7 * k:g}", "sum": f"{12 * k:g}", "buckets": buckets(k)(1, 2, 3, 1)}


def check(server, start, steps):
    end = start + 15 * (steps - 1)

    def one(expr, t=end):
        result = server.query(expr, t)["result"]
        assert len(result) == 1, (expr, result)
        return result[0]

    assert one("lag") == {"metric": {"__name__": "lag", "job": "a"},
                          "histogram": [end, value(steps)]}, one("lag")
    # As much in 60 s as four times 15 s bring, each second a 60th of it.
    rate = one("rate(lag[60s])")
    assert abs(float(rate["histogram"][1]["count"]) - 7 / 15) < 1e-9, rate
    assert one("sum(lag + lag)")["histogram"][1] == value(2 * steps)
    assert one("histogram_count(lag)")["value"][1] == f"{7 * steps}"
    quantile = float(one("histogram_quantile(0.5, lag)")["value"][1])
    assert abs(quantile - 2 ** (1 / 6)) < 1e-9, quantile
    matrix = server.query_range("lag", start, end, 15)["result"]
    assert matrix == [{"metric": {"__name__": "lag", "job": "a"},
                       "histograms": [[start + 15 * i, value(i + 1)] for i in range(steps)]}], matrix
    raw = one("lag[1h]")
    assert [h[1] for h in raw["histograms"]] == [value(i + 1) for i in range(steps)], raw


def check_command(tidemark, server, start, steps):
    """tidemark query shows count, sum and the buckets."""
    end = start + 15 * (steps - 1)

    def run(*words):
        return subprocess.run([tidemark, "query", *words], check=True, capture_output=True, text=True, timeout=60).stdout

    instant = run("instant", f"--time={end}", server.url, "lag").split("\n")
    assert instant[0].split() == ["__name__", "job", "value"], instant
    assert instant[1].startswith(f"lag       a    count {7 * steps}, sum ") and "\u2588" in instant[1], instant
    times = (f"--start={start}", f"--end={end}", "--step=15s")
    table = run("range", *times, server.url, "lag").split("\n")[1]
    assert f"\u2588    7  {7 * steps}  count {7 * steps}, sum " in table, table
    csv = run("range", "--output=csv", *times, server.url, "lag").split("\n")
    assert csv[0] == "__name__,job,timestamp,value,count,sum,buckets" and len(csv) == steps + 2, csv[:2]
    assert csv[1].startswith(f"lag,a,{start},,7,"), csv[1]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--tidemark", required=True)
    parser.add_argument("--keep", action="store_true")
    args = parser.parse_args()
    steps = 40
    start = int(time.time()) // 60 * 60 - 1200
    with labs.Lab(keep=args.keep) as lab:
        server = lab.tidemark(os.path.abspath(args.tidemark), "global: {scrape_interval: 1h}\n",
                              "--web.enable-remote-write-receiver")
        body = rw.snappy(series({"__name__": "lag", "job": "a"},
                                [histogram((start + 15 * i) * 1000, i + 1) for i in range(steps)]))
        status, answer = labs.get(server.url + "/api/v1/write", data=body, headers=rw.HEADERS)
        assert status < 300, (status, answer)
        check(server, start, steps)
        server.stop()
        server.start()
        server.wait_replayed()
        check(server, start, steps)
        check_command(os.path.abspath(args.tidemark), server, start, steps)
    print(f"{steps} histograms: written, restarted, queried")


if __name__ == "__main__":
    main()
