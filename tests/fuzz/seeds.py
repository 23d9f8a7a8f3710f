#!/usr/bin/env python3
"""Writes the inputs of tests/fuzz/corpus/ that need structure: conversations, texts nearly right.

    seeds.py

Deterministic: run again, it writes the same bytes. What the fuzzer found lies beside them under
the names that libFuzzer gives (a SHA-1); what stands here is named after what it tries.
"""

import copy
import gzip
import json
import pathlib

corpus = pathlib.Path(__file__).resolve().parent / "corpus"


def write(parser, name, data):
    (corpus / parser / f"seed_{name}").write_bytes(data)


# ---- http2: frames by hand, headers as HPACK literals without indexing ---------------------------

DATA, HEADERS, PRIORITY, RESET, SETTINGS, PUSH, PING, GOAWAY, WINDOW, CONTINUATION = range(10)
END, ACK, END_HEADERS = 1, 1, 4
CLIENT, IMPATIENT, STAYS, DRAINS = 1, 2, 4, 8  # Way of http2_fuzz.cc


def u32(value):
    return value.to_bytes(4, "big")


def frame(kind, flags=0, stream=0, payload=b""):
    return u32(len(payload))[1:] + bytes([kind, flags]) + u32(stream) + payload


def text(value):
    if len(value) < 127:
        return bytes([len(value)]) + value
    out, rest = b"\x7f", len(value) - 127
    while rest >= 128:
        out, rest = out + bytes([rest % 128 + 128]), rest >> 7
    return out + bytes([rest]) + value


def block(fields):
    return b"".join(b"\0" + text(n.encode()) + text(v.encode("latin-1")) for n, v in fields)


def call(*more, **changed):
    fields = {":method": "POST", ":scheme": "http", ":path": "/a.B/C", ":authority": "g",
              "te": "trailers", "content-type": "application/grpc"}
    fields.update({name.replace("_", ":"): value for name, value in changed.items()})
    return list(fields.items()) + list(more)


def request(fields, stream=1, flags=END_HEADERS | END):
    return frame(HEADERS, flags, stream, block(fields))


def message(payload, compressed=0):
    return bytes([compressed]) + u32(len(payload)) + payload


def setting(key, value):
    return key.to_bytes(2, "big") + u32(value)


def http2(name, way, *frames):
    write("http2", name, bytes([way]) + b"".join(frames))


def http2_requests():
    hello = frame(SETTINGS)
    oddities = {
        "not_post": call(_method="GET"),
        "not_grpc": call(**{"content-type": "application/json"}),
        "grpc_proto": call(**{"content-type": "application/grpc+proto ;charset=x"}),
        "te": call(te="x"),
        "scheme": call(_scheme="ftp"),
        "path_short": call(_path="/a"),
        "path_char": call(_path="/a.B/C?x"),
        "host": call(("host", "h")),
        "host_same": call(("host", "g")),
        "identity": call(("authorization", "a"), ("authorization", "b")),
        "connection": call(("http2-settings", "close")),
        "timeout_bad": call(("grpc-timeout", "1x")),
        "timeout_long": call(("grpc-timeout", "1234567890S")),
        "timeout_letter": call(("grpc-timeout", "1aS")),
        "encoding": call(("grpc-encoding", "br")),
        "reserved": call(("domicile-other", "x")),
        "forward_bad": call(("domicile-forward-bin", ""), ("x", "y"), ("y", "z")),
        "forward": call(("domicile-forward-bin", "AAAA"), ("y", "z")),
        "ours": call(("domicile-purpose", "support"), ("domicile-ticket", "T-1"),
                     ("domicile-exception", "e"), ("domicile-region", "us")),
        "twice": call(("te", "trailers")),
        "ours_twice": call(("domicile-region", "us"), ("domicile-region", "eu")),
        "binary": call(("x-bin", "AAAA,BBB=")),
        "binary_bad": call(("x-bin", "@@@")),
        "pseudo": call((":other", "x")),
        "key": call(("X-A", "x")),
        "key_odd": call(("x!", "x")),
        "value": call(("x", "\x80")),
        "value_tab": call(("x", "a\tb")),
    }
    for unit in "HMSmun":
        oddities[f"timeout_{ord(unit)}"] = call(("grpc-timeout", f"99999999{unit}"))
    oddities["timeout_0"] = call(("grpc-timeout", "0n"))
    for name, fields in oddities.items():
        http2(f"request_{name}", 0, hello, request(fields))
    hops = ["content-length", "content-encoding", "grpc-accept-encoding", "grpc-status", "host",
            "proxy-x", "trailer", "user-agent", "forwarded", "grpclb_client_stats", "l5d-x", "via",
            "x-forwarded-for", "x-real-ip", "x-other", "d", "f", "k", "t", "u", "l", "v"]
    for extra in range(3):
        fields = call(*[(name, "0") for name in hops + ["y", "z"][:extra]])
        fields[-1:] = [] if extra == 0 else fields[-1:]
        http2(f"request_hops_{extra}", 0, hello, request(fields))


