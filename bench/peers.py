"""The servers that benches compare, and figures as lines of JSON."""
import json
import os
import shutil
import subprocess
import sys
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(ROOT, "tests", "e2e"))
import lab as labs  # noqa: E402

STEP_S = 15


class Tidemark:
    name, write_path, ready = "tidemark", "/api/v1/write", "/-/ready"

    @staticmethod
    def args(binary, port, data, config):
        return [binary, "--config.file=" + config, f"--web.listen-address=127.0.0.1:{port}", "--log.level=error",
                "--storage.tsdb.path=" + data, "--web.enable-remote-write-receiver", "--storage.tsdb.retention.time=100y"]

    @staticmethod
    def quiet(run):
        """Waits until all merges there will ever be are done."""
        run.server.stop()  # All of the head goes to blocks,
        run.server.start()  # which are merged now.
        return wait_same(lambda: sorted((block["compaction"]["level"], block["ulid"])
                                        for block in run.server.api("status/tsdb/blocks")["blocks"]))

    @staticmethod
    def settle(run):
        """Bytes on the disk when all is quiet, and more to know. The server ends."""
        levels = [level for level, _ in Tidemark.quiet(run)]
        run.server.stop()
        reserve = os.path.join(run.data, "tidemark", "reserve")
        held = os.path.getsize(reserve) if os.path.exists(reserve) else 0  # Given up when the disk is full.
        blocks = os.path.join(run.data, "tidemark", "blocks")
        tables = sum(os.path.getsize(os.path.join(blocks, f)) for f in os.listdir(blocks) if f.endswith(".sst"))
        return tree_bytes(run.data) - held, {"levels": levels, "table_bytes": tables}


class Prometheus:
    name, write_path, ready = "prometheus", "/api/v1/write", "/-/ready"

    @staticmethod
    def args(binary, port, data, config):
        return Tidemark.args(binary, port, data, config) + ["--web.enable-admin-api"]

    @staticmethod
    def quiet(run):
        wait_same(lambda: sorted(name for name in os.listdir(run.data) if len(name) == 26))

    @staticmethod
    def settle(run):
        """The size of a snapshot: what its own compaction made, and the head as a block."""
        status, body = labs.get(run.server.url + "/api/v1/admin/tsdb/snapshot", data=b"", timeout=300)
        if status != 200:
            raise RuntimeError(f"prometheus: snapshot: {status} {body[:300]}")
        folder = os.path.join(run.data, "snapshots", json.loads(body)["data"]["name"])
        chunks = sum(tree_bytes(os.path.join(folder, b, "chunks")) for b in os.listdir(folder))
        run.server.stop()
        return tree_bytes(folder), {"chunk_bytes": chunks, "blocks": len(os.listdir(folder))}


class VictoriaMetrics:
    name, write_path, ready = "victoriametrics", "/api/v1/write", "/health"

    @staticmethod
    def args(binary, port, data, config):
        scrape = ["-promscrape.config=" + config] if "scrape_configs" in open(config).read() else []
        return [binary, f"-httpListenAddr=127.0.0.1:{port}", "-storageDataPath=" + data, "-retentionPeriod=100y",
                "-search.disableCache", "-search.latencyOffset=0s", "-loggerLevel=ERROR", *scrape]

    @staticmethod
    def quiet(run):
        for what in ("force_flush", "force_merge"):
            labs.get(f"{run.server.url}/internal/{what}", timeout=300)
        wait_same(lambda: tree_bytes(os.path.join(run.data, "data")))

    @staticmethod
    def settle(run):
        """Data and indexdb after a forced merge."""
        VictoriaMetrics.quiet(run)
        run.server.stop()
        data, index = (tree_bytes(os.path.join(run.data, d)) for d in ("data", "indexdb"))
        return data + index, {"data_bytes": data, "index_bytes": index}


