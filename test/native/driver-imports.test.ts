/**
 * What eventsys.sys imports is there on Wine: an import that Wine's kernel lacks keeps the driver from loading, and one that
 * Wine only has a stub for ends the driver host when it is called.
 */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { access, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { compileArguments, linkArguments } from '../../target/toolchain/clang.js';
import { findLinuxToolchain } from '../../target/toolchain/find-linux.js';

const run = promisify(execFile);
const DRIVER = path.resolve(import.meta.dirname, '../../driver');

/** Where distributions and WineHQ's own packages put Wine's x64 PE files. */
const WINE_FOLDERS = [
  '/usr/lib/x86_64-linux-gnu/wine/x86_64-windows',
  '/usr/lib/wine/x86_64-windows',
  '/usr/lib64/wine/x86_64-windows',
  '/opt/wine-stable/lib64/wine/x86_64-windows',
  '/opt/wine-stable/lib/wine/x86_64-windows',
];

/** Enough of a PE32+ file to read its export and import names (Microsoft's PE format, "The .edata/.idata Section"). */
class PeFile {
  readonly #bytes: Buffer;
  readonly #sections: { readonly address: number; readonly size: number; readonly offset: number }[];
  readonly #directories: number;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
    const coff = bytes.readUInt32LE(0x3c) + 4;
    const optional = coff + 20;
    assert.equal(bytes.readUInt16LE(optional), 0x20b, 'a PE32+ file');
    this.#directories = optional + 112;
    const table = optional + bytes.readUInt16LE(coff + 16);
    this.#sections = Array.from({ length: bytes.readUInt16LE(coff + 2) }, (_, index) => {
      const at = table + index * 40;
      return {
        address: bytes.readUInt32LE(at + 12),
        size: bytes.readUInt32LE(at + 16),
        offset: bytes.readUInt32LE(at + 20),
      };
    });
  }

  static async read(file: string): Promise<PeFile> {
    return new PeFile(await readFile(file));
  }

  at(address: number): number {
    const section = this.#sections.find((one) => address >= one.address && address < one.address + one.size);
    assert.ok(section !== undefined, `no section holds 0x${address.toString(16)}`);
    return address - section.address + section.offset;
  }

  #text(address: number): string {
    const from = this.at(address);
    return this.#bytes.toString('latin1', from, this.#bytes.indexOf(0, from));
  }

  /** Name to address in the image. */
  exports(): Map<string, number> {
    const directory = this.at(this.#bytes.readUInt32LE(this.#directories));
    const count = this.#bytes.readUInt32LE(directory + 24);
    const functions = this.at(this.#bytes.readUInt32LE(directory + 28));
    const names = this.at(this.#bytes.readUInt32LE(directory + 32));
    const ordinals = this.at(this.#bytes.readUInt32LE(directory + 36));
    return new Map(
      Array.from({ length: count }, (_, index) => [
        this.#text(this.#bytes.readUInt32LE(names + 4 * index)),
        this.#bytes.readUInt32LE(functions + 4 * this.#bytes.readUInt16LE(ordinals + 2 * index)),
      ]),
    );
  }

  /** Module and name of each import by name. */
  imports(): { readonly module: string; readonly name: string }[] {
    const found: { module: string; name: string }[] = [];
    for (let at = this.at(this.#bytes.readUInt32LE(this.#directories + 8)); ; at += 20) {
      const module = this.#bytes.readUInt32LE(at + 12);
      if (module === 0) return found;
      for (let thunk = this.at(this.#bytes.readUInt32LE(at)); ; thunk += 8) {
        const entry = this.#bytes.readBigUInt64LE(thunk);
        if (entry === 0n) break;
        assert.equal(entry >> 63n, 0n, 'an import by ordinal');
        found.push({ module: this.#text(module).toLowerCase(), name: this.#text(Number(entry) + 2) });
      }
    }
  }

  /**
   * Whether the code there is what Wine's build makes of a `stub` line: two string addresses and a call that raises
   * EXCEPTION_WINE_STUB.
   */
  isWineStub(address: number): boolean {
    const code = this.#bytes.subarray(this.at(address), this.at(address) + 24).toString('hex');
    return /^4883ec28488d0d.{8}488d15.{8}e8.{8}90$/.test(code);
  }
}

async function wineFolder(): Promise<string> {
  for (const folder of WINE_FOLDERS) {
    const there = await access(path.join(folder, 'ntoskrnl.exe')).then(
      () => true,
      () => false,
    );
    if (there) return folder;
  }
  assert.fail(`ntoskrnl.exe of Wine is in none of ${WINE_FOLDERS.join(', ')}: install the packages wine and wine64`);
}

describe('imports of eventsys.sys', function () {
  this.timeout(120_000);
  let folder = '';
  before(async () => {
    folder = await mkdtemp(path.join(os.tmpdir(), 'eventscope-imports-'));
  });
  after(async () => rm(folder, { recursive: true, force: true }));

  /** Compiles and links the driver as the toolchain does. */
  async function build(name: string, defines: Readonly<Record<string, string>>): Promise<PeFile> {
    const tools = await findLinuxToolchain();
    const sources = (await readdir(path.join(DRIVER, 'sys'))).filter((file) => file.endsWith('.c'));
    const objects: string[] = [];
    for (const source of sources) {
      const object = path.join(folder, `${name}-${source}.o`);
      objects.push(object);
      const command = compileArguments(tools, {
        side: 'driver',
        source: path.join(DRIVER, 'sys', source),
        includes: [path.join(DRIVER, 'include')],
        defines,
        options: ['-Werror'],
        object,
        dependencyFile: `${object}.d`,
      });
      await run(tools.clang, command, { timeout: 60_000 });
    }
    const binary = path.join(folder, `${name}.sys`);
    const link = linkArguments(tools, {
      side: 'driver',
      objects,
      libraries: [],
      wideMain: false,
      binary,
      pdb: path.join(folder, `${name}.pdb`),
    });
    await run(tools.clang, link, { timeout: 60_000 });
    return PeFile.read(binary);
  }

  for (const [name, defines] of [
    ['release', { EVENTSCOPE_TRACE: '1' }],
    ['without-trace', { EVENTSCOPE_TRACE: '0' }],
    ['test-faults', { EVENTSCOPE_TRACE: '1', EVENTSYS_TEST_FAULTS: '1' }],
  ] as const) {
    it(`are all there on Wine, none a stub (${name})`, async () => {
      const wine = await wineFolder();
      const driver = await build(name, defines);
      const imports = driver.imports();
      assert.ok(
        imports.some((one) => one.name === 'KeSetEvent'),
        'the driver signals events',
      );
      const wrong: string[] = [];
      for (const module of new Set(imports.map((one) => one.module))) {
        const file = await PeFile.read(path.join(wine, module));
        const exported = file.exports();
        for (const { name: wanted } of imports.filter((one) => one.module === module)) {
          const address = exported.get(wanted);
          if (address === undefined) wrong.push(`${module} has no ${wanted}`);
          else if (file.isWineStub(address)) wrong.push(`${wanted} of ${module} is a stub`);
        }
      }
      assert.deepEqual(wrong, []);
    });
  }

  it('would be found out: Wine has stubs, and the test knows one', async () => {
    const kernel = await PeFile.read(path.join(await wineFolder(), 'ntoskrnl.exe'));
    const address = kernel.exports().get('IoCsqInsertIrp');
    const working = kernel.exports().get('KeSetEvent');
    assert.ok(address !== undefined && working !== undefined);
    assert.equal(kernel.isWineStub(address), true);
    assert.equal(kernel.isWineStub(working), false);
  });
});
