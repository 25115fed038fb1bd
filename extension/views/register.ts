/** The views of the container `eventscope`, each with its commands. */
import * as vscode from 'vscode';
import type { ViewServices } from './services.js';

export function registerViews(services: ViewServices): vscode.Disposable {
  services.log.trace('No view is registered yet');
  return vscode.Disposable.from();
}
