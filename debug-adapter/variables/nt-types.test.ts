import assert from 'node:assert/strict';
import { children, display, type DisplayContext } from './display.js';
import { MemoryImage, record } from './memory-image.js';
import { arrayOf, basicType, pointerTo, VOID, WCHAR, type CType, type RecordType } from './types.js';
import type { Value } from './value.js';

const BASE = 0xffff_8000_0000_1000n;
const type = (name: string): CType => basicType(name) ?? assert.fail(name);

const LIST_ENTRY: RecordType = record('_LIST_ENTRY', 16, [
  ['Flink', pointerTo(VOID), 0],
  ['Blink', pointerTo(VOID), 8],
]);
const HEADER = record('_DISPATCHER_HEADER', 24, [
  ['Type', type('UCHAR'), 0],
  ['Inserted', type('UCHAR'), 3],
  ['SignalState', type('LONG'), 4],
  ['WaitListHead', LIST_ENTRY, 8],
]);
const KEVENT = record('_KEVENT', 24, [['Header', HEADER, 0]]);
const UNICODE_STRING = record('_UNICODE_STRING', 16, [
  ['Length', type('USHORT'), 0],
  ['MaximumLength', type('USHORT'), 2],
  ['Buffer', pointerTo(WCHAR), 8],
]);
const LARGE_INTEGER = record('_LARGE_INTEGER', 8, [['QuadPart', type('LONGLONG'), 0]]);

function context(memory: MemoryImage, symbols: Readonly<Record<string, string>> = {}): DisplayContext {
  return {
    memory,
    registers: { read: () => undefined, write: () => Promise.reject(new Error('no registers')) },
    hex: false,
    symbolize: (address) => Promise.resolve(symbols[address.toString(16)]),
  };
}
const at = (value: CType, address = BASE): Value => ({ type: value, location: { kind: 'memory', address } });
async function text(value: CType, memory: MemoryImage, name = 'x'): Promise<string> {
  return (await display(name, at(value), context(memory))).text;
}
/** A list head at `head` with the entries, linked both ways. */
function link(memory: MemoryImage, head: bigint, entries: readonly bigint[]): void {
  const ring = [head, ...entries];
  ring.forEach((entry, index) => {
    memory.u64(entry, ring[(index + 1) % ring.length] ?? 0n);
    memory.u64(entry + 8n, ring[(index + ring.length - 1) % ring.length] ?? 0n);
  });
}

