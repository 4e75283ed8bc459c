#!/usr/bin/env python3
"""Types, helps and units from real programs: pushed by Debian's Prometheus over remote write, and scraped;
still there after kill -9, after an orderly stop, and when nobody says them any more.

    tests/e2e/metadata.py --tidemark build/release/tidemark
"""
import argparse
import os
import shutil
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import lab as labs  # noqa: E402

PUSHER = """
global: {{scrape_interval: 1s}}
scrape_configs:
  - job_name: node
    static_configs: [{{targets: ["127.0.0.1:{node}"]}}]
  - job_name: prometheus
    static_configs: [{{targets: ["127.0.0.1:@PORT@"]}}]
remote_write:
  - url: {url}/api/v1/write
    metadata_config: {{send: true, send_interval: 1s}}
"""
SCRAPER = """
global: {scrape_interval: 1s}
scrape_configs:
  - job_name: self
    static_configs: [{targets: ["127.0.0.1:@PORT@"]}]
"""


def as_sets(metadata):
    return {family: {tuple(sorted(entry.items())) for entry in entries} for family, entries in metadata.items()}


def missing(ours, theirs):
    """Families of which an entry is not there."""
    return sorted(family for family, entries in theirs.items() if not entries <= ours.get(family, set()))


def expect(ours, theirs):
    for family in missing(ours, theirs):
        raise RuntimeError(f"{family}: {ours.get(family)}, not {theirs[family]}")


def wait(what, found, wait_s=60):
    end = time.time() + wait_s
    while True:
        left = found()
        if not left:
            return
        if time.time() > end:
            raise RuntimeError(f"{what}: still missing after {wait_s} s: {left[:5]} and {len(left)} in all")
        time.sleep(0.2)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--tidemark", required=True)
    args = parser.parse_args()
    for needed in ("prometheus", "prometheus-node-exporter"):
        if shutil.which(needed) is None:
            print(f"skipped: no {needed}")
            return 77

    with labs.Lab() as lab:
        node = lab.node_exporter()
        tidemark = lab.tidemark(args.tidemark, SCRAPER, "--web.enable-remote-write-receiver", "--web.enable-admin-api")
        prometheus = lab.prometheus(PUSHER.format(node=node.port, url=tidemark.url))

        def ours():
            return as_sets(tidemark.api("metadata"))

        wait("the exporter's metadata at the pusher", lambda: [] if "node_load1" in prometheus.api("metadata") else ["all"])
        theirs = as_sets(prometheus.api("metadata"))
        wait("what was pushed", lambda: missing(ours(), theirs))
        wait("what was scraped", lambda: [] if "tidemark_build_info" in ours() else ["all"])
        # Nobody scrapes these here.
        assert not any(entry["metric"] == "node_load1" for entry in tidemark.api("targets/metadata"))

        load1 = tidemark.api("metadata", metric="node_load1")
        assert load1 == {"node_load1": [{"type": "gauge", "unit": "", "help": "1m load average."}]}, load1
        assert len(tidemark.api("metadata", limit=7)) == 7
        assert all(len(entries) == 1 for entries in tidemark.api("metadata", limit_per_metric=1).values())

        def counted():
            result = tidemark.query("tidemark_metadata_entries")["result"]
            return [] if result and float(result[0]["value"][1]) >= len(theirs) else ["tidemark_metadata_entries"]

        wait("their number", counted)
        prometheus.stop()
        node.stop()
        want = ours()
        time.sleep(3)  # A scrape shows what it reads before it is stored.
        tidemark.kill()
        tidemark.start()
        tidemark.wait_replayed()
        expect(ours(), want)

        # Through a flush, an orderly stop, and a start at which nobody says anything.
        labs.get(tidemark.url + "/api/v1/admin/tsdb/snapshot", data=b"")
        tidemark.kill()
        tidemark.start()
        tidemark.wait_replayed()
        expect(ours(), want)
        assert tidemark.stop() == 0
        tidemark.start()
        tidemark.wait_replayed()
        expect(ours(), want)
        print(f"{len(want)} families, {len(theirs)} of them pushed: there after kill -9, a flush and a stop")
    return 0


if __name__ == "__main__":
    sys.exit(main())
