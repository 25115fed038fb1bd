/**
 * The kernel's debug output while something goes on, kept to be shown with what came of it.
 */
import { EventscopeError } from '../protocol/errors.js';
import type { AgentClient } from './agent-client.js';
import type { DbgPrintLine, Operation, Target } from './target.js';

const LINE_LIMIT = 200_000;

export interface DebugCapture {
  /** Lines so far; what came behind the limit is counted in the last one. */
  readonly lines: readonly DbgPrintLine[];
  /** Why there are none, when the target cannot give them. */
  readonly unavailable: string | undefined;
  /** Takes what is left, then ends. */
  stop(): Promise<void>;
}

export async function captureDebugOutput(
  target: Target,
  client: AgentClient,
  operation: Operation,
  onLine: (line: DbgPrintLine) => void = () => undefined,
): Promise<DebugCapture> {
  const lines: DbgPrintLine[] = [];
  let stream;
  try {
    // Of its own signal: after a cancel, what was printed meanwhile is still wanted. stop() ends it.
    stream = await target.dbgPrint(client, { ...operation, signal: new AbortController().signal });
  } catch (error) {
    if (!(error instanceof EventscopeError)) throw error;
    return { lines, unavailable: error.why ?? error.what, stop: () => Promise.resolve() };
  }
  const taking = (async () => {
    for await (const line of stream.lines) {
      if (lines.length < LINE_LIMIT) lines.push(line);
      else if (lines.length === LINE_LIMIT) lines.push({ utcMs: line.utcMs, text: '(more lines were left out)' });
      onLine(line);
    }
  })();
  taking.catch(() => undefined);
  return {
    lines,
    unavailable: undefined,
    stop: async () => {
      await stream.stop();
      await taking;
    },
  };
}
