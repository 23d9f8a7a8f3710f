#!/usr/bin/python3
"""The interop client on Python's grpcio (asyncio); see README.md beside it."""

import asyncio
import base64
import collections
import hashlib
import json
import sys

import grpc

SHOWN_BYTES = 1024


def read_file(path):
    with open(path, "rb") as file:
        return file.read()


def metadata_of(case):
    pairs = case.get("metadata", [])
    return tuple((key, base64.b64decode(value) if key.endswith("-bin") else value) for key, value in pairs)


def metadata_json(metadata):
    pairs = []
    for key, value in metadata or ():
        pairs.append([key, base64.b64encode(value).decode() if isinstance(value, bytes) else value])
    return sorted(pairs)


def message_json(message):
    out = {"bytes": len(message), "sha256": hashlib.sha256(message).hexdigest()}
    if len(message) <= SHOWN_BYTES:
        out["base64"] = base64.b64encode(message).decode()
    return out


class Call:
    """One call of any kind, driven step by step."""

    def __init__(self, channel, case):
        self.case = case
        self.messages = []
        self.requests = [base64.b64decode(message) for message in case.get("messages", [])]
        self.kind = case["kind"]
        self.options = {"metadata": metadata_of(case)}
        if case.get("deadline_ms"):
            self.options["timeout"] = case["deadline_ms"] / 1000
        if case.get("gzip"):
            self.options["compression"] = grpc.Compression.Gzip
        make = {
            "unary": channel.unary_unary,
            "server_stream": channel.unary_stream,
            "client_stream": channel.stream_unary,
            "bidi": channel.stream_stream,
        }[self.kind]
        self.method = make(case["path"])
        self.call = None
        if self.kind in ("client_stream", "bidi"):
            self.call = self.method(**self.options)

    async def send(self, index):
        if self.kind in ("unary", "server_stream"):
            self.call = self.method(self.requests[index], **self.options)
            return
        try:
            await self.call.write(self.requests[index])
        except (grpc.aio.AioRpcError, asyncio.InvalidStateError, asyncio.CancelledError):
            pass  # the call has ended; its status says how

    async def read(self):
        """False when there are no more messages."""
        try:
            if self.kind in ("unary", "client_stream"):
                if self.messages:
                    return False
                message = await self.call
            else:
                message = await self.call.read()
        except (grpc.aio.AioRpcError, asyncio.CancelledError):
            return False
        if message is grpc.aio.EOF:
            return False
        self.messages.append(message)
        return True

    async def close(self):
        if self.kind in ("client_stream", "bidi"):
            try:
                await self.call.done_writing()
            except (grpc.aio.AioRpcError, asyncio.InvalidStateError, asyncio.CancelledError):
                pass

    async def step(self, step):
        op = step["op"]
        if op == "send":
            await self.send(step["message"])
        elif op == "read":
            for _ in range(step["count"]):
                await self.read()
        elif op == "read_all":
            while await self.read():
                pass
        elif op == "close":
            await self.close()
        elif op == "cancel":
            self.call.cancel()
        elif op == "await_initial":
            await self.call.initial_metadata()
        else:
            raise ValueError(op)

    async def run(self):
        for step in self.case["steps"]:
            await self.step(step)
        return await self.call.code()

    async def transcript(self):
        code = await self.run()
        return {
            "name": self.case["name"],
            "initial": metadata_json(await self.call.initial_metadata()),
            "trailing": metadata_json(await self.call.trailing_metadata()),
            "code": code.value[0],
            "text": await self.call.details() or "",
            "messages": [message_json(message) for message in self.messages],
        }


async def run_parallel(channel, case):
    calls = [Call(channel, case) for _ in range(case["parallel"])]

    async def open_and_read(call):
        await call.send(0)
        await call.read()

    async def finish(call):
        await call.close()
        await call.read()
        return f"code {(await call.call.code()).value[0]}, messages {len(call.messages)}"

    await asyncio.gather(*(open_and_read(call) for call in calls))
    outcomes = collections.Counter(await asyncio.gather(*(finish(call) for call in calls)))
    return {"name": case["name"], "outcomes": dict(outcomes)}


async def run_case(channel, after, case):
    if case.get("parallel"):
        return await run_parallel(channel, case)
    transcript = await Call(channel, case).transcript()
    if "after" in case and after is not None:
        transcript["after_code"] = (await Call(after, case["after"]).run()).value[0]
    return transcript


async def main(flags):
    if "--roots" in flags:
        credentials = grpc.ssl_channel_credentials(
            read_file(flags["--roots"]), read_file(flags["--key"]), read_file(flags["--certificate"]))
        channel = grpc.aio.secure_channel(flags["--target"], credentials)
    else:
        channel = grpc.aio.insecure_channel(flags["--target"])
    after = grpc.aio.insecure_channel(flags["--after"]) if "--after" in flags else None
    cases = json.loads(read_file(flags["--cases"]))
    transcript = [await run_case(channel, after, case) for case in cases]
    with open(flags["--out"], "w", encoding="utf-8") as file:
        json.dump(transcript, file, indent=1)


if __name__ == "__main__":
    asyncio.run(main(dict(zip(sys.argv[1::2], sys.argv[2::2]))))
