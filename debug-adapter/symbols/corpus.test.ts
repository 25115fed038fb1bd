/**
 * Real PDBs of many toolsets, each with the answers that LLVM's tools give (../shared/corpus/pdb, whose README says where they come from and
 * where those tools are wrong). The corpus is not part of this folder: without it these tests are left out, and `npm test` says so.
 */
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { isHiddenLine } from './pdb/line-table.js';
import { PdbFile } from './pdb/pdb-file.js';
import { PdbSymbols } from './pdb/pdb-symbols.js';
import { registerNumber } from './pdb/test-register-names.js';
import { readPdbIdentity } from './store/pdb-identity.js';
import type { VariableLocation } from './symbol-provider.js';

const CORPUS = path.join(
  process.env['EVENTSCOPE_CORPUS'] ?? path.resolve(import.meta.dirname, '../../../shared/corpus'),
  'pdb',
);

interface Expected {
  readonly summary: { readonly guid: string; readonly dbiAge: number; readonly machine: string };
  readonly functions: readonly { readonly name: string; readonly rva: number | null; readonly size: number }[];
  readonly publics: readonly (readonly [name: string, rva: number | null, flags: string])[];
  readonly lines: {
    readonly blocks: readonly {
      readonly file: string;
      readonly startRva: number | null;
      readonly endRva: number;
      readonly entries: readonly (readonly [rva: number, line: number])[];
    }[];
  };
  readonly locals: readonly {
    readonly function: string;
    readonly rva: number;
    readonly size: number;
    readonly localFp: string;
    readonly paramFp: string;
    readonly vars: readonly Variable[];
  }[];
  readonly types: {
    readonly structs: readonly {
      readonly typeIndex: string;
      readonly kind: string;
      readonly name: string;
      readonly size: number;
      readonly members: readonly {
        readonly name: string;
        readonly offset: number;
        readonly type: string | null;
        readonly bitPos?: number;
        readonly bitLen?: number;
      }[];
    }[];
    readonly enums: readonly {
      readonly typeIndex: string;
      readonly name: string;
      readonly values: readonly (readonly [string, number])[];
    }[];
  };
  readonly symbolize: readonly {
    readonly rva: number;
    readonly frames: readonly { readonly function: string; readonly file: string; readonly line: number }[];
  }[];
}

interface Variable {
  readonly name: string;
  readonly typeIndex: string;
  readonly flags: string;
  readonly scope: readonly string[];
  readonly locations: readonly {
    readonly kind: string;
    readonly reg?: string;
    readonly offset?: number;
    readonly startRva?: number;
    readonly endRva?: number;
    readonly gaps?: readonly (readonly [start: number, length: number])[];
    readonly offsetInParent?: number;
    readonly spilledUdtMember?: boolean;
  }[];
}

function expected<Key extends keyof Expected>(name: string, kind: Key): Expected[Key] | undefined {
  const file = path.join(CORPUS, 'expected', `${name}.${kind}.json`);
  return existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as Expected[Key]) : undefined;
}

const open = (name: string): PdbSymbols => {
  const file = path.join(CORPUS, `${name}.pdb`);
  return new PdbSymbols({ name, timeDateStamp: 0, sizeOfImage: 0 }, file, [], new PdbFile(file));
};

const sameFile = (one: string, other: string): boolean =>
  one.replaceAll('\\', '/').toLowerCase() === other.replaceAll('\\', '/').toLowerCase();

/** Clang's modules, for whose inline frames the oracle is right. */
const CLANG = /samply/;

