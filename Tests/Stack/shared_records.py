"""Records of the shared cache, made from their description alone (EntryLayout.swift), and calls of
redis/meliproxy.lua as functions or as a script."""
import hashlib
import re
import struct

import harness

LIBRARY = (harness.REPOSITORY / "redis/meliproxy.lua").read_text()
NAMES = re.findall(r"^register\('(\w+)'", LIBRARY, re.MULTILINE)
ABSENT, VALID, SOFT, VARY, UNSHARED, PURGED, UNREADABLE = range(7)
UNASKED, LEASED, TAKEN = range(3)
STORED, STORED_SOFT, NO_LEASE, OUTDATED, SUPERSEDED = range(1, 6)


def crc32c(data):
    """CRC-32C (RFC 3720 B.4), bit by bit."""
    value = 0xFFFFFFFF
    for byte in data:
        value ^= byte
        for _ in range(8):
            value = value >> 1 ^ (0x82F63B78 if value & 1 else 0)
    return value ^ 0xFFFFFFFF


def identity(text):
    """The 16 bytes that stand for a key."""
    return hashlib.sha256(b"b" + text.encode()).digest()[:16]


class Names:
    """The keys that belong to one object."""

    def __init__(self, text, prefix=""):
        self.id = identity(text)
        self.object = f"{prefix}r:1:{self.id.hex()}"
        self.lease = f"{prefix}l:{self.id.hex()}"


def generation(kind, number=0, prefix=""):
    """The key of a generation."""
    return f"{prefix}g:{kind}:{number:016x}"


def sealed(kind, write_id, rest):
    """A record: magic, version, kind, checksum, write-id, length, the rest."""
    head = b"MP\x01" + bytes([kind])
    body = struct.pack("<QI", write_id, 20 + len(rest)) + rest
    return head + struct.pack("<I", crc32c(head + body)) + body


def response(write_id=1, received=1_000_000, lifetime=60, names=(("a", 0), ("p", 0)), flags=0,
             host=b"h", target=b"/t", body=b"body", age=0):
    """A response of no fields. `received` in milliseconds since 1970."""
    key = b"12345678" + host + target
    fixed = struct.pack(
        "<HHqIIBBHIIIIIIIIIIIIIIHHqq", len(names), 200, received * 1_000_000, age, lifetime, flags, 0,
        0, 0, 0, 0, 0, 0, 0, len(key), 8, 8 + len(host), len(key), 0, 0, len(body), len(body), 0, 0,
        received * 1_000_000, 0)
    listed = b"".join(kind.encode() + struct.pack("<Q", number) for kind, number in names)
    return sealed(0, write_id, fixed + listed + key + body)


def vary_record(write_id, *names):
    """The record of a target with variants, without any."""
    fields = b"".join(struct.pack("<H", len(n)) + n.encode() for n in names)
    return sealed(1, write_id, struct.pack("<HH", len(names), 0) + fields)


def unshared_record(write_id=9):
    """The mark of answers that are not to be shared."""
    return sealed(2, write_id, b"")


class Functions:
    """Calls as functions, which it loads."""

    def __init__(self, connection, load=True):
        self.connection = connection
        if load:
            connection("FUNCTION", "LOAD", "REPLACE", LIBRARY)

    def send(self, name, keys, *arguments):
        """Sends a call."""
        self.connection.send("FCALL", f"meliproxy_1_{name}", len(keys), *keys, *arguments)

    def call(self, name, keys, *arguments):
        """The reply to a call."""
        self.send(name, keys, *arguments)
        return self.connection.receive()

    def get(self, names, token="t", now=1_000_000, lease=1000, known=b""):
        """get_or_lease."""
        return self.call("get_or_lease", [names.object, names.lease], known, token, lease, now)

    def fill(self, names, number, record, token="t", keep=60_000):
        """fill_if_lease of an object without variants."""
        return self.call("fill_if_lease", [names.object, names.lease], token, number, keep, record)

    def fill_variant(self, variant, lease, base, number, record, known, list_record, token="t",
                     keep=60_000):
        """fill_if_lease of a variant."""
        return self.call("fill_if_lease", [variant.object, lease, base.object], token, number, keep,
                         record, known, list_record, variant.id)

    def store(self, names, record, token="t"):
        """Leases and fills; the fill's outcome."""
        lease = self.get(names, token)
        assert lease[2] == LEASED, lease
        return self.fill(names, lease[3], record, token)

    def bump(self, kind, number=0, mode="h", told=None, prefix=""):
        """bump_generation."""
        return self.call("bump_generation", [generation(kind, number, prefix)], mode,
                         told or f"{kind}:{number:016x}")

    def bump_prefix(self, path, host=None, mode="h"):
        """bump_prefix."""
        return self.call("bump_prefix", [generation("p")], mode, f"p:{host or '*'}{path}",
                         0 if host is None else 1, host or "", path)


class Script(Functions):
    """The same by EVALSHA, for servers without functions."""

    def __init__(self, connection):
        super().__init__(connection, load=False)
        self.sha = connection("SCRIPT", "LOAD", script_text())

    def send(self, name, keys, *arguments):
        self.connection.send("EVALSHA", self.sha, len(keys), *keys, *arguments, name)


def script_text():
    """The library as a script: its last argument is the function's name."""
    text = LIBRARY[LIBRARY.index("\n") + 1:LIBRARY.index("-- As functions.")]
    return text + "return M[table.remove(ARGV)](KEYS, ARGV)\n"
