import assert from 'node:assert/strict';
import { CancelledError, EventscopeError } from '../protocol/errors.js';
import { ExitCode } from './exit-code.js';
import { failureOf } from './failure.js';

describe('a failure of a command', () => {
  it('says what failed, where, why and what next, each on a line', () => {
    const failure = failureOf(
      new EventscopeError({
        id: 'deploy.start',
        what: 'The driver eventsys did not start',
        target: 'wine',
        why: 'STATUS_OBJECT_NAME_NOT_FOUND (0xC0000034)\nsecond line',
        next: 'Look at its DriverEntry.',
      }),
    );
    assert.deepEqual(failure.text.split('\n'), [
      'error: The driver eventsys did not start',
      '  on:   wine',
      '  why:  STATUS_OBJECT_NAME_NOT_FOUND (0xC0000034)',
      '        second line',
      '  next: Look at its DriverEntry.',
    ]);
    assert.equal(failure.exitCode, ExitCode.Failed);
  });

  it('prints compiler errors as compilers do, and has an exit code of its own for them', () => {
    const error = {
      file: '/p/main.c',
      line: 3,
      column: 7,
      severity: 'error',
      code: '-Wfoo',
      message: "unknown type 'x'",
      related: [{ file: '/p/main.h', line: 1, column: 2, message: 'declared here' }],
    };
    const failure = failureOf(
      new EventscopeError({ id: 'build.failed', what: 'The driver was not built', data: { diagnostics: [error] } }),
    );
    assert.equal(failure.exitCode, ExitCode.BuildFailed);
    assert.deepEqual(failure.text.split('\n').slice(0, 2), [
      "/p/main.c:3:7: error: unknown type 'x' [-Wfoo]",
      '  /p/main.h:1:2: note: declared here',
    ]);
    assert.deepEqual((failure.json['error'] as { data: unknown }).data, { diagnostics: [error] });
  });

  it('tells a held target from other failures', () => {
    const held = new EventscopeError({ id: 'target.held', what: 'wine is held', why: 'eventscope run, process 12' });
    assert.equal(failureOf(held).exitCode, ExitCode.Held);
  });

  it('never calls a cancel a failure', () => {
    assert.equal(failureOf(new CancelledError()).exitCode, ExitCode.Cancelled);
    assert.doesNotMatch(failureOf(new CancelledError()).text, /error/i);
  });

  it('owns up to a defect, with the stack', () => {
    const failure = failureOf(new TypeError('x is undefined'));
    assert.equal(failure.exitCode, ExitCode.Defect);
    assert.match(failure.text, /defect of Eventscope.*\nTypeError: x is undefined\n\s+at /);
  });
});
