#!/usr/bin/env python3
"""What a call costs through the gateway and through other proxies, in one run.

    tests/bench/peers.py BUILD_DIRECTORY [--runs N] [--calls N] [--only CASE] [--write]

Each proxy stands in turn between the same load generator and the same service; the runs are
interleaved, and what counts is the ratio inside one round. CPU is the proxy's own, from the
scheduler's account of all its threads. The other proxies decide and record nothing: they are
asked the very same calls, so the difference is what deciding, recording and masking cost.

Prints the table and each budget with met or not met, and writes build/bench/proxy.json; with
--write, also the table in docs/performance.md. A proxy that is not installed is left out, and the
output says so.
"""

import argparse
import datetime
import json
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PAGE = os.path.join(ROOT, "docs", "performance.md")
BEGIN, END = "<!-- proxy table: begin -->", "<!-- proxy table: end -->"

# name, path, bytes, transport, connections, streams a connection, share of --calls.
# `read` is decided, recorded and masked; `pass` touches no personal data.
CASES = [
    ("read 100 B", "read", 100, "h2c", 4, 50, 1.0),
    ("read 1 KB", "read", 1024, "h2c", 4, 50, 1.0),
    ("read 64 KB", "read", 65536, "h2c", 4, 50, 0.1),
    ("read 100 B, TLS", "read", 100, "tls", 4, 50, 1.0),
    ("read 1 KB, TLS", "read", 1024, "tls", 4, 50, 1.0),
    ("read 64 KB, TLS", "read", 65536, "tls", 4, 50, 0.1),
    ("pass 100 B", "pass", 100, "h2c", 4, 50, 1.0),
    ("pass 1 KB", "pass", 1024, "h2c", 4, 50, 1.0),
    ("pass 64 KB", "pass", 65536, "h2c", 4, 50, 0.1),
    ("pass 1 KB, TLS", "pass", 1024, "tls", 4, 50, 1.0),
    ("read 100 B, one stream", "read", 100, "h2c", 1, 1, 0.1),
    ("read 100 B, 16 connections", "read", 100, "h2c", 16, 50, 1.0),
]
FULL, ONE, WIDE = CASES[0][0], CASES[10][0], CASES[11][0]


def varint(value):
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def blob(size):
    """test.Blob of about `size` bytes."""
    text = b"b" * (size - 1 - len(varint(size)))
    return b"\x0a" + varint(len(text)) + text


def free_port():
    """A port that nobody has now; below those that the kernel gives to connections."""
    for port in range(20000 + os.getpid() % 5000, 32000):
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        if port not in free_port.given:
            free_port.given.add(port)
            return port
    sys.exit("bench: no free port on loopback")


free_port.given = set()


class Target:
    """A proxy that runs: its process, and a port for each transport."""

    def __init__(self, name, command, ports=None, tls=True, stdin=False):
        self.name = name
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE if stdin else subprocess.DEVNULL,
            stdout=subprocess.PIPE if ports is None else subprocess.DEVNULL,
            stderr=subprocess.DEVNULL if ports else None)
        self.ports = ports
        if ports is None:
            words = self.process.stdout.readline().split()
            if not words:
                sys.exit(f"bench: {name} did not start")
            self.ports = dict(zip(("h2c", "tls") if tls else ("h2c",), map(int, words)))
        for port in self.ports.values():
            self.await_port(port)

    def await_port(self, port):
        until = time.monotonic() + 10
        while time.monotonic() < until:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    return
            if self.process.poll() is not None:
                sys.exit(f"bench: {self.name} ended with {self.process.returncode}")
            time.sleep(0.05)  # another process listens, and nothing tells
        sys.exit(f"bench: {self.name} does not listen")

    def pids(self):
        """The process and its children: nghttpx works in one."""
        found, look = [], [self.process.pid]
        while look:
            pid = look.pop()
            found.append(pid)
            for task in os.listdir(f"/proc/{pid}/task"):
                with open(f"/proc/{pid}/task/{task}/children") as file:
                    look += map(int, file.read().split())
        return found

    def cpu_micros(self):
        total = 0
        for pid in self.pids():
            for task in os.listdir(f"/proc/{pid}/task"):
                with open(f"/proc/{pid}/task/{task}/schedstat") as file:
                    total += int(file.read().split()[0])
        return total / 1000

    def resident_mb(self):
        total = 0
        for pid in self.pids():
            with open(f"/proc/{pid}/status") as file:
                total += next(int(line.split()[1]) for line in file if line.startswith("VmRSS"))
        return total / 1024

    def stop(self):
        if self.process.stdin:
            self.process.stdin.close()
        else:
            self.process.terminate()
        try:
            self.process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self.process.kill()


