#!/usr/bin/env python3
"""Damage on the disk: `tidemark tsdb verify` and the scrub of a running server find and name it.

    tests/e2e/damage.py --tidemark build/release/tidemark
"""
import argparse
import glob
import os
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import lab as labs  # noqa: E402
import remote_write  # noqa: E402

SERIES, SAMPLES = 200, 300
FLAGS = ["--web.enable-remote-write-receiver", "--storage.scrub-interval=1s", "--storage.scrub-rate=100MB"]


def push(server, start_ms):
    series = [({"__name__": "m", "series": f"{i:03}"},
               [(start_ms + k * 1000, (i * 7919 + k * k * 104729) % 1000003 / 7) for k in range(SAMPLES)])
              for i in range(SERIES)]
    status, body = labs.get(server.url + "/api/v1/write", headers=remote_write.HEADERS, timeout=60,
                            data=remote_write.request(series))
    assert status < 300, (status, body)


def files(folder):
    """Name, size and time of change of everything below."""
    found = {}
    for path in sorted(glob.glob(folder + "/**", recursive=True)):
        info = os.stat(path)
        found[path] = (info.st_size if os.path.isfile(path) else 0, info.st_mtime_ns)
    return found


def verify(binary, folder):
    done = subprocess.run([binary, "tsdb", "verify", folder], capture_output=True, text=True, timeout=120)
    assert done.stderr == "", done.stderr
    return done.returncode, done.stdout.splitlines()


def metric(server, name):
    try:
        text = labs.get(server.url + "/metrics")[1].decode()
    except OSError as error:
        raise AssertionError(f"{error}; exit code {server.process.poll()}:\n{server.tail()}")
    for line in text.splitlines():
        if line.startswith(name + " "):
            return float(line.split()[1])
    raise AssertionError(f"no {name}")


def wait_for(server, what, condition, wait_s=60):
    end = time.time() + wait_s
    while not condition():
        assert server.process.poll() is None, f"the server ended:\n{server.tail()}"
        assert time.time() < end, f"{what} did not come in {wait_s} s:\n{server.tail()}"
        time.sleep(0.05)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--tidemark", required=True)
    args = parser.parse_args()
    with labs.Lab() as lab:
        server = lab.tidemark(args.tidemark, "", *FLAGS)
        data = lab.path("tidemark-data")
        start_ms = int(time.time() - SAMPLES) * 1000
        push(server, start_ms)
        assert server.stop() == 0

        before = files(data)
        code, lines = verify(args.tidemark, data)
        assert code == 0 and len(lines) == 1 and lines[0].endswith(": no damage"), lines
        assert files(data) == before, "verify has changed something"
        print(lines[0])

        table = max(glob.glob(data + "/tidemark/blocks/*.sst"), key=os.path.getsize)
        with open(table, "r+b") as f:
            f.seek(os.path.getsize(table) // 2)
            f.write(b"damage")
        code, lines = verify(args.tidemark, data)
        assert code == 1 and lines[-1].endswith(f"{len(lines) - 1} damaged places"), lines
        assert all('{__name__="m", series="' in line for line in lines[:-1]), lines
        print(lines[0], lines[-1], sep="\n")

        server.start()
        wait_for(server, "scrubbing", lambda: metric(server, "tidemark_scrub_blocks_total") >= 2)
        storage = server.api("status/storage")
        listed = storage["damage"]
        assert len(listed) == len(lines) - 1 == storage["damageFound"], (listed, lines)
        for damage in listed:
            assert damage["found_by"] == "scrub" and "checksum" in damage["what"], damage
            assert start_ms <= damage["mint"] < damage["maxt"] < start_ms + SAMPLES * 1000, damage
            assert any(f"block {damage['block']}, {damage['series']}, {damage['mint']} to {damage['maxt']}: " in line
                       for line in lines), damage
        assert metric(server, "tidemark_damaged_places_total") == len(listed)
        assert metric(server, "tidemark_scrub_damaged_places_total") >= 2 * len(listed)
        assert metric(server, "tidemark_scrub_bytes_total") > os.path.getsize(table)

        # Beside the server that runs, and after it was killed; a query says the same, and adds nothing.
        assert verify(args.tidemark, data)[0] == 1
        answer = labs.get(server.url + "/api/v1/query?query=count(count_over_time(m[1h]))")[1].decode()
        assert "damaged and left out" in answer, answer
        assert f'"{SERIES - len({d["series"] for d in listed})}"' in answer, answer
        assert len(server.api("status/storage")["damage"]) == len(listed)
        push(server, start_ms + SAMPLES * 1000)
        assert os.path.exists(data + "/tidemark/scrub")
        server.kill()
        before = files(data)
        code, lines = verify(args.tidemark, data)
        assert code == 1 and files(data) == before
        segment = max(glob.glob(data + "/tidemark/wal/0*"))
        with open(segment, "r+b") as f:
            f.seek(100)
            f.write(b"damage")
        code, lines = verify(args.tidemark, data)
        assert any(line.startswith(f"log, segment {int(os.path.basename(segment))} at ") for line in lines), lines
        print(lines[-1])

        code = subprocess.run([args.tidemark, "tsdb", "verify", lab.path("none")], capture_output=True, text=True)
        assert code.returncode == 1 and "no data of tidemark there" in code.stderr, code
        for wrong in (["tsdb"], ["tsdb", "mend"], ["tsdb", "verify", "a", "b"]):
            assert subprocess.run([args.tidemark, *wrong], capture_output=True).returncode == 2, wrong
        helped = subprocess.run([args.tidemark, "tsdb", "--help"], capture_output=True, text=True)
        assert helped.returncode == 0 and "verify" in helped.stdout
    print("damage: all is found")


if __name__ == "__main__":
    main()
