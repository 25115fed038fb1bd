/** The one place where what failed becomes what a person reads. */
import * as vscode from 'vscode';
import { CancelledError, EventscopeError } from '../protocol/errors.js';

/** A button of a message, and what it does. */
interface Way {
  readonly label: string;
  go(): unknown;
}

const command =
  (id: string, ...args: unknown[]) =>
  (): Thenable<unknown> =>
    vscode.commands.executeCommand(id, ...args);

/**
 * Tells it: cancelled ones not at all, those meant for people with what to do next, defects with the way to the log.
 * Returns at once; the message stays until it is answered.
 */
export function showFailure(error: unknown, log: vscode.LogOutputChannel): void {
  if (error instanceof CancelledError) {
    log.info('Cancelled');
    return;
  }
  const openLog: Way = { label: vscode.l10n.t('Open Log'), go: () => log.show(true) };
  if (!(error instanceof EventscopeError)) {
    log.error(error instanceof Error ? error : new Error(String(error)));
    offer(vscode.l10n.t('Eventscope met a defect of its own: {0}', String(error)), [openLog], log);
    return;
  }
  log.error(`${error.id}: ${error.message}`);
  for (const line of dbgPrintOf(error)) log.error(`  ${line}`);
  offer(describeFailure(error), [...waysOut(error), openLog], log);
}

/** What, where, why and what next, as one text; the command line's words for what to do next are replaced by ours. */
export function describeFailure(error: EventscopeError): string {
  const where = error.target === undefined ? '' : vscode.l10n.t(' on {0}', error.target);
  const why = error.why === undefined ? '' : `: ${error.why}`;
  const next = error.next === undefined ? '' : `. ${inOurWords(error.next)}`;
  return `${error.what}${where}${why}${next}`;
}

const COMMANDS: readonly (readonly [RegExp, string])[] = [
  [/"?\beventscope deploy\b"?/g, '"Build and Deploy"'],
  [/"?\beventscope undeploy\b"?/g, '"Undeploy"'],
  [/"?\beventscope target stop\b"?/g, '"Stop Target"'],
  [/"?\beventscope target reset\b"?/g, '"Reset Target"'],
  [/Run in \S+: npm ci \S.*$/g, 'Run "Set Up This Machine".'],
];

export function inOurWords(next: string): string {
  return COMMANDS.reduce((text, [pattern, words]) => text.replace(pattern, words), next);
}

function dbgPrintOf(error: EventscopeError): string[] {
  const lines = error.data['dbgPrint'];
  return Array.isArray(lines) ? lines.filter((line): line is string => typeof line === 'string') : [];
}

function waysOut(error: EventscopeError): Way[] {
  switch (error.id) {
    case 'installation.incomplete':
    case 'toolchain.missing':
      return [{ label: vscode.l10n.t('Set Up This Machine'), go: command('eventscope.machine.setUp') }];
    case 'job.busy':
      return [{ label: vscode.l10n.t('Cancel It'), go: command('eventscope.job.cancel') }];
    case 'build.failed':
      return [{ label: vscode.l10n.t('Show Problems'), go: command('workbench.actions.view.problems') }];
    case 'build.missing':
    case 'run.notDeployed':
      return [{ label: vscode.l10n.t('Build and Deploy'), go: command('eventscope.driver.buildAndDeploy') }];
    case 'project.missing':
      return [{ label: vscode.l10n.t('New Shared-Event Project'), go: command('eventscope.project.create') }];
    case 'project.settings':
    case 'project.syntax':
      return [{ label: vscode.l10n.t('Open Settings'), go: () => openAt(error) }];
    default:
      return [];
  }
}

async function openAt(error: EventscopeError): Promise<void> {
  const { file, line } = error.data;
  if (typeof file !== 'string') return;
  const at = typeof line === 'number' ? Math.max(0, line - 1) : 0;
  await vscode.window.showTextDocument(vscode.Uri.file(file), { selection: new vscode.Range(at, 0, at, 0) });
}

function offer(message: string, ways: readonly Way[], log: vscode.LogOutputChannel): void {
  const answered = async (): Promise<void> => {
    const label = await vscode.window.showErrorMessage(message, ...ways.map((way) => way.label));
    await ways.find((way) => way.label === label)?.go();
  };
  answered().catch((failure: unknown) => log.error(String(failure)));
}
