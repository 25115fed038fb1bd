/** Our reader of PDBs against LLVM's tools, on a driver and an application compiled here, optimised and not. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { identityOfFile, openSymbols } from '../../debug-adapter/symbols/open-symbols.js';
import type { ModuleSymbols } from '../../debug-adapter/symbols/symbol-provider.js';

const run = promisify(execFile);
const LIMIT = { maxBuffer: 64 * 1024 * 1024, timeout: 60_000 };
const CLANG = 'clang-19';
const SYMBOLIZER = 'llvm-symbolizer-19';
const PDBUTIL = 'llvm-pdbutil-19';

/** Inlined functions two deep, an array, a structure with bit fields, an enumeration, a static, recursion. */
const SOURCE = `
typedef enum { Red = 1, Green = -2 } Color;
typedef struct _Inner { unsigned Low : 3; unsigned High : 29; Color Shade; } Inner;
typedef struct _Outer { Inner Parts[3]; struct _Outer *Next; unsigned short Name[8]; union { int I; float F; }; } Outer;
static int Count;
volatile int Sink;
static inline __attribute__((always_inline)) int Twice(int value) { int doubled = value * 2; Sink = doubled; return doubled; }
static inline __attribute__((always_inline)) int Fourfold(int value)
{
    int half = Twice(value);
    return Twice(half) + Count;
}
__attribute__((noinline)) int Walk(Outer *outer, int depth)
{
    int sum = Fourfold(depth);
    if (depth > 0 && outer->Next) {
        int below = Walk(outer->Next, depth - 1);
        sum += below;
    }
    Count++;
    return sum + outer->Parts[1].Shade + outer->I;
}
int Entry(void *driver, void *path) { Outer outer = {0}; (void)driver; (void)path; outer.I = 3; return Walk(&outer, 2); }
int _fltused;
void *memset(void *to, int value, unsigned long long size) { char *at = to; while (size--) *at++ = (char)value; return to; }
`;

interface Range {
  readonly name: string;
  readonly rva: number;
  readonly size: number;
}

for (const level of ['-O0', '-O2']) {
  describe(`symbols of a driver compiled with ${level}`, function () {
    this.timeout(120_000);
    let folder: string;
    let image: string;
    let symbols: ModuleSymbols;
    let functions: readonly Range[];

    before(async () => {
      folder = await mkdtemp(path.join(tmpdir(), 'eventscope-native-symbols-'));
      const source = path.join(folder, 'sample.c');
      image = path.join(folder, 'sample.sys');
      await writeFile(source, SOURCE);
      const link = ['-Wl,-entry:Entry', '-Wl,-subsystem:native', '-Wl,-debug', `-Wl,-out:${image}`];
      const compile = [
        '--target=x86_64-pc-windows-msvc',
        '-g',
        '-gcodeview',
        level,
        '-fno-builtin',
        '-nostdlib',
        '-fuse-ld=lld',
      ];
      await run(CLANG, [...compile, source, ...link, '-o', image], { ...LIMIT, cwd: folder });
      const identity = await identityOfFile(image);
      const settings = { symbolPath: [], useSymbolServers: false, cacheFolder: folder };
      symbols = await openSymbols({ identity, imagePath: image }, settings, new AbortController().signal);
      const names = ['Walk', 'Entry', 'memset'];
      functions = (await Promise.all(names.map((name) => symbols.functions(name)))).flat();
    });
    after(async () => {
      await symbols.close();
      await rm(folder, { recursive: true });
    });

    it('are of the PDB beside it', () => {
      assert.equal(symbols.source, 'pdb');
      assert.deepEqual(
        functions.map(({ name }) => name),
        ['Walk', 'Entry', 'memset'],
      );
    });

    it('has at every byte the frames that llvm-symbolizer has', async () => {
      const addresses = functions.flatMap(({ rva, size }) => Array.from({ length: size }, (_, index) => rva + index));
      assert.ok(addresses.length > 100);
      const args = [`--obj=${image}`, '--relative-address', '--output-style=JSON', ...addresses.map(String)];
      const { stdout } = await run(SYMBOLIZER, args, LIMIT);
      const answers = stdout
        .trim()
        .split('\n')
        .flatMap((line) => JSON.parse(line) as unknown[]) as {
        readonly Symbol: readonly { readonly FunctionName: string; readonly Line: number }[];
      }[];
      assert.equal(answers.length, addresses.length);
      let inlined = 0;
      for (const [index, rva] of addresses.entries()) {
        const own = (await symbols.framesAt(rva)).map((frame) => [frame.functionName, frame.source?.line ?? 0]);
        const wanted = (answers[index]?.Symbol ?? []).map((frame) => [
          frame.FunctionName.replace(/\(.*$/, ''),
          frame.Line,
        ]);
        assert.deepEqual(own, wanted, `at ${rva}`);
        if (own.length > 2) inlined++;
      }
      assert.ok(inlined > 0, 'two inlined frames were seen');
    });

    it('covers each function with ranges of lines that join', async () => {
      for (const { rva, size } of functions) {
        for (let at = rva; at < rva + size;) {
          const range = await symbols.lineRangeAt(at);
          assert.ok(range !== undefined && range.from <= at && range.to > at, `${at}: ${JSON.stringify(range)}`);
          assert.deepEqual(await symbols.lineRangeAt(range.to - 1), range);
          at = range.to;
        }
      }
    });

    it('has the types that llvm-pdbutil has', async () => {
      const pdb = image.replace(/sys$/, 'pdb');
      const { stdout } = await run(PDBUTIL, ['dump', '-types', pdb], LIMIT);
      const sizes = [...stdout.matchAll(/LF_(?:STRUCTURE|UNION) [^`]*`(\w+)`[\s\S]*?sizeof (\d+)/g)];
      assert.ok(sizes.some(([, name]) => name === '_Outer'));
      for (const [, name = '', size] of sizes) {
        const id = await symbols.typeByName(name);
        assert.ok(id !== undefined, name);
        if (Number(size) > 0) assert.equal((await symbols.type(id)).size, Number(size), name);
      }
      const inner = await symbols.fields((await symbols.typeByName('_Inner')) ?? 0);
      assert.deepEqual(
        inner.map(({ name, offset, bits }) => [name, offset, bits?.position, bits?.width]),
        [
          ['Low', 0, 0, 3],
          ['High', 0, 3, 29],
          ['Shade', 4, undefined, undefined],
        ],
      );
      const shade = inner.at(-1)?.type ?? 0;
      assert.deepEqual(await symbols.enumerators(shade), [
        { name: 'Red', value: 1n },
        { name: 'Green', value: -2n },
      ]);
    });

    it('knows where parameters are in the body', async () => {
      const [walk] = await symbols.functions('Walk');
      assert.ok(walk !== undefined);
      const frame = (await symbols.framesAt(walk.bodyRva)).at(-1);
      const variables = await symbols.variables(frame?.scope ?? 0, walk.bodyRva);
      const outer = variables.find(({ name }) => name === 'outer');
      assert.ok(outer?.isParameter === true && outer.location.kind !== 'unavailable', JSON.stringify(outer));
      assert.equal((await symbols.type(outer.type)).name, '_Outer*');
      const count = await symbols.globalVariable('Count');
      assert.equal(count?.location.kind, 'static');
    });
  });
}
