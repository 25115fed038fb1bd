/**
 * The TypeScript mirrors of the C headers, compared with the compiler's own sizes, offsets and constants: each number of a
 * mirror becomes a static assertion, for the driver's and both applications' ABIs. And the other way round: what the
 * headers define must be in the mirrors.
 */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import * as ioctl from '../../protocol/eventsys-ioctl.js';
import * as trace from '../../protocol/trace-layout.js';
import { findLinuxToolchain } from '../../target/toolchain/find-linux.js';

const run = promisify(execFile);
const INCLUDE = path.resolve(import.meta.dirname, '../../driver/include');
/** A driver and an x64 application; a 32-bit application under WOW64; the host harness. */
const ABIS = ['x86_64-w64-mingw32', 'i686-w64-mingw32', 'x86_64-linux-gnu'];

const equal = (expression: string, value: number | bigint): string =>
  `_Static_assert((${expression}) == ${BigInt(value).toString()}, "${expression.replaceAll('"', "'")}");`;
const text = (expression: string, value: string): string =>
  `_Static_assert(__builtin_strcmp(${expression}, ${JSON.stringify(value)}) == 0, "${expression}");`;
const offsets = (structure: string, table: Readonly<Record<string, number>>): string[] =>
  Object.entries(table).map(([field, offset]) => equal(`offsetof(${structure}, ${field})`, offset));

/** CamelCase to UPPER_CASE. */
const upper = (name: string): string => name.replace(/(?<=[a-z])(?=[A-Z])/g, '_').toUpperCase();

function enumerators(prefix: string, members: Readonly<Record<string, string | number>>): string[] {
  return Object.entries(members).flatMap(([name, value]) =>
    typeof value === 'number' ? [equal(`${prefix}${upper(name)}`, value)] : [],
  );
}

function ioctlAssertions(): string[] {
  const structures = Object.values(ioctl.EVENTSYS_LAYOUT);
  const { bytes, ...stateOffsets } = ioctl.EVENTSYS_STATE_OUTPUT_LAYOUT;
  return [
    equal('EVENTSYS_ABI_VERSION', ioctl.EVENTSYS_ABI_VERSION),
    equal('EVENTSYS_STATE_UNKNOWN', ioctl.EVENTSYS_STATE_UNKNOWN),
    equal('EVENTSYS_EVENT_USER_ACCESS', ioctl.EVENTSYS_EVENT_USER_ACCESS),
    equal('EVENTSYS_SOURCE_COUNT', ioctl.EVENTSYS_SOURCE_COUNT),
    text('EVENTSYS_SERVICE_NAME', ioctl.EVENTSYS_SERVICE_NAME),
    text('EVENTSYS_NT_DEVICE_NAME', ioctl.EVENTSYS_NT_DEVICE_NAME),
    text('EVENTSYS_WIN32_DEVICE_NAME', ioctl.EVENTSYS_WIN32_DEVICE_NAME),
    text('EVENTSYS_LOG_PREFIX', ioctl.EVENTSYS_LOG_PREFIX),
    ...Object.entries(ioctl.EVENTSYS_IOCTL).map(([name, code]) => equal(`IOCTL_EVENTSYS_${name}`, code)),
    ...Object.entries(ioctl.EVENTSYS_LIMITS).map(([name, limit]) => equal(`EVENTSYS_${name}`, limit)),
    ...Object.entries(ioctl.EVENTSYS_FEATURE).map(([name, bit]) => equal(`EVENTSYS_FEATURE_${name}`, bit)),
    ...enumerators('EVENTSYS_METHOD_', ioctl.EventsysMethod),
    ...enumerators('EVENTSYS_SOURCE_', ioctl.EventsysSource),
    ...enumerators('EVENTSYS_TYPE_', ioctl.EventsysType),
    ...enumerators('EVENTSYS_OPEN_', ioctl.EventsysOpen),
    ...enumerators('EVENTSYS_SIGNAL_', ioctl.EventsysSignal),
    ...enumerators('EVENTSYS_REASON_', ioctl.EventsysReason),
    ...enumerators('EVENTSYS_SCHEDULE_', ioctl.EventsysScheduleStateCode),
    ...enumerators('EVENTSYS_WORK_', ioctl.EventsysWork),
    ...enumerators('EVENTSYS_FAULT_', ioctl.EventsysFault),
    equal('sizeof(EVENTSYS_STATE_OUTPUT)', bytes),
    ...offsets('EVENTSYS_STATE_OUTPUT', stateOffsets),
    ...structures.flatMap(({ structure, head, bytes: size, fields }) => [
      equal(`sizeof(${structure})`, size),
      ...(head ? [equal(`offsetof(${structure}, head)`, 0)] : []),
      ...fields.map(([field, offset]) => equal(`offsetof(${structure}, ${field})`, offset)),
    ]),
  ];
}

