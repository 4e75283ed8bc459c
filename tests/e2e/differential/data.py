"""The data both servers get: made of a seed, the shapes that real servers expose.

Two traps are kept out by construction, since Prometheus before 3.0 closes windows on the left:
  - no sample lies on a whole or half second, where the edges of all windows lie;
  - queries are asked on half seconds, so that no point of a subquery (whole seconds) is on an edge.
Counters start high, so that how far they may be stretched towards zero (decided in another order
before 3.0) does not matter where a series begins inside a window. Most values have few binary
digits: sums of them are exact in any order.
"""
import math
import random
import struct

INTERVAL_MS = 15_000
STALE = struct.unpack("<d", struct.pack("<Q", 0x7FF0000000000002))[0]

HOSTS = ["ada", "bert", "cleo", "dora"]
JOBS = ["api", "web"]
CODES = ["200", "404", "500"]
MODES = ["idle", "user", "system", "iowait"]
DEVICES = ["eth0", "eth2", "eth10"]
MOUNTS = [("/", "ext4"), ("/data", "xfs"), ("/run", "tmpfs")]
BOUNDS = ["0.005", "0.05", "0.25", "1", "5", "+Inf"]


class Maker:
    def __init__(self, seed, start_ms, minutes):
        self.random = random.Random(seed)
        self.start_ms = start_ms - start_ms % INTERVAL_MS
        self.slots = minutes * 60_000 // INTERVAL_MS
        self.series = []  # (labels, [(time_ms, value)])

    def times(self):
        """One target's times: a fixed phase, and a jitter that never meets a half second."""
        phase = self.random.randrange(0, 14) * 1000
        jitter = self.random.choice([[7], [7, 123, 291, 444, 831]])
        return [self.start_ms + i * INTERVAL_MS + phase + self.random.choice(jitter) for i in range(self.slots)]

    def add(self, name, labels, times, values):
        self.series.append((dict(labels, __name__=name), [(t, v) for t, v in zip(times, values) if v is not None]))

    # Shapes.
    def walk(self, low, high, step):
        """A gauge: multiples of 1/64 between low and high."""
        v, out = self.random.uniform(low, high), []
        for _ in range(self.slots):
            v = min(high, max(low, v + self.random.gauss(0, step)))
            out.append(round(v * 64) / 64)
        return out

    def counter(self, rate, resets=0.0, whole=True):
        v, out = math.floor(rate * self.random.uniform(1e5, 1e6)), []
        for _ in range(self.slots):
            if self.random.random() < resets:
                v = 0
            more = self.random.expovariate(1 / (rate * INTERVAL_MS / 1000))
            v += math.floor(more) if whole else math.floor(more * 64) / 64
            out.append(float(v))
        return out

    def gaps(self, values, share, stale):
        """Takes samples away in runs; a stale marker may stand at the beginning of one."""
        out, i = list(values), 0
        while i < len(out):
            if self.random.random() < share:
                length = self.random.randrange(1, 40)
                for k in range(i, min(len(out), i + length)):
                    out[k] = STALE if stale and k == i else None
                i += length
            i += 1
        return out


