import assert from 'node:assert/strict';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readOptions, TOKEN_VARIABLE } from './options.js';

const TOKEN = 'A5'.repeat(32);
const ARGUMENTS = ['--port-file', 'port.json'];

describe("the agent's command line", () => {
  it('takes the token out of the environment: what it starts must not inherit it', () => {
    const environment = { [TOKEN_VARIABLE]: TOKEN, PATH: 'x' };
    const { token, portFile, clientTimeoutMs } = readOptions(ARGUMENTS, environment);
    assert.deepEqual(environment, { PATH: 'x' });
    assert.equal(Buffer.from(token).toString('hex').toUpperCase(), TOKEN);
    assert.deepEqual([portFile, clientTimeoutMs], ['port.json', 60_000]);
  });

  it('takes the token out of its file, which is gone then', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'eventscope-options-'));
    try {
      const file = join(folder, 'token');
      await writeFile(file, `${TOKEN}\n`);
      const environment = { [TOKEN_VARIABLE]: '00'.repeat(32) };
      const { token } = readOptions([...ARGUMENTS, '--token-file', file], environment);
      assert.equal(Buffer.from(token).toString('hex').toUpperCase(), TOKEN);
      assert.deepEqual([await readdir(folder), environment], [[], {}]);
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  it('refuses a token that is none, and says how it is given', () => {
    for (const token of [undefined, '', TOKEN.slice(1), `${TOKEN}0`, `${TOKEN.slice(1)}g`]) {
      const environment = token === undefined ? {} : { [TOKEN_VARIABLE]: token };
      assert.throws(() => readOptions(ARGUMENTS, environment), /64 hexadecimal digits: .*--token-file/);
    }
  });

  it('refuses a missing port file, an option that it does not know, and a time-out that is none', () => {
    const environment = (): NodeJS.ProcessEnv => ({ [TOKEN_VARIABLE]: TOKEN });
    assert.throws(() => readOptions([], environment()), /--port-file is missing/);
    assert.throws(() => readOptions([...ARGUMENTS, '--nonsense'], environment()), /--nonsense/);
    for (const seconds of ['0', '-1', '1.5', 'soon', '86401', '']) {
      const args = [...ARGUMENTS, `--client-timeout=${seconds}`];
      assert.throws(() => readOptions(args, environment()), /seconds from 1 to 86400/);
    }
    const { clientTimeoutMs } = readOptions([...ARGUMENTS, '--client-timeout', '5'], environment());
    assert.equal(clientTimeoutMs, 5_000);
  });
});
