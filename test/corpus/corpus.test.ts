/**
 * The minimal corpus: recordings of the sample on Wine, each with the application's own log and the driver's debug log of
 * the same run. The model reads the trace alone; what it says is held against both logs.
 *
 * To make one again: `eventscope run COMMAND... --out test/corpus/NAME.evtrace`.
 */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { diagnose } from '../../trace/diagnosis.js';
import { decodeEvtrace } from '../../trace/evtrace.js';
import { buildModel, type TraceModel } from '../../trace/model/model.js';
import { Outcome } from '../../trace/model/waits.js';
import { Evidence } from '../../trace/model/wakes.js';
import {
  type ApplicationFact,
  type DriverFact,
  matchDriverSignals,
  matchWaits,
  readApplicationLog,
  readDriverLog,
  wakeOf,
} from '../integration/oracle.js';

interface Expected {
  /** Satisfied waits: each released by one signal that the trace saw at both ends. */
  readonly satisfied: number;
  readonly timedOut: number;
  /** KeSetEvent calls for shared events; a completed request is none. */
  readonly driverSignals: number;
  /** Rules that find the mistake that the run was made to show. */
  readonly findings: readonly string[];
}

/** What each command does by its own description (driver/app), not what the model said of it. */
const RUNS: Readonly<Record<string, Expected>> = {
  'app-handle': { satisfied: 3, timedOut: 0, driverSignals: 3, findings: [] },
  // A fourth signal comes when the application's handle is closed: the driver's reference keeps the event alive.
  'driver-handle': { satisfied: 3, timedOut: 0, driverSignals: 4, findings: [] },
  'app-name-strict': { satisfied: 3, timedOut: 0, driverSignals: 3, findings: [] },
  'driver-name': { satisfied: 3, timedOut: 0, driverSignals: 3, findings: [] },
  'inverted-call': { satisfied: 6, timedOut: 0, driverSignals: 0, findings: [] },
  'shared-buffer': { satisfied: 7, timedOut: 0, driverSignals: 7, findings: [] },
  // Three ticks each in the DPC and in a worker, three completed requests, and by hand three taken, one wiped, one coalesced.
  'signals-synchronization': { satisfied: 12, timedOut: 0, driverSignals: 11, findings: ['coalesced', 'wiped'] },
  // Wrong order: 10 sent, 5 taken, 5 wiped, and a last wait in vain; right order: 6 of 6.
  'slow-reset': { satisfied: 11, timedOut: 1, driverSignals: 16, findings: ['wiped'] },
  'wrong-name': { satisfied: 0, timedOut: 1, driverSignals: 1, findings: ['split-pair', 'wrong-name'] },
  'wrong-namespace': { satisfied: 1, timedOut: 1, driverSignals: 2, findings: ['split-pair'] },
};

interface Run {
  readonly model: TraceModel;
  readonly application: readonly ApplicationFact[];
  readonly driver: readonly DriverFact[];
}

function read(name: string): Run {
  const { recording, problems } = decodeEvtrace(readFileSync(path.join(import.meta.dirname, `${name}.evtrace`)));
  assert.deepEqual(problems, []);
  const text = (channel: string): string[] =>
    recording.log.filter((line) => line.channel === channel).map((line) => line.text);
  return {
    model: buildModel(recording),
    // What the application told its user is in the same channel.
    application: readApplicationLog(
      text('application')
        .filter((line) => line.startsWith('{'))
        .join('\n'),
    ),
    driver: readDriverLog(text('dbgprint')),
  };
}

describe('recordings of the sample on Wine', () => {
  for (const [name, expected] of Object.entries(RUNS)) {
    it(`${name}: the model agrees with the application's and the driver's own logs`, () => {
      const { model, application, driver } = read(name);
      const waits = matchWaits(model, application);
      const satisfied = waits.filter(({ outcome }) => outcome === Outcome.Satisfied);
      const timedOut = waits.filter(({ outcome }) => outcome === Outcome.TimedOut);
      assert.deepEqual([satisfied.length, timedOut.length], [expected.satisfied, expected.timedOut]);

      const wakes = satisfied.map(({ index }) => wakeOf(model, index));
      assert.ok(wakes.every((wake) => wake?.evidence === Evidence.Seen));
      assert.equal(new Set(wakes.map((wake) => wake?.signal)).size, satisfied.length, 'each by a signal of its own');
      assert.ok(timedOut.every(({ index }) => wakeOf(model, index) === undefined));

      const signals = [...matchDriverSignals(model, driver).values()].flat();
      assert.equal(signals.length, expected.driverSignals);
      assert.deepEqual(
        diagnose(model)
          .map(({ rule }) => rule)
          .sort(),
        [...expected.findings].sort(),
      );
    });
  }
});
