import { readdir, readFile } from 'node:fs/promises';

/** Of `killProcesses`: agents, each a Node with the agent's bundle. */
export const AGENTS = /agent\.cjs/;

/**
 * Ends processes of a Wine prefix as a crash would.
 * @param command matched with the command line, whose words end with NUL
 * @returns how many there were
 */
export async function killProcesses(prefix: string, command: RegExp): Promise<number> {
  let killed = 0;
  for (const name of await readdir('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    const read = (file: string): Promise<string> => readFile(`/proc/${name}/${file}`, 'latin1').catch(() => '');
    if (!(await read('environ')).split('\0').includes(`WINEPREFIX=${prefix}`)) continue;
    if (!command.test(await read('cmdline'))) continue;
    process.kill(Number(name), 'SIGKILL');
    killed += 1;
  }
  return killed;
}
