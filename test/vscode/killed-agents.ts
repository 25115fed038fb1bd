import { readdir, readFile } from 'node:fs/promises';

/**
 * Ends the agents of a Wine prefix as a crash would.
 * @returns how many there were
 */
export async function killAgents(prefix: string): Promise<number> {
  let killed = 0;
  for (const name of await readdir('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    const read = (file: string): Promise<string> => readFile(`/proc/${name}/${file}`, 'latin1').catch(() => '');
    if (!(await read('environ')).split('\0').includes(`WINEPREFIX=${prefix}`)) continue;
    if (!/agent\.cjs/.test(await read('cmdline'))) continue;
    process.kill(Number(name), 'SIGKILL');
    killed += 1;
  }
  return killed;
}
