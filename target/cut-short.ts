/** Recordings that come to no good end: what was recorded until then is what tells why. */
import type { Recording, RecordingBuilder } from '../trace/recording.js';
import { asError } from './operation.js';

/** Takes what was recorded until a failure. Awaited before the failure is thrown on. */
export type OnCutShort = (recording: Recording) => Promise<void>;

/** `work` records into the builder. When it fails, and anything was to be recorded, each source tells why it ended. @throws what `work` throws */
export async function recordInto<T>(
  builder: RecordingBuilder,
  work: () => Promise<T>,
  onCutShort: OnCutShort | undefined,
): Promise<T> {
  try {
    return await work();
  } catch (error) {
    const { sources } = builder.finish();
    for (const { id } of sources) builder.sourceEnded(id, { error: asError(error).message });
    if (sources.length > 0) await onCutShort?.(builder.finish(Date.now()));
    throw error;
  }
}