def http2_bodies():
    hello = frame(SETTINGS)
    gzipped = call(("grpc-encoding", "gzip"))
    packed = message(gzip.compress(b"hello", mtime=0), 1)
    for name, fields, body in [
            ("plain", call(), message(b"x")), ("two", call(), message(b"x") + message(b"y" * 200)),
            ("gzip", gzipped, packed), ("gzip_twice", gzipped, packed + packed),
            ("gzip_broken", gzipped, message(b"no gzip", 1)),
            ("gzip_unasked", call(), packed), ("flag", call(), message(b"x", 7) * 2),
            ("gzip_bomb", gzipped, message(gzip.compress(b"\0" * 100_000, mtime=0), 1)),
            ("large", call(), b"\0" + u32(5000) + b"x"), ("half", call(), b"\0\0\0\0\5abc"),
            ("empty", call(), b"")]:
        http2(f"body_{name}", 0, hello, request(fields, flags=END_HEADERS),
              frame(DATA, 0, 1, body[:3]), frame(DATA, END, 1, body[3:]))
    trailers = frame(HEADERS, END_HEADERS | END, 1, block([("x", "y")]))
    http2("trailers", 0, hello, request(call(), flags=END_HEADERS), trailers)
    http2("trailers_without_end", 0, hello, request(call(), flags=END_HEADERS),
          frame(HEADERS, END_HEADERS, 1, block([("x", "y")])))
    http2("reset", 0, hello, request(call(), flags=END_HEADERS), frame(RESET, 0, 1, u32(8)))
    http2("after_end", 0, hello, request(call()), frame(DATA, 0, 1, b"x"))
    http2("after_end_waiting", 0, frame(SETTINGS, 0, 0, setting(4, 0)), request(call()),
          frame(DATA, 0, 1, b"x"))
    wide = frame(SETTINGS, 0, 0, setting(4, 1 << 20)) + frame(WINDOW, 0, 0, u32(1 << 20))
    http2("answer_long", STAYS, wide, request(gzipped, flags=END_HEADERS), frame(DATA, END, 1, packed))
    http2("answer_forgotten", STAYS, wide, request(gzipped + [("domicile-purpose", "p")]))
    http2("answer_grows", STAYS, frame(SETTINGS, 0, 0, setting(4, 10)), request(gzipped),
          frame(WINDOW, 0, 1, u32(70_000)), frame(WINDOW, 0, 1, u32(40_000)))


