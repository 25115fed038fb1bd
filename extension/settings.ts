/**
 * The only reader of VS Code's settings. A project's own settings (`eventscope.project`, `eventscope.targets`) are read by
 * target/project.ts, from the same file and with the same rules as the command line does.
 */
import * as vscode from 'vscode';
import * as v from 'valibot';
import { parseLineFilter } from './line-filter.js';

const SECTION = 'eventscope';

/** Default and check of each setting; the manifest says the same to the settings editor (a test compares them). */
export const SETTINGS = {
  'objects.autoRefresh': { fallback: true, schema: v.boolean('must be true or false') },
  'objects.refreshInterval': {
    fallback: 1_000,
    schema: v.pipe(
      v.number('must be a number of milliseconds'),
      v.integer('must be a whole number of milliseconds'),
      v.minValue(250, 'must be at least 250 ms'),
      v.maxValue(60_000, 'must be at most 60000 ms'),
    ),
  },
  'points.codeLens': { fallback: true, schema: v.boolean('must be true or false') },
  'points.gutter': { fallback: true, schema: v.boolean('must be true or false') },
  'timeline.openOnRun': { fallback: true, schema: v.boolean('must be true or false') },
  'dbgPrint.filter': {
    fallback: '',
    schema: v.pipe(
      v.string('must be a text'),
      v.maxLength(1_000, 'must be at most 1000 characters'),
      v.check((text) => parseLineFilter(text) !== undefined, 'is no regular expression'),
    ),
  },
  'setup.nodeForWindows': { fallback: '', schema: v.string('must be a path') },
  'setup.registry': {
    fallback: 'https://registry.npmjs.org/',
    schema: v.pipe(
      v.string('must be a URL'),
      v.url('must be a URL'),
      // What comes is checked by its hash: a mirror in one's own network needs no certificate.
      v.regex(/^https?:\/\//, 'must begin with http:// or https://'),
    ),
  },
} as const;

export type SettingName = keyof typeof SETTINGS;
export type SettingValue<N extends SettingName> = v.InferOutput<(typeof SETTINGS)[N]['schema']>;

/** The value of a setting, or its default when what is set is wrong: settings-problems.ts tells of that at the setting. */
export function readSetting<N extends SettingName>(name: N, scope?: vscode.ConfigurationScope): SettingValue<N> {
  const value: unknown = vscode.workspace.getConfiguration(SECTION, scope).get(name);
  const { schema, fallback } = SETTINGS[name];
  const result = v.safeParse(schema, value);
  return result.success ? result.output : fallback;
}

/** Why a value is wrong; undefined when it is not. */
export function settingFault(name: SettingName, value: unknown): string | undefined {
  const result = v.safeParse(SETTINGS[name].schema, value);
  return result.success ? undefined : result.issues[0].message;
}

export async function writeSetting<N extends SettingName>(name: N, value: SettingValue<N>): Promise<void> {
  await vscode.workspace.getConfiguration(SECTION).update(name, value, vscode.ConfigurationTarget.Global);
}

/** Calls the listener when one of these settings has changed. */
export function onSettingChanged(names: readonly SettingName[], listener: () => void): vscode.Disposable {
  return vscode.workspace.onDidChangeConfiguration((event) => {
    if (names.some((name) => event.affectsConfiguration(`${SECTION}.${name}`))) listener();
  });
}

/** Calls the listener when the project's own settings have changed, wherever they stand. */
export function onProjectSettingChanged(listener: () => void): vscode.Disposable {
  return vscode.workspace.onDidChangeConfiguration((event) => {
    if (event.affectsConfiguration(`${SECTION}.project`) || event.affectsConfiguration(`${SECTION}.targets`))
      listener();
  });
}
