// Which locks are held, and under which ticket: the rules of sharing. Nothing here knows gRPC.

'use strict';

const { randomUUID } = require('node:crypto');

const Behavior = { UNSPECIFIED: 0, INITIALIZE_NEW: 1, ATTACH_TO_EXISTING: 2 };
const LONGEST_SETTLE_MS = 60_000;

// A call that is refused; `code` is the name of a gRPC status.
class Refusal extends Error {
  constructor(code, text) {
    super(text);
    this.code = code;
  }
}

class Locks {
  #engage;
  #forgetful;
  #tickets = new Map(); // by name of the lock
  #notes = new Map(); // by ticket
  #opening = new Map(); // by name: settled once whoever takes the lock just now has it

  // `engage(settleMs)` is a promise that the hardware is locked. `forgetful` is a fault on purpose.
  constructor(engage, { forgetful = false } = {}) {
    this.#engage = engage;
    this.#forgetful = forgetful;
  }

  async acquire(name, behavior, settleMs) {
    checkRequest(name, behavior);
    while (this.#opening.has(name)) await this.#opening.get(name).catch(() => {});
    // From here to the note in #opening there is no await: nobody else comes in between.
    const ticket = this.#tickets.get(name);
    if (ticket) {
      if (behavior === Behavior.INITIALIZE_NEW) throw new Refusal('ALREADY_EXISTS', 'It is held.');
      return { ticket, isNew: false };
    }
    if (behavior === Behavior.ATTACH_TO_EXISTING) throw new Refusal('NOT_FOUND', 'It is not held.');
    checkSettle(settleMs);
    return { ticket: await this.#open(name, settleMs), isNew: true };
  }

  async #open(name, settleMs) {
    const opening = this.#engage(settleMs);
    if (!this.#forgetful) this.#opening.set(name, opening);
    try {
      await opening;
      const ticket = randomUUID();
      this.#tickets.set(name, ticket);
      this.#notes.set(ticket, '');
      return ticket;
    } finally {
      this.#opening.delete(name);
    }
  }

  writeNote(ticket, text) {
    this.#checkOpen(ticket);
    this.#notes.set(ticket, text);
  }

  readNote(ticket) {
    this.#checkOpen(ticket);
    return this.#notes.get(ticket);
  }

  release(ticket) {
    this.#checkOpen(ticket);
    this.#notes.delete(ticket);
    for (const [name, held] of this.#tickets) {
      if (held === ticket) this.#tickets.delete(name);
    }
  }

  #checkOpen(ticket) {
    if (!this.#notes.has(ticket)) throw new Refusal('NOT_FOUND', 'No lock is held with it.');
  }
}

function checkRequest(name, behavior) {
  if (!name) throw new Refusal('INVALID_ARGUMENT', 'Name a lock.');
  if (!Object.values(Behavior).includes(behavior)) {
    throw new Refusal('INVALID_ARGUMENT', `There is no behavior ${behavior}.`);
  }
}

function checkSettle(settleMs) {
  if (settleMs > LONGEST_SETTLE_MS) {
    throw new Refusal('INVALID_ARGUMENT', `settle_ms is at most ${LONGEST_SETTLE_MS}.`);
  }
}

module.exports = { Locks, Refusal };
