import assert from 'node:assert/strict';
import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { EventscopeError } from '../../protocol/errors.js';
import { findLinuxToolchain, type LinuxPlaces } from './find-linux.js';

describe('finding the toolchain on Linux', () => {
  let folder: string;
  let places: LinuxPlaces;

  beforeEach(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'eventscope-tools-'));
    places = { programFolders: [path.join(folder, 'bin')], mingwFolders: [path.join(folder, 'mingw')] };
    await mkdir(path.join(folder, 'bin'));
  });
  afterEach(() => rm(folder, { recursive: true }));

  async function install(...names: string[]): Promise<void> {
    for (const name of names) {
      await writeFile(path.join(folder, 'bin', name), '');
      await chmod(path.join(folder, 'bin', name), 0o755);
    }
  }
  async function installMingw(): Promise<void> {
    await mkdir(path.join(folder, 'mingw', 'ddk'), { recursive: true });
    await writeFile(path.join(folder, 'mingw', 'ddk', 'wdm.h'), '');
  }
  async function failure(): Promise<EventscopeError> {
    const error: unknown = await findLinuxToolchain(places).then(
      () => assert.fail('must fail'),
      (reason: unknown) => reason,
    );
    assert.ok(error instanceof EventscopeError);
    return error;
  }

  it('takes clang and lld of one release, 19 first', async () => {
    await install('clang-14', 'ld.lld-14', 'clang-19', 'ld.lld-19', 'clang', 'ld.lld', 'osslsigncode', 'openssl');
    await installMingw();
    const tools = await findLinuxToolchain(places);
    assert.deepEqual(
      [tools.clang, tools.lld, tools.ddkIncludes].map((file) => path.relative(folder, file)),
      ['bin/clang-19', 'bin/ld.lld-19', 'mingw/ddk'],
    );
  });

  it('prefers an older whole pair to a newer clang without its lld', async () => {
    await install('clang-19', 'clang-16', 'ld.lld-16', 'osslsigncode', 'openssl');
    await installMingw();
    assert.equal(path.basename((await findLinuxToolchain(places)).clang), 'clang-16');
  });

  it('names every missing tool at once, with the command that installs them', async () => {
    const error = await failure();
    assert.equal(error.id, 'toolchain.missing');
    assert.match(error.why ?? '', /clang, ld\.lld, .*mingw-w64.*, osslsigncode, openssl not found/);
    assert.equal(error.next, 'Install with: sudo apt-get install clang-19 lld-19 mingw-w64 osslsigncode openssl');
  });

  it('asks for the lld of the clang that is there', async () => {
    await install('clang-15', 'osslsigncode', 'openssl');
    await installMingw();
    assert.equal((await failure()).next, 'Install with: sudo apt-get install lld-15');
  });

  it('does not take a file that cannot be run', async () => {
    await install('clang-19', 'ld.lld-19', 'openssl');
    await installMingw();
    await writeFile(path.join(folder, 'bin', 'osslsigncode'), '', { mode: 0o644 });
    assert.equal((await failure()).next, 'Install with: sudo apt-get install osslsigncode');
  });
});
