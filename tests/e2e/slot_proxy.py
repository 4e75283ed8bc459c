"""Hands out exporters' pages so that two scrapers see the very same samples.

Two servers scrape at moments of their own, so they never read the same values from a live exporter.
Behind this proxy they do: time is cut into slots as long as the scrape interval; each page is fetched
from the real exporter once a slot, and every sample on it gets the slot's time as its timestamp. The
slots begin 0.137 s off the whole second, so that no range or lookback ends exactly on a sample (where
Prometheus 2 and 3 differ by design).

GET /<host:port>/<path> fetches http://<host:port>/<path>.
"""
import http.server
import math
import threading
import time
import urllib.request

OFFSET_S = 0.137


def stamp(page, time_ms):
    """Every sample line of a text page, with a timestamp."""
    lines = []
    for line in page.splitlines():
        if line and not line.startswith("#"):
            line = f"{line} {time_ms}"
        lines.append(line)
    return "\n".join(lines) + "\n"


class SlotProxy:
    def __init__(self, slot_s):
        self.slot_s = slot_s
        self.lock = threading.Lock()
        self.pages = {}  # target -> (slot, page)
        proxy = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                try:
                    body, status = proxy.page(self.path.lstrip("/")).encode(), 200
                except OSError as error:
                    body, status = str(error).encode(), 502
                self.send_response(status)
                self.send_header("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.address = "127.0.0.1:%d" % self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def page(self, target):
        slot = math.floor((time.time() - OFFSET_S) / self.slot_s)
        with self.lock:
            cached = self.pages.get(target)
            if cached is None or cached[0] != slot:
                request = urllib.request.Request("http://" + target, headers={"Accept": "text/plain;version=0.0.4"})
                with urllib.request.urlopen(request, timeout=10) as response:
                    text = response.read().decode()
                time_ms = round((slot * self.slot_s + OFFSET_S) * 1000)
                cached = self.pages[target] = (slot, stamp(text, time_ms))
            return cached[1]

    def close(self):
        self.server.shutdown()
        self.server.server_close()