function traceAssertions(): string[] {
  const kinds = Object.entries(trace.TraceKind).flatMap(([name, value]) =>
    typeof value === 'number' ? [equal(`EsTrace${name}`, value)] : [],
  );
  return [
    ...(
      [
        'ES_TRACE_MAGIC',
        'ES_TRACE_VERSION',
        'ES_TRACE_SLOT_BYTES',
        'ES_TRACE_PAYLOAD_BYTES',
        'ES_TRACE_MAX_SLOTS',
        'ES_TRACE_IRQL_UNKNOWN',
        'ES_TRACE_PREVIOUS_UNKNOWN',
        'ES_TRACE_PROCESSOR_UNKNOWN',
      ] as const
    ).map((name) => equal(name, trace[name])),
    // INT64_MIN as a C expression: its digits alone are no 64-bit constant.
    `_Static_assert(ES_TRACE_NO_TIMEOUT + 1 == ${(trace.ES_TRACE_NO_TIMEOUT + 1n).toString()}, "ES_TRACE_NO_TIMEOUT");`,
    text('ES_TRACE_SECTION_VARIABLE', trace.ES_TRACE_SECTION_VARIABLE),
    ...kinds,
    ...Object.entries(trace.TraceObjectType).flatMap(([name, value]) =>
      typeof value === 'number' ? [equal(`EsTraceObject${name}`, value)] : [],
    ),
    ...Object.entries(trace.TRACE_FLAG).map(([name, bit]) => equal(`ES_TRACE_FLAG_${name}`, bit)),
    ...Object.entries(trace.TRACE_IOCTL).map(([name, code]) => equal(`ES_TRACE_IOCTL_${name}`, code)),
    equal('sizeof(ES_TRACE_RECORD)', trace.ES_TRACE_SLOT_BYTES),
    equal('sizeof(ES_TRACE_CONTINUATION)', trace.ES_TRACE_SLOT_BYTES),
    equal('offsetof(ES_TRACE_CONTINUATION, sequence)', trace.ES_TRACE_PAYLOAD_BYTES),
    equal('sizeof(ES_TRACE_RING)', trace.RING_BYTES),
    equal('sizeof(ES_TRACE_AREA)', trace.AREA_BYTES),
    equal('sizeof(ES_TRACE_START_INPUT)', trace.START_INPUT_BYTES),
    equal('sizeof(ES_TRACE_STATE)', trace.STATE_BYTES),
    equal('sizeof(ES_TRACE_DRAIN_HEADER)', trace.DRAIN_HEADER_BYTES),
    ...offsets('ES_TRACE_RECORD', trace.RECORD_OFFSET),
    ...offsets('ES_TRACE_RING', trace.RING_OFFSET),
    ...offsets('ES_TRACE_AREA', trace.AREA_OFFSET),
    ...offsets('ES_TRACE_START_INPUT', trace.START_INPUT_OFFSET),
    ...offsets('ES_TRACE_STATE', trace.STATE_OFFSET),
    ...offsets('ES_TRACE_DRAIN_HEADER', trace.DRAIN_HEADER_OFFSET),
  ];
}

const PREAMBLE = '#define ES_TRACE_LAYOUT_ONLY\n#include "eventsys_public.h"\n#include "eventscope_trace.h"\n';

