import assert from 'node:assert/strict';
import * as vscode from 'vscode';
import { SETTINGS } from '../../../extension/settings.js';
import { extension, services } from './host.js';

interface Manifest {
  readonly contributes: {
    readonly commands: readonly { readonly command: string; readonly title: string; readonly category: string }[];
    readonly configuration: readonly { readonly properties: Readonly<Record<string, { readonly default: unknown }>> }[];
  };
}
const manifest = (): Manifest => extension().packageJSON as Manifest;

describe('activation', () => {
  it('gives other extensions an interface with a version', async () => {
    const api = await extension().activate();
    assert.equal(api.version, 1);
  });

  it('registers every command of the manifest', async () => {
    await extension().activate();
    const registered = new Set(await vscode.commands.getCommands(true));
    const missing = manifest().contributes.commands.filter(({ command }) => !registered.has(command));
    assert.deepEqual(
      missing.map(({ command }) => command),
      [],
    );
  });

  it('finds the texts of the manifest', () => {
    for (const { title, category, command } of manifest().contributes.commands) {
      assert.doesNotMatch(title, /%/, command);
      assert.equal(category, 'Eventscope');
    }
  });

  it('has the defaults in code that the manifest shows', () => {
    const shown = Object.assign(
      {},
      ...manifest().contributes.configuration.map(({ properties }) => properties),
    ) as Record<string, { readonly default: unknown }>;
    for (const [name, { fallback }] of Object.entries(SETTINGS)) {
      assert.deepEqual(shown[`eventscope.${name}`]?.default, fallback, name);
    }
    const unread = Object.keys(shown).filter((key) => !(key.slice('eventscope.'.length) in SETTINGS));
    assert.deepEqual(unread.sort(), ['eventscope.project', 'eventscope.targets']);
  });

  it('starts no target', async () => {
    const own = await services();
    await own.load();
    assert.equal(own.folder?.project?.driver.name, 'eventsys');
    assert.equal(own.folder.state, 'stopped');
    assert.equal(own.connection, undefined);
  });
});
