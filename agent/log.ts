/** The agent's log: a file, never standard output, which fails under Wine. No secret goes in. */
import { appendFileSync, renameSync, statSync } from 'node:fs';

const MAX_LOG_BYTES = 4 * 1024 * 1024;

/** Lines to a file that is begun anew over 4 MiB, the one before kept as `.old`. Without a path, nowhere. */
export function openLog(path: string | undefined): (line: string) => void {
  if (path === undefined) {
    return () => {};
  }
  return (line) => {
    try {
      appendFileSync(path, `${new Date().toISOString()} ${line}\n`);
      if (statSync(path).size > MAX_LOG_BYTES) {
        renameSync(path, `${path}.old`);
      }
    } catch {
      // A full disk must not end the agent.
    }
  };
}