if (existsSync(CORPUS)) {
  const names = readdirSync(path.join(CORPUS, 'expected'))
    .filter((file) => file.endsWith('.functions.json'))
    .map((file) => file.replace('.functions.json', ''));

  describe('symbols of the corpus', () => {
    it('holds what these tests are about', () => {
      assert.ok(names.length >= 18, `${names.length} PDBs with answers`);
    });

    for (const name of names) {
      describe(name, function () {
        this.timeout(60_000);
        let symbols: PdbSymbols;
        before(() => (symbols = open(name)));
        after(() => symbols.close());
        const all = <Key extends keyof Expected>(kind: Key): Expected[Key] => {
          const answer = expected(name, kind);
          assert.ok(answer !== undefined);
          return answer;
        };

        it('has the GUID and age', () => {
          const { guid, age } = readPdbIdentity(path.join(CORPUS, `${name}.pdb`));
          const summary = all('summary');
          assert.deepEqual({ guid: guid.replaceAll('-', ''), age }, { guid: summary.guid, age: summary.dbiAge });
        });

        it('finds every function by address and by name', async () => {
          const functions = all('functions').filter(({ rva, size }) => rva !== null && size > 0);
          for (const { name: wanted, rva, size } of functions) {
            const folded = functions.filter((other) => other.rva === rva).map((other) => other.name);
            for (const at of [rva ?? 0, (rva ?? 0) + size - 1]) {
              const found = await symbols.functionAt(at);
              assert.ok(found !== undefined && folded.includes(found.name), `${wanted} at ${at}: ${found?.name}`);
              assert.equal(found.rva, rva);
            }
            const named = await symbols.functions(wanted);
            assert.ok(
              named.some(
                (entry) =>
                  entry.rva === rva && entry.bodyRva >= entry.rva && entry.bodyRva < entry.rva + Math.max(size, 1),
              ),
              `${wanted} is not among ${JSON.stringify(named)}, wanted ${rva}`,
            );
          }
        });

        it('finds every public symbol by name', async () => {
          // 32-bit C names are decorated by an underscore, so that `_exit` is one function's name and another's symbol.
          if (all('summary').machine !== '0x8664') return;
          for (const [publicName, rva, flags] of all('publics')) {
            if (rva === null || rva === 0) continue;
            const found =
              flags === 'none'
                ? [(await symbols.globalVariable(publicName))?.location]
                : (await symbols.functions(publicName)).map((entry) => ({ kind: 'static', rva: entry.rva }));
            assert.ok(
              found.some((location) => location?.kind === 'static' && 'rva' in location && location.rva === rva),
              `${publicName} (${flags}) at ${rva}: ${JSON.stringify(found)}`,
            );
          }
        });

        it('has every line at its address, and every address at its line', async () => {
          const byFile = new Map<string, Set<number>>();
          for (const { file, entries, startRva, endRva } of all('lines').blocks) {
            if (startRva === null || file.startsWith('(unknown')) continue;
            for (const [rva, line] of entries) {
              if (isHiddenLine(line) || rva >= endRva) continue;
              const lines = byFile.get(file) ?? new Set();
              byFile.set(file, lines.add(line));
              const source = (await symbols.framesAt(rva)).at(-1)?.source;
              assert.ok(source !== undefined, `no line at ${rva}, wanted ${file}:${line}`);
              const answers = linesAt(all('lines'), rva);
              assert.ok(
                answers.some((answer) => answer.line === source.line && sameFile(answer.file, source.file)),
                `${rva}: ${source.file}:${source.line} is none of ${JSON.stringify(answers)}`,
              );
            }
          }
          for (const [file, lines] of byFile) {
            const found = new Set(await symbols.linesOfFile(file));
            const missing = [...lines].filter((line) => !found.has(line) && !hasFollower(all('lines'), file, line));
            assert.deepEqual(missing, [], file);
            const [line] = found;
            if (line === undefined) continue;
            const addresses = await symbols.addressesOfLine(file, line);
            assert.ok(addresses.length > 0 && addresses.every(({ source }) => source.line === line), `${file}:${line}`);
          }
        });

        it('has every structure and enumeration', async () => {
          const { structs, enums } = all('types');
          for (const struct of structs) {
            const id = Number(struct.typeIndex);
            const type = await symbols.type(id);
            assert.deepEqual({ name: type.name, size: type.size }, { name: struct.name, size: struct.size });
            const fields = (await symbols.fields(id)).filter(({ isBase }) => isBase !== true);
            const plain = fields.map(({ name: field, offset, bits }) => [field, offset, bits?.position, bits?.width]);
            const wanted = struct.members.map((field) => [field.name, field.offset, field.bitPos, field.bitLen]);
            const order = (one: unknown[], other: unknown[]): number => String(one).localeCompare(String(other));
            assert.deepEqual(plain.sort(order), wanted.sort(order), struct.name);
          }
          for (const wanted of enums) {
            const values = await symbols.enumerators(Number(wanted.typeIndex));
            assert.deepEqual(
              values.map((entry) => [entry.name, Number(entry.value)]),
              wanted.values,
              wanted.name,
            );
          }
        });

        it('says where each variable is, wherever it is', async () => {
          let checked = 0;
          let ranges = 0;
          for (const { function: functionName, rva, vars, localFp, paramFp } of all('locals')) {
            for (const variable of vars) {
              for (const [at, location] of wholePlaces(variable)) {
                ranges++;
                const frames = await symbols.framesAt(at);
                const places: VariableLocation[] = [];
                const inlined = variable.scope.findLast((scope) => scope.startsWith('inline:'))?.slice(7);
                const own = frames.filter((frame) => frame.inlined && frame.functionName.endsWith(inlined ?? ''));
                for (const frame of inlined === undefined ? frames.slice(-1) : own) {
                  for (const found of await symbols.variables(frame.scope, at)) {
                    if (found.name === variable.name) places.push(found.location);
                  }
                }
                // Of functions that were folded into one, the first has the address.
                if (frames.at(-1)?.functionName !== functionName) continue;
                // Ranges of what was inlined may begin before the inlined code does: then nothing of it is on the stack.
                if (variable.scope.length > 0 && places.length === 0) continue;
                checked++;
                const base = variable.flags.includes('param') ? paramFp : localFp;
                const wanted = toLocation(location, base);
                assert.ok(
                  places.some((place) => JSON.stringify(place) === JSON.stringify(wanted)) ||
                    isBetter(variable, at, places),
                  `${functionName}+${at - rva} ${variable.name}: ${JSON.stringify(places)}, wanted ${JSON.stringify(wanted)}`,
                );
              }
            }
          }
          assert.ok(checked >= ranges * 0.7, `${checked} of ${ranges} ranges were looked at`);
        });

        it('has the frames of inlined functions', async () => {
          for (const { rva, frames } of expected(name, 'symbolize') ?? []) {
            const found = await symbols.framesAt(rva);
            const outer = frames.at(-1);
            if (outer === undefined || outer.line === 0 || found.length === 0) continue;
            const shown = JSON.stringify(found.map((frame) => [frame.functionName, frame.source?.line]));
            const lines = linesAt(all('lines'), rva).map(({ line }) => line);
            // The corpus leaves out blocks whose file LLVM could not name.
            if (lines.length === 0) continue;
            assert.ok(lines.includes(outer.line), `the oracle's ${outer.line} at ${rva} is one of ${lines.join()}`);
            assert.ok(lines.includes(found.at(-1)?.source?.line ?? -1), `${rva}: ${shown}, wanted ${lines.join()}`);
            if (
              !CLANG.test(name) ||
              frames.length === 1 ||
              frames.some(({ file }) => /vctools|minkernel|\.asm$/i.test(file))
            )
              continue;
            assert.deepEqual(
              found.map((frame) => [frame.functionName.replace(/^.*::/, ''), frame.source?.line]),
              frames.map((frame) => [frame.function.replace(/\(.*$/, '').replace(/^.*::/, ''), frame.line]),
              String(rva),
            );
          }
        });
      });
    }
  });
}

/** Lines that an address has: several where functions were folded into one, or where a line has no code of its own. */
function linesAt(lines: Expected['lines'], rva: number): readonly { readonly file: string; readonly line: number }[] {
  return lines.blocks
    .filter(({ startRva, endRva }) => startRva !== null && rva >= startRva && rva < endRva)
    .flatMap(({ file, entries }) => {
      const nearest = entries.filter(([at]) => at <= rva).at(-1)?.[0];
      return entries.filter(([at]) => at === nearest).map(([, line]) => ({ file, line }));
    });
}

/** The line begins where the next one does: it has no code. */
function hasFollower(lines: Expected['lines'], file: string, line: number): boolean {
  return lines.blocks.some(
    (block) =>
      block.file === file &&
      block.entries.some(([rva, entry], index) => entry === line && block.entries[index + 1]?.[0] === rva),
  );
}

/** Where in its ranges a variable as a whole is: at each range's begin, outside of gaps. */
function* wholePlaces(variable: Variable): Generator<[number, Variable['locations'][number]]> {
  for (const location of variable.locations) {
    const { startRva, endRva, gaps, kind, spilledUdtMember } = location;
    if (startRva === undefined || endRva === undefined || endRva <= startRva) continue;
    if (kind === 'S_DEFRANGE_SUBFIELD_REGISTER' || spilledUdtMember === true) continue;
    if (gaps?.some(([start]) => start === 0) === true) continue;
    yield [startRva, location];
  }
}

/** The compiler describes it at this address in another way as well. */
function isBetter(variable: Variable, at: number, places: readonly VariableLocation[]): boolean {
  const covering = variable.locations.filter(
    ({ startRva, endRva }) => startRva !== undefined && endRva !== undefined && at >= startRva && at < endRva,
  );
  return covering.length > 1 && places.some(({ kind }) => kind !== 'unavailable');
}

function toLocation(location: Variable['locations'][number], base: string): VariableLocation {
  const offset = location.offset ?? 0;
  switch (location.kind) {
    case 'S_DEFRANGE_REGISTER':
      return { kind: 'register', register: registerNumber(location.reg ?? '') };
    case 'S_DEFRANGE_FRAMEPOINTER_REL':
      return { kind: 'registerRelative', register: registerNumber(base), offset };
    default:
      return { kind: 'registerRelative', register: registerNumber(location.reg ?? ''), offset };
  }
}
