import assert from 'node:assert/strict';
import { EventscopeError } from '../protocol/errors.js';
import { traceStartError } from './trace-start-error.js';

const context = { id: 'run.trace', target: 'lab', next: 'Check the device.' };
const refusal = (code: number): EventscopeError =>
  new EventscopeError({
    id: 'agent.request',
    what: 'DeviceIoControl of \\\\.\\EventSys failed',
    target: 'lab',
    why: 'as the system says',
    data: { request: 'trace/start', call: 'DeviceIoControl', code, space: 'ntstatus' },
  });

describe('a trace that cannot be started', () => {
  it('asks for an elevated agent when the driver misses SeDebugPrivilege', () => {
    const error = traceStartError(refusal(0xc0000061), context);
    assert.ok(error instanceof EventscopeError);
    assert.deepEqual([error.id, error.target, error.data['code']], ['run.trace', 'lab', 0xc0000061]);
    assert.match(error.why ?? '', /STATUS_PRIVILEGE_NOT_HELD \(0xC0000061\)/);
    assert.match(error.next ?? '', /Run the agent elevated/);
  });

  it('gives the call and its code otherwise, and what its caller knows to do', () => {
    const error = traceStartError(refusal(0xc0000010), context);
    assert.ok(error instanceof EventscopeError);
    assert.match(error.why ?? '', /^DeviceIoControl of .*EventSys failed: as the system says$/);
    assert.equal(error.next, 'Check the device.');
  });

  it('leaves other errors alone', () => {
    const lost = new EventscopeError({ id: 'agent.lost', what: 'The connection to the agent was lost' });
    assert.equal(traceStartError(lost, context), lost);
  });
});
