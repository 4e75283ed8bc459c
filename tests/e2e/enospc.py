#!/usr/bin/env python3
"""A disk that runs full, and is given room again: nothing exits, queries are answered, writers are told
to come back, what was acknowledged is there, and ingest resumes by itself. On a small tmpfs, so it
needs to be root; without, it says so and is skipped (exit code 77).

    enospc.py --tidemark build/release/tidemark
"""
import argparse
import os
import subprocess
import sys
import time
import urllib.request

import lab as labs
import remote_write

MIN_FREE = 4 << 20
SKIPPED = 77


def skip(why):
    print("skipped:", why)
    sys.exit(SKIPPED)


class Disk:
    def __init__(self, path, megabytes):
        self.path, self.filler = path, os.path.join(path, "filler")
        os.mkdir(path)
        done = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "none", path],
                              capture_output=True, text=True)
        if done.returncode != 0:
            skip(f"tmpfs cannot be mounted: {done.stderr.strip()}")

    def free(self):
        info = os.statvfs(self.path)
        return info.f_bavail * info.f_frsize

    def fill(self, leave=0):
        """Until `leave` bytes are left."""
        with open(self.filler, "ab", buffering=0) as f:
            while self.free() > leave:
                try:
                    f.write(b"\0" * min(1 << 16, max(1, self.free() - leave)))
                except OSError:
                    break

    def make_room(self):
        os.remove(self.filler)

    def remount(self, how):
        subprocess.run(["mount", "-o", f"remount,{how}", self.path], check=True)

    def unmount(self):
        subprocess.run(["umount", "-l", self.path], check=False)


class Sender:
    """Remembers what was acknowledged."""

    def __init__(self):
        self.acknowledged = {}
        self.n = 0

    def send(self, server):
        """(status, Retry-After)"""
        self.n += 1
        t = int(time.time() * 1000)
        name, value = f"sent_{self.n % 5}", float(self.n)
        body = remote_write.request([({"__name__": name}, [(t, value)])])
        request = urllib.request.Request(server.url + "/api/v1/write", body, remote_write.HEADERS)
        try:
            with urllib.request.urlopen(request, timeout=10) as response:
                status, retry = response.status, None
        except urllib.error.HTTPError as error:
            status, retry = error.code, error.headers.get("Retry-After")
        if status == 204:
            self.acknowledged.setdefault(name, {})[t] = value
        time.sleep(0.005)
        return status, retry

    def until(self, server, wanted, wait_s):
        """Sends until that status comes; the seconds it took, and the last Retry-After."""
        start = time.time()
        while time.time() < start + wait_s:
            status, retry = self.send(server)
            if status == wanted:
                return time.time() - start, retry
            time.sleep(0.1)
        raise AssertionError(f"no answer {wanted} in {wait_s} s; the last was {status}\n{server.tail()}")

    def check(self, server):
        """All that was acknowledged is found, with its value, once the log of earlier lives is read."""
        server.wait_replayed()
        found = {}
        for series in server.query('{__name__=~"sent_.*"}[1h]')["result"]:
            found[series["metric"]["__name__"]] = {round(t * 1000): float(v) for t, v in series["values"]}
        lost = [(name, t) for name, samples in self.acknowledged.items() for t, v in samples.items()
                if found.get(name, {}).get(t) != v]
        assert not lost, f"{len(lost)} acknowledged samples are missing, first {lost[0]}"
        return sum(map(len, self.acknowledged.values()))


def alive(server):
    assert server.process.poll() is None, f"it ended:\n{server.tail()}"
    assert server.query("vector(1)")["result"]


def start(lab, binary, data):
    port = labs.free_port()
    config = lab.write("tidemark.yml", "global: {scrape_interval: 1s}\n")
    return lab.run("tidemark", [binary, f"--config.file={config}", f"--web.listen-address=127.0.0.1:{port}",
                                f"--storage.tsdb.path={data}", f"--storage.min-free-bytes={MIN_FREE}B",
                                "--storage.tsdb.wal-segment-size=10MB", "--web.enable-remote-write-receiver"],
                   port, ready="/-/ready")


def run(lab, binary, disk):
    data, sender = os.path.join(disk.path, "data"), Sender()
    server = start(lab, binary, data)
    for _ in range(200):
        assert sender.send(server)[0] == 204

    # Below the watermark, and then to the last byte, while it runs.
    for leave in (MIN_FREE // 2, 0):
        disk.fill(leave)
        _, retry = sender.until(server, 503, 10)
        assert retry is not None and int(retry) > 0, retry
        alive(server)
        sender.check(server)
        refusing = server.api("status/limits")["refusing"]
        assert any(r["what"] == "ingest" and "min-free-bytes" in r["reason"] for r in refusing), refusing
        disk.make_room()
        took, _ = sender.until(server, 204, 10)
        print(f"{leave} bytes left: refused with Retry-After {retry}; resumed after {took:.1f} s")

    # Full before the start, after a crash and after an orderly stop.
    for end in (server.kill, server.stop):
        disk.fill()
        sender.until(server, 503, 10)
        end()
        disk.fill()
        assert disk.free() == 0, disk.free()
        server.start()
        alive(server)
        known = sender.check(server)
        assert sender.send(server)[0] == 503
        disk.make_room()
        took, _ = sender.until(server, 204, 10)
        print(f"started on 0 bytes after {end.__name__}: {known} samples found; resumed after {took:.1f} s")

    # Read-only.
    server.kill()
    disk.remount("ro")
    server.start()
    alive(server)
    known = sender.check(server)
    assert sender.send(server)[0] == 503
    assert "read-only" in server.tail(50), server.tail(50)
    disk.remount("rw")
    took, _ = sender.until(server, 204, 10)
    print(f"started read-only: {known} samples found; resumed after {took:.1f} s")
    assert server.stop() == 0
    server.start()
    print(f"{sender.check(server)} acknowledged samples are all there")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--tidemark", required=True)
    parser.add_argument("--keep", action="store_true")
    args = parser.parse_args()
    if os.geteuid() != 0:
        skip("only root can mount a small disk")
    with labs.Lab(args.keep) as lab:
        disk = Disk(lab.path("disk"), 48)
        try:
            run(lab, args.tidemark, disk)
        finally:
            for server in lab.servers:
                if server.process is not None and server.process.poll() is None:
                    server.kill()
            disk.unmount()


if __name__ == "__main__":
    main()
