/** What the suites inside the extension host share. */
import assert from 'node:assert/strict';
import { setTimeout as delay } from 'node:timers/promises';
import * as vscode from 'vscode';
import type { ExtensionServices } from '../../../extension/context.js';
import type { EventscopeApi } from '../../../extension/main.js';

const ID = 'eventscope.eventscope';

export function extension(): vscode.Extension<EventscopeApi> {
  const found = vscode.extensions.getExtension<EventscopeApi>(ID);
  assert.ok(found !== undefined, 'the extension is not installed');
  return found;
}

/** The running extension's own parts. */
export async function services(): Promise<ExtensionServices> {
  const { services: own } = await extension().activate();
  assert.ok(own !== undefined, 'this is no test host');
  return own;
}

/** The sample's folder. */
export function workspace(): vscode.WorkspaceFolder {
  const folder = vscode.workspace.workspaceFolders?.[0];
  assert.ok(folder !== undefined);
  return folder;
}

export const file = (...parts: string[]): vscode.Uri => vscode.Uri.joinPath(workspace().uri, ...parts);

/** An empty folder that is not open in this window. */
export function otherFolder(): string {
  const folder = process.env['EVENTSCOPE_TEST_FOLDER'];
  assert.ok(folder !== undefined);
  return folder;
}

/** A recording of the corpus, of this checkout. */
export function corpusFile(name: string): string {
  const folder = process.env['EVENTSCOPE_TEST_CORPUS'];
  assert.ok(folder !== undefined);
  return `${folder}/${name}`;
}

/** Waits until something holds, looking each 50 ms; the bound is only for what never comes. */
export async function until<T>(what: string, look: () => T | undefined | false, ms = 30_000): Promise<T> {
  const end = Date.now() + ms;
  for (;;) {
    const found = look();
    if (found !== undefined && found !== false) return found;
    if (Date.now() > end) assert.fail(`${what}: not after ${ms / 1000} s`);
    await delay(50);
  }
}

export async function settingsFile(text: string | undefined): Promise<void> {
  const uri = file('.vscode', 'settings.json');
  if (text === undefined) await vscode.workspace.fs.delete(uri);
  else await vscode.workspace.fs.writeFile(uri, Buffer.from(text));
}

/** Errors that the extension would show; the funnel is watched while `work` runs. */
export async function shownErrors(work: () => Promise<unknown>): Promise<Error[]> {
  const own = await services();
  const shown: Error[] = [];
  const usual = own.showError.bind(own);
  own.showError = (error) => {
    shown.push(error instanceof Error ? error : new Error(String(error)));
  };
  try {
    await work();
  } finally {
    own.showError = usual;
  }
  return shown;
}

/** Fails with what was shown when something was. */
export async function withoutError(work: () => Promise<unknown>): Promise<void> {
  const shown = await shownErrors(work);
  assert.deepEqual(
    shown.map((error) => error.message),
    [],
  );
}

/** Of an error for people, its id. The extension's bundle has a class of its own: instanceof tells nothing here. */
export const idOf = (error: Error): string =>
  'id' in error && typeof error.id === 'string' ? error.id : String(error);
