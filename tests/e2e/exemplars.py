#!/usr/bin/env python3
"""Exemplars of a scraped page, through kill -9 and orderly stops.

    tests/e2e/exemplars.py --tidemark build/release/tidemark [--kills 3]

Every scrape of the page shows a counter and an exemplar of the same value, and a second counter whose
exemplar never changes. Whatever samples of the first are there in the end, exactly these exemplars
must be there as well, each once and in order of time; of the second there must be one.
"""
import argparse
import http.server
import os
import sys
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import lab as labs  # noqa: E402


class Page(http.server.BaseHTTPRequestHandler):
    shown = 0

    def do_GET(self):
        Page.shown += 1
        n = Page.shown
        text = ("# TYPE shown counter\n"
                f'shown_total {n} # {{trace_id="{n:x}"}} {n}\n'
                "# TYPE same counter\n"
                f'same_total {n} # {{trace_id="same"}} 1\n'
                "# EOF\n").encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/openmetrics-text; version=1.0.0")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *args):
        pass


def exemplars(server, metric):
    now = time.time()
    found = server.api("query_exemplars", query=metric, start=now - 3600, end=now + 60)
    assert len(found) <= 1, found
    return found[0]["exemplars"] if found else []


def check(server, when):
    matrix = server.query("shown_total[1h]")["result"]
    samples = [float(v) for _, v in matrix[0]["values"]] if matrix else []
    found = exemplars(server, "shown_total")
    assert [float(e["value"]) for e in found if float(e["value"]) in samples] == samples, (
        when, samples, found)
    # The query of the samples came first: at most a scrape or two may have come in between.
    assert len(found) - len(samples) <= 2, (when, samples, found)
    times = [e["timestamp"] for e in found]
    assert times == sorted(set(times)), (when, times)
    for e in found:
        assert e["labels"] == {"trace_id": f"{int(float(e['value'])):x}"}, (when, e)
    same = exemplars(server, "same_total")
    assert len(same) == 1 and same[0]["labels"] == {"trace_id": "same"}, (when, same)
    return len(samples)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--tidemark", required=True)
    parser.add_argument("--kills", type=int, default=3)
    parser.add_argument("--keep", action="store_true")
    args = parser.parse_args()
    page = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Page)
    threading.Thread(target=page.serve_forever, daemon=True).start()
    config = ("global: {scrape_interval: 200ms, scrape_timeout: 200ms}\n"
              "scrape_configs:\n- job_name: page\n  static_configs:\n"
              f"  - targets: ['127.0.0.1:{page.server_address[1]}']\n")
    with labs.Lab(args.keep) as lab:
        server = lab.tidemark(args.tidemark, config, "--enable-feature=exemplar-storage",
                              "--web.enable-admin-api")
        before = 0
        for life in range(args.kills + 2):
            time.sleep(2)
            count = check(server, f"life {life}")
            assert count > before, (count, before)
            before = count
            server.kill() if life % 2 else server.stop()  # A stop flushes: then they are in a block.
            server.start()
            server.wait_replayed()
            check(server, f"life {life}, started again")
        status, body = labs.get(server.url + "/api/v1/admin/tsdb/delete_series?match[]=shown_total"
                                f"&end={time.time() - 1}", data=b"")
        assert status == 204, (status, body)
        left = [float(e["value"]) for e in exemplars(server, "shown_total")]
        assert 0 < len(left) < before and min(left) > before - len(left), (left, before)
    print(f"{before} exemplars through {args.kills + 2} lives, each found once")


if __name__ == "__main__":
    main()