/** Compiles assertions; returns the compiler's messages, empty when all hold. */
async function compile(clang: string, abi: string, folder: string, assertions: readonly string[]): Promise<string> {
  const source = path.join(folder, 'layout.c');
  await writeFile(source, `${PREAMBLE}${assertions.join('\n')}\n`);
  const flags = [
    `--target=${abi}`,
    '-std=gnu11',
    '-fsyntax-only',
    '-Wall',
    '-Werror',
    '-ferror-limit=0',
    `-I${INCLUDE}`,
  ];
  try {
    await run(clang, [...flags, source], { timeout: 60_000 });
    return '';
  } catch (error) {
    return error instanceof Error && 'stderr' in error ? String(error.stderr) : String(error);
  }
}

describe('layout of rings and IOCTLs', () => {
  let folder = '';
  let clang = '';
  before(async () => {
    ({ clang } = await findLinuxToolchain());
    folder = await mkdtemp(path.join(os.tmpdir(), 'eventscope-layout-'));
  });
  after(async () => rm(folder, { recursive: true, force: true }));

  for (const abi of ABIS) {
    it(`is the compiler's own for ${abi}`, async () => {
      assert.equal(await compile(clang, abi, folder, [...ioctlAssertions(), ...traceAssertions()]), '');
    });
  }

  it('notices a number that differs', async () => {
    const wrong = [equal('offsetof(ES_TRACE_RECORD, kind)', 53), equal('IOCTL_EVENTSYS_NOTIFY', 1)];
    const messages = await compile(clang, 'x86_64-w64-mingw32', folder, wrong);
    assert.match(messages, /offsetof\(ES_TRACE_RECORD, kind\)/);
    assert.match(messages, /IOCTL_EVENTSYS_NOTIFY/);
  });
});

describe('mirrors of the C headers', () => {
  const publicHeader = readFile(path.join(INCLUDE, 'eventsys_public.h'), 'utf8');
  const traceHeader = readFile(path.join(INCLUDE, 'eventscope_trace.h'), 'utf8');

  it('hold every IOCTL, limit and structure', async () => {
    const header = await publicHeader;
    const asserted = ioctlAssertions().join('\n');
    const names = [
      ...header.matchAll(/#define (IOCTL_EVENTSYS_\w+|EVENTSYS_MAX_\w+|EVENTSYS_FEATURE_\w+)/g),
      ...header.matchAll(/^\} (EVENTSYS_\w+);/gm),
      ...header.matchAll(/^ {4}(EVENTSYS_(?:METHOD|SOURCE)_\w+) =/gm),
    ].map((match) => match[1] ?? '');
    // The head and the enumerations are not structures of their own in the mirror.
    const others = ['EVENTSYS_HEAD', 'EVENTSYS_METHOD', 'EVENTSYS_SOURCE'];
    assert.ok(names.length > 60, `only ${names.length} names found`);
    const missing = names.filter((name) => !others.includes(name) && !new RegExp(`\\b${name}\\b`).test(asserted));
    assert.deepEqual(missing, []);
  });

  it('hold every kind, flag and structure of a trace', async () => {
    const header = await traceHeader;
    const asserted = traceAssertions().join('\n');
    const names = [
      ...header.matchAll(/^ {4}(EsTrace\w+) = \d+,/gm),
      ...header.matchAll(/#define (ES_TRACE_FLAG_\w+|ES_TRACE_IOCTL_\w+) /g),
      ...header.matchAll(/^\} (ES_TRACE_\w+);/gm),
    ].map((match) => match[1] ?? '');
    assert.ok(names.length > 40, `only ${names.length} names found`);
    const enumerations = ['ES_TRACE_KIND', 'ES_TRACE_OBJECT_TYPE'];
    const missing = names.filter((name) => !enumerations.includes(name) && !new RegExp(`\\b${name}\\b`).test(asserted));
    assert.deepEqual(missing, []);
  });

  it('hold every field: no structure has a gap that a field of the header fills', async () => {
    const header = await publicHeader;
    for (const { structure, head, fields } of Object.values(ioctl.EVENTSYS_LAYOUT)) {
      const body = new RegExp(`typedef struct ${structure} \\{([^}]*)\\}`).exec(header)?.[1];
      assert.ok(body !== undefined, structure);
      const declared = [...body.replace(/\/\*[^]*?\*\//g, '').matchAll(/\b(\w+)(?:\[\w+\])?;/g)].map(
        (match) => match[1],
      );
      assert.deepEqual([...(head ? ['head'] : []), ...fields.map(([name]) => name)], declared, structure);
    }
  });
});
