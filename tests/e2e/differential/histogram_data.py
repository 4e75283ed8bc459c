"""Native histograms for the differential: counters with resets and changing resolution, gauges of floats,
custom buckets whose bounds change, and series that are now a histogram, now a number."""
import random

import native_histogram
from data import HOSTS, INTERVAL_MS

BOUNDS = [[0.1, 0.5, 1.0, 5.0], [0.1, 1.0, 5.0], [0.25, 0.5, 4.0]]


class Counter:
    """Buckets that grow; the resolution may become coarser or finer, the zero bucket wider."""

    def __init__(self, chance, custom, negative):
        self.random, self.custom, self.negative = chance, custom, negative
        self.bounds, self.schema, self.zero_threshold = BOUNDS[0], 1, 2.0**-10
        self.reset()

    def reset(self):
        self.positive, self.minus, self.zero, self.total = {}, {}, 0, 0.0

    def step(self):
        r = self.random
        if r.random() < 0.01:
            self.reset()
        if r.random() < 0.01 and not self.custom:
            self.schema = r.choice([0, 1, 2])
            self.zero_threshold = r.choice([2.0**-10, 2.0**-6])
            self.reset()
        if r.random() < 0.01 and self.custom:
            self.bounds = r.choice(BOUNDS)
            self.reset()
        for _ in range(r.randrange(5)):
            index = r.randrange(len(self.bounds) + 1) if self.custom else r.choice([-3, -1, 0, 1, 2, 3, 7])
            side = self.minus if self.negative and r.random() < 0.3 else self.positive
            side[index] = side.get(index, 0) + r.randrange(1, 9)
            self.total += r.randrange(1, 64) / 16
        self.zero += 0 if self.custom else r.randrange(2)

    def encode(self, t, floats=False, hint=0):
        more = {"bounds": self.bounds} if self.custom else {"schema": self.schema, "zero": self.zero,
                                                            "zero_threshold": self.zero_threshold}
        scale = 0.5 if floats else 1
        positive, minus = ({i: c * scale for i, c in side.items()} for side in (self.positive, self.minus))
        if floats and not self.custom:
            more["zero"] = self.zero * scale
        return native_histogram.encode(t, self.total, positive, minus, floats=floats, hint=hint, **more)


def make(seed, start_ms, minutes):
    """[(labels, [(time_ms, encoded histogram or value)])]"""
    chance = random.Random(f"{seed} histograms")
    out = []
    for i, host in enumerate(HOSTS):
        for name, custom in (("latency", False), ("latency_custom", True), ("size_gauge", False), ("mixed", i % 2 == 0)):
            for job in ("api", "web"):
                counter = Counter(chance, custom, negative=name == "latency" and i == 3)
                phase, samples = chance.randrange(14) * 1000 + 7, []
                for slot in range(minutes * 60_000 // INTERVAL_MS):
                    t = start_ms + slot * INTERVAL_MS + phase
                    counter.step()
                    if name == "size_gauge" and chance.random() < 0.2:
                        counter.reset()
                    if name != "latency" and chance.random() < 0.05:
                        continue
                    if name == "mixed" and chance.random() < 0.1:
                        samples.append((t, float(slot)))
                    elif name == "size_gauge":
                        samples.append((t, counter.encode(t, floats=True, hint=native_histogram.GAUGE)))
                    else:
                        samples.append((t, counter.encode(t, floats=name == "mixed")))
                out.append(({"__name__": name, "job": job, "instance": host}, samples))
    return out
