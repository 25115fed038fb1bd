import assert from 'node:assert/strict';
import { encodeManipulate } from '../protocol/manipulate.js';
import { getVersion } from '../protocol/requests.js';
import { streamPair } from '../replay/stream-pair.js';
import type { CarrierEvents } from './carrier.js';
import type { Clock } from './clock.js';
import { KdcomCarrier } from './kdcom-carrier.js';
import { checksum, controlPacket, dataPacket, encodePacket, type KdPacket, PacketType } from './packet.js';

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

describe('KDCOM frames, by their known answers', () => {
  it('the sum of the payload’s bytes', () => {
    assert.equal(checksum(Uint8Array.of(1, 2, 3, 4)), 10);
    assert.equal(checksum(new Uint8Array(4_000).fill(0xff)), 1_020_000);
  });

  it('GetVersion of processor 0, an acknowledgement, a reset', () => {
    const { api, fields } = getVersion();
    const request = dataPacket(PacketType.StateManipulate, 0x8080_0000, encodeManipulate(api, 0, fields));
    assert.equal(hex(encodePacket(request, true)), `303030300200380000008080770000004631${'00'.repeat(54)}aa`);
    const acknowledged = controlPacket(PacketType.Acknowledge, 0x8080_0000);
    assert.equal(hex(encodePacket(acknowledged, true)), '69696969040000000000808000000000');
    assert.equal(hex(encodePacket(controlPacket(PacketType.Reset, 0), true)), '69696969060000000000000000000000');
  });
});

describe('a KDCOM line', () => {
  /** Time goes on when a test says so. */
  class TestClock implements Clock {
    #now = 0;
    readonly #due: { readonly at: number; readonly run: () => void }[] = [];
    now = (): number => this.#now;
    after = (milliseconds: number, run: () => void): (() => void) => {
      const entry = { at: this.#now + milliseconds, run };
      this.#due.push(entry);
      return () => void (this.#due.includes(entry) && this.#due.splice(this.#due.indexOf(entry), 1));
    };
    pass(milliseconds: number): void {
      this.#now += milliseconds;
      for (const entry of this.#due.filter(({ at }) => at <= this.#now)) {
        this.#due.splice(this.#due.indexOf(entry), 1);
        entry.run();
      }
    }
  }

  const print = dataPacket(PacketType.DebugIo, 0x8080_0000, new Uint8Array(20).fill(7));
  const frame = encodePacket(print, true);
  let carrier: KdcomCarrier;
  let clock: TestClock;
  let say: (bytes: Uint8Array) => void;
  let written: Uint8Array[];
  let told: (KdPacket | string)[];

  beforeEach(async () => {
    const [ours, theirs] = streamPair((run) => run());
    written = [];
    theirs.start({ data: (bytes) => written.push(bytes), closed: () => undefined });
    say = (bytes) => theirs.write(bytes);
    told = [];
    clock = new TestClock();
    carrier = new KdcomCarrier({ description: 'line', open: () => Promise.resolve(ours), reopen: false, clock });
    const note = (what: string) => (): void => void told.push(what);
    const events: CarrierEvents = {
      packet: (packet) => told.push(packet),
      damaged: note('damaged'),
      text: (text) => told.push(text),
      away: note('away'),
      back: note('back'),
      restarted: note('restarted'),
      closed: note('closed'),
    };
    carrier.start(events);
    await new Promise((resolve) => setImmediate(resolve));
    assert.deepEqual(told.splice(0), ['back']);
  });
  afterEach(() => carrier.close());

  it('tells the text that a boot loader prints between packets, and takes the packets', () => {
    say(Buffer.concat([Buffer.from('Booting from disk\r\n'), frame, Buffer.from('Loading ntoskrnl\r\n'), frame]));
    assert.deepEqual(told, ['Booting from disk\r\n', print, 'Loading ntoskrnl\r\n', print]);
  });

  it('asks again for a packet that does not come to its end, and finds the next one in what it has', () => {
    carrier.setStallTime(50);
    // Its end was lost, and the next one came behind.
    say(frame.subarray(0, 30));
    clock.pass(49);
    assert.equal(told.length, 0);
    clock.pass(1);
    assert.deepEqual(told.splice(0), ['damaged']);
    say(frame);
    clock.pass(50);
    clock.pass(50);
    assert.deepEqual(
      told.filter((each) => typeof each === 'object'),
      [print],
    );
  });

  it('sends a break-in as one byte that stands alone', () => {
    carrier.send(print);
    carrier.breakIn();
    carrier.send(controlPacket(PacketType.Reset, 0));
    assert.deepEqual(
      written.map(({ length }) => length),
      [frame.length, 1, 16],
    );
    assert.deepEqual(written[1], Uint8Array.of(0x62));
  });
});
