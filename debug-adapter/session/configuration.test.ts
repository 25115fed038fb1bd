import assert from 'node:assert/strict';
import { EventscopeError } from '../../protocol/errors.js';
import { readConfiguration } from './configuration.js';

describe('launch without debugging', () => {
  it('starts the application and stops nowhere by itself; the driver runs on untouched', () => {
    const given = { application: { arguments: ['handle'] }, stopOnEntry: true, stopAtDriverEntry: true, noDebug: true };
    const read = readConfiguration('launch', given);
    assert.deepEqual(read, readConfiguration('launch', { application: { arguments: ['handle'] }, driver: false }));
    const debugged = readConfiguration('launch', { ...given, noDebug: false });
    assert.ok(debugged.request === 'launch' && debugged.driver && debugged.stopAtDriverEntry);
  });

  it('of a configuration without an application is refused in words', () => {
    assert.throws(
      () => readConfiguration('launch', { application: false, noDebug: true }),
      (error: unknown) => error instanceof EventscopeError && /nothing is left to run/.test(error.why ?? ''),
    );
  });
});