def make(seed, start_ms, minutes):
    """[(labels, samples)]"""
    m = Maker(seed, start_ms, minutes)
    for host in HOSTS:
        node = {"job": "node", "instance": host}
        times = m.times()
        for cpu in range(2):
            for mode in MODES:
                m.add("node_cpu_seconds_total", dict(node, cpu=str(cpu), mode=mode), times,
                      m.counter(0.7 if mode == "idle" else 0.1, whole=False))
        for name, low, high in (("MemTotal", 2**33, 2**33), ("MemAvailable", 2**31, 2**32), ("MemFree", 2**30, 2**31),
                                ("Buffers", 2**26, 2**27), ("Cached", 2**30, 2**31), ("SwapFree", 0, 2**28)):
            m.add(f"node_memory_{name}_bytes", node, times, [float(int(v)) for v in m.walk(low, high, (high - low) / 20)])
        for mount, fstype in MOUNTS:
            labels = dict(node, mountpoint=mount, fstype=fstype, device=f"/dev/{fstype}")
            m.add("node_filesystem_size_bytes", labels, times, [float(2**36)] * m.slots)
            m.add("node_filesystem_avail_bytes", labels, times, [float(int(v)) for v in m.walk(2**33, 2**35, 2**28)])
        for device in DEVICES:
            labels = dict(node, device=device)
            m.add("node_network_receive_bytes_total", labels, times, m.counter(1e6))
            m.add("node_network_transmit_bytes_total", labels, times, m.counter(2e5, resets=0.005))
            m.add("node_network_up", labels, times, [float(m.random.random() < 0.95) for _ in range(m.slots)])
        for name in ("node_load1", "node_load5", "node_load15"):
            m.add(name, node, times, m.walk(0, 8, 0.4))
        for name in ("node_context_switches_total", "node_intr_total", "node_vmstat_pgfault"):
            m.add(name, node, times, m.counter(3000))
        m.add("node_boot_time_seconds", node, times, [start_ms / 1000 - 86_400.0] * m.slots)
        m.add("node_uname_info", dict(node, release=f"6.{m.random.randrange(1, 12)}.0", nodename=f"{host}.example"), times,
              [1.0] * m.slots)
        m.add("up", node, times, [float(m.random.random() < 0.97) for _ in range(m.slots)])
        m.add("temperature_celsius", dict(node, sensor=str(HOSTS.index(host) * 3)), times, m.walk(-20, 90, 2))
    for job in JOBS:
        for host in HOSTS[:3]:
            target = {"job": job, "instance": host}
            times = m.times()
            for code in CODES:
                for method in ("GET", "POST"):
                    m.add("http_requests_total", dict(target, code=code, method=method), times,
                          m.counter(40 if code == "200" else 0.5, resets=0.01))
            histogram(m, target, times)
            m.add("queue_length", target, times, [float(int(v)) for v in m.walk(0, 50, 6)])
            m.add("build_info", dict(target, version=f"1.{m.random.randrange(3)}"), times, [1.0] * m.slots)
            m.add("up", target, times, [1.0] * m.slots)
            m.add("last_success_timestamp_seconds", target, times,
                  [math.floor(t / 1000) - m.random.randrange(100) + 0.0 for t in times])
    for i in range(8):
        m.add("flappy", {"n": str(i), "even": str(i % 2 == 0).lower()}, m.times(),
              m.gaps(m.walk(-5, 5, 1), 0.02 * (i % 4), stale=i >= 4))
    specials = [math.nan, math.inf, -math.inf, 0.0, -0.0, 1.0, -1.5, 2.0**60]
    for i in range(4):
        m.add("odd", {"n": str(i)}, m.times(), [m.random.choice(specials) for _ in range(m.slots)])
    m.add("constant", {}, m.times(), [42.0] * m.slots)
    return m.series


def histogram(m, target, times):
    """Cumulative buckets that agree with their count; sums in 1/64."""
    counts = [m.random.randrange(10**5, 10**6) for _ in BOUNDS]
    total, rows = float(m.random.randrange(10**5, 10**6)), []
    for _ in range(m.slots):
        for i in range(len(BOUNDS)):
            counts[i] += m.random.randrange(0, 30)
        total += m.random.randrange(0, 640) / 64
        rows.append(([float(sum(counts[:i + 1])) for i in range(len(BOUNDS))], total))
    for i, bound in enumerate(BOUNDS):
        m.add("http_request_duration_seconds_bucket", dict(target, le=bound), times, [row[0][i] for row in rows])
    m.add("http_request_duration_seconds_count", target, times, [row[0][-1] for row in rows])
    m.add("http_request_duration_seconds_sum", target, times, [row[1] for row in rows])


def slices(series, minutes=10):
    """The same in order of time, in pieces: [[(labels, samples)]]. Servers take no sample much older than the newest."""
    first = min(samples[0][0] for _, samples in series if samples)
    by_slice = {}
    for labels, samples in series:
        parts = {}
        for t, v in samples:
            parts.setdefault((t - first) // (minutes * 60_000), []).append((t, v))
        for at, part in parts.items():
            by_slice.setdefault(at, []).append((labels, part))
    return [by_slice[at] for at in sorted(by_slice)]