def http2_limits():
    hello = frame(SETTINGS)
    many = call(*[("cookie", "a=b")] * 120)
    http2("fields_many", 0, hello, request(many))
    http2("fields_many_trailers", 0, hello, request(call(), flags=END_HEADERS),
          frame(HEADERS, END_HEADERS | END, 1, block([("x", "y")] * 120)))
    http2("fields_flood", 0, hello, frame(HEADERS, END, 1, block(call())),
          frame(CONTINUATION, END_HEADERS, 1, block([("a", "b")] * 1100)))
    entry = b"\x40" + text(b"x") + text(b"a" * 4000)
    http2("hpack_bomb", 0, hello, frame(HEADERS, END_HEADERS, 1, block(call()) + entry + b"\xbe" * 50))
    http2("pings", 0, hello, frame(PING, 0, 0, b"12345678") * 1100)
    http2("settings", 0, hello * 150)
    http2("settings_entries", 0, frame(SETTINGS, 0, 0, setting(9, 1) * 40))
    http2("priorities", 0, hello, frame(PRIORITY, 0, 1, b"\0\0\0\0\1") * 1100)
    http2("empty_data", 0, hello, request(call(), flags=END_HEADERS), frame(DATA, 0, 1) * 1100)
    http2("resets", 0, hello, request(call()), *[frame(RESET, 0, 1, u32(8))] * 1600)
    short = b"\x83\x86\x84"  # POST http /
    flood = [frame(HEADERS, END_HEADERS, 2 * i + 1, short) + frame(WINDOW, 0, 2 * i + 1, u32(0))
             for i in range(1600)]
    http2("broken_streams", 0, hello, *flood)
    http2("push", CLIENT, hello, frame(PUSH, END_HEADERS, 1, u32(2) + block(call())))
    http2("unknown", 0, hello, frame(0x7A, 0xFF, 1, b"x"), request(call()))
    http2("goaway", 0, hello, frame(GOAWAY, 0, 0, u32(0) + u32(0)))
    http2("window_overflow", 0, hello, frame(WINDOW, 0, 0, u32(0x7FFFFFFF)))
    http2("ping_ack", 0, hello, frame(PING, ACK, 0, b"12345678"))
    http2("garbage", 0, b"\xff" * 100)
    http2("headers_on_zero", 0, hello, request(call(), 0))


def http2_answers():
    hello = frame(SETTINGS)

    def head(*more, flags=END_HEADERS, stream=1, status="200", kind="application/grpc"):
        return frame(HEADERS, flags, stream,
                     block([(":status", status), ("content-type", kind), *more]))

    def tail(*fields, stream=1, flags=END_HEADERS | END):
        return frame(HEADERS, flags, stream, block(fields))

    def end(*more):
        return tail(("grpc-status", "0"), *more)

    def body(data, stream=1, flags=0):
        return frame(DATA, flags, stream, data)

    packed = message(gzip.compress(b"hello", mtime=0), 1)
    ok = ("grpc-status", "0")
    for name, frames in {
            "whole": [head(("x-a", "1"), ("x-b", "2"), ("domicile-a", "x")), body(message(b"x")),
                      end(("x-b", "1"), ("domicile-decision-id", "d"), ("domicile-x", "y"))],
            "told": [head(), end(("grpc-message", "a%20b%zz%2"), ("grpc-status-details-bin", "AA"))],
            "told_hex": [head(), end(("grpc-message", "%c3%A9"))],
            "all_streams": [head(stream=s) + body(message(b"x"), s) + tail(ok, stream=s)
                            for s in (1, 3, 5, 7)],
            "only_trailers": [head(ok, flags=END_HEADERS | END)],
            "informational": [frame(HEADERS, END_HEADERS, 1, block([(":status", "103")])),
                              head(), end()],
            "503": [head(status="503")], "404": [head(status="404")],
            "no_type": [frame(HEADERS, END_HEADERS, 1, block([(":status", "200")]))],
            "html": [head(kind="text/html")],
            "proto": [head(kind="application/grpc+proto"), end()],
            "parameters": [head(kind="application/grpc;x=y"), end()],
            "gzip": [head(("grpc-encoding", "gzip")), body(packed), end()],
            "gzip_unasked": [head(), body(packed), end()],
            "encoding": [head(("grpc-encoding", "br")), body(packed), end()],
            "encoding_twice": [head(("grpc-encoding", "gzip"), ("grpc-encoding", "gzip"))],
            "too_large": [head(), body(b"\0" + u32(5000)), end()],
            "no_code": [head(), tail(("x", "y"))],
            "code_bad": [head(), tail(("grpc-status", "17"))],
            "code_text": [head(), tail(("grpc-status", "x"))],
            "message_twice": [head(), end(("grpc-message", "a"), ("grpc-message", "b"))],
            "bad_metadata": [head(("x-bin", "@"))],
            "bad_trailers": [head(), end(("x-bin", "@"))],
            "bad_field": [head(("X-A", "x"))],
            "trailers_without_end": [head(), tail(ok, flags=END_HEADERS)],
            "fields_many": [head(*[("a", "b")] * 120)],
            "ended_by_data": [head(), body(message(b"x"), flags=END)],
            "reset": [frame(RESET, 0, 1, u32(7)), frame(RESET, 0, 3, u32(0))],
            "reset_early": [head(), frame(RESET, 0, 1, u32(0))],
            "unknown_stream": [head(stream=9)],
            "data_first": [body(message(b"x"))],
            "late": [frame(RESET, 0, 1, u32(8)), head(), body(b"x")],
            "goaway": [frame(GOAWAY, 0, 0, u32(3) + u32(0)), head(), end()],
    }.items():
        http2(f"answer_{name}", CLIENT, hello, *frames)
    http2("answer_narrow", CLIENT, frame(SETTINGS, 0, 0, setting(4, 50)), head(stream=3),
          frame(WINDOW, 0, 3, u32(60)), head(stream=7))
    http2("answer_no_streams", CLIENT, frame(SETTINGS, 0, 0, setting(3, 0)))


