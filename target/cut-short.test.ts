import assert from 'node:assert/strict';
import { RecordingBuilder, type Recording } from '../trace/recording.js';
import { recordInto } from './cut-short.js';

describe('a recording that is cut short', () => {
  const newBuilder = (): RecordingBuilder =>
    new RecordingBuilder({ target: 'wine', host: 'here', versions: {}, startUtcMs: 5 });
  const lost = (): Promise<never> => Promise.reject(new Error('the agent is gone'));

  it('is handed over with why, before its failure is told', async () => {
    const builder = newBuilder();
    let kept: Recording | undefined;
    const recording = recordInto(
      builder,
      () => {
        builder.addSource({ side: 'kernel', description: 'eventsys', ringCount: 1, slotsPerRing: 64 });
        builder.slots(0, 0, 0n, 0n, new Uint8Array(64));
        return lost();
      },
      (cut) => {
        kept = cut;
        return Promise.resolve();
      },
    );
    await assert.rejects(recording, /the agent is gone/);
    assert.equal(kept?.chunks.length, 1);
    assert.equal(kept.sources[0]?.end?.error, 'the agent is gone');
    assert.ok((kept.metadata.endUtcMs ?? 0) > 5);
  });

  it('is nothing when nothing was to be recorded yet', async () => {
    const unwanted = (): Promise<void> => assert.fail('there is nothing to keep');
    await assert.rejects(recordInto(newBuilder(), lost, unwanted), /the agent is gone/);
  });
});