class Bench:
    def __init__(self, options, tmpfs, disk):
        self.options, self.tmpfs = options, tmpfs
        self.program = lambda name: os.path.join(options.build, "tests", "bench", name)
        self.upstream = Target("the service alone", [self.program("bench_upstream")], tls=False,
                               stdin=True)
        port = str(self.upstream.ports["h2c"])
        self.targets = [self.upstream]
        for name, directory in (("Domicile", tmpfs), ("Domicile, log on disk", disk)):
            self.targets.append(
                Target(name, [self.program("bench_gateway"), directory, port], stdin=True))
        self.add_nghttpx(port)
        self.add_haproxy(port)
        self.add_grpc(port)

    def add_nghttpx(self, port):
        if not shutil.which("nghttpx"):
            return print("bench: nghttpx is not installed and left out", file=sys.stderr)
        ports = {"h2c": free_port(), "tls": free_port()}
        self.targets.append(Target("nghttpx", [
            "nghttpx", "--conf=/dev/null", "--workers=1", "--no-ocsp",
            f"--frontend=127.0.0.1,{ports['h2c']};no-tls", f"--frontend=127.0.0.1,{ports['tls']}",
            f"--backend=127.0.0.1,{port};;proto=h2", "--verify-client",
            f"--verify-client-cacert={self.tmpfs}/ca.pem", "--tls-min-proto-version=TLSv1.3",
            "--accesslog-file=/dev/null", "--errorlog-file=/dev/null",
            f"{self.tmpfs}/server.key", f"{self.tmpfs}/server.pem"], ports))

    def add_haproxy(self, port):
        if not shutil.which("haproxy"):
            return print("bench: haproxy is not installed and left out", file=sys.stderr)
        ports = {"h2c": free_port(), "tls": free_port()}
        with open(f"{self.tmpfs}/haproxy.pem", "w") as both:
            for name in ("server.pem", "server.key"):
                with open(f"{self.tmpfs}/{name}") as file:
                    both.write(file.read())
        with open(f"{self.tmpfs}/haproxy.cfg", "w") as config:
            config.write(f"""global
  nbthread 1
  maxconn 1000
  ssl-default-bind-options ssl-min-ver TLSv1.3
defaults
  mode http
  timeout connect 5s
  timeout client 60s
  timeout server 60s
frontend front
  bind 127.0.0.1:{ports['h2c']} proto h2
  bind 127.0.0.1:{ports['tls']} ssl crt {self.tmpfs}/haproxy.pem ca-file {self.tmpfs}/ca.pem verify required alpn h2
  default_backend service
backend service
  server one 127.0.0.1:{port} proto h2
""")
        self.targets.append(Target(
            "HAProxy", ["haproxy", "-db", "-q", "-f", f"{self.tmpfs}/haproxy.cfg"], ports))

    def add_grpc(self, port):
        plain = Target("grpc++ proxy", [self.program("bench_grpc_proxy"), port], tls=False,
                       stdin=True)
        secure = Target("grpc++ proxy", [self.program("bench_grpc_proxy"), port, self.tmpfs],
                        tls=False, stdin=True)
        secure.ports = {"tls": secure.ports.pop("h2c")}
        self.targets += [plain, secure]

    def load(self, target, case, calls):
        _, kind, size, transport, connections, streams, _ = case
        path = "/test.People/Get" if kind == "read" else "/test.Echo/Unary"
        body, metadata = f"{self.tmpfs}/body", f"{self.tmpfs}/call"
        with open(body, "wb") as file:
            file.write(b"\x0a\x03u-1" if kind == "read" else blob(size))
        # Each gateway has an issuer's key of its own; everybody else passes the token on.
        own = target.metadata if hasattr(target, "metadata") else f"{self.tmpfs}/metadata"
        with open(own) as file, open(metadata, "w") as out:
            out.write(file.read() if kind == "read" else "")
            out.write(f"x-size: {size}\n")
        command = [self.program("bench_load"), str(target.ports[transport]), path, str(calls),
                   str(connections), str(streams), body, metadata]
        if transport == "tls":
            command.append(target.tls if hasattr(target, "tls") else self.tmpfs)
        done = subprocess.run(command, stdout=subprocess.PIPE, check=False)
        if done.returncode != 0:
            sys.exit(f"bench: calls through {target.name} failed ({case[0]}): "
                     f"{done.stdout.decode().strip()}")
        return json.loads(done.stdout)

    def measure(self, case):
        """By target: a list with one result a round."""
        transport = case[3]
        calls = max(200, int(self.options.calls * case[6]))
        targets = [t for t in self.targets
                   if transport in t.ports and (t is not self.upstream or case[0] == ONE)]
        results = {target.name: [] for target in targets}
        for target in targets:
            self.load(target, case, max(100, calls // 10))
        for round_number in range(self.options.runs):
            turn = round_number % len(targets)
            for target in targets[turn:] + targets[:turn]:
                before = target.cpu_micros()
                result = self.load(target, case, calls)
                result["cpu"] = (target.cpu_micros() - before) / calls
                result["rate"] = calls / result["seconds"]
                result["busy"] = result["cpu"] * result["rate"] / 1e6
                result["resident"] = target.resident_mb()
                results[target.name].append(result)
        return results

    def stop(self):
        for target in reversed(self.targets):
            target.stop()


def middle(values):
    return statistics.median(values)


def spread(values, digits=1):
    """Median and the range of all rounds: for seven, a 98 % interval of the median."""
    return f"{middle(values):.{digits}f} ({min(values):.{digits}f} to {max(values):.{digits}f})"


def ratios(results, key, name, other):
    return [a[key] / b[key] for a, b in zip(results[name], results[other])]


def table(all_results):
    lines = ["| calls | through | CPU a call, us | against nghttpx | calls a second | p50, us | p99, us | memory, MB |",
             "|---|---|---|---|---|---|---|---|"]
    for case, results in all_results.items():
        for name, rounds in results.items():
            ratio = (spread(ratios(results, "cpu", name, "nghttpx"), 2)
                     if "nghttpx" in results and name not in ("nghttpx", "the service alone") else "")
            lines.append("| {} | {} | {} | {} | {:,.0f} | {} | {:.0f} | {:.0f} |".format(
                case, name, spread([r["cpu"] for r in rounds]), ratio,
                middle([r["rate"] for r in rounds]), spread([r["p50"] for r in rounds], 0),
                middle([r["p99"] for r in rounds]), middle([r["resident"] for r in rounds])))
    return lines


def budgets(all_results):
    """(what, measured, limit, met) of design budgets that this run can judge."""
    found = []
    if FULL in all_results:
        results = all_results[FULL]
        for name, other, limit in (("Domicile", "nghttpx", 1.5),
                                   ("Domicile, log on disk", "nghttpx", 2.0),
                                   ("Domicile", "grpc++ proxy", 0.25)):
            if other in results:
                ratio = ratios(results, "cpu", name, other)
                found.append((f"CPU of a decided read of 100 B, {name}, against {other}",
                              spread(ratio, 2), f"at most {limit}", middle(ratio) <= limit))
    if ONE in all_results and "nghttpx" in all_results[ONE]:
        results = all_results[ONE]
        added = {name: middle([a["p50"] - b["p50"] for a, b in
                               zip(results[name], results["the service alone"])])
                 for name in ("Domicile", "nghttpx")}
        found.append(("latency added to a decided read, one stream", f"{added['Domicile']:.0f} us",
                      f"nghttpx's, {added['nghttpx']:.0f} us",
                      added["Domicile"] <= added["nghttpx"]))
    if WIDE in all_results:
        rounds = all_results[WIDE]["Domicile, log on disk"]
        busy = [r["busy"] for r in rounds]
        found.append(("durable reads a second at 16 connections, log on disk",
                      f"{middle([r['rate'] for r in rounds]):,.0f}; its loop and committer used "
                      f"{middle(busy):.2f} cores", "0.9 cores, bound by CPU (its share of raw group commit is not measured)",
                      middle(busy) >= 0.9))
    return found


def machine():
    with open("/proc/cpuinfo") as file:
        model = next((line.split(":")[1].strip() for line in file if line.startswith("model name")),
                     "unknown")
    return f"{model}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f} at the end"


def report(all_results, options, limits):
    lines = [f"{datetime.date.today()}, {machine()}; {options.runs} interleaved rounds of "
             f"{options.calls:,} calls (64 KB and one stream: a tenth). Median and range.", ""]
    lines += table(all_results)
    lines += ["", "| budget | measured | limit | |", "|---|---|---|---|"]
    for what, measured, limit, met in limits:
        lines.append(f"| {what} | {measured} | {limit} | {'met' if met else 'NOT MET'} |")
    return "\n".join(lines)


def write_page(text):
    with open(PAGE) as file:
        page = file.read()
    head, rest = page.split(BEGIN)
    tail = rest.split(END)[1]
    with open(PAGE, "w") as file:
        file.write(f"{head}{BEGIN}\n{text}\n{END}{tail}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("build")
    parser.add_argument("--runs", type=int, default=7)
    parser.add_argument("--calls", type=int, default=20000)
    parser.add_argument("--only", default="", help="cases whose name contains this")
    parser.add_argument("--write", action="store_true", help="the table in docs/performance.md")
    options = parser.parse_args()
    os.makedirs(os.path.join(ROOT, "build", "bench"), exist_ok=True)
    tmpfs_root = "/dev/shm" if os.path.isdir("/dev/shm") else None
    with tempfile.TemporaryDirectory(dir=tmpfs_root) as tmpfs, \
            tempfile.TemporaryDirectory(dir=os.path.join(ROOT, "build", "bench")) as disk:
        bench = Bench(options, tmpfs, disk)
        for target in bench.targets:
            if target.name == "Domicile, log on disk":
                target.metadata, target.tls = f"{disk}/metadata", disk
        try:
            all_results = {}
            for case in CASES:
                if options.only in case[0]:
                    print(f"bench: {case[0]}", file=sys.stderr)
                    all_results[case[0]] = bench.measure(case)
        finally:
            bench.stop()
    limits = budgets(all_results)
    text = report(all_results, options, limits)
    print(text)
    with open(os.path.join(ROOT, "build", "bench", "proxy.json"), "w") as file:
        json.dump({"machine": machine(), "date": str(datetime.date.today()),
                   "runs": options.runs, "calls": options.calls, "cases": all_results,
                   "budgets": [dict(zip(("what", "measured", "limit", "met"), b)) for b in limits]},
                  file, indent=1)
    if options.write:
        write_page(text)


if __name__ == "__main__":
    main()
