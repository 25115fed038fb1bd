/**
 * For tests: recorded sessions with a real NT-like kernel (../shared/corpus/kd, whose README says of what). They are no part of this
 * folder; without them the tests that need them are left out, and `npm test` says so.
 */
import { existsSync } from 'node:fs';
import path from 'node:path';

const FOLDER = path.join(
  process.env['EVENTSCOPE_CORPUS'] ?? path.resolve(import.meta.dirname, '../../../../shared/corpus'),
  'kd',
);

export const kdRecording = (name: 'boot' | 'live'): string => path.join(FOLDER, `${name}.jsonl`);

/** A suite that is there where the recordings are; `npm test` says when they are not. */
export function withRecordings(title: string, suite: () => void): void {
  if (existsSync(kdRecording('live'))) describe(title, suite);
}
