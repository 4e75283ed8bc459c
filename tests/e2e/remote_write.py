"""Remote write 1.0 requests with nothing but the standard library."""
import struct


def varint(n):
    out = bytearray()
    n &= (1 << 64) - 1
    while n >= 0x80:
        out.append(n & 0x7F | 0x80)
        n >>= 7
    out.append(n)
    return bytes(out)


def field(number, data):
    return varint(number << 3 | 2) + varint(len(data)) + data


def time_series(labels, samples):
    """labels: dict with __name__; samples: [(time_ms, value)]."""
    body = b"".join(field(1, field(1, k.encode()) + field(2, v.encode())) for k, v in sorted(labels.items()))
    body += b"".join(field(2, b"\x09" + struct.pack("<d", v) + b"\x10" + varint(t)) for t, v in samples)
    return field(1, body)


def snappy(data):
    """A snappy block of literals only: valid, and as large as what went in."""
    out = bytearray(varint(len(data)))
    for i in range(0, len(data), 65536):
        part = data[i:i + 65536]
        out += b"\xf4" + struct.pack("<H", len(part) - 1) + part
    return bytes(out)


def request(series):
    """The body for [(labels, samples)]."""
    return snappy(b"".join(time_series(labels, samples) for labels, samples in series))


HEADERS = {"Content-Type": "application/x-protobuf", "Content-Encoding": "snappy",
           "X-Prometheus-Remote-Write-Version": "0.1.0"}