describe('known NT types', () => {
  it('shows a KEVENT with state, type and waiters', async () => {
    const memory = new MemoryImage(BASE, 256);
    memory.u8(BASE, 0).u32(BASE + 4n, 1);
    link(memory, BASE + 8n, [BASE + 64n]);
    assert.equal(await text(KEVENT, memory), 'signaled, notification, 1 waiter');
    memory.u8(BASE, 1).u32(BASE + 4n, 0);
    link(memory, BASE + 8n, []);
    assert.equal(await text(KEVENT, memory), 'not signaled, synchronization, 0 waiters');
  });

  it('says nothing of waiters where the target keeps no wait list, and masks the upper bits of the type', async () => {
    const memory = new MemoryImage(BASE, 64).u8(BASE, 0x81);
    assert.equal(await text(KEVENT, memory), 'not signaled, synchronization');
  });

  it('says that memory is no event, and that a wait list is damaged', async () => {
    const memory = new MemoryImage(BASE, 128).u8(BASE, 5);
    memory.u64(BASE + 8n, BASE + 64n).u64(BASE + 72n, 0x1234n);
    assert.match(await text(KEVENT, memory), /^not signaled, not an event \(type 5\), wait list damaged \(the Blink/);
  });

  it('shows a pointer to a KEVENT with what it points to', async () => {
    const memory = new MemoryImage(BASE, 64).u64(BASE, BASE + 16n).u32(BASE + 20n, 1);
    assert.equal(await text(pointerTo(KEVENT), memory), '0xffff800000001010 signaled, notification');
  });

  it('shows counted strings, also empty, damaged and unreadable ones', async () => {
    const memory = new MemoryImage(BASE, 256);
    memory
      .u16(BASE, 10)
      .u16(BASE + 2n, 12)
      .u64(BASE + 8n, BASE + 32n)
      .text(BASE + 32n, 'Event\u0001x', 'utf16le');
    assert.equal(await text(UNICODE_STRING, memory), '"Event"');
    memory.u16(BASE, 12);
    assert.equal(await text(UNICODE_STRING, memory), '"Event\\x01"');
    memory.u16(BASE, 14);
    assert.equal(await text(UNICODE_STRING, memory), 'damaged: 14 bytes long in a buffer of 12');
    memory.u16(BASE, 8).u64(BASE + 8n, 0x10n);
    assert.match(await text(UNICODE_STRING, memory), /^\{Length: 8, MaximumLength: 12, Buffer: 0x10/);
    memory.u16(BASE, 0).u64(BASE + 8n, 0n);
    assert.equal(await text(UNICODE_STRING, memory), '""');
  });

  it('shows due times in ms and leaves plain numbers alone', async () => {
    const memory = new MemoryImage(BASE, 16).u64(BASE, -1_000_000n);
    assert.equal(await text(LARGE_INTEGER, memory), '-1000000 (in 100 ms)');
    memory.u64(BASE, 42n);
    assert.equal(await text(LARGE_INTEGER, memory), '42');
    memory.u64(BASE, 132_000_000_000_000_000n);
    assert.match(await text(LARGE_INTEGER, memory), /\(at 2019-04-1\dT/);
  });

  it('shows a LIST_ENTRY as a list, and ends at a circle that leaves the head out', async () => {
    const memory = new MemoryImage(BASE, 256);
    link(memory, BASE, [BASE + 64n, BASE + 128n]);
    assert.equal(await text(LIST_ENTRY, memory), '2 entries');
    const rows = await children(at(LIST_ENTRY), 'head', context(memory));
    assert.deepEqual(
      rows.map((row) => [row.name, row.evaluateName]),
      [
        ['[0]', '(LIST_ENTRY*)0xffff800000001040'],
        ['[1]', '(LIST_ENTRY*)0xffff800000001080'],
        ['Flink', 'head.Flink'],
        ['Blink', 'head.Blink'],
      ],
    );
    memory.u64(BASE + 128n, BASE + 128n).u64(BASE + 136n, BASE + 128n);
    assert.match(await text(LIST_ENTRY, memory), /^1 entry, the Blink of/);
    memory.u64(BASE + 136n, BASE + 64n);
    assert.match(await text(LIST_ENTRY, memory), /^2 entries, runs in a circle/);
  });

  it('names a status and an I/O control code by what the variable is called', async () => {
    const memory = new MemoryImage(BASE, 16).u32(BASE, 0xc000_0034);
    assert.equal(await text(type('long'), memory, 'status'), 'STATUS_OBJECT_NAME_NOT_FOUND (0xC0000034)');
    assert.equal(await text(type('long'), memory, 'count'), String(0xc000_0034 | 0));
    assert.equal(await text(type('NTSTATUS'), memory, 'result'), 'STATUS_OBJECT_NAME_NOT_FOUND (0xC0000034)');
    memory.u32(BASE, 0x0022_e008);
    assert.match(await text(type('ULONG'), memory, 'ioctl'), /^IOCTL_EVENTSYS_REGISTER_EVENT \(0x0022E008\)$/);
    memory.u32(BASE, 0x0009_0018);
    assert.match(await text(type('ULONG'), memory, 'IoControlCode'), /device 0x9, function 0x6, METHOD_BUFFERED/);
  });
});

describe('display', () => {
  it('pages an array, and names its elements so that a watch finds them again', async () => {
    const memory = new MemoryImage(BASE, 4_096).u32(BASE + 40n, 7);
    const array = at(arrayOf(type('ULONG'), 1_000));
    assert.equal((await display('a', array, context(memory))).indexedChildren, 1_000);
    const page = await children(array, 'p->a', context(memory), { start: 10, count: 2 });
    assert.deepEqual(
      page.map((row) => row.evaluateName),
      ['p->a[10]', 'p->a[11]'],
    );
    const [first] = page;
    assert.ok(first !== undefined);
    assert.equal((await display(first.name, first.value, context(memory))).text, '7');
  });

  it('shows text, function pointers and unreadable memory as such', async () => {
    const memory = new MemoryImage(BASE, 64).text(BASE, 'a"b\n\0rest', 'utf8');
    assert.equal(await text(arrayOf(type('CHAR'), 16), memory), '"a\\"b\\n"');
    memory.u64(BASE, 0x1400n);
    const pointer = at(pointerTo({ kind: 'function', name: 'void (*)(void)', size: 0 }));
    assert.equal((await display('f', pointer, context(memory, { '1400': 'a!Work' }))).text, '0x1400 a!Work');
    const outside = at(type('ULONG'), BASE + 62n);
    assert.equal((await display('x', outside, context(memory))).text, '<memory at 0xffff800000001040 is not readable>');
  });

  it('shows 64-bit integers exactly, in decimal and in hexadecimal', async () => {
    const memory = new MemoryImage(BASE, 16).u64(BASE, 0xffff_ffff_ffff_fffdn);
    assert.equal(await text(type('ULONG64'), memory), '18446744073709551613');
    assert.equal(
      (await display('x', at(type('LONG64')), context(memory), { radix: 'hex' })).text,
      '0xfffffffffffffffd',
    );
  });
});
