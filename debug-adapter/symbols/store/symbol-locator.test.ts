/** Where PDBs are looked for, with a real PDB of the corpus behind folders, stores and an HTTP server on loopback. */
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { deflateRawSync } from 'node:zlib';
import { CancelledError } from '../../../protocol/errors.js';
import { openSymbols } from '../open-symbols.js';
import type { ImageIdentity } from '../symbol-provider.js';
import { makeMinimalPdb, MINIMAL_GUID } from '../pdb/test-pdb.js';
import { locateSymbols, type SymbolSettings } from './symbol-locator.js';
import { parseSymbolPath } from './symbol-path.js';

const NAME = 'driver.pdb';
const SIGNATURE = `${MINIMAL_GUID.replaceAll('-', '')}1`;
const KEY = `/${NAME}/${SIGNATURE}/${NAME}`;
const PDB = makeMinimalPdb();
const IDENTITY: ImageIdentity = {
  name: 'driver.sys',
  timeDateStamp: 0,
  sizeOfImage: 0,
  pdb: { guid: MINIMAL_GUID, age: 1, path: `C:\\build\\${NAME}` },
};
const OTHER_GUID = '00000000-0000-0000-0000-000000000001';

/** A cabinet of one file, by MSZIP. */
function makeCabinet(content: Buffer): Buffer {
  const blocks: Buffer[] = [];
  for (let at = 0; at < content.length; at += 32_768) {
    const piece = content.subarray(at, at + 32_768);
    const packed = Buffer.concat([Buffer.from('CK'), deflateRawSync(piece)]);
    const head = Buffer.alloc(8);
    head.writeUInt16LE(packed.length, 4);
    head.writeUInt16LE(piece.length, 6);
    blocks.push(head, packed);
  }
  const head = Buffer.alloc(36 + 8 + 16 + 2);
  head.write('MSCF', 0, 'latin1');
  head.writeUInt32LE(44, 16);
  head.writeUInt16LE(0x0103, 24);
  head.writeUInt16LE(1, 26);
  head.writeUInt16LE(1, 28);
  head.writeUInt32LE(head.length, 36);
  head.writeUInt16LE(blocks.length / 2, 40);
  head.writeUInt16LE(1, 42);
  head.writeUInt32LE(content.length, 44);
  head.write('p\0', 60, 'latin1');
  return Buffer.concat([head, ...blocks]);
}

