#!/usr/bin/env python3
"""More series than fit into a real memory limit: nobody is killed, series that were there first have
no gap, new ones are refused and counted, and the label that grew is named.

The limit is a cgroup (v2 or v1) of its own, so it needs root; without it is skipped (exit code 77).

    memory_limit.py --tidemark build/release/tidemark --megabytes 160 [--hostile]
"""
import argparse
import threading
import time
import urllib.error
import urllib.parse
import urllib.request

import lab as labs
import remote_write
from memory_group import MemoryGroup


def push(server, series):
    body = remote_write.request(series)
    request = urllib.request.Request(server.url + "/api/v1/write", body, remote_write.HEADERS)
    try:
        with urllib.request.urlopen(request, timeout=60) as response:
            return response.status, ""
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


class Steady(threading.Thread):
    """A hundred series, a sample each every 200 ms; every one has to be taken."""

    def __init__(self, server):
        super().__init__(daemon=True)
        self.server, self.sent, self.refused, self.ending = server, 0, [], False

    def run(self):
        while not self.ending:
            t = int(time.time() * 1000)
            series = [({"__name__": "steady", "job": "calm", "n": str(n)}, [(t, 1.0)]) for n in range(100)]
            status, text = push(self.server, series)
            self.sent += 1
            if status != 204:
                self.refused.append((status, text))
            time.sleep(0.2)


def hostile(server):
    """Requests for everything: answered or refused with the reason, and nobody is killed for it."""
    refused, unanswered = set(), 0
    for path, key, text in (
            ("/api/v1/query", "query", 'count(rate({__name__=~"wild|steady"}[5m]))'),
            ("/api/v1/query", "query", '{__name__=~".+"}'),
            ("/api/v1/query", "query", 'sort({job=~".+"} * on(request_id) group_left() {__name__="wild"})'),
            ("/api/v1/series", "match[]", '{__name__=~".+"}'),
            ("/federate", "match[]", '{__name__=~".+"}'),
            ("/api/v1/label/request_id/values", "limit", "0")):
        status, body = labs.get(f"{server.url}{path}?{urllib.parse.urlencode({key: text})}", timeout=120)
        assert server.process.poll() is None, f"{path} {text} killed it:\n{server.tail()}"
        answer = body[:1000].decode(errors="replace")
        assert status == 200 or (status in (422, 500) and "memory" in answer), (path, text, status, answer)
        unanswered += status != 200
        if "--query.max-bytes" in answer:
            refused.add((path, text))
    assert len(refused) >= 2, refused  # Others may be refused since the server is short of memory,
    assert unanswered >= 3, unanswered  # and count here.
    total = server.api("status/storage")["memory"]["queriesRefused"]
    assert total >= len(refused), (total, refused)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--tidemark", required=True)
    parser.add_argument("--megabytes", type=int, default=160)
    parser.add_argument("--hostile", action="store_true", help="then ask for everything; wants 256 MB")
    parser.add_argument("--seconds", type=float, default=60, help="give up when nothing was refused by then")
    parser.add_argument("--keep", action="store_true")
    args = parser.parse_args()
    with MemoryGroup(args.megabytes) as group, labs.Lab(args.keep) as lab:
        run(lab, args, group)


def run(lab, args, group):
    port = labs.free_port()
    config = lab.write("tidemark.yml", "global: {scrape_interval: 1s}\n")
    server = lab.run("tidemark", group.command(args.tidemark, f"--config.file={config}",
                                           f"--web.listen-address=127.0.0.1:{port}",
                                           f"--storage.tsdb.path={lab.path('data')}",
                                           "--web.enable-remote-write-receiver"), port, ready="/-/ready")
    limits = {limit["name"]: limit for limit in server.api("status/limits")["limits"]}
    budget = limits["memory"]["limit"]
    assert budget <= args.megabytes << 20, f"the limit of the group was not found: {budget}"
    steady = Steady(server)
    steady.start()
    time.sleep(1)

    pushed, refused_text, peak, started = 0, None, 0, time.time()
    refused_at = None
    while time.time() < started + args.seconds:
        t = int(time.time() * 1000)
        batch = [({"__name__": "wild", "job": "growing", "request_id": f"r{pushed + n:09d}"}, [(t, 1.0)])
                 for n in range(2000)]
        status, text = push(server, batch)
        pushed += len(batch)
        peak = max(peak, server.rss_bytes())
        if status == 400 and refused_at is None:
            refused_at, refused_text = time.time(), text
        if refused_at is not None and time.time() > refused_at + 10:
            break
    assert server.process.poll() is None, f"it was killed:\n{server.tail()}"
    assert refused_at is not None, f"nothing was refused after {pushed} series, {peak >> 20} MiB"
    answer = server.api("status/limits")
    memory = next(limit for limit in answer["limits"] if limit["name"] == "memory")
    assert memory["refused"] > 0, answer
    culprit = answer["culprits"][0]
    assert (culprit["metric"], culprit["label"]) == ("wild", "request_id"), culprit

    steady.ending = True
    steady.join()
    assert not steady.refused, f"existing series were refused: {steady.refused[0]}"
    end = time.time() + 30
    while True:  # Queries may be refused for a while.
        try:
            counts = server.query("count_over_time(steady[10m])")["result"]
            break
        except RuntimeError as error:
            assert "memory" in str(error), error
            refused_query = str(error)
            assert time.time() < end, refused_query
            time.sleep(0.5)
    assert len(counts) == 100, len(counts)
    gaps = [c for c in counts if int(c["value"][1]) != steady.sent]
    assert not gaps, f"{len(gaps)} series have gaps: {steady.sent} sent, {gaps[0]}"
    if args.hostile:
        hostile(server)
    print(f"cgroup {group.kind} of {args.megabytes} MiB: {pushed} series pushed, {memory['refused']} samples of new "
          f"ones refused, peak resident {peak >> 20} MiB, {steady.sent} samples of each of 100 steady series found; "
          f"culprit {culprit['metric']}/{culprit['label']}")
    print("told the writer:", refused_text[:200])


if __name__ == "__main__":
    main()
