/**
 * The object manager's namespace, read through the agent: directories as they come, entries with their live state.
 */
import { decode } from '@msgpack/msgpack';
import * as v from 'valibot';
import type { ObjectInfo, RequestResult } from '../protocol/agent-rpc.js';
import { BulkKind } from '../protocol/agent-wire.js';
import { EventscopeError } from '../protocol/errors.js';
import type { AgentClient } from './agent-client.js';
import type { Operation } from './target.js';

export interface DirectoryEntry {
  readonly name: string;
  readonly typeName: string;
}

const entries = v.array(v.tuple([v.string(), v.string()]));
/** Of one object/query request, as agent-rpc.ts bounds it. */
const QUERY_ITEMS = 4_096;
/** Of a whole directory: Wine takes longer for each entry the more there are. The agent itself ends a list that stands still for 30 s. */
const LIST_TIMEOUT_MS = 600_000;

/** An entry that could not be opened carries its NTSTATUS. waiters: only a stopped kernel tells them. */
export type QueriedObject =
  (ObjectInfo & { readonly waiters?: readonly string[] }) | { readonly path: string; readonly status: number };

/** Path of an entry of a directory, in the object manager's namespace. */
export const entryPath = (directory: string, name: string): string =>
  directory.endsWith('\\') ? `${directory}${name}` : `${directory}\\${name}`;

/**
 * Lists a directory. `onEntries` gets the entries in the order of the walk, the first hundred as soon as they are there.
 * @param path of the object manager, such as \BaseNamedObjects
 * @throws EventscopeError when the directory cannot be opened, or the agent sends what is no entry; CancelledError
 */
export async function listObjects(
  client: AgentClient,
  path: string,
  operation: Operation,
  onEntries: (entries: readonly DirectoryEntry[]) => void,
): Promise<RequestResult<'object/list'>> {
  let malformed: Error | undefined;
  const listing = client.openStream((head, data) => {
    if (head.kind !== BulkKind.DirectoryEntries || head.count === 0n || malformed !== undefined) return;
    try {
      onEntries(v.parse(entries, decode(data)).map(([name, typeName]) => ({ name, typeName })));
    } catch (error) {
      malformed = error instanceof Error ? error : new Error(String(error));
    }
  });
  try {
    const result = await requestList(client, path, listing.stream, operation);
    if (malformed !== undefined) {
      throw new EventscopeError({
        id: 'agent.malformed',
        what: `The list of ${path} could not be read`,
        target: client.target,
        why: malformed.message,
        cause: malformed,
      });
    }
    return result;
  } finally {
    listing.close();
  }
}

async function requestList(
  client: AgentClient,
  path: string,
  stream: number,
  operation: Operation,
): Promise<RequestResult<'object/list'>> {
  try {
    return await client.request(
      'object/list',
      { path, stream },
      { signal: operation.signal, timeoutMs: LIST_TIMEOUT_MS },
    );
  } catch (error) {
    throw ofDirectory(path, error);
  }
}

/** The agent names the call that failed; a person asked for a directory. */
function ofDirectory(path: string, error: unknown): unknown {
  if (!(error instanceof EventscopeError) || error.id !== 'agent.request') return error;
  const { target, why, data } = error;
  return new EventscopeError({
    id: 'object.directory',
    what: `The directory ${path} could not be listed`,
    ...(target === undefined ? {} : { target }),
    ...(why === undefined ? {} : { why }),
    next: 'Name a directory of the object manager by its full path, such as \\BaseNamedObjects.',
    data,
    cause: error,
  });
}

/** State, counts and security of each object, in order. */
export async function queryPaths(
  client: AgentClient,
  wanted: readonly { readonly path: string; readonly typeName: string }[],
  operation: Operation,
): Promise<QueriedObject[]> {
  const objects: QueriedObject[] = [];
  for (let first = 0; first < wanted.length; first += QUERY_ITEMS) {
    const items = wanted.slice(first, first + QUERY_ITEMS).map(({ path, typeName }) => ({ path, typeName }));
    const answer = await client.request('object/query', { items }, { signal: operation.signal });
    objects.push(...answer.objects);
  }
  return objects;
}

/** The same of entries of one directory. */
export function queryObjects(
  client: AgentClient,
  directory: string,
  listed: readonly DirectoryEntry[],
  operation: Operation,
): Promise<QueriedObject[]> {
  const items = listed.map(({ name, typeName }) => ({ path: entryPath(directory, name), typeName }));
  return queryPaths(client, items, operation);
}
