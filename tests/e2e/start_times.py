#!/usr/bin/env python3
"""Start times from an OpenMetrics page and from remote write 2.0, with created-timestamp-zero-ingestion: a
zero where each counter began, once, also after kill -9; with st-storage no _created series, but queries that know
where counters began; with type-and-unit-labels types on the series.

    tests/e2e/start_times.py --tidemark build/release/tidemark
"""
import argparse
import http.server
import os
import struct
import sys
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import lab as labs  # noqa: E402
from remote_write import field, snappy, varint  # noqa: E402

CONFIG = """
global: {{scrape_interval: 1s}}
scrape_configs:
  - job_name: app
    scrape_protocols: [OpenMetricsText1.0.0]
    static_configs: [{{targets: ["127.0.0.1:{port}"]}}]
"""


class App(http.server.BaseHTTPRequestHandler):
    """A program whose counter counts its pages, and begins anew when it is told to."""

    began, count = 0, 0

    def do_GET(self):
        App.count += 1
        body = (f"# TYPE pages counter\npages_total {App.count}\npages_created {App.began:.3f}\n"
                "# TYPE old counter\nold_total 5\nold_created 1000.5\n# EOF\n").encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/openmetrics-text; version=1.0.0; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass

    @classmethod
    def begin(cls):
        cls.began, cls.count = round(time.time() - 0.05, 3), 0


def push_v2(server, samples):
    """[(time_ms, value, start_ms)] of the series pushed_total."""
    symbols = ["", "__name__", "pushed_total"]
    body = b"".join(field(4, s.encode()) for s in symbols)
    series = field(1, varint(1) + varint(2))
    for t, v, start in samples:
        series += field(2, b"\x09" + struct.pack("<d", v) + b"\x10" + varint(t) + b"\x18" + varint(start))
    headers = {"Content-Type": "application/x-protobuf;proto=io.prometheus.write.v2.Request",
               "Content-Encoding": "snappy", "X-Prometheus-Remote-Write-Version": "2.0.0"}
    status, answer = labs.get(server.url + "/api/v1/write", headers=headers, data=snappy(body + field(5, series)))
    assert status == 204, (status, answer)


def values(server, selector):
    result = server.query(f"{selector}[1h]")["result"]
    return [(round(t * 1000), float(v)) for s in result for t, v in s["values"]]


def zeros(server, selector):
    return [t for t, v in values(server, selector) if v == 0]


def start_of(server, selector):
    return float(server.query(f"start_timestamp({selector})")["result"][0]["value"][1])


def resets(server):
    return float(server.query("resets(pages_total[1h])")["result"][0]["value"][1])


def wait(what, found, wait_s=30):
    end = time.time() + wait_s
    while not found():
        if time.time() > end:
            raise RuntimeError(f"{what}: not after {wait_s} s")
        time.sleep(0.1)


def names(server):
    return server.api("label/__name__/values")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--tidemark", required=True)
    args = parser.parse_args()

    app = http.server.ThreadingHTTPServer(("127.0.0.1", 0), App)
    threading.Thread(target=app.serve_forever, daemon=True).start()
    config = CONFIG.format(port=app.server_address[1])
    App.begin()
    with labs.Lab() as lab:
        server = lab.tidemark(args.tidemark, config, "--web.enable-remote-write-receiver",
                              "--enable-feature=created-timestamp-zero-ingestion")
        began = [round(App.began * 1000)]
        wait("a zero where the counter began", lambda: zeros(server, "pages_total") == began)
        wait("more pages", lambda: len(values(server, "pages_total")) > 3)
        # Half way between two scrapes: a start before the newest sample gives no zero.
        newest = lambda: max(t for t, _ in values(server, "pages_total"))
        wait("a while after a scrape", lambda: 300 < time.time() * 1000 - newest() < 600)
        App.begin()
        began.append(round(App.began * 1000))
        wait("a zero where it began again", lambda: zeros(server, "pages_total") == began)
        assert not zeros(server, "old_total"), "a start of long ago is out of bounds"
        assert not [n for n in names(server) if n.endswith("_created")], names(server)

        now = round(time.time() * 1000)
        push_v2(server, [(now - 3000, 1, now - 9000), (now - 2000, 2, now - 9000)])
        push_v2(server, [(now - 1000, 3, now - 9000)])
        pushed = [(now - 9000, 0), (now - 3000, 1), (now - 2000, 2), (now - 1000, 3)]
        assert values(server, "pushed_total") == pushed, values(server, "pushed_total")
        server.kill()
        server.start()
        server.wait_replayed()
        assert zeros(server, "pages_total") == began, zeros(server, "pages_total")
        assert values(server, "pushed_total") == pushed
        features = server.api("features")
        assert features["scrape"]["start_timestamp_zero_ingestion"] and not features["tsdb"]["st_storage"], features
        server.stop()

        server = lab.tidemark(args.tidemark, config, "--enable-feature=st-storage,promql-all,type-and-unit-labels",
                              name="keeper")
        wait("pages", lambda: len(values(server, "pages_total")) > 2)
        # It began before the first page, so all that it says was counted since.
        assert start_of(server, "pages_total") == App.began, (start_of(server, "pages_total"), App.began)
        assert resets(server) == 0
        types = {s["metric"]["__name__"]: s["metric"].get("__type__") for s in server.query("{job='app'}")["result"]}
        assert types["pages_total"] == types["old_total"] == "counter" and types["up"] is None, types
        assert "__type__" not in server.query("rate(pages_total[1m])")["result"][0]["metric"]
        App.begin()
        wait("a page since", lambda: start_of(server, "pages_total") == App.began)
        App.count += 1000  # More than before: only the start tells.
        wait("a page that counts more", lambda: values(server, "pages_total")[-1][1] > 1000)
        assert resets(server) == 1, values(server, "pages_total")
        assert not zeros(server, "pages_total") and "pages_created" not in names(server), names(server)
        assert server.api("features")["tsdb"]["st_storage"]
        server.kill()
        server.start()
        server.wait_replayed()
        assert len(values(server, "pages_total")) > 2
        assert start_of(server, "pages_total") == App.began and resets(server) == 1
        server.stop()

        server = lab.tidemark(args.tidemark, config, "--enable-feature=promql-experimental-functions", name="plain")
        assert not server.query("start_timestamp(up)")["result"]
        wait("the line as a series", lambda: "pages_created" in names(server))
        assert not zeros(server, "pages_total")
    print("zeros stood where counters began, each once")
    return 0


if __name__ == "__main__":
    sys.exit(main())
