import assert from 'node:assert/strict';
import type { DebugProtocol } from '@vscode/debugprotocol';
import { frame, MessageReader } from './message-stream.js';

describe("DAP's framing", () => {
  const message = { seq: 1, type: 'event', event: 'output', body: { output: 'Größe → 3' } } as DebugProtocol.Event;

  it('gives whole messages, however the bytes are cut', () => {
    const bytes = Buffer.from(frame(message) + frame(message));
    for (const size of [1, 7, bytes.length]) {
      const got: object[] = [];
      const reader = new MessageReader((each) => got.push(each));
      for (let at = 0; at < bytes.length; at += size) reader.push(bytes.subarray(at, at + size));
      assert.deepEqual(got, [message, message], `pieces of ${size}`);
    }
  });

  it('refuses what is no DAP, with bounded memory', () => {
    const reader = (): MessageReader => new MessageReader(() => assert.fail('there is no message'));
    assert.throws(() => reader().push(Buffer.from('X: 1\r\n\r\n')), RangeError);
    assert.throws(() => reader().push(Buffer.from('Content-Length: 999999999\r\n\r\n')), RangeError);
    assert.throws(() => reader().push(Buffer.alloc(5_000, 0x41)), /too long/);
    assert.throws(() => reader().push(Buffer.from('Content-Length: 2\r\n\r\n{]')), SyntaxError);
    assert.throws(() => reader().push(Buffer.from('Content-Length: 2\r\n\r\n{}')), /no type/);
  });
});
