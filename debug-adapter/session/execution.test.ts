/** What becomes of a stop when something goes wrong while it is decided: the target is never left held without a word. */
import assert from 'node:assert/strict';
import { EventscopeError } from '../../protocol/errors.js';
import type { Engine, EngineEvent } from '../engine.js';
import { BreakpointJudge } from './breakpoint-judge.js';
import { EntryStops } from './entry-stops.js';
import { Execution } from './execution.js';
import { SessionState } from './session-state.js';

const SPACE = 'process-1';
const THREAD = { thread: 'thread-1', space: SPACE, threadId: 36 };

class MockEngine {
  readonly kind = 'win32';
  capabilities = {};
  resumed = 0;
  #listener: (event: EngineEvent) => void = () => undefined;

  onEvent = (listener: (event: EngineEvent) => void): (() => void) => {
    this.#listener = listener;
    return () => undefined;
  };
  processes = (): unknown[] => [];
  threads = (): unknown[] => [THREAD];
  removeBreakpoints = (): Promise<void> => Promise.resolve();
  resume = (): Promise<void> => {
    this.resumed += 1;
    return Promise.resolve();
  };

  findThread(thread: string): void {
    this.#listener({ type: 'threadStarted', thread: { ...THREAD, thread } });
  }

  stopAtBreakpoint(): void {
    const registers = new Uint8Array(1_232);
    const reason = { kind: 'breakpoint', breakpoints: [7] } as const;
    const stop = { thread: THREAD.thread, reason, registers, memory: [], allStopped: true, roundTrips: 0 };
    this.#listener({ type: 'stopped', stop });
  }
}

describe('execution', () => {
  const setUp = (failure: Error) => {
    const mock = new MockEngine();
    const events: { readonly name: string; readonly body: unknown }[] = [];
    const defects: unknown[] = [];
    const event = (name: string, body?: object): void => void events.push({ name, body });
    const state = new SessionState({ callers: () => Promise.resolve([]) }, () => undefined, event);
    state.points.decide = () => Promise.reject(failure);
    const parts = {
      ...{ inventory: state.inventory, inspector: state.inspector, breakpoints: state.breakpoints },
      ...{ points: state.points, exceptions: state.exceptions, freezeOtherSide: true },
      judge: new BreakpointJudge(state.inspector, () => undefined),
      entries: new EntryStops({ application: undefined, driver: undefined }),
      symbols: { load: () => Promise.reject(new Error('no module is loaded here')) },
    };
    const execution = new Execution(parts, {
      event,
      held: () => undefined,
      wentOn: () => undefined,
      cancelInspections: () => undefined,
      processExited: () => undefined,
      ended: () => undefined,
      defect: (error) => void defects.push(error),
    });
    execution.follow(mock as unknown as Engine);
    const stops = () => events.filter(({ name }) => name === 'stopped').map(({ body }) => body as { description: string }); // prettier-ignore
    return { mock, execution, defects, stops, state, events };
  };

  it('tells of a stop that a defect of ours kept from being decided, and goes on when it is told to', async () => {
    const defect = new TypeError('a defect');
    const { mock, execution, defects, stops } = setUp(defect);
    mock.stopAtBreakpoint();
    await execution.settled();
    assert.deepEqual(
      stops().map(({ description }) => description),
      ['What this stop is of could not be decided: a defect'],
    );
    assert.deepEqual(defects, [defect]);
    await execution.continue();
    assert.equal(mock.resumed, 1);
  });

  it('goes on once the points are as they were wished for before', async () => {
    const { mock, execution, state } = setUp(new TypeError('a defect'));
    mock.stopAtBreakpoint();
    await execution.settled();
    let pointsSettled: () => void = () => undefined;
    state.points.settled = () => new Promise((resolve) => (pointsSettled = resolve));
    const goesOn = execution.continue();
    await new Promise(setImmediate);
    assert.equal(mock.resumed, 0);
    pointsSettled();
    await goesOn;
    assert.equal(mock.resumed, 1);
  });

  it('tells of a stop that follows at once behind the answer to what let the target go', async () => {
    const { mock, execution, stops } = setUp(new TypeError('a defect'));
    mock.stopAtBreakpoint();
    await execution.settled();
    mock.resume = () => {
      mock.stopAtBreakpoint();
      return Promise.resolve();
    };
    await execution.continue();
    // However many promises lie between this one and the answer.
    for (let promise = 0; promise < 100; promise += 1) await Promise.resolve();
    assert.equal(stops().length, 1);
    await execution.settled();
    assert.equal(stops().length, 2);
  });

  it('tells of a stop that the target did not let us decide', async () => {
    const error = new EventscopeError({ id: 'debug.memory', what: 'The memory cannot be read' });
    const { mock, execution, defects, stops } = setUp(error);
    mock.stopAtBreakpoint();
    await execution.settled();
    assert.match(stops()[0]?.description ?? '', /could not be decided: The memory cannot be read/);
    assert.deepEqual(defects, []);
  });

  it('tells of no stop of a target that runs already', async () => {
    const error = new EventscopeError({ id: 'debug.running', what: 'It cannot go on' });
    const { mock, execution, defects, stops } = setUp(error);
    mock.stopAtBreakpoint();
    await execution.settled();
    assert.deepEqual(stops(), []);
    assert.deepEqual(defects, [error]);
  });

  it('tells of no thread that is found while its whole machine is stopped: an editor would take it for one that runs', async () => {
    for (const stopsWholeMachine of [true, false]) {
      const { mock, execution, events, state } = setUp(new TypeError('a defect'));
      mock.capabilities = { stopsWholeMachine };
      mock.findThread('thread-2');
      mock.stopAtBreakpoint();
      await execution.settled();
      mock.findThread('thread-3');
      await execution.settled();
      const told = events.flatMap(({ name }) => (name === 'thread' || name === 'stopped' ? [name] : []));
      assert.deepEqual(told, stopsWholeMachine ? ['thread', 'stopped'] : ['thread', 'stopped', 'thread']);
      assert.equal(state.inventory.threads().length, 3);
    }
  });
});