def http2_patience():
    hello = frame(SETTINGS)
    http2("tired_of_silence", IMPATIENT | STAYS)
    http2("tired_of_headers", IMPATIENT | STAYS, hello, frame(HEADERS, 0, 1, block(call())))
    http2("tired_of_calls", IMPATIENT | STAYS, hello, request(call(), flags=END_HEADERS))
    http2("tired_of_window", IMPATIENT | STAYS, frame(SETTINGS, 0, 0, setting(4, 0)), request(call()))
    http2("tired_of_idling", IMPATIENT | STAYS, hello)
    http2("tired_of_idling_drained", IMPATIENT | STAYS | DRAINS, hello)
    http2("upstream_silent", CLIENT | IMPATIENT | STAYS, b"\0")
    http2("upstream_hangs", CLIENT | IMPATIENT | STAYS, hello)
    http2("upstream_idles", CLIENT | IMPATIENT | STAYS, hello,
          *[frame(RESET, 0, stream, u32(8)) for stream in (1, 3, 5, 7)])
    http2("upstream_no_streams", CLIENT | IMPATIENT | STAYS, frame(SETTINGS, 0, 0, setting(3, 0)))
    http2("drained", STAYS | DRAINS, hello, request(call()))
    http2("drained_upstream", CLIENT | STAYS | DRAINS, hello)


# ---- forward: a statement, which the target signs, or an envelope as it is -----------------------


def varint(value):
    out = b""
    while value >= 128:
        out, value = out + bytes([value % 128 + 128]), value >> 7
    return out + bytes([value])


def field(number, value):
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    return varint(number << 3 | 2) + varint(len(value)) + value


def canonical(fields):
    return b"".join(field(number, value) for number, value in sorted(fields.items()))