describe('the search for symbols', () => {
  let folder: string;
  let cache: string;
  let server: Server;
  let url: string;
  let requests: string[];
  let serve: (key: string, response: ServerResponse) => void;

  beforeEach(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'eventscope-symbols-'));
    cache = path.join(folder, 'cache');
    requests = [];
    serve = (_, response) => response.writeHead(404).end();
    server = createServer((request, response) => {
      requests.push(request.url ?? '');
      serve(request.url ?? '', response);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  afterEach(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
    await rm(folder, { recursive: true });
  });

  const settings = (...symbolPath: string[]): SymbolSettings => ({
    symbolPath,
    useSymbolServers: true,
    cacheFolder: cache,
    limits: { maxBytes: 1024 * 1024, totalMs: 5_000, idleMs: 300 },
  });
  const locate = (
    options: SymbolSettings,
    identity = IDENTITY,
    signal = new AbortController().signal,
  ): ReturnType<typeof locateSymbols> =>
    locateSymbols({ identity, imagePath: path.join(folder, 'driver.sys') }, options, signal);
  const cached = (): string => path.join(cache, NAME, SIGNATURE, NAME);
  /** Nothing but whole PDBs is ever in a store. */
  const filesInCache = (): readonly string[] =>
    existsSync(cache)
      ? readdirSync(cache, { recursive: true, withFileTypes: true })
          .filter((entry) => entry.isFile())
          .map(({ name }) => name)
      : [];

  it('understands the syntax of _NT_SYMBOL_PATH', () => {
    assert.deepEqual(
      parseSymbolPath('C:\\s; SRV**https://a ;cache*;symsrv*symsrv.dll*D:\\c*\\\\srv\\share;http://b', 'DEF'),
      [
        { kind: 'folder', folder: 'C:\\s' },
        { kind: 'server', stores: ['DEF', 'https://a'] },
        { kind: 'cache', folder: 'DEF' },
        { kind: 'server', stores: ['D:\\c', '\\\\srv\\share'] },
        { kind: 'server', stores: ['http://b'] },
      ],
    );
  });

  it('takes the one beside the image first', async () => {
    await writeFile(path.join(folder, NAME), PDB);
    const { pdbPath } = await locate(settings(`srv*${url}`));
    assert.equal(pdbPath, path.join(folder, NAME));
    assert.deepEqual(requests, []);
  });

  it('says both GUIDs of one that is of another build, and goes on', async () => {
    await writeFile(path.join(folder, NAME), PDB);
    const identity = { ...IDENTITY, pdb: { guid: OTHER_GUID, age: 1, path: NAME } };
    const { pdbPath, searched } = await locate(settings(path.join(folder, 'other')), identity);
    assert.equal(pdbPath, undefined);
    assert.ok(
      searched[0]?.result.includes(OTHER_GUID) && searched[0].result.includes(MINIMAL_GUID),
      searched[0]?.result,
    );
    assert.equal(searched.at(-1)?.result, 'not there');
  });

  it('finds one in a folder, in a store of a folder, compressed there, and by a pointer', async () => {
    const plain = path.join(folder, 'plain');
    await mkdir(plain);
    await writeFile(path.join(plain, NAME), PDB);
    assert.equal((await locate(settings(plain))).pdbPath, path.join(plain, NAME));

    const store = path.join(folder, 'store', NAME, SIGNATURE);
    await mkdir(store, { recursive: true });
    await writeFile(path.join(store, 'file.ptr'), `PATH:${path.join(plain, NAME)}`);
    assert.equal((await locate(settings(`srv*${path.join(folder, 'store')}`))).pdbPath, path.join(plain, NAME));
    await writeFile(path.join(store, 'driver.pd_'), makeCabinet(PDB));
    const { pdbPath } = await locate(settings(`srv*${cache}*${path.join(folder, 'store')}`));
    assert.equal(pdbPath, cached());
    assert.deepEqual(readFileSync(cached()), PDB);
  });

  it('fetches from a server into the nearest store, once', async () => {
    serve = (key, response) => (key === KEY ? response.end(PDB) : response.writeHead(404).end());
    for (let run = 0; run < 2; run++) {
      const { pdbPath } = await locate(settings(`srv*${cache}*${url}`));
      assert.equal(pdbPath, cached());
    }
    assert.deepEqual(requests, [KEY]);
    assert.deepEqual(filesInCache(), [NAME]);
  });

  it('expands what the server has compressed, also under the plain name', async () => {
    serve = (key, response) =>
      key === KEY.replace(/b$/, '_') ? response.end(makeCabinet(PDB)) : response.writeHead(404).end();
    assert.equal((await locate(settings(`srv*${cache}*${url}`))).pdbPath, cached());
    assert.deepEqual(readFileSync(cached()), PDB);
    await rm(cache, { recursive: true });
    serve = (_, response) => response.end(makeCabinet(PDB));
    assert.equal((await locate(settings(url))).pdbPath, cached());
    assert.deepEqual(readFileSync(cached()), PDB);
  });

  it('asks no server unless it may', async () => {
    const { pdbPath, searched } = await locate({ ...settings(`srv*${cache}*${url}`), useSymbolServers: false });
    assert.equal(pdbPath, undefined);
    assert.match(searched.at(-1)?.result ?? '', /switched off/);
    assert.deepEqual(requests, []);
  });

  const bad: readonly [title: string, serve: (response: ServerResponse) => void, why: RegExp][] = [
    ['has no such file', (response) => response.writeHead(404).end(), /^not there$/],
    ['fails', (response) => response.writeHead(503).end('later'), /503/],
    [
      'breaks off in the middle',
      (response) => {
        response.writeHead(200, { 'content-length': PDB.length });
        response.write(PDB.subarray(0, 100), () => response.destroy());
      },
      /cannot be fetched/,
    ],
    [
      'announces too much',
      (response) => response.writeHead(200, { 'content-length': 2 ** 40 }).flushHeaders(),
      /are allowed/,
    ],
    [
      'sends without an end',
      (response) => {
        const more = (): void => {
          if (!response.destroyed) response.write(Buffer.alloc(64 * 1024), () => setImmediate(more));
        };
        more();
      },
      /are allowed/,
    ],
    [
      'falls silent',
      (response) => response.writeHead(200, { 'content-length': PDB.length }).flushHeaders(),
      /nothing came/,
    ],
    ['gives another PDB', (response) => response.end(makeMinimalPdb(OTHER_GUID)), /of another build/],
    ['gives a page', (response) => response.end('<html>sign in</html>'), /does not begin as a PDB/],
    ['gives a damaged cabinet', (response) => response.end(makeCabinet(PDB).subarray(0, -20)), /cannot be expanded/],
  ];
  for (const [title, answer, why] of bad) {
    it(`leaves nothing in the cache when the server ${title}`, async () => {
      serve = (_, response) => answer(response);
      const { pdbPath, searched } = await locate(settings(`srv*${cache}*${url}`));
      assert.equal(pdbPath, undefined);
      assert.match(searched.at(-1)?.result ?? '', why);
      assert.deepEqual(filesInCache(), []);
    });
  }

  it('stops when it is cancelled, and leaves nothing behind', async () => {
    const controller = new AbortController();
    serve = (_, response) => {
      response.writeHead(200, { 'content-length': PDB.length }).flushHeaders();
      response.write(PDB.subarray(0, 50), () => controller.abort());
    };
    await assert.rejects(locate(settings(`srv*${cache}*${url}`), IDENTITY, controller.signal), CancelledError);
    assert.deepEqual(filesInCache(), []);
  });

  it('fetches anew what is damaged in the cache', async () => {
    await mkdir(path.dirname(cached()), { recursive: true });
    await writeFile(cached(), PDB.subarray(0, 1000));
    serve = (_, response) => response.end(PDB);
    assert.equal((await locate(settings(`srv*${cache}*${url}`))).pdbPath, cached());
    assert.deepEqual(readFileSync(cached()), PDB);
  });

  it('gives the exports of a module whose PDB is not there, and says where it was looked for', async () => {
    const symbols = await openSymbols(
      { identity: IDENTITY, exports: [{ name: 'Run', rva: 0x1000 }] },
      settings(path.join(folder, 'no')),
      new AbortController().signal,
    );
    assert.equal(symbols.source, 'exports');
    assert.equal((await symbols.framesAt(0x1010))[0]?.functionName, 'Run');
    assert.ok(symbols.searched.length > 0);
  });
});
