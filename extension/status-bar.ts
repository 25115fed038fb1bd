/** One item: how the target and its driver are. A click offers what makes sense now. */
import * as vscode from 'vscode';
import type { ExtensionServices } from './context.js';

export function registerStatusBar(services: ExtensionServices): vscode.Disposable {
  const item = vscode.window.createStatusBarItem('eventscope.status', vscode.StatusBarAlignment.Left, 10);
  item.name = 'Eventscope';
  item.command = 'eventscope.actions.show';
  const update = (): void => show(item, services);
  const subscriptions = [item, services.onDidChangeTarget(update), services.jobs.onDidChange(update)];
  update();
  return vscode.Disposable.from(...subscriptions);
}

function show(item: vscode.StatusBarItem, services: ExtensionServices): void {
  const { folder } = services;
  if (folder?.project === undefined) {
    const wrong = folder?.problem !== undefined && isSettingsProblem(folder.problem);
    if (!wrong) {
      item.hide();
      return;
    }
  }
  const { text, detail, severity } = describe(services);
  item.text = text;
  item.backgroundColor =
    severity === undefined ? undefined : new vscode.ThemeColor(`statusBarItem.${severity}Background`);
  item.accessibilityInformation = { label: `Eventscope: ${detail}`, role: 'button' };
  const tooltip = new vscode.MarkdownString(undefined, true);
  tooltip.isTrusted = { enabledCommands: ['eventscope.actions.show', 'eventscope.log.open'] };
  tooltip.appendText(detail);
  tooltip.appendMarkdown(
    `\n\n[${vscode.l10n.t('What can be done')}](command:eventscope.actions.show) · ` +
      `[${vscode.l10n.t('Open Log')}](command:eventscope.log.open)`,
  );
  item.tooltip = tooltip;
  item.show();
}

const isSettingsProblem = (problem: Error): boolean => 'id' in problem && problem.id !== 'project.missing';

interface Shown {
  readonly text: string;
  readonly detail: string;
  readonly severity?: 'warning' | 'error';
}

function describe(services: ExtensionServices): Shown {
  const { folder } = services;
  const job = folder === undefined ? undefined : services.jobs.current(folder.folder.uri);
  if (job !== undefined) {
    return { text: `$(sync~spin) ${job.title}`, detail: job.step === '' ? job.title : `${job.title}: ${job.step}` };
  }
  if (!vscode.workspace.isTrusted) {
    return { text: '$(shield) Eventscope', detail: vscode.l10n.t('This workspace is not trusted: nothing runs.') };
  }
  const held = services.kernelSessions.find(({ state }) => state === 'stopped');
  if (held !== undefined) {
    const detail = vscode.l10n.t('{0}: the machine is stopped in the kernel debugger', held.name);
    return { text: `$(debug-pause) ${vscode.l10n.t('Kernel stopped')}`, detail };
  }
  const name = folder?.target?.name ?? 'Eventscope';
  const problem = folder?.problem;
  switch (folder?.state) {
    case 'running':
      return { text: `$(vm-active) ${name}`, detail: vscode.l10n.t('Connected to {0}', name) };
    case 'starting':
      return { text: `$(sync~spin) ${name}`, detail: vscode.l10n.t('Starting {0}', name) };
    case 'broken':
      return { text: `$(vm-outline) ${name}`, detail: problem?.message ?? '', severity: 'error' };
    case 'stopped':
    case undefined:
      if (problem !== undefined) return { text: `$(warning) ${name}`, detail: problem.message, severity: 'warning' };
      return { text: `$(vm-outline) ${name}`, detail: vscode.l10n.t('{0} is not connected', name) };
  }
}
