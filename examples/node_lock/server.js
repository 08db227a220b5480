// Serves locks by gRPC: node server.js [--port N] [--forgetful]

'use strict';

const path = require('node:path');
const { parseArgs } = require('node:util');
const { setTimeout: delay } = require('node:timers/promises');
const grpc = require('@grpc/grpc-js');
const protoLoader = require('@grpc/proto-loader');
const { Locks, Refusal } = require('./locks');

const GRACE_MS = 3_000; // for calls that run when the server is asked to stop

const PROTO = protoLoader.loadSync(path.join(__dirname, 'hardware_lock.proto'), {
  keepCase: true,
  defaults: true, // a field that was not sent has its default, as in other languages
});

// What turns an answer, or a promise of one, into the answer of a call.
function rpc(answer) {
  return async (call, respond) => {
    try {
      respond(null, await answer(call.request));
    } catch (error) {
      const isRefusal = error instanceof Refusal;
      if (!isRefusal) console.error(error);
      respond({
        code: grpc.status[isRefusal ? error.code : 'INTERNAL'],
        details: isRefusal ? error.message : 'The server failed; its output says how.',
      });
    }
  };
}

function makeServer(locks) {
  const server = new grpc.Server();
  server.addService(grpc.loadPackageDefinition(PROTO).node_lock.HardwareLock.service, {
    AcquireLock: rpc(async ({ lock_name, behavior, settle_ms }) => {
      const { ticket, isNew } = await locks.acquire(lock_name, behavior, settle_ms);
      return { ticket, is_new: isNew };
    }),
    WriteNote: rpc(({ ticket, text }) => (locks.writeNote(ticket, text), {})),
    ReadNote: rpc(({ ticket }) => ({ text: locks.readNote(ticket) })),
    ReleaseLock: rpc(({ ticket }) => (locks.release(ticket), {})),
  });
  return server;
}

function stopOrderly(server) {
  setTimeout(() => server.forceShutdown(), GRACE_MS).unref();
  server.tryShutdown(() => process.exit(0));
}

function main() {
  const { values } = parseArgs({
    options: {
      port: { type: 'string', default: '0' },
      forgetful: { type: 'boolean', default: false },
    },
  });
  const engage = (settleMs) => delay(settleMs); // the hardware, which takes its time
  const server = makeServer(new Locks(engage, values));
  const insecure = grpc.ServerCredentials.createInsecure();
  server.bindAsync(`127.0.0.1:${values.port}`, insecure, (error, port) => {
    if (error) {
      console.error(`Port ${values.port} cannot be used: ${error.message}`);
      process.exit(1);
    }
    console.log(`listening on 127.0.0.1:${port}`);
  });
  for (const signal of ['SIGTERM', 'SIGINT']) process.on(signal, () => stopOrderly(server));
}

main();
