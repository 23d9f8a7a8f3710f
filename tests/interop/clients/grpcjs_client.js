// The interop client on Node's @grpc/grpc-js; see README.md beside it.
'use strict';

const crypto = require('crypto');
const fs = require('fs');
const grpc = require('@grpc/grpc-js');

const SHOWN_BYTES = 1024;
const asBytes = (message) => message;

function metadataOf(test) {
  const metadata = new grpc.Metadata();
  for (const [key, value] of test.metadata || []) {
    metadata.add(key, key.endsWith('-bin') ? Buffer.from(value, 'base64') : value);
  }
  return metadata;
}

function metadataJson(metadata) {
  const pairs = [];
  for (const key of Object.keys(metadata ? metadata.getMap() : {})) {
    for (const value of metadata.get(key)) {
      pairs.push([key, Buffer.isBuffer(value) ? value.toString('base64') : value]);
    }
  }
  const text = (pair) => pair.join('\0');
  return pairs.sort((a, b) => (text(a) < text(b) ? -1 : text(a) > text(b) ? 1 : 0));
}

function messageJson(message) {
  const out = {bytes: message.length, sha256: crypto.createHash('sha256').update(message).digest('hex')};
  if (message.length <= SHOWN_BYTES) out.base64 = message.toString('base64');
  return out;
}

// One call of any kind, driven step by step.
class Call {
  constructor(client, test) {
    this.client = client;
    this.test = test;
    this.requests = (test.messages || []).map((text) => Buffer.from(text, 'base64'));
    this.messages = [];
    this.taken = 0;
    this.initial = new grpc.Metadata();
    this.waiters = [];
    this.status = null;
    if (['client_stream', 'bidi'].includes(test.kind)) this.open();
  }

  open(message) {
    const {path, kind} = this.test;
    const metadata = metadataOf(this.test);
    const options = {};
    if (this.test.deadline_ms) options.deadline = Date.now() + this.test.deadline_ms;
    const answered = (error, response) => {
      if (!error) this.received(response);
    };
    if (kind === 'unary') {
      this.call = this.client.makeUnaryRequest(path, asBytes, asBytes, message, metadata, options, answered);
    } else if (kind === 'server_stream') {
      this.call = this.client.makeServerStreamRequest(path, asBytes, asBytes, message, metadata, options);
    } else if (kind === 'client_stream') {
      this.call = this.client.makeClientStreamRequest(path, asBytes, asBytes, metadata, options, answered);
    } else {
      this.call = this.client.makeBidiStreamRequest(path, asBytes, asBytes, metadata, options);
    }
    this.call.on('metadata', (initial) => {
      this.initial = initial;
      this.hasInitial = true;
      this.wake();
    });
    this.call.on('status', (status) => {
      this.status = status;
      this.wake();
    });
    this.call.on('error', () => {});  // the same as the status
    if (['server_stream', 'bidi'].includes(kind)) {
      this.call.on('data', (response) => this.received(response));
    }
  }

  received(message) {
    this.messages.push(message);
    this.wake();
  }

  wake() {
    for (const resolve of this.waiters.splice(0)) resolve();
  }

  async until(condition) {
    while (!condition()) await new Promise((resolve) => this.waiters.push(resolve));
  }

  // False when there are no more messages.
  async read() {
    await this.until(() => this.messages.length > this.taken || this.status !== null);
    if (this.messages.length === this.taken) return false;
    this.taken += 1;
    return true;
  }

  async step(step) {
    switch (step.op) {
      case 'send':
        if (['unary', 'server_stream'].includes(this.test.kind)) this.open(this.requests[step.message]);
        else this.call.write(this.requests[step.message]);
        break;
      case 'read':
        for (let i = 0; i < step.count; ++i) await this.read();
        break;
      case 'read_all':
        while (await this.read());
        break;
      case 'close':
        if (['client_stream', 'bidi'].includes(this.test.kind)) this.call.end();
        break;
      case 'cancel':
        this.call.cancel();
        break;
      case 'await_initial':
        await this.until(() => this.hasInitial || this.status !== null);
        break;
      default:
        throw new Error(step.op);
    }
  }

  async run() {
    for (const step of this.test.steps) await this.step(step);
    await this.until(() => this.status !== null);
    return this.status.code;
  }

  async transcript() {
    const code = await this.run();
    return {
      name: this.test.name,
      initial: metadataJson(this.initial),
      trailing: metadataJson(this.status.metadata),
      code,
      text: this.status.details,
      messages: this.messages.slice(0, this.taken).map(messageJson),
    };
  }
}

async function runParallel(client, test) {
  const calls = Array.from({length: test.parallel}, () => new Call(client, test));
  await Promise.all(calls.map(async (call) => {
    await call.step({op: 'send', message: 0});
    await call.read();
  }));
  const outcomes = {};
  await Promise.all(calls.map(async (call) => {
    await call.step({op: 'close'});
    await call.until(() => call.status !== null);
    const outcome = `code ${call.status.code}, messages ${call.messages.length}`;
    outcomes[outcome] = (outcomes[outcome] || 0) + 1;
  }));
  return {name: test.name, outcomes};
}

async function runCase(clients, after, test) {
  const client = test.gzip ? clients.gzip : clients.plain;
  if (test.parallel) return runParallel(client, test);
  const transcript = await new Call(client, test).transcript();
  if (test.after && after) transcript.after_code = await new Call(after, test.after).run();
  return transcript;
}

async function main() {
  const flags = {};
  for (let i = 2; i + 1 < process.argv.length; i += 2) flags[process.argv[i]] = process.argv[i + 1];
  const credentials = flags['--roots']
    ? grpc.credentials.createSsl(...['--roots', '--key', '--certificate'].map((name) => fs.readFileSync(flags[name])))
    : grpc.credentials.createInsecure();
  const clients = {
    plain: new grpc.Client(flags['--target'], credentials),
    // Compression is a property of the channel here.
    gzip: new grpc.Client(flags['--target'], credentials, {'grpc.default_compression_algorithm': 2}),
  };
  const after = flags['--after'] ? new grpc.Client(flags['--after'], grpc.credentials.createInsecure()) : null;
  const transcript = [];
  for (const test of JSON.parse(fs.readFileSync(flags['--cases'], 'utf8'))) {
    transcript.push(await runCase(clients, after, test));
  }
  fs.writeFileSync(flags['--out'], JSON.stringify(transcript, null, 1));
  clients.plain.close();
  clients.gzip.close();
  if (after) after.close();
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
