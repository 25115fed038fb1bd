import assert from 'node:assert/strict';
import type { DebugProtocol } from '@vscode/debugprotocol';
import { CancelledError } from '../../protocol/errors.js';
import { DapServer } from './dap-server.js';

describe('requests of DAP', () => {
  let sent: DebugProtocol.ProtocolMessage[];
  let defects: string[];
  let server: DapServer;

  beforeEach(() => {
    sent = [];
    defects = [];
    server = new DapServer(
      (message) => sent.push(message),
      (text) => defects.push(text),
    );
    // Goes on until it is cancelled.
    server.on(
      'endless',
      (_given, { signal }) =>
        new Promise((_resolve, reject) => {
          signal.addEventListener('abort', () => reject(new CancelledError()));
        }),
      { inspects: true },
    );
  });

  const ask = (seq: number, command: string, given?: object): void => {
    server.handleMessage({ type: 'request', seq, command, arguments: given } as DebugProtocol.Request);
  };
  const settle = (): Promise<void> => new Promise((next) => setImmediate(next));
  const answerTo = (seq: number): DebugProtocol.Response | undefined =>
    sent
      .map((message) => message as DebugProtocol.Response)
      .find((message) => message.type === 'response' && message.request_seq === seq);

  it('cancels the request that is named, and no other', async () => {
    ask(1, 'endless');
    ask(2, 'endless');
    ask(3, 'cancel', { requestId: 1 });
    await settle();
    assert.deepEqual([answerTo(1)?.success, answerTo(1)?.message], [false, 'cancelled']);
    assert.equal(answerTo(2), undefined);
    assert.equal(answerTo(3)?.success, true);
  });

  it('cancels what inspects when the target goes on', async () => {
    ask(1, 'endless');
    server.cancelInspections();
    await settle();
    assert.equal(answerTo(1)?.message, 'cancelled');
  });

  it('tells a defect as one, and logs its stack', async () => {
    server.on('broken', () => Promise.reject(new TypeError('x is not a function')));
    ask(1, 'broken');
    ask(2, 'unheard');
    await settle();
    assert.match(answerTo(1)?.message ?? '', /^Internal error: x is not/);
    assert.match(defects.join(), /broken: TypeError/);
    assert.match(answerTo(2)?.message ?? '', /no request "unheard"/);
  });

  it('sends no event after it was closed', () => {
    server.close();
    server.event('stopped', {});
    assert.deepEqual(sent, []);
  });
});
