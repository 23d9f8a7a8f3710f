#!/usr/bin/env python3
"""Reads audit_vectors.json from docs/audit-entry.md and docs/audit-log.md alone.

Checks every entry's bytes against its named fields in both directions, every frame,
chain hash, root and head of the log, and the Ed25519 signatures. Nothing but the
standard library. `--fill` writes the fields of entries that have none yet.
"""
import base64
import hashlib
import json
import pathlib
import sys
import zlib

PATH = pathlib.Path(__file__).with_name("audit_vectors.json")
H = lambda *parts: hashlib.sha256(b"".join(parts)).digest()

# Kinds: u varint, b16, b32, t text, p packed varints, rb repeated bytes, and a table: message.
GRANT = {1: ("id", "u"), 2: ("jurisdictions", "p"), 3: ("categories", "u"), 4: ("quorums", "p"),
         5: ("break_glass", "u")}
CONTEXT = {1: ("cause", "u"), 2: ("policy_digest", "b32"), 3: ("schema_digest", "b32"),
           4: ("config_digest", "b32"), 5: ("build_digest", "b32"), 6: ("region", "t"),
           7: ("gateway", "t"), 8: ("slot", "u"), 9: ("epoch", "u"), 10: ("development", "u")}
DECISION = {1: ("decision_id", "b16"), 2: ("nonce", "b16"), 10: ("rules", "p"),
            11: ("jurisdictions", "p"), 28: ("grants", GRANT), 36: ("alert_rules", "p"),
            46: ("principal", "b16"), 47: ("subjects", "rb"), 49: ("ticket", "b16"),
            51: ("peer_decision_id", "b16")}
for number, name in {
        3: "method", 4: "direction", 5: "message", 6: "effect", 7: "existence", 8: "reason",
        9: "shown_reason", 12: "principal_kind", 13: "action", 14: "purpose", 15: "roles",
        16: "workloads_opening", 17: "workloads_restricting", 18: "ticket_valid",
        19: "ticket_assigned", 20: "covered_person", 21: "us_person", 22: "origins",
        23: "categories", 24: "protected", 25: "minor", 26: "self", 27: "ticket_about",
        29: "shown", 30: "masked", 31: "cleared", 32: "legal", 33: "legal_class", 34: "company",
        35: "alert", 37: "rules_left_out", 38: "alert_rules_left_out", 39: "grant",
        40: "exception", 41: "strength", 42: "records", 43: "records_withheld",
        44: "records_masked", 45: "fields_stripped", 48: "subjects_total", 50: "forwarded_by",
        52: "forwarded_to", 53: "pre_decided", 54: "ended_call"}.items():
    DECISION[number] = (name, "u")
SUBJECTS = {1: ("decision_id", "b16"), 2: ("nonce", "b16"), 3: ("part", "u"), 4: ("subjects", "rb")}
OUTCOME = {1: ("decision_id", "b16"), 2: ("nonce", "b16"), 3: ("grpc_status", "u"),
           4: ("reason", "u"), 5: ("forwarded", "u"), 6: ("messages_forwarded", "u"),
           7: ("messages_released", "u"), 8: ("homes_registered", "u"),
           9: ("records_stamped", "u"), 10: ("status_digest", "b16"),
           11: ("peer_decision_id", "b16")}
ALERT = {1: ("decision_id", "b16"), 2: ("level", "u"), 3: ("cause", "u"), 4: ("reason", "u"),
         5: ("rules", "p"), 6: ("region", "u"), 7: ("count", "u")}
