import assert from 'node:assert/strict';
import { createSocket, type Socket } from 'node:dgram';
import { createCipheriv, createHash, createHmac, randomBytes } from 'node:crypto';
import type { AddressInfo } from 'node:net';
import { encodeManipulate, Api } from '../protocol/manipulate.js';
import {
  dataKeyOf,
  hmacKeyOf,
  KdnetChannel,
  type KdnetDatagram,
  openDatagram,
  parseKdnetKey,
  sealDatagram,
} from './kdnet-crypto.js';
import { KdnetCarrier } from './kdnet-carrier.js';
import { makeResponse, POKE_BYTES } from './kdnet-handshake.js';
import { dataPacket, encodePacket, type KdPacket, PacketType } from './packet.js';

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
const sequence = (from: number, count: number): Uint8Array => Uint8Array.from({ length: count }, (_, i) => from + i);

function poke(nonce: Uint8Array, boundPort = 0): Uint8Array {
  const body = new Uint8Array(POKE_BYTES);
  body.set([1, 1]);
  body.set(nonce, 2);
  body[86] = boundPort >> 8;
  body[87] = boundPort & 0xff;
  return body;
}

describe('the primitives that KDNET stands on, by their published vectors', () => {
  it('SHA-256 of "abc" (FIPS 180-4)', () => {
    assert.equal(
      createHash('sha256').update('abc').digest('hex'),
      'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad',
    );
  });

  it('HMAC-SHA-256, test case 1 of RFC 4231', () => {
    assert.equal(
      createHmac('sha256', Buffer.alloc(20, 0x0b)).update('Hi There').digest('hex'),
      'b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7',
    );
  });

  it('AES-256-CBC, F.2.5 of NIST SP 800-38A', () => {
    const key = Buffer.from('603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4', 'hex');
    const cipher = createCipheriv('aes-256-cbc', key, Buffer.from(sequence(0, 16))).setAutoPadding(false);
    const first = cipher.update(Buffer.from('6bc1bee22e409f96e93d7e117393172a', 'hex'));
    assert.equal(hex(first), 'f58c4c04d6e5f1ba779eabfb5f7bfbd6');
  });
});

