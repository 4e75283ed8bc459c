#!/usr/bin/env python3
"""What queries leave behind, and how they are asked from the command line.

    tests/e2e/query_records.py --tidemark build/release/tidemark

`tidemark query` beside promtool, where that is installed; the log of queries and its rotation; a client
that goes away; the queries that ran when the server was killed; explain=analyze.
"""
import argparse
import json
import os
import shutil
import subprocess
import sys
import threading
import time
import urllib.parse

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import lab as labs  # noqa: E402
import remote_write  # noqa: E402

CONFIG = "global: {query_log_file: queries.log}\n"
# Thousands of windows over a fine grid: slow anywhere.
SLOW = "quantile_over_time(0.9, (sum by (pod) (m))[10m:10ms])"


def push(server, start_ms):
    series = [({"__name__": "m", "pod": f"p{i:02}"}, [(start_ms + k * 1000, float(i * k)) for k in range(600)])
              for i in range(40)]
    status, body = labs.get(server.url + "/api/v1/write", headers=remote_write.HEADERS, timeout=60,
                            data=remote_write.request(series))
    assert status < 300, (status, body)


def slow_url(server, start_ms):
    start = start_ms // 1000
    return f"{server.url}/api/v1/query_range?" + urllib.parse.urlencode(
        {"query": SLOW, "start": start, "end": start + 10_000, "step": 1})


def check_commands(tidemark, server, start_ms):
    def run(program, *words, code=0):
        done = subprocess.run([program, "query", *words], capture_output=True, text=True, timeout=60)
        assert done.returncode == code, done
        return done.stdout if code == 0 else done.stderr

    at = str(start_ms // 1000 + 100)
    few = 'm{pod=~"p0[12]"}'
    assert run(tidemark, "instant", f"--time={at}", server.url, few) == \
        "__name__  pod  value\nm         p01    100\nm         p02    200\n"
    assert run(tidemark, "instant", "-o", "csv", f"--time={at}", server.url, few) == \
        f"__name__,pod,timestamp,value\nm,p01,{at},100\nm,p02,{at},200\n"
    start, end = str(start_ms // 1000), str(start_ms // 1000 + 7)
    assert run(tidemark, "range", "--start", start, "--end", end, "--step=1s", server.url, 'm{pod="p03"}') == \
        "__name__  pod            min  max  last\nm         p03  ▁▂▃▄▅▆▇█    0   21    21\n"
    assert "parse error" in run(tidemark, "instant", server.url, "m(", code=1)
    assert "start time is not before" in run(tidemark, "range", "--start=2", "--end=1", server.url, "m", code=2)
    assert "connection refused" in run(tidemark, "instant", f"127.0.0.1:{labs.free_port()}", "m", code=1)

    if shutil.which("promtool") is None:
        print("no promtool here to compare with")
        return
    for words in [("instant", f"--time={at}", server.url, few), ("instant", f"--time={at}", server.url, "42"),
                  ("instant", f"--time={at}", server.url, "vector(-1.5e30)"),
                  ("range", f"--start={start}", f"--end={end}", "--step=2s", server.url, few),
                  ("series", f"--match={few}", f"--start={start}", server.url),
                  ("labels", f"--start={start}", server.url, "pod")]:
        for form in (["-o", "promql"], ["-o", "json"]):
            ours, theirs = run(tidemark, *form, *words), run("promtool", *form, *words)
            if form[1] == "json":
                ours, theirs = json.loads(ours), json.loads(theirs)
            assert ours == theirs, (words, form, ours, theirs)


def check_log(lab, server, start_ms):
    path = lab.path("queries.log")

    def lines(name=path):
        with open(name) as f:
            return [json.loads(line) for line in f]

    server.query('m{pod="p01"} > 5', start_ms / 1000 + 10)
    line = lines()[-1]
    assert line["msg"] == "promql query logged" and line["params"]["query"] == 'm{pod="p01"} > 5', line
    assert line["httpRequest"] == {"clientIP": "127.0.0.1", "method": "GET", "path": "/api/v1/query"}, line
    assert line["stats"]["samples"]["totalQueryableSamples"] == 1, line

    # Someone rotates it.
    os.rename(path, path + ".1")
    assert labs.get(server.url + "/-/reload", data=b"")[0] == 200
    server.query("1 + 1")
    assert [line["params"]["query"] for line in lines()] == ["1 + 1"]

    # A client that does not wait ends its query.
    try:
        labs.get(slow_url(server, start_ms), timeout=0.3)
        raise AssertionError("the slow query was not slow")
    except OSError:
        pass
    end = time.time() + 20
    while len(lines()) < 2 and time.time() < end:
        time.sleep(0.05)
    assert lines()[-1]["error"] == "query was canceled in expression evaluation", lines()[-1]
    assert b"\nprometheus_engine_queries 0\n" in labs.get(server.url + "/metrics")[1]


def check_crash(lab, server, start_ms):
    path = lab.path("tidemark-data/queries.active")

    def running():
        with open(path, "rb") as f:
            return SLOW.encode() in f.read()

    def ask():
        try:
            labs.get(slow_url(server, start_ms), timeout=60)
        except OSError:
            pass

    thread = threading.Thread(target=ask)
    thread.start()
    end = time.time() + 20
    while not running() and time.time() < end:
        time.sleep(0.01)
    server.kill()
    thread.join()
    assert running()
    server.start()
    server.wait_replayed()
    text = server.tail(1000)
    told = [line for line in text.splitlines() if "didn't finish in the last run" in line]
    assert len(told) == 1 and "quantile_over_time" in told[0], text
    assert not running()
    assert server.stop() == 0
    server.start()
    assert len([line for line in server.tail(1000).splitlines() if "didn't finish" in line]) == 1


def check_explain(server, start_ms):
    data = server.api("query_range", query="sum(rate(m[1m]))", start=start_ms // 1000 + 60,
                      end=start_ms // 1000 + 120, step=60, explain="analyze")
    node = data["explain"]
    assert node["node"] == "aggregate" and node["series"] == 1 and node["steps"] == 2, node
    window = node["inputs"][0]
    assert window["node"] == "window" and window["expr"] == "rate(m[1m])", window
    assert window["series"] == window["rows"] == 40 and window["samples"] == 40 * 2 * 60, window
    assert window["bytes"] > 0 and 0 < window["selfTime"] <= node["totalTime"], node


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--tidemark", required=True)
    args = parser.parse_args()
    with labs.Lab() as lab:
        server = lab.tidemark(args.tidemark, CONFIG, "--web.enable-remote-write-receiver",
                              "--web.enable-lifecycle")
        start_ms = int(time.time() - 3600) * 1000
        push(server, start_ms)
        check_commands(args.tidemark, server, start_ms)
        check_explain(server, start_ms)
        check_log(lab, server, start_ms)
        check_crash(lab, server, start_ms)
    print("queries are answered, logged, tracked and explained")


if __name__ == "__main__":
    main()
