"""Native histograms as remote write 1.0 carries them (prometheus/prompb/types.proto, Histogram)."""
import struct

import remote_write as rw

GAUGE = 3  # Reset hint; 0 is "not known".
CUSTOM = -53  # The schema of custom buckets.


def zigzag(n):
    return rw.varint(n << 1 ^ n >> 63)


def double(number, value):
    return rw.varint(number << 3 | 1) + struct.pack("<d", value)


def spans_of(buckets):
    """[(offset, length)] of the keys of {index: count}, which need not be neighbours."""
    spans, next_index = [], 0
    for index in sorted(buckets):
        if spans and index == next_index:
            spans[-1][1] += 1
        else:
            spans.append([index - next_index, 1])
        next_index = index + 1
    return spans


def side(numbers, buckets, floats):
    """One side's spans and counts; `numbers` are the fields of spans, deltas and absolute counts."""
    out = b"".join(rw.field(numbers[0], b"\x08" + zigzag(offset) + b"\x10" + rw.varint(length))
                   for offset, length in spans_of(buckets))
    counts = [buckets[index] for index in sorted(buckets)]
    if floats:
        return out + rw.field(numbers[2], b"".join(struct.pack("<d", c) for c in counts))
    deltas = [b - a for a, b in zip([0] + counts, counts)]
    return out + rw.field(numbers[1], b"".join(zigzag(d) for d in deltas))


def encode(t, total, positive, negative={}, schema=0, zero=0, zero_threshold=0.001, floats=False, hint=0, bounds=()):
    """One histogram; {index: count} as in the protobuf of scrapes. With `bounds` the schema is CUSTOM's."""
    count = zero + sum(positive.values()) + sum(negative.values())
    out = double(2, float(count)) if floats else b"\x08" + rw.varint(count)
    out += double(3, total) + b"\x20" + zigzag(CUSTOM if bounds else schema)
    if not bounds:
        out += double(5, zero_threshold) + (double(7, float(zero)) if floats else b"\x30" + rw.varint(zero))
        out += side((8, 9, 10), negative, floats)
    out += side((11, 12, 13), positive, floats)
    out += b"\x70" + rw.varint(hint) + b"\x78" + rw.varint(t)
    if bounds:
        out += rw.field(16, b"".join(struct.pack("<d", b) for b in bounds))
    return rw.field(4, out)


def request(series):
    """The body for [(labels, [(time_ms, value or encoded histogram)])]; each in order of time."""
    body = b""
    for labels, samples in series:
        one = b"".join(rw.field(1, rw.field(1, k.encode()) + rw.field(2, v.encode())) for k, v in sorted(labels.items()))
        for t, v in samples:
            one += v if isinstance(v, bytes) else rw.field(2, b"\x09" + struct.pack("<d", v) + b"\x10" + rw.varint(t))
        body += rw.field(1, one)
    return rw.snappy(body)
