/** Doubly linked lists of NT: a head whose Flink and Blink lead through the entries and back. */
import { readPointer } from './record-reader.js';
import { hexAddress, UnreadableError, type Access } from './value.js';

export interface ListWalk {
  /** Addresses of the entries' LIST_ENTRY, without the head. */
  readonly entries: readonly bigint[];
  /** What ended the walk before the head was met again. */
  readonly fault?: string;
}

/**
 * Follows a list at most `limit` entries far; a damaged list ends the walk, never hangs it.
 * @param head address of the head
 */
export async function walkList(access: Access, head: bigint, limit: number): Promise<ListWalk> {
  const entries: bigint[] = [];
  const seen = new Set<bigint>([head]);
  let previous = head;
  try {
    let at = await readPointer(access, head);
    while (at !== head) {
      if (at === 0n) return { entries, fault: entries.length === 0 ? 'not initialized' : 'ends with a null link' };
      if (seen.has(at)) return { entries, fault: `runs in a circle that leaves the head out at ${hexAddress(at)}` };
      if ((await readPointer(access, at + 8n)) !== previous) {
        return { entries, fault: `the Blink of ${hexAddress(at)} does not lead back` };
      }
      if (entries.length >= limit) return { entries, fault: `more than ${limit} entries` };
      seen.add(at);
      entries.push(at);
      previous = at;
      at = await readPointer(access, at);
    }
    return { entries };
  } catch (error) {
    if (!(error instanceof UnreadableError)) throw error;
    return { entries, fault: 'leads to memory that is not readable' };
  }
}

export function describeList({ entries, fault }: ListWalk): string {
  if (fault === 'not initialized') return fault;
  const count = entries.length === 0 ? 'empty' : entries.length === 1 ? '1 entry' : `${entries.length} entries`;
  return fault === undefined ? count : `${count}, ${fault}`;
}
