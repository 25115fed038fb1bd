import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import {
  decodeEventsysEvent,
  decodeEventsysNotification,
  decodeEventsysSignal,
  decodeEventsysState,
  decodeEventsysVersion,
  encodeEventsys,
  EVENTSYS_IOCTL,
  EVENTSYS_LAYOUT,
  EVENTSYS_STATE_OUTPUT_LAYOUT,
  EventsysMethod,
  EventsysOpen,
  EventsysSource,
  EventsysType,
  MalformedIoctlError,
} from './eventsys-ioctl.js';

/** An output that starts with a good head. */
function withHead(bytes: number, total = bytes): Buffer {
  const output = Buffer.alloc(total);
  output.writeUInt32LE(1, 0);
  output.writeUInt32LE(bytes, 4);
  return output;
}

/** A state answer with one event named `name`, and room for nothing else. */
function stateWithOneEvent(name: string): Buffer {
  const at = EVENTSYS_STATE_OUTPUT_LAYOUT;
  const output = withHead(at.bytes, at.bytes + EVENTSYS_LAYOUT.eventState.bytes);
  const lists = [
    [at.events, EVENTSYS_LAYOUT.eventState.bytes, 1],
    [at.schedules, EVENTSYS_LAYOUT.scheduleState.bytes, 0],
    [at.requests, EVENTSYS_LAYOUT.requestState.bytes, 0],
    [at.buffers, EVENTSYS_LAYOUT.bufferState.bytes, 0],
  ] as const;
  for (const [offset, entryBytes, count] of lists) {
    output.writeUInt32LE(at.bytes, offset);
    output.writeUInt32LE(entryBytes, offset + 4);
    output.writeUInt32LE(count, offset + 8);
    output.writeUInt32LE(count, offset + 12);
  }
  const event = output.subarray(at.bytes);
  event.writeUInt32LE(7, 0);
  event.writeUInt32LE(EventsysMethod.NameCreated, 4);
  event.writeUInt32LE(EventsysType.Synchronization, 8);
  event.writeBigUInt64LE(0xffff_8000_1234_5678n, 16);
  event.writeBigUInt64LE(3n, 64 + 8 * EventsysSource.TimerDpc);
  event.writeUInt32LE(0xffff_ffff, 108);
  event.writeUInt32LE(name.length * 2, 112);
  event.write(name, 120, 'utf16le');
  return output;
}

describe('eventsys IOCTLs', () => {
  it('have the codes that CTL_CODE makes', () => {
    assert.equal(EVENTSYS_IOCTL.QUERY_VERSION, 0x0022_6000);
    assert.equal(EVENTSYS_IOCTL.REGISTER_EVENT, 0x0022_e008);
  });

  it('encode a head of version and size, and each field at its place', () => {
    assert.equal(
      encodeEventsys.registerEvent(0x1234_5678_9abc_def0n).toString('hex'),
      '0100000010000000f0debc9a78563412',
    );
    const named = encodeEventsys.openNamed(EventsysOpen.Strict, EventsysType.Notification, '\\BaseNamedObjects\\Ä');
    assert.equal(named.length, 280);
    assert.equal(named.readUInt32LE(8), EventsysOpen.Strict);
    assert.equal(named.readUInt32LE(16), 38);
    assert.equal(named.toString('utf16le', 24, 24 + 38), '\\BaseNamedObjects\\Ä');
  });

  it('refuse to encode what does not fit', () => {
    assert.throws(() => encodeEventsys.registerEvent(-1n), RangeError);
    assert.throws(() => encodeEventsys.registerEvent(1n << 64n), RangeError);
    assert.throws(() => encodeEventsys.id(1.5), RangeError);
    assert.throws(() => encodeEventsys.id(2 ** 32), RangeError);
    assert.throws(() => encodeEventsys.createNamed(EventsysType.Notification, false, ''), /empty/);
    assert.throws(() => encodeEventsys.createNamed(EventsysType.Notification, false, 'x'.repeat(129)), /129/);
  });

  it('decode an event, unknown facts as undefined', () => {
    const output = withHead(40);
    output.writeUInt32LE(5, 8);
    output.writeUInt32LE(EventsysType.Synchronization, 12);
    output.writeBigUInt64LE(0x68n, 24);
    output.writeUInt32LE(0xffff_ffff, 32);
    assert.deepEqual(decodeEventsysEvent(output), {
      eventId: 5,
      type: EventsysType.Synchronization,
      object: 0n,
      handle: 0x68n,
      existed: undefined,
    });
    const signal = withHead(24);
    signal.writeUInt32LE(0xffff_ffff, 8);
    signal.writeBigUInt64LE(9n, 16);
    assert.deepEqual(decodeEventsysSignal(signal), { previous: undefined, sequence: 9n });
  });

  it('decode a state with its lists', () => {
    const state = decodeEventsysState(stateWithOneEvent('\\BaseNamedObjects\\Made'));
    assert.equal(state.truncated, false);
    assert.deepEqual(state.counts, { events: 1, schedules: 0, requests: 0, buffers: 0 });
    const event = state.events[0];
    assert.equal(event?.id, 7);
    assert.equal(event.method, EventsysMethod.NameCreated);
    assert.equal(event.object, 0xffff_8000_1234_5678n);
    assert.equal(event.bySource[EventsysSource.TimerDpc], 3n);
    assert.equal(event.existed, undefined);
    assert.equal(event.name, '\\BaseNamedObjects\\Made');
  });

  it('refuse answers that are cut, of another version, or point outside', () => {
    const good = stateWithOneEvent('x');
    const changed = (offset: number, value: number): Buffer => {
      const copy = Buffer.from(good);
      copy.writeUInt32LE(value, offset);
      return copy;
    };
    const at = EVENTSYS_STATE_OUTPUT_LAYOUT;
    const bad: [string, Buffer][] = [
      ['empty', Buffer.alloc(0)],
      ['cut head', good.subarray(0, at.bytes - 1)],
      ['cut list', good.subarray(0, good.length - 1)],
      ['version', changed(0, 2)],
      ['size', changed(4, 999)],
      ['list outside', changed(at.events, 0xffff_ff00)],
      ['list over the head', changed(at.events, 0)],
      ['entry size', changed(at.events + 4, 8)],
      ['more returned than exist', changed(at.events + 12, 2)],
      ['method', changed(at.bytes + 4, 99)],
      ['name length', changed(at.bytes + 112, 257)],
    ];
    for (const [what, bytes] of bad) assert.throws(() => decodeEventsysState(bytes), MalformedIoctlError, what);
    assert.throws(() => decodeEventsysNotification(withHead(40)), /reason is 0/);
  });

  it('never throw anything else, whatever the bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 2_000 }), fc.boolean(), (bytes, plausible) => {
        if (plausible && bytes.length >= 8) Buffer.from(bytes.buffer).writeBigUInt64LE(0x110_0000_0001n, 0);
        for (const decode of [decodeEventsysState, decodeEventsysVersion, decodeEventsysEvent]) {
          try {
            decode(bytes);
          } catch (error) {
            assert.ok(error instanceof MalformedIoctlError, String(error));
          }
        }
      }),
    );
  });
});
