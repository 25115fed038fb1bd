/** The Target view: where the driver runs, and how it is. */
import type { RequestResult } from '../../protocol/agent-rpc.js';
import type { TargetSettings } from '../../target/project.js';
import type { TargetHealth } from '../../target/target.js';
import { type Fact, type Localize, unavailableFact } from './facts.js';
import type { KernelSession } from './services.js';

export interface TargetAccount {
  readonly settings: TargetSettings;
  readonly health: TargetHealth | undefined;
  /** Undefined: no agent of this window runs there. */
  readonly agent: RequestResult<'agent/info'> | undefined;
  /** Why there is no agent, when that is a fault. */
  readonly problem: string | undefined;
  /** Who records a trace, deploys or debugs there. */
  readonly holders: readonly { readonly role: string; readonly holder: string }[];
  /** Launch configurations that debug a kernel over its link. */
  readonly kernelLinks: readonly KernelLink[];
}

export interface KernelLink {
  /** Of the launch configuration. */
  readonly name: string;
  /** As launch.json has it, without a key. */
  readonly connect: string;
  /** Of the debug session over it; undefined: there is none. */
  readonly state?: KernelSession['state'];
}

const HEALTH_ICONS: Readonly<Record<TargetHealth['state'], string>> = {
  missing: 'circle-slash',
  stopped: 'circle-outline',
  running: 'pass',
  broken: 'error',
};

export function targetFacts(account: TargetAccount, t: Localize): Fact[] {
  const { settings, health, agent, holders } = account;
  const place = settings.kind === 'ssh' ? `${settings.user}@${settings.host}` : t('Wine on this machine');
  const facts: Fact[] = [
    {
      id: 'target',
      label: settings.name,
      value: place,
      icon: settings.kind === 'ssh' ? 'remote' : 'vm',
      context: `target ${agent === undefined ? 'startable' : 'stoppable'}`,
      tooltip: `${settings.name}: ${place}`,
    },
    healthFact(health, account.problem, t),
    agentFact(agent, t),
  ];
  facts.push(
    ...holders.map(({ role, holder }) => ({
      id: `held-${role}`,
      label: t('In use: {0}', role),
      value: holder,
      icon: 'person',
    })),
  );
  facts.push(vmFact(settings, t), kdFact(settings, account.kernelLinks, t));
  return facts;
}

function healthFact(health: TargetHealth | undefined, problem: string | undefined, t: Localize): Fact {
  const fact = { id: 'health', label: t('Health') };
  if (problem !== undefined) return { ...fact, value: problem, tooltip: problem, icon: 'error' };
  if (health === undefined) return { ...fact, value: t('not known'), icon: 'question' };
  const { state, detail } = health;
  return { ...fact, value: healthWords(state, t), tooltip: detail, icon: HEALTH_ICONS[state] };
}

function healthWords(state: TargetHealth['state'], t: Localize): string {
  switch (state) {
    case 'missing':
      return t('missing');
    case 'stopped':
      return t('stopped');
    case 'running':
      return t('running');
    case 'broken':
      return t('broken');
  }
}

function agentFact(agent: TargetAccount['agent'], t: Localize): Fact {
  const fact = { id: 'agent', label: t('Agent') };
  if (agent === undefined) {
    const tooltip = t('Start Target starts one');
    return { ...fact, value: t('not running'), icon: 'debug-disconnect', tooltip };
  }
  const { wineVersion, windowsVersion, processId, sessionId } = agent;
  const system =
    wineVersion === undefined
      ? `Windows ${windowsVersion}`
      : t('Wine {0}, as Windows {1}', wineVersion, windowsVersion);
  return {
    ...fact,
    value: t('process {0}, session {1}', processId, sessionId),
    icon: 'plug',
    children: [
      { id: 'agent-system', label: t('System'), value: system, icon: 'server' },
      { id: 'agent-computer', label: t('Computer'), value: agent.computerName, icon: 'device-desktop' },
      { id: 'agent-processors', label: t('Processors'), value: String(agent.processorCount), icon: 'circuit-board' },
      { id: 'agent-node', label: 'Node', value: agent.nodeVersion, icon: 'versions' },
      rightsFact(agent, t),
    ],
  };
}

function rightsFact({ elevated, privileges }: RequestResult<'agent/info'>, t: Localize): Fact {
  const refused = privileges?.filter(({ enabled }) => !enabled) ?? [];
  const reasons = refused.map(({ name, reason }) => t('{0} is not enabled: {1}', name, reason ?? t('refused')));
  return {
    id: 'agent-rights',
    label: t('Rights'),
    value: elevated ? t('elevated') : t('not elevated'),
    icon: 'shield',
    tooltip: reasons.length === 0 ? t('Every privilege that was asked for is enabled') : reasons.join('\n'),
  };
}

function vmFact({ kind }: TargetSettings, t: Localize): Fact {
  const why =
    kind === 'wine'
      ? t('Wine runs on this machine itself')
      : t('Eventscope starts and stops no virtual machines; this one is reached over SSH while it runs');
  return {
    id: 'vm',
    label: 'VM',
    value: kind === 'wine' ? t('none') : t('not managed'),
    tooltip: `VM: ${why}`,
    icon: 'vm-outline',
  };
}

/** A link is configured where it is used, in launch.json; it may lead to another machine than the target. */
const kdRow = (t: Localize) => ({ id: 'kd', label: t('KD link'), icon: 'debug-alt-small' });

/** @param links at least one */
export function kernelLinksFact(links: readonly KernelLink[], t: Localize): Fact {
  const row = kdRow(t);
  return {
    ...row,
    // What happens now goes before the address, which a narrow side bar cuts.
    value: links
      .map(({ connect, state }) => (state === undefined ? connect : `${linkWords(state, t)} · ${connect}`))
      .join(', '),
    tooltip: links.map((link) => linkDetail(link, t)).join('\n'),
    icon: links.some(({ state }) => state === 'stopped') ? 'debug-pause' : row.icon,
  };
}

function kdFact({ kind }: TargetSettings, links: readonly KernelLink[], t: Localize): Fact {
  if (links.length > 0) return kernelLinksFact(links, t);
  const fact = kdRow(t);
  if (kind === 'wine') {
    const why = t('Wine has no kernel debugger; its driver host is debugged through the agent');
    return unavailableFact(t, fact.id, fact.label, fact.icon, why);
  }
  return {
    ...fact,
    value: t('not configured'),
    tooltip: t('KD link: not configured: add an attach configuration with "kd" to launch.json to debug its kernel'),
  };
}

function linkDetail({ name, connect, state }: KernelLink, t: Localize): string {
  const link = t('KD link: {0} (launch configuration "{1}")', connect, name);
  return state === undefined ? link : `${link}: ${linkWords(state, t)}`;
}

function linkWords(state: KernelSession['state'], t: Localize): string {
  switch (state) {
    case 'waiting':
      return t('waiting for the kernel');
    case 'running':
      return t('connected, running');
    case 'stopped':
      return t('connected, stopped');
  }
}