SIBLING = {1: ("log", "b32"), 2: ("size", "u"), 3: ("root", "b32")}
HEARTBEAT = {1: ("siblings", SIBLING), 2: ("calls_not_judged", "u"), 3: ("alerts_left_out", "u")}
EXCEPTION = {1: ("exception", "u"), 2: ("decision_id", "b16"), 3: ("nonce", "b16"),
             4: ("state", "u"), 5: ("origins", "u"), 6: ("categories", "u"), 7: ("purpose", "u"),
             8: ("method", "u"), 9: ("quorums", "p"), 10: ("jurisdictions", "p"),
             11: ("principal", "b16"), 12: ("merged", "u"), 13: ("event", "u"),
             14: ("revision", "u"), 15: ("actor", "b16"), 16: ("terms_digest", "b32"),
             17: ("statement_digest", "b32"), 18: ("not_before_s", "u"),
             19: ("not_after_s", "u"), 20: ("reads_max", "u"), 21: ("subjects_max", "u"),
             22: ("subjects_named", "u"), 23: ("break_glass", "u")}
HOME = {1: ("decision_id", "b16"), 2: ("nonce", "b16"), 3: ("command", "u"),
        4: ("jurisdictions", "p"), 5: ("roles", "u"), 6: ("principal", "b16"),
        7: ("subject", "b16"), 8: ("from", "u"), 9: ("to", "u"), 10: ("homes_before", "u"),
        11: ("since_day", "u"), 12: ("lines", "u"), 13: ("file_digest", "b16")}
ENTRY = {1: ("version", "u"), 2: ("time_ms", "u"), 3: ("context", "u"),
         4: ("context_entry", CONTEXT), 5: ("decision", DECISION), 6: ("subjects", SUBJECTS),
         7: ("outcome", OUTCOME), 8: ("alert", ALERT), 9: ("heartbeat", HEARTBEAT),
         10: ("exception", EXCEPTION), 11: ("home", HOME)}
MANY = ("grants", "siblings")


def varint(value):
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes(out) + bytes([value])


def read_varint(data, at):
    value = shift = 0
    while True:
        value |= (data[at] & 127) << shift
        shift += 7
        at += 1
        if data[at - 1] < 128:
            return value, at


def decode(data, table):
    fields, at = {}, 0
    while at < len(data):
        key, at = read_varint(data, at)
        name, kind = table[key >> 3]
        value, at = read_varint(data, at)
        if key & 7 == 2:
            raw, at = data[at:at + value], at + value
            if isinstance(kind, dict):
                value = decode(raw, kind)
            elif kind == "p":
                value, place = [], 0
                while place < len(raw):
                    number, place = read_varint(raw, place)
                    value.append(number)
            else:
                value = raw.decode() if kind == "t" else raw.hex()
        if kind == "rb" or name in MANY:
            fields.setdefault(name, []).append(value)
        else:
            fields[name] = value
    return fields


def encode(fields, table):
    out = b""
    for number, (name, kind) in sorted(table.items()):
        value = fields.get(name)
        if value is None:
            continue
        for one in value if kind == "rb" or name in MANY else [value]:
            if kind == "u":
                out += varint(number << 3) + varint(one)
                continue
            raw = (encode(one, kind) if isinstance(kind, dict) else
                   b"".join(map(varint, one)) if kind == "p" else
                   one.encode() if kind == "t" else bytes.fromhex(one))
            out += varint(number << 3 | 2) + varint(len(raw)) + raw
    return out


def root_of(leaves):
    if not leaves:
        return H(b"")
    if len(leaves) == 1:
        return leaves[0]
    split = 1
    while split * 2 < len(leaves):
        split *= 2
    return H(b"\1", root_of(leaves[:split]), root_of(leaves[split:]))


# RFC 8032 5.1, as it is written there.
P = 2**255 - 19
D = -121665 * pow(121666, P - 2, P) % P
Q = 2**252 + 27742317777372353535851937790883648493


def add(a, b):
    (x1, y1), (x2, y2) = a, b
    k = D * x1 * x2 * y1 * y2 % P
    return ((x1 * y2 + x2 * y1) * pow(1 + k, P - 2, P) % P,
            (y1 * y2 + x1 * x2) * pow(1 - k, P - 2, P) % P)


def times(n, point):
    result = (0, 1)
    while n:
        if n & 1:
            result = add(result, point)
        point = add(point, point)
        n >>= 1
    return result


