import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { CancelledError } from '../../protocol/errors.js';
import { makeMinimalPdb, MINIMAL_GUID } from './pdb/test-pdb.js';
import { SymbolWorker } from './symbol-worker.js';

describe('the symbol worker', function () {
  this.timeout(30_000);
  let folder: string;
  let worker: SymbolWorker | undefined;
  beforeEach(async () => (folder = await mkdtemp(path.join(tmpdir(), 'eventscope-worker-'))));
  afterEach(async () => {
    await worker?.dispose();
    await rm(folder, { recursive: true });
  });

  const start = (...symbolPath: string[]): SymbolWorker =>
    (worker = new SymbolWorker({
      settings: { symbolPath, useSymbolServers: true, cacheFolder: path.join(folder, 'cache') },
    }));
  const identity = {
    name: 'driver.sys',
    timeDateStamp: 0,
    sizeOfImage: 0,
    pdb: { guid: MINIMAL_GUID, age: 1, path: 'driver.pdb' },
  };

  it('answers as the module itself does, and carries its errors', async () => {
    await writeFile(path.join(folder, 'driver.pdb'), makeMinimalPdb());
    const symbols = await start(folder).open({ identity });
    assert.equal(symbols.pdbPath, path.join(folder, 'driver.pdb'));
    assert.deepEqual(await symbols.framesAt(0x1000), []);
    assert.equal((await symbols.type(0x22)).name, 'unsigned long');
    await symbols.close();
    const exported = await worker?.open({ identity: { ...identity, name: 'x' }, exports: [{ name: 'Run', rva: 16 }] });
    assert.equal(exported?.source, 'pdb');
  });

  it('cancels a download that is under way', async () => {
    const controller = new AbortController();
    const server = createServer((_, response) => {
      response.writeHead(200, { 'content-length': 1000 }).flushHeaders();
      controller.abort();
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    try {
      const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
      await assert.rejects(start(url).open({ identity }, controller.signal), CancelledError);
    } finally {
      server.closeAllConnections();
      server.close();
    }
  });

  it('rejects what is still asked when it is ended, and starts anew when it is asked again', async () => {
    await writeFile(path.join(folder, 'driver.pdb'), makeMinimalPdb());
    const symbols = await start(folder).open({ identity });
    const asked = assert.rejects(symbols.sourceFiles(), CancelledError);
    await worker?.dispose();
    await asked;
    await assert.rejects(symbols.sourceFiles(), { id: 'symbols.worker' });
    assert.equal((await worker?.open({ identity }))?.source, 'pdb');
  });
});