describe('KDNET datagrams', () => {
  const controlKey = parseKdnetKey('1.2.3.4');
  const hmacKey = hmacKeyOf(controlKey);
  const nonce = sequence(0, 32);
  const response = makeResponse(nonce, sequence(0xa0, 32));

  it('takes the key out of base 36', () => {
    assert.equal(
      hex(parseKdnetKey('2steg4fzbj2sz.23418vzkd4ko3.1g34ou07z4pev.1sp3yo9yz874p')),
      'f3dbceb8325327b8a32e9a5b5f793389a758a22d8f99245f19313cfbfe782d76',
    );
    assert.equal(hex(hmacKey).slice(0, 16), 'feffffffffffffff');
  });

  for (const key of ['1.2.3', '1.2.3.4.5', '1.2.3.', '1.2.3.*', '1.2.3.zzzzzzzzzzzzz']) {
    it(`refuses the key ${key} without repeating it`, () => {
      assert.throws(
        () => parseKdnetKey(key),
        (error: unknown) => error instanceof Error && !error.message.includes(key),
      );
    });
  }

  it('makes the poke of the known answer', () => {
    const datagram: KdnetDatagram = {
      version: 4,
      channel: KdnetChannel.Control,
      sequence: 3n,
      fromHost: false,
      body: poke(nonce),
    };
    const sealed = sealDatagram(datagram, controlKey, hmacKey);
    assert.equal(sealed.length, 374);
    assert.equal(
      hex(sealed.subarray(0, 48)),
      '4d44424704016fff8ec99b59409950d70db9749c8fcb192e58c50531256761353f66e483a39838c25f9c818db59d5880',
    );
    assert.equal(hex(sealed.subarray(358)), 'cb75dd2e34ebff28bd839080334f732b');
  });

  it('makes the response and the data key of the known answer', () => {
    const datagram: KdnetDatagram = {
      version: 4,
      channel: KdnetChannel.Control,
      sequence: 3n,
      fromHost: true,
      body: response,
    };
    const sealed = sealDatagram(datagram, controlKey, hmacKey);
    assert.equal(sealed.length, 358);
    assert.equal(hex(sealed.subarray(342)), '4872384c25872cfeb6a811e1de825012');
    assert.equal(
      hex(dataKeyOf(controlKey, response)),
      'faa594d4813f0c9b1fa48cd949713d8722cf5d4dafec65c73bc6d23ffb22a696',
    );
  });

  it('makes GetVersion and the break-in of the known answers', () => {
    const key = dataKeyOf(controlKey, response);
    const packet = dataPacket(PacketType.StateManipulate, 0x80000000, encodeManipulate(Api.GetVersion, 0, []));
    const data = { version: 4, channel: KdnetChannel.Data, fromHost: true } as const;
    const version = sealDatagram({ ...data, sequence: 1n, body: encodePacket(packet, false) }, key, hmacKey);
    assert.equal(
      hex(version),
      '4d444247040053323c68b90450d46c924b623eda1fec4906d3ac42a2149c0eab81e3285eea2016e2f1d8b8226701dc79b951189a455216ae4ebcbf0fd88ca18d955ac3129da08c3f09c1713ee4c5610f8240e6154773fcad077a8fac8b064dd72db3e2363aef',
    );
    const breakIn = sealDatagram({ ...data, sequence: 2n, body: Uint8Array.of(0x62) }, key, hmacKey);
    assert.equal(hex(breakIn), '4d4442470400aace7f811cb676e76d9107429b6d9ab4267cb1a4a0efcde499110757ad474554');
  });

  it('opens what it has sealed, and nothing that was changed in any byte', () => {
    const datagram: KdnetDatagram = {
      version: 5,
      channel: KdnetChannel.Control,
      sequence: 9n,
      fromHost: false,
      body: poke(nonce),
    };
    const sealed = sealDatagram(datagram, controlKey, hmacKey);
    const opened = openDatagram(sealed, controlKey, hmacKey);
    assert.equal(opened?.sequence, 9n);
    assert.equal(opened.version, 5);
    assert.deepEqual(new Uint8Array(opened.body), datagram.body);
    for (let index = 0; index < sealed.length; index++) {
      const changed = Buffer.from(sealed);
      changed[index] = (changed[index] ?? 0) ^ 1;
      assert.equal(openDatagram(changed, controlKey, hmacKey), undefined, `byte ${index}`);
    }
  });
});

/** The least of a KDNET target: pokes, makes the session's key, sends and takes packets. */
class ScriptedTarget {
  readonly controlKey = parseKdnetKey('1.2.3.4');
  readonly hmacKey = hmacKeyOf(this.controlKey);
  readonly received: KdnetDatagram[] = [];
  dataKey: Buffer | undefined;
  sequence = 0n;
  responses = 0;
  #changed: () => void = () => undefined;

  constructor(
    readonly socket: Socket,
    readonly host: number,
  ) {
    socket.on('message', (bytes) => {
      const control = openDatagram(bytes, this.controlKey, this.hmacKey);
      const opened = control ?? (this.dataKey && openDatagram(bytes, this.dataKey, this.hmacKey));
      if (opened?.channel === KdnetChannel.Control && opened.body.length === 322) {
        this.dataKey = dataKeyOf(this.controlKey, opened.body);
        this.responses++;
      } else if (opened !== undefined) this.received.push(opened);
      this.#changed();
    });
  }

  poke(nonce: Uint8Array, boundPort = 0): Buffer {
    const body = poke(nonce, boundPort);
    const sealed = sealDatagram(
      { version: 5, channel: KdnetChannel.Control, sequence: 1n, fromHost: false, body },
      this.controlKey,
      this.hmacKey,
    );
    this.socket.send(sealed, this.host, '127.0.0.1');
    return sealed;
  }

