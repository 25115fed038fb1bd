/** The page that a webview of ours shows: the timeline's own, whole, with its script inside. Nothing is loaded by it. */
import { readFile } from 'node:fs/promises';
import * as vscode from 'vscode';

/** Our scripts run; no folder can be read, no command is run by a link. */
export const WEBVIEW_OPTIONS: vscode.WebviewOptions = {
  enableScripts: true,
  enableForms: false,
  enableCommandUris: false,
  localResourceRoots: [],
};

let script: Promise<string> | undefined;

/** With a policy and a nonce of its own each time. */
export async function timelinePage(context: vscode.ExtensionContext): Promise<string> {
  script ??= readFile(vscode.Uri.joinPath(context.extensionUri, 'dist', 'webview.js').fsPath, 'utf8');
  const { renderEmptyPage } = await import('../../webview/standalone.js');
  return renderEmptyPage(await script);
}
