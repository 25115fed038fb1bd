import assert from 'node:assert/strict';
import type { CarrierEvents, PacketCarrier } from './carrier.js';
import { controlPacket, type KdPacket, PacketType } from './packet.js';
import { PacketLink } from './packet-link.js';

describe('resets of a packet link', () => {
  let sent: KdPacket[];
  let events: CarrierEvents;
  let now: number;
  let link: PacketLink;

  beforeEach(() => {
    sent = [];
    now = 0;
    const mockCarrier = {
      dialect: 'kdcom',
      description: 'mock',
      up: true,
      start: (given: CarrierEvents) => void (events = given),
      send: (packet: KdPacket) => void sent.push(packet),
    } as unknown as PacketCarrier;
    const nothing = (): void => undefined;
    const listener = {
      data: nothing,
      peerReset: nothing,
      text: nothing,
      away: nothing,
      back: nothing,
      closed: nothing,
    };
    link = new PacketLink(mockCarrier, listener, { now: () => now, after: () => nothing });
    link.start();
  });

  const reset = (): void => events.packet(controlPacket(PacketType.Reset, 0));

  it('of the target are answered, and answers to our own are not: both sides would go on so for ever', () => {
    link.probe();
    link.probe();
    reset();
    reset();
    assert.equal(sent.length, 2);
    now += 60_000;
    reset();
    assert.equal(sent.length, 3);
    reset();
    assert.equal(sent.length, 3);
  });
});
