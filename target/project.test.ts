import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { EventscopeError } from '../protocol/errors.js';
import { loadProject } from './project.js';

describe('project', () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'eventscope-project-'));
  });
  afterEach(() => rm(folder, { recursive: true }));

  async function settings(text: string): Promise<void> {
    await mkdir(path.join(folder, '.vscode'), { recursive: true });
    await writeFile(path.join(folder, '.vscode', 'settings.json'), text);
  }
  async function failure(): Promise<EventscopeError> {
    const error: unknown = await loadProject(folder).then(
      () => assert.fail('must fail'),
      (reason: unknown) => reason,
    );
    assert.ok(error instanceof EventscopeError);
    return error;
  }
  const DRIVER = '{ "sources": ["sys"], "name": "mydrv", "service": "mysvc" }';
  const APPLICATION = '{ "sources": ["app/main.c"], "name": "myapp" }';

  it('is the sample where there are its sources and no settings', async () => {
    await mkdir(path.join(folder, 'driver', 'sys'), { recursive: true });
    const project = await loadProject(folder);
    assert.equal(project.driver.name, 'eventsys');
    assert.equal(project.driver.device, '\\\\.\\EventSys');
    assert.equal(project.application.name, 'eventapp');
    assert.equal(project.settingsFile, undefined);
    assert.equal(project.stateFolder, path.join(folder, '.eventscope'));
    assert.deepEqual(project.targets, [{ name: 'wine', kind: 'wine', oneProcessor: true }]);
  });

  it('reads any driver from settings with comments and trailing commas', async () => {
    await settings(`\uFEFF{
      // the driver
      "editor.fontSize": 14,
      "eventscope.project": { "driver": ${DRIVER}, /* and */ "application": ${APPLICATION}, },
      "eventscope.targets": [{ "name": "wine", "kind": "wine", "oneProcessor": false }],
    }`);
    const project = await loadProject(folder);
    assert.equal(project.driver.service, 'mysvc');
    assert.equal(project.driver.device, undefined);
    assert.deepEqual(project.application.defines, {});
    assert.deepEqual(project.targets, [{ name: 'wine', kind: 'wine', oneProcessor: false }]);
  });

  it('takes binaries that something else builds, and their names', async () => {
    const driver = '{ "binary": "out/x64/MyDrv.sys", "pdb": "out/x64/MyDrv.pdb", "service": "mysvc" }';
    const application = '{ "binary": "out\\\\x64\\\\my.app.EXE", "name": "other" }';
    await settings(`{ "eventscope.project": { "driver": ${driver}, "application": ${application} } }`);
    const project = await loadProject(folder);
    assert.deepEqual([project.driver.name, project.driver.sources], ['MyDrv', []]);
    assert.deepEqual([project.driver.binary, project.driver.pdb], ['out/x64/MyDrv.sys', 'out/x64/MyDrv.pdb']);
    assert.deepEqual([project.application.name, project.application.pdb], ['other', undefined]);
  });

  it('always has the embedded target, first when the settings do not name it', async () => {
    await settings(`{ "eventscope.project": { "driver": ${DRIVER}, "application": ${APPLICATION} },
      "eventscope.targets": [{ "name": "lab", "kind": "ssh", "host": "h", "user": "u" }] }`);
    assert.deepEqual(
      (await loadProject(folder)).targets.map((target) => target.name),
      ['wine', 'lab'],
    );
  });

  const wrong: [name: string, text: string, key: string, line: number, why: RegExp][] = [
    [
      'a missing key',
      '{\n "eventscope.project": {\n "driver": { "sources": ["a"], "service": "s" } } }',
      'eventscope.project.driver.name',
      3,
      /name/,
    ],
    [
      'a wrong type',
      `{\n "eventscope.project": { "driver": ${DRIVER},\n "application": { "sources": "app", "name": "x" } } }`,
      'eventscope.project.application.sources',
      3,
      /Array/,
    ],
    [
      'an unknown key',
      `{ "eventscope.project": { "driver": ${DRIVER}, "application": ${APPLICATION}, "drvier": 1 } }`,
      'eventscope.project.drvier',
      1,
      /never/,
    ],
    [
      'a name that is a path',
      `{ "eventscope.project": { "driver": { "sources": ["a"], "name": "../x", "service": "s" }, "application": ${APPLICATION} } }`,
      'eventscope.project.driver.name',
      1,
      /letters, digits/,
    ],
    [
      'neither sources nor a binary',
      `{ "eventscope.project": {\n "driver": { "name": "x", "service": "s" }, "application": ${APPLICATION} } }`,
      'eventscope.project.driver.sources',
      2,
      /either "sources" or "binary"/,
    ],
    [
      'sources and a binary',
      `{ "eventscope.project": { "driver": ${DRIVER},\n "application": { "sources": ["a"],\n "binary": "x.exe" } } }`,
      'eventscope.project.application.sources',
      2,
      /either "sources" or "binary"/,
    ],
    [
      'a PDB of sources',
      `{ "eventscope.project": { "driver": ${DRIVER},\n "application": { "sources": ["a"], "name": "a",\n "pdb": "x.pdb" } } }`,
      'eventscope.project.application.pdb',
      3,
      /goes with "binary"/,
    ],
    [
      'a binary whose name is none',
      `{ "eventscope.project": { "driver": { "binary": "a b.sys", "service": "s" }, "application": ${APPLICATION} } }`,
      'eventscope.project.driver.name',
      1,
      /must have a name/,
    ],
    [
      'one name for both',
      `{ "eventscope.project": { "driver": ${DRIVER}, "application": { "sources": ["a"], "name": "MyDrv" } } }`,
      'eventscope.project.application.name',
      1,
      /differ/,
    ],
    [
      'an unknown kind of target',
      '{\n\n "eventscope.targets": [{ "name": "x", "kind": "vm" }] }',
      'eventscope.targets[0].kind',
      3,
      /wine/,
    ],
    [
      'two targets of one name',
      '{ "eventscope.targets": [{ "name": "a", "kind": "wine" },\n{ "name": "A", "kind": "wine" }] }',
      'eventscope.targets[1].name',
      2,
      /second target/,
    ],
  ];
  for (const [name, text, key, line, why] of wrong) {
    it(`names file, line and key of ${name}`, async () => {
      await settings(text);
      const error = await failure();
      assert.equal(error.id, 'project.settings');
      assert.equal(error.data['key'], key);
      assert.equal(error.data['line'], line);
      assert.match(error.why ?? '', why);
      assert.ok(error.what.includes(path.join(folder, '.vscode', 'settings.json')));
    });
  }

  it('names the line where the file is no JSON', async () => {
    await settings('{\n "a": 1\n "b": 2 }');
    const error = await failure();
    assert.equal(error.id, 'project.syntax');
    assert.equal(error.data['line'], 3);
  });

  it('says what is no project and what is no folder', async () => {
    assert.equal((await failure()).id, 'project.missing');
    await settings('');
    assert.equal((await failure()).id, 'project.missing');
    await rm(folder, { recursive: true });
    assert.equal((await failure()).id, 'project.noFolder');
    await mkdir(folder);
  });
});
