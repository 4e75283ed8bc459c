#!/usr/bin/env python3
"""64 clients that ask for everything they can think of, under a real memory limit: nobody is killed,
whoever opens a dashboard meanwhile is answered, no push is refused, and every refusal says which limit
it was.

The limit is a cgroup of its own, so it needs root; without it is skipped (exit code 77).

    hostile_queries.py --tidemark build/release/tidemark --megabytes 512 --clients 64 --seconds 60
"""
import argparse
import collections
import http.client
import json
import random
import struct
import threading
import time
import urllib.parse

import lab as labs
import remote_write
from memory_group import MemoryGroup

HOUR, DAY = 3600, 24 * 3600


class Load:
    """The series, encoded once: 50,000 wide ones with a sample now and then, and a few dense ones with 30 days."""

    def __init__(self, wide):
        self.wide = [self.labels("wide_total", job=f"job{n % 20}", instance=f"host{n % 500}", path=f"/a/b/c/{n:06d}",
                                 code=("200", "404", "500")[n % 3]) for n in range(wide)]
        self.dense = [self.labels("dense_total", job=f"job{n % 4}", instance=f"host{n}") for n in range(200)]

    @staticmethod
    def labels(name, **labels):
        labels["__name__"] = name
        return b"".join(remote_write.field(1, remote_write.field(1, k.encode()) + remote_write.field(2, v.encode()))
                        for k, v in sorted(labels.items()))

    @staticmethod
    def sample(t_ms, value):
        return remote_write.field(2, b"\x09" + struct.pack("<d", value) + b"\x10" + remote_write.varint(t_ms))

    def body(self, series, times):
        """Remote write of these series, a sample each at those times (s)."""
        samples = b"".join(self.sample(int(t * 1000), float(int(t) % 1_000_000)) for t in times)
        return remote_write.snappy(b"".join(remote_write.field(1, labels + samples) for labels in series))

    def fill(self, server, now):
        for hour in range(30 * 24, 0, -1):  # In order of time.
            begin = now - hour * HOUR
            push(server, self.body(self.dense, range(begin, begin + HOUR, 300)))
            if hour % 12 == 0:
                push(server, self.body(self.wide[hour // 12 % 10::10], [begin + HOUR - 1]))
        self.touch(server)

    def touch(self, server):
        """A sample of each wide series now, so that instant queries find all."""
        for i in range(0, len(self.wide), 10_000):
            push(server, self.body(self.wide[i:i + 10_000], [time.time()]))


def push(server, body):
    status, answer = labs.get(server.url + "/api/v1/write", timeout=60, data=body, headers=remote_write.HEADERS)
    assert status == 204, f"a push was refused: {status} {answer[:300]}"


class Client(threading.Thread):
    """Asks one thing after the other until it is told to end."""

    def __init__(self, server):
        super().__init__(daemon=True)
        self.server, self.ending, self.failure = server, False, None
        self.seconds = []
        self.outcomes = collections.Counter()

    def run(self):
        try:
            while not self.ending:
                self.ask()
        except Exception as error:  # To be told by whoever joins.
            self.failure = f"{type(self).__name__}: {error!r}"

    def get(self, path, timeout, **params):
        """(status, body); (None, b"") when the client lost patience and left."""
        connection = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=timeout)
        try:
            connection.request("GET", f"{path}?{urllib.parse.urlencode(params, doseq=True)}")
            response = connection.getresponse()
            return response.status, response.read()
        except TimeoutError:
            return None, b""
        finally:
            connection.close()


class Dashboard(Client):
    """Panels over what is there; every one has to be answered."""
    PANELS = [("sum by (job) (rate(dense_total[15m]))", 6 * HOUR, 60), ("max(dense_total)", HOUR, 15),
              ("topk(5, rate(dense_total[15m]))", 3 * HOUR, 60), ("dense_total{instance=\"host7\"}", DAY, 300),
              ("count(up) or vector(0)", 0, 0), ("sum(pushed)", 0, 0), ("avg_over_time(dense_total{job=\"job1\"}[1h])", 0, 0)]

    def ask(self):
        for expr, span, step in self.PANELS:
            now, began = time.time(), time.time()
            if span:
                status, body = self.get("/api/v1/query_range", 60, query=expr, start=now - span, end=now, step=step)
            else:
                status, body = self.get("/api/v1/query", 60, query=expr)
            self.seconds.append(time.time() - began)
            assert status == 200 and json.loads(body)["status"] == "success", (expr, status, body[:300])
        time.sleep(0.2)


class Writer(Client):
    """500 series a few times a second, and all the wide ones over and over."""

    def __init__(self, server, load):
        super().__init__(server)
        self.load, self.at = load, 0
        self.own = [load.labels("pushed", n=str(n)) for n in range(500)]

    def ask(self):
        began = time.time()
        push(self.server, self.load.body(self.own + self.load.wide[self.at:self.at + 2000], [began]))
        self.at = (self.at + 2000) % len(self.load.wide)
        self.seconds.append(time.time() - began)
        self.outcomes["pushes"] += 1
        time.sleep(0.2)


class Hostile(Client):
    def __init__(self, server, seed):
        super().__init__(server)
        self.random = random.Random(seed)

    def ask(self):
        pick, now = self.random.choice, int(time.time())
        everything = pick(['{__name__=~".+"}', '{job=~".*", __name__!=""}', '{path=~".*[0-9].*"}', '{instance!=""}',
                           '{path=~"(/a/b/c/.*1.*|/a/.*/c/.*2.*|.*9)"}', f'{{__name__!="", path!="{self.random.random()}"}}'])
        days = self.random.randint(20, 30)
        kind, path, params = pick([
            ("everything", "/api/v1/query", {"query": everything}),
            ("everything_range", "/api/v1/query_range",
             {"query": everything, "start": now - days * DAY, "end": now, "step": pick([600, 3600])}),
            ("count", "/api/v1/query_range",
             {"query": f"count({everything})", "start": now - 6 * HOUR, "end": now, "step": 15}),
            ("subquery", "/api/v1/query",
             {"query": f"max_over_time(sum by (path) (rate({everything}[1h]))[{days}d:{pick(['1m', '10m', '1h'])}])"}),
            ("subquery", "/api/v1/query",
             {"query": f"max_over_time(quantile_over_time(0.9, dense_total[1d])[{days}d:1m])"}),
            ("subquery", "/api/v1/query_range",
             {"query": f"avg_over_time(rate(dense_total[1h])[{days}d:5m])", "start": now - DAY, "end": now,
              "step": 60}),
            ("cross_join", "/api/v1/query",
             {"query": f"wide_total * on(job) group_left() sum by (job) (wide_total) * {self.random.random()}"}),
            ("cross_join", "/api/v1/query_range",
             {"query": "wide_total + on(path, instance) group_left(code) wide_total", "start": now - DAY, "end": now,
              "step": 300}),
            ("cross_join", "/api/v1/query", {"query": "wide_total or dense_total or {path!=\"\"} unless pushed"}),
            ("groups", "/api/v1/query_range",
             {"query": f"{pick(['sum', 'avg', 'stddev', 'min'])} by (path) (rate({everything}[1h]))",
              "start": now - days * DAY, "end": now, "step": 3600}),
            ("groups", "/api/v1/query_range",
             {"query": f"limitk by (path) (10, {everything})", "start": now - DAY,
              "end": now, "step": 30}),
            ("sort", "/api/v1/query", {"query": f"sort_desc({everything})"}),
            ("topk", "/api/v1/query_range",
             {"query": f"topk(10000, rate({everything}[1h]))", "start": now - days * DAY, "end": now, "step": 3600}),
            ("steps", "/api/v1/query_range",
             {"query": "rate(wide_total[1h])", "start": now - 10_000, "end": now, "step": 1}),
            ("steps", "/api/v1/query_range", {"query": everything, "start": now - 30 * DAY, "end": now, "step": 0.1}),
            ("series", "/api/v1/series", {"match[]": everything, "start": now - 30 * DAY}),
            ("values", "/api/v1/label/path/values", {"match[]": everything}),
            ("labels", "/api/v1/labels", {"match[]": [everything, '{path=~".*5.*"}']}),
            ("federate", "/federate", {"match[]": everything}),
            ("cardinality", "/api/v1/status/tsdb", {"match[]": everything}),
        ])
        began = time.time()
        status, body = self.get(path, pick([1, 5, 30, 60]), **params)
        self.seconds.append(time.time() - began)
        if status is None or status == 200:
            self.outcomes["left" if status is None else "answered"] += 1
            return
        answer = json.loads(body)
        assert answer["status"] == "error", (kind, params, status, body[:300])
        text = answer["error"]
        if status == 400 and "exceeded maximum resolution" in text:  # As in Prometheus.
            self.outcomes["steps 400"] += 1
            return
        assert status in (422, 503) and "--" in text, f"an unclear refusal: {kind} {params} {status} {text}"
        flag = text[text.index("--"):].split()[0].strip(":,.();")
        self.outcomes[f"{flag} {status}"] += 1


def quantile(seconds, q):
    ordered = sorted(seconds)
    return ordered[min(len(ordered) - 1, int(q * len(ordered)))]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--tidemark", required=True)
    parser.add_argument("--megabytes", type=int, default=512)
    parser.add_argument("--clients", type=int, default=64)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--series", type=int, default=50_000)
    parser.add_argument("--max-p99", type=float, default=5, help="seconds of an ordinary query")
    parser.add_argument("--keep", action="store_true")
    args = parser.parse_args()
    with MemoryGroup(args.megabytes) as group, labs.Lab(args.keep) as lab:
        run(lab, args, group)


def run(lab, args, group):
    port = labs.free_port()
    config = lab.write("tidemark.yml", "global: {scrape_interval: 15s}\n")
    server = lab.run("tidemark", group.command(args.tidemark, f"--config.file={config}",
                                               f"--web.listen-address=127.0.0.1:{port}",
                                               f"--storage.tsdb.path={lab.path('data')}",
                                               "--enable-feature=promql-experimental-functions",
                                               "--web.enable-remote-write-receiver"), port, ready="/-/ready")
    limits = {limit["name"]: limit for limit in server.api("status/limits")["limits"]}
    assert limits["memory"]["limit"] <= args.megabytes << 20, "the limit of the group was not found"
    load = Load(args.series)
    began = time.time()
    load.fill(server, int(began))
    filled, before = time.time() - began, server.rss_bytes()

    ordinary, writer = Dashboard(server), Writer(server, load)
    hostile = [Hostile(server, n) for n in range(args.clients)]
    clients = [ordinary, writer, *hostile]
    for client in clients:
        client.start()
    end = time.time() + args.seconds
    while time.time() < end and server.process.poll() is None and not any(c.failure for c in clients):
        time.sleep(0.2)
    for client in clients:
        client.ending = True
    assert server.process.poll() is None, f"it was killed:\n{server.tail()}"
    failures = [client.failure for client in clients if client.failure]
    assert not failures, f"{len(failures)} failed: {failures[0]}\n{server.tail(5)}"
    for client in (ordinary, writer):
        client.join(90)
        assert client.failure is None and not client.is_alive(), client.failure
    assert group.oom_kills() == 0
    with open(f"/proc/{server.process.pid}/status") as f:
        peak = next(int(line.split()[1]) for line in f if line.startswith("VmHWM:")) << 10
    assert peak <= args.megabytes << 20, peak
    p50, p99 = quantile(ordinary.seconds, 0.5), quantile(ordinary.seconds, 0.99)
    outcomes = sum((client.outcomes for client in hostile), collections.Counter())
    metrics = {line.split()[0]: float(line.split()[1]) for line in labs.get(server.url + "/metrics")[1].decode().splitlines()
               if line.startswith("tidemark_queries_")}
    print(f"{args.clients} hostile clients for {args.seconds:g} s under {args.megabytes} MiB (cgroup {group.kind}): "
          f"ordinary queries {len(ordinary.seconds)}, p50 {p50 * 1000:.0f} ms, p99 {p99 * 1000:.0f} ms, max "
          f"{max(ordinary.seconds) * 1000:.0f} ms; pushes {len(writer.seconds)}, p99 "
          f"{quantile(writer.seconds, 0.99) * 1000:.0f} ms; resident {before >> 20} MiB before, peak {peak >> 20}; "
          f"put off {metrics['tidemark_queries_put_off_total']:.0f} times; hostile: "
          + ", ".join(f"{n} {what}" for what, n in sorted(outcomes.items())) + f"; filled in {filled:.0f} s")
    assert p99 <= args.max_p99, f"ordinary queries took {p99:.2f} s"
    assert len(ordinary.seconds) >= len(Dashboard.PANELS)


if __name__ == "__main__":
    main()
