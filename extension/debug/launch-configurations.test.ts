import assert from 'node:assert/strict';
import { readConfiguration } from '../../debug-adapter/session/configuration.js';
import type { Project } from '../../target/project.js';
import { launchConfiguration, offeredConfigurations, withDefaults } from './launch-configurations.js';

const project = (application: string): Project => ({
  folder: '/p',
  stateFolder: '/p/.eventscope',
  settingsFile: undefined,
  driver: { sources: [], includes: [], name: 'locker', service: 'locker', defines: {}, options: [] },
  application: { sources: [], includes: [], name: application, defines: {}, options: [], libraries: [] },
  targets: [],
});

describe('launch configurations', () => {
  it('of every kind are taken by the adapter as they are', () => {
    const offered = offeredConfigurations(project('unlock'), []);
    assert.deepEqual(
      offered.map(({ request }) => request),
      ['launch', 'launch', 'attach'],
    );
    for (const each of offered)
      readConfiguration(each.request as 'launch' | 'attach', withDefaults(each, '/p', true, 'lab'));
  });

  it('tell the sample to signal, another application nothing, and both what was last said', () => {
    const argumentsOf = (application: string, last: readonly string[]): unknown =>
      launchConfiguration(project(application), last)['application'];
    assert.deepEqual((argumentsOf('eventapp', []) as { arguments: string[] }).arguments[0], 'app-name');
    assert.deepEqual(argumentsOf('unlock', []), { arguments: [] });
    assert.deepEqual(argumentsOf('eventapp', ['objects', 'a b']), { arguments: ['objects', 'a b'] });
  });

  it('get the folder and the chosen target, and keep their own', () => {
    const given = { type: 'eventscope', request: 'launch', name: 'x' };
    assert.deepEqual(withDefaults(given, '/p', true, 'lab'), { ...given, project: '/p', target: 'lab' });
    const own = { ...given, project: '/q', target: 'wine' };
    assert.deepEqual(withDefaults(own, '/p', true, 'lab'), own);
    assert.deepEqual(withDefaults(given, '/p', true, undefined), { ...given, project: '/p' });
  });

  it('name a folder that is no project unless a kernel is debugged, which needs none', () => {
    const given = { type: 'eventscope', request: 'attach', name: 'x' };
    assert.deepEqual(withDefaults(given, '/p', false, undefined), { ...given, project: '/p' });
    const kernel = { ...given, kd: { connect: 'tcp:127.0.0.1:1' } };
    assert.deepEqual(withDefaults(kernel, '/p', false, undefined), kernel);
    assert.deepEqual(withDefaults(kernel, '/p', true, undefined), { ...kernel, project: '/p' });
  });
});
