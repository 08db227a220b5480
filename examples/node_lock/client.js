// A client of the lock: what a step holds while it works. Close or leave open: its behavior decides.

'use strict';

const path = require('node:path');
const grpc = require('@grpc/grpc-js');
const protoLoader = require('@grpc/proto-loader');

const PROTO = protoLoader.loadSync(path.join(__dirname, 'hardware_lock.proto'), {
  keepCase: true,
  defaults: true,
});
const { HardwareLock } = grpc.loadPackageDefinition(PROTO).node_lock;

// What each behavior of NI's SDK sends, and whether the lock is released at the end.
const BEHAVIORS = {
  AUTO: ['BEHAVIOR_UNSPECIFIED', (isNew) => isNew],
  INITIALIZE_SERVER_SESSION: ['BEHAVIOR_INITIALIZE_NEW', () => true],
  ATTACH_TO_SERVER_SESSION: ['BEHAVIOR_ATTACH_TO_EXISTING', () => false],
  INITIALIZE_SESSION_THEN_DETACH: ['BEHAVIOR_INITIALIZE_NEW', () => false],
  ATTACH_TO_SESSION_THEN_CLOSE: ['BEHAVIOR_ATTACH_TO_EXISTING', () => true],
};

class Lock {
  #stub;
  #limitMs;
  #ticket;
  #releases;
  #ended = false;

  constructor(stub, limitMs) {
    this.#stub = stub;
    this.#limitMs = limitMs;
  }

  // Take the lock, or attach to the session that holds it.
  static async enter(address, name, behavior, { limitMs = 30_000 } = {}) {
    const [wire, releases] = BEHAVIORS[behavior];
    const stub = new HardwareLock(address, grpc.credentials.createInsecure());
    const lock = new Lock(stub, limitMs);
    try {
      const answer = await lock.#call('AcquireLock', { lock_name: name, behavior: wire });
      lock.#ticket = answer.ticket;
      lock.#releases = releases(answer.is_new);
    } catch (error) {
      stub.close();
      throw error;
    }
    return lock;
  }

  // End: release the lock, or leave it. An error of the work that was done under it is thrown again.
  async leave(error) {
    try {
      if (this.#releases) await this.release();
    } catch (failure) {
      if (!error) throw failure;
      console.error('The work failed; then this did, too:', failure.message);
    } finally {
      this.#stub.close();
    }
    if (error) throw error;
  }

  // Give the lock back now, for everybody who shares it.
  async release() {
    if (this.#ended) return;
    this.#ended = true;
    await this.#call('ReleaseLock', { ticket: this.#ticket });
  }

  async writeNote(text) {
    await this.#call('WriteNote', { ticket: this.#ticket, text });
  }

  #call(rpc, request) {
    const options = { deadline: Date.now() + this.#limitMs };
    return new Promise((resolve, reject) => {
      this.#stub[rpc](request, options, (error, answer) => (error ? reject(error) : resolve(answer)));
    });
  }
}

// Work under the lock: `await withLock('localhost:50051', 'stage', 'AUTO', async (lock) => {...})`.
async function withLock(address, name, behavior, work, options) {
  const lock = await Lock.enter(address, name, behavior, options);
  let result;
  try {
    result = await work(lock);
  } catch (error) {
    return lock.leave(error);
  }
  await lock.leave();
  return result;
}

module.exports = { Lock, withLock };