def point_of(raw):
    y = int.from_bytes(raw, "little") & (1 << 255) - 1
    xx = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    x = pow(xx, (P + 3) // 8, P)
    if (x * x - xx) % P:
        x = x * pow(2, (P - 1) // 4, P) % P
    assert (x * x - xx) % P == 0
    return (P - x if x & 1 != raw[31] >> 7 else x, y)


BASE = point_of((4 * pow(5, P - 2, P) % P).to_bytes(32, "little"))


def verifies(key, message, signature):
    s = int.from_bytes(signature[32:], "little")
    k = int.from_bytes(hashlib.sha512(signature[:32] + key + message).digest(), "little") % Q
    return s < Q and times(s, BASE) == add(point_of(signature[:32]), times(k, point_of(key)))


def check_head(note, vkey, leaves):
    name, key_id, key = vkey.split("+", 2)
    key = base64.b64decode(key)
    assert key[0] == 1 and H(name.encode(), b"\n", key)[:4].hex() == key_id
    text, _, line = note.rpartition("\n\n")
    text += "\n"
    dash, signer, blob = line.rstrip("\n").split(" ")
    blob = base64.b64decode(blob)
    assert dash == "\u2014" and signer == name and blob[:4].hex() == key_id
    assert verifies(key[1:], text.encode(), blob[4:]), "signature"
    origin, size, root = text.rstrip("\n").split("\n")
    assert origin == name and root_of(leaves[:int(size)]) == base64.b64decode(root), "root"
    return int(size)


def check_log(vectors):
    entries, leaves, heads, previous = [], [], 0, bytes(32)
    origin = vectors["vkey"].split("+")[0].encode()
    for name, data in sorted(vectors["segments"].items()):
        data = bytes.fromhex(data)
        header = data[:84]
        assert header[:8] == b"DOMLOG1\n" and name == "%020d.segment" % len(entries)
        assert int.from_bytes(header[8:16], "big") == len(entries)
        assert header[16:48] == previous and header[48:80] == H(origin)
        assert int.from_bytes(header[80:], "big") == zlib.crc32(header[:80])
        previous, at = H(header), 84
        while at < len(data):
            assert data[at:at + 4] == b"DFRM"
            index = int.from_bytes(data[at + 4:at + 12], "big")
            count, head, body = (int.from_bytes(data[at + n:at + n + 4], "big") for n in (12, 16, 20))
            frame = data[at:at + 60 + head + body]
            assert index == len(entries) and frame[24:56] == previous
            assert int.from_bytes(frame[56:60], "big") == zlib.crc32(frame[:56] + frame[60:])
            if head:
                assert check_head(frame[60:60 + head].decode(), vectors["vkey"], leaves) == index
                heads += 1
            rest = frame[60 + head:]
            for _ in range(count):
                size = int.from_bytes(rest[:2], "big")
                entries.append(rest[2:2 + size])
                leaves.append(H(b"\0", entries[-1]))
                rest = rest[2 + size:]
            assert not rest
            previous, at = H(frame), at + len(frame)
    assert [e.hex() for e in entries] == [e["hex"] for e in vectors["entries"]]
    assert check_head(vectors["checkpoint"], vectors["vkey"], leaves) == len(entries)
    return heads


def main():
    vectors = json.loads(PATH.read_text())
    for entry in vectors["entries"]:
        data = bytes.fromhex(entry["hex"])
        fields = decode(data, ENTRY)
        if "--fill" in sys.argv:
            entry.setdefault("fields", fields)
        assert fields == entry["fields"], entry["name"]
        assert encode(entry["fields"], ENTRY) == data, entry["name"]
    heads = check_log(vectors)
    if "--fill" in sys.argv:
        PATH.write_text(json.dumps(vectors, indent=1) + "\n")
    print(f"{len(vectors['entries'])} entries, {len(vectors['segments'])} segments and {heads} heads hold")


main()
