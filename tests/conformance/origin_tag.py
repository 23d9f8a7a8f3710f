#!/usr/bin/env python3
"""Recomputes every vector of origin_tag_vectors.json from docs/origin-tag.md alone."""
import hashlib
import hmac
import json
import pathlib
import sys


def mac(key, *parts):
    return hmac.new(key, b"".join(parts), hashlib.sha256).digest()[:16]


def sized(width, data):
    return len(data).to_bytes(width, "big") + data


def tag(v):
    key = bytes.fromhex(v["key"])
    people = sorted((s["namespace"].encode(), s["id"].encode()) for s in v["subjects"])
    packed = b"".join(sized(2, part) for person in people for part in person)
    subject = mac(key, b"domicile-origin-subject/v1\0", len(people).to_bytes(4, "big"), packed)
    regions = sorted({r.encode() for r in v["regions"]})
    content = (bytes([1, len(regions)]) + v["created_at"].to_bytes(8, "big")
               + bytes.fromhex(v["key_id"]) + subject + sized(1, v["issuer"].encode())
               + b"".join(sized(1, r) for r in regions))
    return content + mac(key, b"domicile-origin-tag/v1\0", content,
                         sized(2, v["message_name"].encode()), sized(4, bytes.fromhex(v["record_id"])))


def key_id(v):
    text = b"domicile-key-id/v1\0tag\0" + v["issuer"].encode() + b"\0" + bytes.fromhex(v["key"])
    return hashlib.sha256(text).hexdigest()[:8]


vectors = json.loads(pathlib.Path(__file__).with_name("origin_tag_vectors.json").read_text())["stamped"]
wrong = [v["name"] for v in vectors if tag(v).hex() != v["tag"] or key_id(v) != v["key_id"]]
print(f"{len(vectors) - len(wrong)} of {len(vectors)} vectors hold", *wrong, sep="\n")
sys.exit(1 if wrong or not vectors else 0)