def forward():
    whole = {1: b"us", 2: b"gw-1", 3: b"eu", 4: b"t" * 32, 5: b"spiffe://a/b", 6: b"c" * 32,
             7: b"/a.B/C", 8: b"m" * 32, 9: b"n" * 16, 10: 1795478400000, 11: b"d" * 16, 12: 1}
    small = {n: whole[n] for n in (1, 3, 7, 8, 9, 10, 11)}
    for name, fields in {
            "whole": whole, "small": small, "other_region": {**small, 1: b"eu"},
            "no_region": {n: v for n, v in small.items() if n != 1},
            "no_nonce": {n: v for n, v in small.items() if n != 9},
            "no_time": {n: v for n, v in small.items() if n != 10},
            "time_late": {**small, 10: 1 << 49}, "time_bytes": {**small, 10: b"x"},
            "answered_twice": {**small, 12: 2}, "varint": {**small, 5: 1},
            "hash_short": {**small, 4: b"t"}, "hash_zero": {**small, 4: b"\0" * 32},
            "unknown": {**small, 13: b"x"}}.items():
        write("forward", name, b"S" + canonical(fields))
    statement = canonical(small)
    write("forward", "repeated", b"S" + field(1, b"eu") + statement)
    write("forward", "cut", b"S" + statement[:-1])
    signed = {1: statement, 2: b"k", 3: b"s" * 64}
    for name, fields in {
            "signature": signed, "key": {**signed, 2: b"other"},
            "signature_short": {**signed, 3: b"s"}, "field": {**signed, 4: b"x"},
            "number": {**signed, 2: 1}}.items():
        write("forward", f"envelope_{name}", canonical(fields))
    write("forward", "envelope_long", canonical({**signed, 1: b"x" * 5000}))
    write("forward", "envelope_order", field(2, b"k") + field(2, b"k"))
    write("forward", "envelope_cut", field(1, statement)[:-1])


# ---- exception: canonical JSON of terms and statements, each with one thing changed --------------

WHOLE = {
    "actions": ["read", "search"], "break_glass": False, "categories": ["contact", "existence"],
    "distinct_subjects_max": 2, "exception": "00000000000001f3", "jurisdictions": ["CN", "ZZ"],
    "legal_basis": "gdpr-46", "licence": "", "methods": ["/a.B/C"],
    "not_after": "2026-11-24T16:00:00Z", "not_before": "2026-11-24T14:00:00Z",
    "origins": ["eu", "us"], "principal": {
        "issuer": "https://idp", "kind": "staff", "subject": "e-204", "workload": ""},
    "purpose": "incident", "reads_max": 100, "revision": 1, "subjects": ["01" * 16, "a2" * 16],
    "ticket": "INC-8"}
SIGNED = {
    "expires_at": "2026-11-24T13:10:00Z", "facts_sha256": "22" * 32,
    "issued_at": "2026-11-24T13:05:00Z", "key_id": "0011223344556677", "nonce": "07" * 32,
    "officer": {"countries": ["IE"], "issuer": "https://idp", "roles": ["compliance_officer"],
                "subject": "e-12"},
    "policy_sha256": "11" * 32, "reason": "", "seats": ["eu/compliance_officer"], "terms": WHOLE,
    "terms_sha256": "@" * 64, "verb": "approve"}


def canonical_json(value):
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def changed(value, path, new):
    value = copy.deepcopy(value)
    at = value
    for name in path[:-1]:
        at = at[name]
    if new is None:
        del at[path[-1]]
    else:
        at[path[-1]] = new
    return value


