import type { ObjectInfo, Unavailable } from '../../protocol/agent-rpc.js';
import { describeObject, describeOpenFailure, isUnavailable } from '../../target/object-text.js';
import { type DirectoryEntry, listObjects, type QueriedObject, queryObjects } from '../../target/objects.js';
import { ExitCode } from '../exit-code.js';
import type { Session } from '../session.js';
import { formatTable } from '../table.js';

export interface ObjectsOptions {
  /** Names and types only: a directory of thousands stays fast, and nothing is opened. */
  readonly names?: boolean;
}

const countOf = (count: number | Unavailable): string => (isUnavailable(count) ? '-' : String(count));

interface Row {
  readonly entry: DirectoryEntry;
  readonly object: QueriedObject | undefined;
}

/** The listing of a directory as a table, sorted as the Object Manager's viewers do: by name. */
export function describeDirectory(rows: readonly Row[]): string {
  const sorted = [...rows].sort((a, b) => (a.entry.name.toLowerCase() < b.entry.name.toLowerCase() ? -1 : 1));
  const of = (row: Row, text: (object: ObjectInfo) => string): string =>
    row.object === undefined || 'status' in row.object ? '' : text(row.object);
  return formatTable(sorted, [
    { title: 'TYPE', text: (row) => row.entry.typeName },
    { title: 'NAME', text: (row) => row.entry.name },
    { title: 'HANDLES', align: 'right', text: (row) => of(row, (object) => countOf(object.handleCount)) },
    { title: 'POINTERS', align: 'right', text: (row) => of(row, (object) => countOf(object.pointerCount)) },
    {
      title: 'STATE',
      text: (row) =>
        row.object !== undefined && 'status' in row.object
          ? describeOpenFailure(row.object.status)
          : of(row, describeObject),
    },
  ]);
}

/** `eventscope objects [PATH]` */
export async function objectsCommand(session: Session, path: string, options: ObjectsOptions): Promise<ExitCode> {
  const { rows, target, sessionDirectory } = await session.connected(async ({ client, target }) => {
    session.operation.progress(`Listing ${path}`);
    const entries: DirectoryEntry[] = [];
    const listed = await listObjects(client, path, session.operation, (more) => entries.push(...more));
    const objects = options.names === true ? [] : await queryObjects(client, path, entries, session.operation);
    const rows = entries.map((entry, index): Row => ({ entry, object: objects[index] }));
    return { rows, target: target.name, sessionDirectory: listed.sessionDirectory };
  });
  const json = { target, path, sessionDirectory, entries: rows.map(({ entry, object }) => ({ ...entry, ...object })) };
  session.print(json, () => describeDirectory(rows));
  return ExitCode.Done;
}