  send(packet: KdPacket): Buffer {
    assert.ok(this.dataKey);
    this.sequence++;
    const body = encodePacket(packet, false);
    const sealed = sealDatagram(
      { version: 5, channel: KdnetChannel.Data, sequence: this.sequence, fromHost: false, body },
      this.dataKey,
      this.hmacKey,
    );
    this.socket.send(sealed, this.host, '127.0.0.1');
    return sealed;
  }

  async until(condition: () => boolean): Promise<void> {
    while (!condition()) await new Promise<void>((resolve) => (this.#changed = resolve));
  }
}

const bound = (socket: Socket): Promise<number> =>
  new Promise((resolve) => {
    socket.bind(0, '127.0.0.1', () => {
      const address: AddressInfo = socket.address();
      resolve(address.port);
    });
  });

describe('KDNET sessions', () => {
  let socket: Socket;
  let carrier: KdnetCarrier;
  let target: ScriptedTarget;
  let packets: KdPacket[];
  let happened: string[];
  let notify: () => void;

  const until = async (condition: () => boolean): Promise<void> => {
    while (!condition()) await new Promise<void>((resolve) => (notify = resolve));
  };

  beforeEach(async () => {
    const probe = createSocket('udp4');
    const port = await bound(probe);
    await new Promise<void>((resolve) => probe.close(resolve));
    socket = createSocket('udp4');
    await bound(socket);
    packets = [];
    happened = [];
    notify = () => undefined;
    const note = (what: string): void => {
      happened.push(what);
      notify();
    };
    carrier = new KdnetCarrier({ port, key: '1.2.3.4' });
    carrier.start({
      packet: (packet) => {
        packets.push(packet);
        note('packet');
      },
      damaged: () => note('damaged'),
      text: () => undefined,
      away: () => note('away'),
      back: () => note('back'),
      restarted: () => note('restarted'),
      closed: () => note('closed'),
    });
    target = new ScriptedTarget(socket, port);
    // The carrier binds in its own time: pokes come again, as a target's do.
    const timer = setInterval(() => target.poke(randomBytes(32)), 20);
    await until(() => happened.includes('back'));
    clearInterval(timer);
    await target.until(() => target.dataKey !== undefined);
    target.poke(randomBytes(32), 1);
  });

  afterEach(async () => {
    await carrier.close();
    await new Promise<void>((resolve) => socket.close(() => resolve()));
  });

  const print = dataPacket(PacketType.DebugIo, 0, new Uint8Array(20));

  it('takes packets once: a replayed datagram is refused', async () => {
    const sealed = target.send(print);
    await until(() => packets.length === 1);
    const before = carrier.rejected;
    socket.send(sealed, target.host, '127.0.0.1');
    target.send(print);
    await until(() => packets.length === 2);
    assert.equal(carrier.rejected, before + 1);
  });

  it('a target that rebooted gets new keys; one that is bound does not', async () => {
    const { responses } = target;
    target.poke(randomBytes(32), 50_000);
    target.send(print);
    await until(() => packets.length === 1);
    assert.equal(target.responses, responses);
    target.poke(randomBytes(32));
    await until(() => happened.includes('restarted'));
    await target.until(() => target.responses === responses + 1);
  });

  it('a recorded poke does not end a session', async () => {
    const { responses } = target;
    const recorded = target.poke(randomBytes(32));
    await target.until(() => target.responses === responses + 1);
    const before = carrier.rejected;
    socket.send(recorded, target.host, '127.0.0.1');
    target.send(print);
    await until(() => packets.length === 1);
    assert.equal(carrier.rejected, before + 1);
    assert.equal(happened.filter((what) => what === 'restarted').length, 1);
  });

  it('sends each datagram with a fresh number', async () => {
    carrier.send(print);
    carrier.send(print);
    await target.until(() => target.received.length === 2);
    const [first, second] = target.received;
    assert.ok(first && second && second.sequence > first.sequence);
    assert.deepEqual(first.body, second.body);
  });
});
