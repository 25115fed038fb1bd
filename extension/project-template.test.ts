import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { loadProject } from '../target/project.js';
import { isEmptyFolder, writeSampleProject } from './project-template.js';

const ROOT = path.resolve(import.meta.dirname, '..');

describe('a new project', () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'eventscope-template-'));
  });
  afterEach(() => rm(folder, { recursive: true }));

  it('is the sample, and a project without settings', async () => {
    await writeSampleProject(ROOT, folder);
    const project = await loadProject(folder);
    assert.equal(project.driver.service, 'eventsys');
    assert.deepEqual((await readdir(folder)).sort(), ['.gitignore', 'driver']);
    assert.equal(await readFile(path.join(folder, '.gitignore'), 'utf8'), '.eventscope/\n');
  });

  it('goes into a folder that only tools have used', async () => {
    await mkdir(path.join(folder, '.git'));
    await writeFile(path.join(folder, '.gitignore'), 'mine\n');
    await writeSampleProject(ROOT, folder);
    assert.equal(await readFile(path.join(folder, '.gitignore'), 'utf8'), 'mine\n');
  });

  it('is refused where there is something, and nothing is written', async () => {
    await writeFile(path.join(folder, 'mine.c'), '');
    await assert.rejects(writeSampleProject(ROOT, folder), { id: 'project.notEmpty' });
    assert.deepEqual(await readdir(folder), ['mine.c']);
  });

  it('leaves nothing when the sample cannot be read', async () => {
    await assert.rejects(writeSampleProject(path.join(folder, 'nowhere'), folder), { id: 'project.write' });
    assert.deepEqual(await readdir(folder), []);
  });

  it('may go into a folder that is not there yet', async () => {
    assert.equal(await isEmptyFolder(path.join(folder, 'new')), true);
  });
});
