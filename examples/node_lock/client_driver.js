// Makes clients as it is told on standard input, line by line: for session-contract, see
// contract_tests/clients.md.

'use strict';

const readline = require('node:readline');
const grpc = require('@grpc/grpc-js');
const { Lock } = require('./client');

const BODY = new Error('raised by the body');
const clients = new Map();

// The channels that are open in this process, as gRPC counts them.
function countChannels() {
  const request = { start_channel_id: 0, max_results: 0 };
  return new Promise((resolve) => {
    const { GetTopChannels } = grpc.getChannelzHandlers();
    GetTopChannels({ request }, (_, answer) => resolve(answer.channel.length));
  });
}

const ORDERS = {
  async enter({ client, address, resource, behavior, timeout }) {
    clients.set(client, await Lock.enter(address, resource, behavior, { limitMs: timeout * 1000 }));
  },
  exit: ({ client, error }) => clients.get(client).leave(error ? BODY : undefined),
  use: ({ client }) => clients.get(client).writeNote('seen'),
  close: ({ client }) => clients.get(client).release(),
  remains: async () => ({ remains: { channel: await countChannels() } }),
  quit: () => process.exit(0),
};

async function main() {
  for await (const line of readline.createInterface({ input: process.stdin })) {
    const order = JSON.parse(line);
    let answer = { raised: null };
    try {
      answer = { ...answer, ...(await ORDERS[order.do](order)) };
    } catch (error) {
      const raised = error === BODY ? 'body' : (grpc.status[error.code] ?? 'other');
      answer = { raised, text: error.message };
    }
    console.log(JSON.stringify({ id: order.id, ...answer }));
  }
}

main();
