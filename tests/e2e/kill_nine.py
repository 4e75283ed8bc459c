#!/usr/bin/env python3
"""kill -9 at random moments of scraping and remote write: every acknowledged sample is there after.

    tests/e2e/kill_nine.py --tidemark build/release/tidemark [--kills 20] [--seed N]

Writers push numbered samples and note each request that was answered with 204; a page that counts is
scraped every 100 ms and what queries show of it is noted too. After each kill and restart all that was
noted must be there, with its value, once.
"""
import argparse
import http.server
import json
import random
import sys
import threading
import time
import urllib.parse

import lab as labs
from remote_write import HEADERS, request

SERIES = 50


class Writer(threading.Thread):
    """Pushes to `series` of its own until told to stop; acknowledged: {series: {time_ms: value}}."""

    def __init__(self, url, number):
        super().__init__(daemon=True)
        self.url, self.number = url + "/api/v1/write", number
        self.acknowledged = {}
        self.stopping = threading.Event()
        self.refused = 0
        self.value = 0

    def run(self):
        last = 0
        while not self.stopping.is_set():
            now = int(time.time() * 1000)
            if now <= last:  # Never ahead of the clock: queries end there.
                time.sleep(0.0005)
                continue
            last = now
            self.value += 1
            names = [f"pushed_{self.number}_{i}" for i in range(SERIES)]
            body = request([({"__name__": name, "job": "push"}, [(now, self.value + i)]) for i, name in enumerate(names)])
            try:
                status, answer = labs.get(self.url, data=body, headers=HEADERS)
            except OSError:
                continue  # Killed before it answered: nothing was promised.
            if status == 204:
                for i, name in enumerate(names):
                    self.acknowledged.setdefault(name, {})[now] = self.value + i
            elif status != 503:  # Starting or stopping: come again.
                self.refused += 1
                print("refused", status, answer[:200])


class CountingPage:
    def __init__(self):
        self.count = 0
        page = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                page.count += 1
                body = "".join(f"scraped_{i} {page.count * 100 + i}\n" for i in range(SERIES)).encode()
                self.send_response(200)
                self.send_header("Content-Type", "text/plain; version=0.0.4")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                try:
                    self.wfile.write(body)
                except OSError:
                    pass  # The scraper was killed.

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.address = "127.0.0.1:%d" % self.server.server_address[1]


def raw(server, selector):
    """{name: {time_ms: value}} of everything stored; a sample given twice is an error."""
    out = {}
    for series in server.query(f"{selector}[1h]")["result"]:
        samples = {}
        for t, v in series["values"]:
            ms = round(t * 1000)
            if ms in samples:
                raise AssertionError(f"{series['metric']} has {ms} twice")
            samples[ms] = float(v)
        out[series["metric"]["__name__"]] = samples
    return out


def missing(noted, found):
    return [(name, t, v) for name, samples in noted.items() for t, v in samples.items()
            if found.get(name, {}).get(t) != v]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--tidemark", required=True)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 30))
    parser.add_argument("--sync", default="interval")
    parser.add_argument("--keep", action="store_true")
    args = parser.parse_args()
    print("seed", args.seed, flush=True)
    chance = random.Random(args.seed)

    with labs.Lab(args.keep) as lab:
        page = CountingPage()
        server = lab.tidemark(args.tidemark, f"""
global: {{scrape_interval: 100ms, scrape_timeout: 100ms}}
scrape_configs:
  - job_name: count
    static_configs: [{{targets: ["{page.address}"]}}]
""", "--web.enable-remote-write-receiver", f"--storage.wal-sync={args.sync}")
        noted_scrapes, restarts, replays, lost, writers = {}, [], [], 0, []
        for kill in range(args.kills):
            writers += [Writer(server.url, f"{kill}_{n}") for n in range(3)]
            for writer in writers[-3:]:
                writer.start()
            started = time.time()
            while time.time() < started + 15:  # Until it scrapes again.
                newest = server.query("max(timestamp(scraped_0))")["result"]
                if newest and float(newest[0]["value"][1]) > started:
                    break
                time.sleep(0.02)
            end = time.time() + chance.uniform(0.05, 1.5)
            while time.time() < end:
                seen = raw(server, '{__name__=~"scraped_.+"}')
                for name, samples in seen.items():
                    noted_scrapes.setdefault(name, {}).update(samples)
                time.sleep(min(0.1, max(0, end - time.time())))
            server.kill()
            for writer in writers[-3:]:
                writer.stopping.set()
            begin = time.time()
            server.start()
            restarts.append(time.time() - begin)
            if chance.random() < 0.3:  # While it reads the log.
                time.sleep(chance.uniform(0, 0.1))
                server.kill()
                server.start()
            server.wait_replayed()
            replays.append(time.time() - begin)
            for writer in writers[-3:]:
                writer.join()
            noted = {name: s for w in writers for name, s in w.acknowledged.items()}
            for what, want, selector in (("pushed", noted, '{job="push"}'),
                                         ("scraped", noted_scrapes, '{__name__=~"scraped_.+"}')):
                gone = missing(want, raw(server, selector))
                if gone:
                    lost += len(gone)
                    print(f"kill {kill}: {len(gone)} {what} samples lost, first {gone[0]}")
        pushed = sum(len(s) for w in writers for s in w.acknowledged.values())
        scraped = sum(len(s) for s in noted_scrapes.values())
        refused = sum(w.refused for w in writers)
        print(json.dumps({"kills": args.kills, "sync": args.sync, "pushed": pushed, "scraped": scraped, "lost": lost,
                          "refused": refused, "restart_s_max": round(max(restarts), 3),
                          "restart_s_mean": round(sum(restarts) / len(restarts), 3),
                          "all_read_s_max": round(max(replays), 3)}))
        if pushed == 0 or scraped == 0:
            print("nothing was written: the test proved nothing")
            return 1
        # A graceful stop leaves nothing to replay.
        code = server.stop()
        if code != 0:
            print(f"stopped with {code}:\n{server.tail()}")
            return 1
        return 1 if lost or refused else 0


if __name__ == "__main__":
    sys.exit(main())
