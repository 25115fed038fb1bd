/**
 * Opens a PDB in the symbol worker as the debug adapter does, asks for one address, and prints what it took:
 *
 *   node first-symbol.cjs WORKER PDB GUID RVA     {"ms": ..., "function": ...}
 *
 * The worker runs before the clock starts, as it does in a session; the process is new, so that its peak memory is that of this one answer.
 */
const { Worker } = require('node:worker_threads');

const [workerFile, path, guid, rva] = process.argv.slice(2);
const worker = new Worker(workerFile);
let id = 0;
const ask = (message) =>
  new Promise((resolve, reject) => {
    worker.once('message', (reply) => (reply.ok ? resolve(reply.value) : reject(new Error(JSON.stringify(reply)))));
    worker.postMessage({ id: ++id, ...message });
  });

async function main() {
  await ask({ type: 'ask', module: 0, question: 'close', arguments: [] });
  const began = performance.now();
  const identity = { name: 'module', timeDateStamp: 0, sizeOfImage: 0, pdb: { guid, age: 1, path } };
  const settings = { symbolPath: [], useSymbolServers: false, cacheFolder: '/nonexistent' };
  const { module } = await ask({ type: 'open', request: { identity }, settings });
  const [frame] = await ask({ type: 'ask', module, question: 'framesAt', arguments: [Number(rva)] });
  const ms = performance.now() - began;
  process.stdout.write(JSON.stringify({ ms, function: frame?.functionName }));
  await worker.terminate();
}

main().catch((error) => {
  process.stderr.write(`${error.stack}\n`);
  process.exitCode = 1;
});
