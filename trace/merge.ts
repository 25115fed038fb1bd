/** Several recordings of one target, made one after the other, as one. */
import { EventscopeError } from '../protocol/errors.js';
import { MAX_SOURCES, type Recording, type RecordingMetadata, type RecordingRun } from './recording.js';

/**
 * Sources are numbered anew, in the order of the recordings; nothing of one recording joins with another but by what the
 * model finds: one clock, one name. A driver that was recorded twice is two sources, since its rings began anew. Each
 * recording becomes a run of the whole, with its title.
 * @param title of the whole; target, host and versions are the first recording's
 * @throws EventscopeError `recording.tooManySources` when they are more than one recording may have
 */
export function mergeRecordings(recordings: readonly Recording[], title: string): Recording {
  const [first] = recordings;
  if (first === undefined) throw new RangeError('There is no recording to merge');
  const sources: Recording['sources'][number][] = [];
  const chunks: Recording['chunks'][number][] = [];
  const runs: RecordingRun[] = [];
  for (const recording of recordings) {
    const renumbered = new Map<number, number>();
    for (const source of recording.sources) {
      const id = sources.length;
      renumbered.set(source.id, id);
      sources.push({ ...source, id });
    }
    const { metadata } = recording;
    const own = metadata.runs ?? [
      { title: metadata.title ?? `run ${runs.length + 1}`, sources: recording.sources.map(({ id }) => id) },
    ];
    for (const run of own) {
      runs.push({ title: run.title, sources: run.sources.map((id) => renumbered.get(id) ?? id) });
    }
    for (const chunk of recording.chunks) {
      chunks.push({ ...chunk, source: renumbered.get(chunk.source) ?? chunk.source });
    }
  }
  if (sources.length > MAX_SOURCES) {
    throw new EventscopeError({
      id: 'recording.tooManySources',
      what: `${recordings.length} recordings cannot become one`,
      why: `they have ${sources.length} trace sources in all, and a recording has at most ${MAX_SOURCES}`,
      next: 'Merge fewer of them',
    });
  }
  const ends = recordings.flatMap(({ metadata }) => (metadata.endUtcMs === undefined ? [] : [metadata.endUtcMs]));
  const stops = recordings.flatMap((recording) => recording.metadata.stops ?? []);
  const metadata: RecordingMetadata = {
    ...first.metadata,
    title,
    runs,
    ...(stops.length === 0 ? {} : { stops }),
    startUtcMs: Math.min(...recordings.map((recording) => recording.metadata.startUtcMs)),
    ...(ends.length === 0 ? {} : { endUtcMs: Math.max(...ends) }),
  };
  return {
    metadata,
    sources,
    chunks,
    log: recordings.flatMap((recording) => recording.log),
    dropped: {
      slots: recordings.reduce((sum, recording) => sum + recording.dropped.slots, 0),
      lines: recordings.reduce((sum, recording) => sum + recording.dropped.lines, 0),
    },
  };
}
