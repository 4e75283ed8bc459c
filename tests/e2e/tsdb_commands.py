#!/usr/bin/env python3
"""`tidemark tsdb list|analyze|dump` beside a running server, after a kill, and after an orderly stop; and
what the server itself tells of its blocks.

    tests/e2e/tsdb_commands.py --tidemark build/release/tidemark
"""
import argparse
import os
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import damage  # noqa: E402
import lab as labs  # noqa: E402
import remote_write  # noqa: E402

SERIES, SAMPLES = 50, 100


def push(server, start_ms, expected):
    series = []
    for i in range(SERIES):
        labels = {"__name__": f"m{i % 5}", "pod": f"p{i:02}"}
        samples = [(start_ms + k * 1000, (i * 31 + k * k) % 97 / 4) for k in range(SAMPLES)]
        series.append((labels, samples))
        text = f'{{__name__="{labels["__name__"]}", pod="{labels["pod"]}"}}'
        expected.extend(f"{text} {value:g} {t}" for t, value in samples)
    status, body = labs.get(server.url + "/api/v1/write", headers=remote_write.HEADERS, timeout=60,
                            data=remote_write.request(series))
    assert status < 300, (status, body)


def check_status(server, start_ms):
    """Two blocks with SERIES * SAMPLES samples each."""
    storage = server.api("status/storage", limit=3)
    counted = storage["counted"]
    assert counted["blocks"] == 2 and counted["blocksToCount"] == 0, counted
    assert counted["samples"] == 2 * SERIES * SAMPLES == sum(counted["encodings"].values()), counted
    assert counted["bytes"] == sum(block["bytes"] for block in storage["blockList"]), storage
    assert len(storage["metrics"]) == 3, storage["metrics"]
    for metric in storage["metrics"]:
        assert metric["name"] in ("m0", "m1", "m2", "m3", "m4") and metric["series"] == SERIES // 5, metric
        assert metric["samples"] == 2 * SERIES * SAMPLES // 5 == sum(metric["encodings"].values()), metric
        assert abs(metric["bytesPerSample"] - metric["bytes"] / metric["samples"]) < 0.01, metric
    assert sum(sum(day["encodings"].values()) for day in storage["partitions"]) == counted["samples"], storage
    first = min(storage["blockList"], key=lambda block: block["maxTime"])
    assert storage["nextDeletion"] == {"ulid": first["ulid"], "bytes": first["bytes"], "by": "age",
                                       "at": first["maxTime"] + 30 * 86_400_000}, storage["nextDeletion"]
    blocks = server.api("status/tsdb/blocks")["blocks"]
    for block in blocks:
        assert block["stats"]["numFloatSamples"] == block["stats"]["numSamples"] == SERIES * SAMPLES, block
    assert min(block["minTime"] for block in blocks) == start_ms


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--tidemark", required=True)
    args = parser.parse_args()

    def run(*words, code=0):
        done = subprocess.run([args.tidemark, "tsdb", *words], capture_output=True, text=True, timeout=120)
        assert done.returncode == code, done
        assert code or done.stderr == "", done.stderr
        return done.stdout.splitlines() if code == 0 else done.stderr

    with labs.Lab() as lab:
        server = lab.tidemark(args.tidemark, "", "--web.enable-remote-write-receiver")
        data = lab.path("tidemark-data")
        start_ms = int(time.time() - 10 * SAMPLES) * 1000
        expected = []
        push(server, start_ms, expected)

        def check_dump():
            assert sorted(run("dump", data)) == sorted(expected)

        # All of it is in the log; then some is in a block.
        check_dump()
        assert len(run("list", data)) == 1
        assert "no blocks found" in run("analyze", data, code=1)
        assert server.stop() == 0
        server.start()
        server.wait_replayed()
        push(server, start_ms + SAMPLES * 1000, expected)
        check_dump()
        server.kill()
        before = damage.files(data)
        check_dump()

        lines = run("list", data)
        assert len(lines) == 2 and lines[0].split()[:2] == ["BLOCK", "ULID"], lines
        block = lines[1].split()
        assert block[1:4] == [str(start_ms), str(start_ms + SAMPLES * 1000 - 999), "1m39.001s"], block
        assert block[4] == str(SERIES * SAMPLES) and block[6] == str(SERIES), block
        assert " +0000 UTC " in run("list", "-r", data)[1]

        text = "\n".join(run("analyze", data, "--limit=2"))
        assert f"Block ID: {block[0]}\n" in text and f"Samples: {SERIES * SAMPLES}\n" in text, text
        assert f"Bytes: {block[7]}\n" in text, text
        assert f"\nHighest cardinality labels:\n{SERIES} pod\n5 __name__\n" in text, text
        assert text == "\n".join(run("analyze", data, block[0], "--limit", "2"))
        text = "\n".join(run("analyze", "--match", "m3", data))
        assert "Matched series: 10\n" in text and "\n10 m3\n" in text, text
        assert "not found" in run("analyze", data, "01", code=1)

        one = [line for line in expected if 'pod="p07"' in line]
        assert run("dump", "--match=m2{pod='p07'}", data) == one
        until = start_ms + SAMPLES * 1000
        assert run("dump", "--match=m2{pod='p07'}", f"--min-time={start_ms + 1}", f"--max-time={until}",
                   data) == one[1:SAMPLES + 1]
        assert len(run("dump", "--format=seriesjson", "--match=m1", "--match=m2", data)) == 20
        assert damage.files(data) == before, "something has changed"

        for wrong in (["list", "a", "b"], ["dump", "--match=}"], ["dump", "--max-time=x"], ["analyze", "--what"]):
            run(*wrong, code=2)
        assert "analyze" in "\n".join(run("--help"))

        server.start()
        server.wait_replayed()
        assert server.stop() == 0  # The log becomes a block.
        server.start()
        check_status(server, start_ms)
        pushed = []
        push(server, start_ms + 2 * SAMPLES * 1000, pushed)
        server.kill()
        before = damage.files(data)

        segment = max(path for path in before if "/wal/0" in path and before[path][0] > 200)
        with open(segment, "r+b") as f:
            f.seek(100)
            f.write(b"damage")
        assert "log, segment " in run("dump", data, code=1)
    print("tsdb commands: all as it should be")


if __name__ == "__main__":
    main()
