/** Damaged and hostile files: an error or a smaller answer, never a hang, a crash, or memory without bounds. */
import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { EventscopeError } from '../../protocol/errors.js';
import { PdbFile } from './pdb/pdb-file.js';
import { PdbSymbols } from './pdb/pdb-symbols.js';
import { makeMinimalPdb } from './pdb/test-pdb.js';

const CORPUS = path.join(
  process.env['EVENTSCOPE_CORPUS'] ?? path.resolve(import.meta.dirname, '../../../shared/corpus'),
  'pdb',
);
const MUTATIONS = 60;

/** Numerical Recipes' generator: the same mutations in every run. */
function randomNumbers(seed: number): (below: number) => number {
  let state = seed >>> 0;
  return (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

/** Changes a few bytes, words or whole blocks, or cuts the file. */
function mutate(original: Buffer, seed: number): Buffer {
  const random = randomNumbers(seed);
  let bytes = Buffer.from(original);
  const count = 1 + random(12);
  for (let change = 0; change < count; change++) {
    // The first blocks and the last hold what everything else hangs on.
    const where = random(4);
    const at = where === 0 ? random(4096) : where === 1 ? bytes.length - 1 - random(8192) : random(bytes.length);
    const place = Math.max(0, Math.min(at, bytes.length - 5));
    const what = random(5);
    if (what === 0) bytes.writeUInt8(random(256), place);
    else if (what === 1) bytes.writeUInt32LE(0xffffffff, place);
    else if (what === 2) bytes.writeUInt32LE(random(0x10000), place);
    else if (what === 3) bytes.copy(bytes, place, random(bytes.length), random(bytes.length));
    else if (seed % 10 === 0) bytes = bytes.subarray(0, random(bytes.length) + 100);
  }
  return bytes;
}

/** Asks everything there is to ask; what an honest failure is, is thrown away. */
async function askEverything(file: string): Promise<number> {
  let answers = 0;
  const attempt = async <T>(work: () => Promise<T> | T): Promise<T | undefined> => {
    try {
      const answer = await work();
      answers++;
      return answer;
    } catch (error) {
      assert.ok(error instanceof EventscopeError, error instanceof Error ? error.stack : String(error));
      return undefined;
    }
  };
  const pdb = await attempt(() => new PdbFile(file));
  if (pdb === undefined) return answers;
  const symbols = new PdbSymbols({ name: '', timeDateStamp: 0, sizeOfImage: 0 }, file, [], pdb);
  for (let rva = 0x1000; rva < 0x6000; rva += 0x155) {
    const frames = await attempt(() => symbols.framesAt(rva));
    await attempt(() => symbols.lineRangeAt(rva));
    await attempt(() => symbols.functionAt(rva));
    for (const frame of frames ?? []) {
      for (const variable of (await attempt(() => symbols.variables(frame.scope, rva))) ?? []) {
        await attempt(() => symbols.type(variable.type));
        await attempt(() => symbols.fields(variable.type));
      }
      const source = frame.source;
      if (source !== undefined && rva % 5 === 0) await attempt(() => symbols.addressesOfLine(source.file, source.line));
    }
  }
  for (const name of (await attempt(() => symbols.namesBeginningWith('m', 20))) ?? []) {
    await attempt(() => symbols.functions(name));
    await attempt(() => symbols.globalVariable(name));
  }
  for (let type = 0x1000; type < 0x1100; type += 3) {
    await attempt(() => symbols.type(type));
    await attempt(() => symbols.fields(type));
    await attempt(() => symbols.enumerators(type));
  }
  await attempt(() => symbols.typeByName('_LIST_ENTRY'));
  await attempt(() => symbols.sourceFiles());
  await symbols.close();
  return answers;
}

describe('hostile symbols', function () {
  this.timeout(120_000);
  let folder: string;
  before(() => (folder = mkdtempSync(path.join(tmpdir(), 'eventscope-hostile-'))));
  after(() => rmSync(folder, { recursive: true }));

  const refused = (bytes: Buffer | string, id: string): void => {
    const file = path.join(folder, 'refused.pdb');
    writeFileSync(file, bytes);
    assert.throws(() => new PdbFile(file), { id });
  };

  it('refuses what is no PDB, and PDBs of kinds that it cannot read', () => {
    refused('', 'symbols.corrupt');
    refused('hello', 'symbols.corrupt');
    refused(Buffer.from('BSJB'.padEnd(100)), 'symbols.unsupported');
    refused(Buffer.from('MSCF'.padEnd(100)), 'symbols.unsupported');
    refused(Buffer.from('Microsoft MSFZ Container'.padEnd(100)), 'symbols.unsupported');
  });

  it('refuses a FASTLINK PDB and says how to link', () => {
    const bytes = makeMinimalPdb();
    // Behind the named streams of the description stand the features.
    const at = bytes.indexOf(Buffer.from([0x94, 0x2e, 0x31, 0x01]));
    const info = at + 28;
    bytes.writeUInt32LE(0, info);
    bytes.writeUInt32LE(0x494e494d, info + 4 + 4 * 4);
    const file = path.join(folder, 'fastlink.pdb');
    writeFileSync(file, bytes);
    assert.throws(() => new PdbFile(file), /FASTLINK.*DEBUG:FULL/s);
  });

  if (existsSync(CORPUS)) {
    for (const [index, name] of ['samply-win64-ci-WriteArgument', 'lldb-sigsegv', 'x64-xframe_eh_dll'].entries()) {
      it(`survives ${MUTATIONS} mutations of ${name}`, async () => {
        const original = readFileSync(path.join(CORPUS, `${name}.pdb`));
        const file = path.join(folder, `${name}.pdb`);
        writeFileSync(file, original);
        const whole = await askEverything(file);
        assert.ok(whole > 100, `${whole} answers of the original`);
        const before = process.memoryUsage();
        for (let seed = 1; seed <= MUTATIONS; seed++) {
          writeFileSync(file, mutate(original, seed + index * 1000));
          await askEverything(file);
        }
        const { arrayBuffers, external } = process.memoryUsage();
        const grown = arrayBuffers + external - before.arrayBuffers - before.external;
        assert.ok(grown < 512 * 1024 * 1024, `${grown} bytes more`);
      });
    }
  }
});