def exceptions():
    who, service = "principal", {"issuer": "", "kind": "service", "subject": "",
                                 "workload": "spiffe://a/b"}
    terms = {
        "service": ([who], service), "service_named": ([who, "kind"], "service"),
        "nobody": ([who, "subject"], ""), "issuer_space": ([who, "issuer"], "a b"),
        "kind_unknown": ([who, "kind"], "unknown"), "kind_none": ([who, "kind"], "boss"),
        "principal_text": ([who], "e-204"), "anybody": (["subjects"], []),
        "vast": (["distinct_subjects_max"], 10001), "reads_0": (["reads_max"], 0),
        "reads_over": (["reads_max"], 1 << 53), "count": (["distinct_subjects_max"], 3),
        "subject_zero": (["subjects"], ["00" * 16, "a2" * 16]),
        "subject_odd": (["subjects"], ["0"]), "subject_number": (["subjects"], [1]),
        "exception_0": (["exception"], "0" * 16), "exception_odd": (["exception"], "1f3"),
        "revision_0": (["revision"], 0), "origins_none": (["origins"], []),
        "origins_upper": (["origins"], ["EU"]), "origins_text": (["origins"], "eu"),
        "origins_empty": (["origins"], [""]), "order": (["origins"], ["us", "eu"]),
        "no_existence": (["categories"], ["contact"]), "categories_none": (["categories"], []),
        "categories_many": (["categories"], [f"c{i}" for i in range(100, 165)]),
        "method": (["methods"], ["Get"]), "method_star": (["methods"], ["/a.B/*"]),
        "method_half": (["methods"], ["/a.B"]), "actions_none": (["actions"], []),
        "action_none": (["actions"], ["none"]), "action_odd": (["actions"], ["READ"]),
        "country": (["jurisdictions"], ["XX"]), "country_zz": (["jurisdictions"], ["ZZ"]),
        "ticket_lines": (["ticket"], "a\nb"), "ticket_bidi": (["ticket"], "a\u202eb"),
        "ticket_wide": (["ticket"], "\u00e9\u540d\U0001f642\"\\\t"), "basis": (["legal_basis"], ""),
        "backwards": (["not_after"], "2026-11-24T13:00:00Z"), "long": (["not_after"], "2027-11-24T16:00:00Z"),
        "nine_hours": (["not_after"], "2026-11-24T23:00:00Z"), "leap": (["not_after"], "2026-11-24T15:59:60Z"),
        "zone": (["not_after"], "2026-11-24T17:00:00+01"), "early": (["not_before"], "1969-12-31T23:59:59Z"),
        "infinite": (["not_after"], "infinite-future"), "glass": (["break_glass"], True),
        "glass_text": (["break_glass"], "yes"), "many": (["distinct_subjects_max"], 51),
        "missing": (["ticket"], None), "surplus": (["zeal"], 1), "null": (["purpose"], 0)}
    write("exception", "terms", b"T" + canonical_json(WHOLE))
    for name, (path, new) in terms.items():
        write("exception", f"terms_{name}", b"T" + canonical_json(changed(WHOLE, path, new)))
    short = changed(changed(WHOLE, ["not_after"], "2026-11-24T14:20:00Z"), ["break_glass"], True)
    write("exception", "terms_glass_short", b"T" + canonical_json(short))
    many = changed(changed(WHOLE, ["subjects"], []), ["distinct_subjects_max"], 51)
    write("exception", "terms_anybody_many", b"T" + canonical_json(many))
    write("exception", "terms_spaces", b"T" + json.dumps(WHOLE, sort_keys=True).encode())
    write("exception", "terms_list", b"T[]")
    write("exception", "terms_cut", b"T" + canonical_json(WHOLE)[:-1])
    write("exception", "neither", canonical_json(WHOLE))

    officer = "officer"
    statements = {
        "deny_why": (["verb"], "deny"), "verb": (["verb"], "bless"), "reason": (["reason"], "a\nb"),
        "reason_bidi": (["reason"], "\u2066"), "nobody": ([officer, "subject"], ""),
        "roles": ([officer, "roles"], [""]), "roles_text": ([officer, "roles"], "r"),
        "country": ([officer, "countries"], ["ie"]), "officer": ([officer], []),
        "seats": (["seats"], ["\t"]), "seats_order": (["seats"], ["us/a", "eu/a"]),
        "key": (["key_id"], "0011"), "nonce": (["nonce"], "00" * 32), "nonce_odd": (["nonce"], "07"),
        "late": (["expires_at"], "2026-11-24T13:10:01Z"), "terms": (["terms"], []),
        "terms_bare": (["terms"], {}), "terms_basis": (["terms", "legal_basis"], ""),
        "digest": (["terms_sha256"], "00" * 32), "surplus": (["zeal"], 1)}
    write("exception", "statement", b"S" + canonical_json(SIGNED))
    for name, (path, new) in statements.items():
        write("exception", f"statement_{name}", b"S" + canonical_json(changed(SIGNED, path, new)))
    for verb in ("narrow", "revoke", "review"):
        write("exception", f"statement_{verb}",
              b"S" + canonical_json({**SIGNED, "verb": verb, "reason": "because"}))
    write("exception", "statement_cut", b"S" + canonical_json(SIGNED)[:-1])


if __name__ == "__main__":
    http2_requests()
    http2_bodies()
    http2_limits()
    http2_answers()
    http2_patience()
    forward()
    exceptions()