def wait_same(ask, times=6):
    """What `ask` gives once it gave the same `times` times in a row, half a second apart."""
    last, same = None, 0
    while same < times:
        time.sleep(0.5)
        now = ask()
        same = same + 1 if now == last else 0
        last = now
    return last


def emit(kind, server, value, unit, **more):
    print(json.dumps({"bench": kind, "server": server, "value": round(value, 4), "unit": unit, **more}), flush=True)


def tree_bytes(path):
    return sum(os.path.getsize(os.path.join(d, f)) for d, _, files in os.walk(path) for f in files
               if not os.path.islink(os.path.join(d, f)))


class Run:
    """One server with one data directory."""

    def __init__(self, lab, kind, binary, tag="run", config="global: {scrape_interval: 1h}\n", more=()):
        port = labs.free_port()
        self.kind, self.data = kind, lab.path(f"{kind.name}-{tag}")
        config = lab.write(f"{kind.name}-{tag}.yml", config)
        self.server = lab.run(f"{kind.name}-{tag}.server", [*kind.args(binary, port, self.data, config), *more], port,
                              ready=kind.ready)

    def load(self, tool, series, times, start_ms, *more, step_s=STEP_S):
        """Pushes with remote_write_load; CPU seconds of the server, and what the load says."""
        before = self.server.cpu_s()
        out = subprocess.run([tool, f"127.0.0.1:{self.server.port}", self.kind.write_path, str(series), str(times),
                              str(start_ms), str(step_s * 1000), *map(str, more)], check=True, capture_output=True, text=True).stdout
        return self.server.cpu_s() - before, json.loads(out)

    def wait_visible(self, expr, at, want, wait_s=60, pause_s=0.01):
        """Seconds until `expr` gives `want`."""
        begin = time.time()
        while time.time() - begin < wait_s:
            try:
                result = self.server.query(expr, at)["result"]
                if result and float(result[0]["value"][1]) == want:
                    return time.time() - begin
            except (OSError, RuntimeError):
                pass
            time.sleep(pause_s)
        raise RuntimeError(f"{self.kind.name}: {expr} never became {want}:\n{self.server.tail()}")

    def cpu_of(self, ask, repeats):
        """The least CPU seconds and wall seconds one call of `ask` costs the server, and its answer."""
        answer = ask()
        best_cpu = best_wall = 1e9
        for _ in range(repeats):
            cpu, wall = self.server.cpu_s(), time.time()
            # The kernel counts CPU in 10 ms: ask until there is something to count.
            n = 0
            while n < 3 or time.time() - wall < 0.4:
                answer = ask()
                n += 1
            best_wall = min(best_wall, (time.time() - wall) / n)
            best_cpu = min(best_cpu, (self.server.cpu_s() - cpu) / n)
        return best_cpu, best_wall, answer


def add_arguments(parser):
    parser.add_argument("--tidemark", default=os.path.join(ROOT, "build/release/tidemark"))
    parser.add_argument("--prometheus", default="prometheus")
    parser.add_argument("--victoriametrics", default="victoria-metrics")
    parser.add_argument("--load", default=os.path.join(ROOT, "build/release/bench/remote_write_load"))


def servers_of(args):
    """[(kind, binary)] of what is there."""
    servers = []
    for kind, binary in ((Tidemark, args.tidemark), (Prometheus, args.prometheus), (VictoriaMetrics, args.victoriametrics)):
        if shutil.which(binary):
            servers.append((kind, binary))
        else:
            print(json.dumps({"bench": "compare", "left_out": kind.name, "reason": f"{binary} not found"}))
    return servers


def print_ratios(results):
    """results: {(figure, series, whether more is better): {server: value}}."""
    for (figure, series, more), values in results.items():
        ours = values.get("tidemark")
        if not ours:
            continue
        ratios = {name: round(ours / v if more else v / ours, 2) for name, v in values.items() if name != "tidemark" and v}
        print(json.dumps({"ratio": figure, "series": series, "tidemark_is_better_by": ratios}), flush=True)
