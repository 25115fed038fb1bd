import assert from 'node:assert/strict';
import { mkdtemp, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { BuildState } from './fingerprint.js';

describe('build fingerprints', () => {
  let folder: string;
  let input: string;
  let output: string;
  let stateFile: string;
  const command = ['cc', '-c'];

  beforeEach(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'eventscope-fingerprint-'));
    [input, output, stateFile] = ['a.c', 'a.o', 'build.json'].map((name) => path.join(folder, name)) as [
      string,
      string,
      string,
    ];
    await writeFile(input, 'one');
    await writeFile(output, 'object');
    const state = await BuildState.load(stateFile);
    await state.done('step', command, [input], [output], []);
    await state.save();
  });
  afterEach(() => rm(folder, { recursive: true }));

  const isCurrent = async (what: unknown = command): Promise<boolean> =>
    (await BuildState.load(stateFile)).isCurrent('step', what);

  it('are current while nothing has changed', async () => assert.equal(await isCurrent(), true));

  it('take contents, not times', async () => {
    await utimes(input, 1, 1);
    assert.equal(await isCurrent(), true);
    await writeFile(input, 'two');
    assert.equal(await isCurrent(), false);
  });

  it('see a change of the same length within one moment', async () => {
    await writeFile(input, 'eno');
    assert.equal(await isCurrent(), false);
  });

  it('see another command', async () => assert.equal(await isCurrent(['cc', '-O2']), false));

  it('see an input or an output that is gone, and an output that somebody changed', async () => {
    await writeFile(output, 'other');
    assert.equal(await isCurrent(), false);
    await writeFile(output, 'object');
    assert.equal(await isCurrent(), true);
    await rm(output);
    assert.equal(await isCurrent(), false);
    await writeFile(output, 'object');
    await rm(input);
    assert.equal(await isCurrent(), false);
  });

  for (const text of ['', '{', '{"version":2,"steps":{},"files":{}}', '{"version":1,"steps":{"step":{}},"files":{}}']) {
    it(`mean "build all" when the file is ${JSON.stringify(text)}`, async () => {
      await writeFile(stateFile, text);
      assert.equal(await isCurrent(), false);
    });
  }

  it('forget steps that are no longer there', async () => {
    const state = await BuildState.load(stateFile);
    state.keepOnly(new Set(['other']));
    await state.save();
    assert.equal(await isCurrent(), false);
  });
});
