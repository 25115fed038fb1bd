import assert from 'node:assert/strict';
import { EventscopeError } from '../protocol/errors.js';
import { mergeRecordings } from './merge.js';
import { RecordingBuilder, type Recording } from './recording.js';

function recording(description: string, fill: number, startUtcMs: number): Recording {
  const builder = new RecordingBuilder({ target: 'wine', host: 'here', versions: { wine: '8.0' }, startUtcMs });
  const kernel = builder.addSource({ side: 'kernel', description: 'eventsys.sys', ringCount: 2, slotsPerRing: 64 });
  const user = builder.addSource({ side: 'user', description, process: fill, ringCount: 1, slotsPerRing: 64 });
  builder.slots(user, 0, 0n, 0n, new Uint8Array(64).fill(fill));
  builder.slots(kernel, 1, 5n, 2n, new Uint8Array(128).fill(fill));
  builder.log({ utcMs: startUtcMs, channel: 'application', text: description });
  return builder.finish(startUtcMs + 10);
}

describe('recordings made one after the other', () => {
  it('become one, each slot still with the source that wrote it', () => {
    const merged = mergeRecordings([recording('one', 1, 100), recording('two', 2, 200)], 'both');
    assert.deepEqual(
      merged.sources.map(({ id, description }) => [id, description]),
      [
        [0, 'eventsys.sys'],
        [1, 'one'],
        [2, 'eventsys.sys'],
        [3, 'two'],
      ],
    );
    assert.deepEqual(
      merged.chunks.map(({ source, ring, firstSlot, lost, bytes }) => [source, ring, firstSlot, lost, bytes[0]]),
      [
        [1, 0, 0n, 0n, 1],
        [0, 1, 5n, 2n, 1],
        [3, 0, 0n, 0n, 2],
        [2, 1, 5n, 2n, 2],
      ],
    );
    assert.deepEqual(merged.metadata, {
      target: 'wine',
      host: 'here',
      versions: { wine: '8.0' },
      title: 'both',
      startUtcMs: 100,
      endUtcMs: 210,
      runs: [
        { title: 'run 1', sources: [0, 1] },
        { title: 'run 2', sources: [2, 3] },
      ],
    });
    assert.deepEqual(
      merged.log.map((line) => line.text),
      ['one', 'two'],
    );
  });

  it('keep their runs when they are made one with others once more', () => {
    const titled = (title: string, at: number): Recording => {
      const one = recording(title, at, at);
      return { ...one, metadata: { ...one.metadata, title } };
    };
    const merged = mergeRecordings([mergeRecordings([titled('a', 1), titled('b', 2)], 'ab'), titled('c', 3)], 'abc');
    assert.deepEqual(merged.metadata.runs, [
      { title: 'a', sources: [0, 1] },
      { title: 'b', sources: [2, 3] },
      { title: 'c', sources: [4, 5] },
    ]);
  });

  it('cannot be none', () => {
    assert.throws(() => mergeRecordings([], 'nothing'), RangeError);
  });

  it('are refused when they have more sources than a reader takes', () => {
    const many = Array.from({ length: 33 }, (_, index) => recording('one', index, 100));
    assert.throws(
      () => mergeRecordings(many, 'all'),
      (error: unknown) => error instanceof EventscopeError && error.id === 'recording.tooManySources',
    );
    assert.equal(mergeRecordings(many.slice(1), 'most').sources.length, 64);
  });
});
