/**
 * The recorder of import tracepoints: its memory against the compiler's own layout, the image that goes into processes, and the same C
 * run here, called as a program calls through its import slots.
 */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { BufferSource } from '../../machine/pe/byte-source.js';
import { readRuntimeFunction } from '../../machine/pe/exception-directory.js';
import { readExports } from '../../machine/pe/exports.js';
import { readImports } from '../../machine/pe/imports.js';
import { Directory, PeImage } from '../../machine/pe/pe-image.js';
import * as layout from '../../protocol/tracepoint-layout.js';
import { makeTracepointRecorder } from '../../scripts/tracepoint-recorder.mjs';
import { findLinuxToolchain } from '../../target/toolchain/find-linux.js';

const run = promisify(execFile);
const ROOT = path.resolve(import.meta.dirname, '../..');
const INCLUDES = [`-I${path.join(ROOT, 'driver/include')}`, `-I${path.join(ROOT, 'driver/tracepoints')}`];

const equal = (expression: string, value: number): string =>
  `_Static_assert((${expression}) == ${value}, "${expression}");`;

function assertions(): string {
  const offsets = (structure: string, table: Readonly<Record<string, number>>): string[] =>
    Object.entries(table).map(([field, offset]) => equal(`offsetof(${structure}, ${field})`, offset));
  const members = (prefix: string, table: Readonly<Record<string, number>>): string[] =>
    Object.entries(table).map(([name, value]) => equal(`${prefix}${name}`, value));
  return [
    '#include <stddef.h>',
    '#include "tracepoints.h"',
    equal('ES_TP_NONE', layout.ES_TP_NONE),
    equal('ES_TP_MAX_RINGS', layout.ES_TP_MAX_RINGS),
    equal('ES_TP_MAX_STACK_ARGUMENTS', layout.ES_TP_MAX_STACK_ARGUMENTS),
    equal('ES_TP_SLOT_WIN32', layout.ES_TP_SLOT_WIN32),
    equal('EsTpParameterCount', Object.keys(layout.TRACEPOINT_PARAMETER).length),
    ...members('EsTp', layout.TRACEPOINT_PARAMETER),
    ...members('EsTpReturn', layout.TRACEPOINT_RETURN),
    ...members('EsTp', layout.TRACEPOINT_STATE),
    equal('sizeof(ES_TP_SLOT)', layout.TRACEPOINT_SLOT_BYTES),
    ...offsets('ES_TP_SLOT', layout.TRACEPOINT_SLOT_OFFSET),
    equal('sizeof(ES_TP_CONTROL)', layout.TRACEPOINT_CONTROL_BYTES),
    ...offsets('ES_TP_CONTROL', layout.TRACEPOINT_CONTROL_OFFSET),
    equal('8 + offsetof(ES_TP_FRAME, returnAddress)', Number(layout.RECORDER_CALLER)),
    equal('sizeof(ES_TP_KNOWN)', layout.TRACEPOINT_KNOWN_BYTES),
    ...offsets('ES_TP_KNOWN', layout.TRACEPOINT_KNOWN_OFFSET),
    equal('sizeof(ES_TP_WRAPPER)', layout.TRACEPOINT_WRAPPER_BYTES),
    ...offsets('ES_TP_WRAPPER', layout.TRACEPOINT_WRAPPER_OFFSET),
  ].join('\n');
}

describe('the recorder of import tracepoints', function () {
  this.timeout(120_000);
  let folder: string;
  let clang: string;

  before(async () => {
    folder = await mkdtemp(path.join(os.tmpdir(), 'eventscope-tracepoints-'));
    ({ clang } = await findLinuxToolchain());
  });
  after(() => rm(folder, { recursive: true, force: true }));

  it('lies in memory as its mirror says, on both systems', async () => {
    const source = path.join(folder, 'layout.c');
    await writeFile(source, assertions());
    for (const target of ['x86_64-w64-mingw32', 'x86_64-linux-gnu']) {
      await run(clang, [`--target=${target}`, '-ffreestanding', '-fsyntax-only', '-std=gnu11', ...INCLUDES, source]);
    }
  });

  it('needs nothing where it is placed: no import, no relocation, no data of its own; each function can be unwound', async () => {
    await makeTracepointRecorder();
    const image = await PeImage.open(new BufferSource(await readFile(path.join(ROOT, 'dist/tracepoints.dll'))), 'file');
    assert.deepEqual(await readImports(image), []);
    const BASE_RELOCATION = 5;
    assert.equal(image.directory(BASE_RELOCATION), undefined);
    const IMAGE_SCN_MEM_WRITE = 0x8000_0000;
    assert.deepEqual(
      image.sections.filter(({ characteristics }) => (characteristics & IMAGE_SCN_MEM_WRITE) !== 0),
      [],
    );
    const exported = new Map((await readExports(image)).map(({ name, rva }) => [name, rva]));
    assert.deepEqual([...exported.keys()].sort(), ['EsTpCommon', 'EsTpWatch']);
    const common = await image.readUpTo(exported.get('EsTpCommon') ?? 0, 256);
    const call = Buffer.from([0xff, 0xd0]); // call rax
    assert.ok(layout.isRecorderReturn(common.subarray(Buffer.from(common).indexOf(call) + call.length)));
    const unwind = image.directory(Directory.Exception);
    assert.ok(unwind !== undefined);
    const functions = await Promise.all(
      Array.from({ length: unwind.size / 12 }, (_, index) => readRuntimeFunction(image, unwind.rva + index * 12)),
    );
    for (const rva of exported.values()) assert.ok(functions.some(({ begin }) => begin === rva));
  });

  it('hands every call on as it came, and records it: arguments, results, joins, 16 threads', async () => {
    const program = path.join(folder, 'recorder_test');
    const source = path.join(import.meta.dirname, 'tracepoints/recorder_test.c');
    const flags = ['-O2', '-std=gnu11', '-Wall', '-Wextra', '-Werror', '-fno-builtin', '-no-pie', ...INCLUDES];
    await run(clang, [...flags, source, '-o', program, '-lpthread']);
    const { stdout } = await run(program, { timeout: 60_000 });
    assert.match(stdout, /^ok /);
  });
});
