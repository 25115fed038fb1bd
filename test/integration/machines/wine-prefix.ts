/** A Wine prefix for a machine of the tests: made from nothing, at Windows 10 (Node refuses Wine's default version). */
import { spawn } from 'node:child_process';

const TIMEOUT_MS = 120_000;

export async function makeWinePrefix(path: string): Promise<void> {
  // In a locale without UTF-8 Wine has no file names beyond ASCII.
  const env = { ...process.env, LC_ALL: 'C.UTF-8', WINEPREFIX: path, WINEARCH: 'win64', WINEDEBUG: '-all' };
  await toEnd('wine', ['wineboot', '-i'], env);
  await toEnd('wine', ['winecfg', '-v', 'win10'], env);
  // What was set is on disk when the server has ended.
  await toEnd('wineserver', ['-w'], env);
}

/** Standard handles go nowhere: services that stay would hold a pipe open. */
async function toEnd(program: string, args: readonly string[], env: NodeJS.ProcessEnv): Promise<void> {
  const code = await new Promise<number | null>((resolve, reject) => {
    const child = spawn(program, args, { env, stdio: 'ignore', timeout: TIMEOUT_MS });
    child.once('error', (error) => reject(new Error(`${program} is missing: apt-get install wine`, { cause: error })));
    child.once('exit', resolve);
  });
  if (code !== 0) throw new Error(`${program} ${args.join(' ')} ended with ${code}`);
}
