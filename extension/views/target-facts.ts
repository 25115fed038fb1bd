/** The Target view: where the driver runs, and how it is. */
import type { RequestResult } from '../../protocol/agent-rpc.js';
import type { TargetSettings } from '../../target/project.js';
import type { TargetHealth } from '../../target/target.js';
import type { Fact } from './facts.js';

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
}

const HEALTH_ICONS: Readonly<Record<TargetHealth['state'], string>> = {
  missing: 'circle-slash',
  stopped: 'circle-outline',
  running: 'pass',
  broken: 'error',
};

export function targetFacts(account: TargetAccount): Fact[] {
  const { settings, health, agent, holders } = account;
  const place = settings.kind === 'ssh' ? `${settings.user}@${settings.host}` : 'Wine on this machine';
  const facts: Fact[] = [
    {
      id: 'target',
      label: settings.name,
      value: place,
      icon: settings.kind === 'ssh' ? 'remote' : 'vm',
      context: `target ${agent === undefined ? 'startable' : 'stoppable'}`,
      tooltip: `${settings.name}: ${place}`,
    },
    healthFact(health, account.problem),
    agentFact(agent),
  ];
  facts.push(
    ...holders.map(({ role, holder }) => ({
      id: `held-${role}`,
      label: `In use: ${role}`,
      value: holder,
      icon: 'person',
    })),
  );
  facts.push(vmFact(settings), kdFact(settings, account.kernelLinks));
  return facts;
}

function healthFact(health: TargetHealth | undefined, problem: string | undefined): Fact {
  if (problem !== undefined) return { id: 'health', label: 'Health', value: problem, tooltip: problem, icon: 'error' };
  if (health === undefined) return { id: 'health', label: 'Health', value: 'not known', icon: 'question' };
  const { state, detail } = health;
  return { id: 'health', label: 'Health', value: state, tooltip: detail, icon: HEALTH_ICONS[state] };
}

function agentFact(agent: TargetAccount['agent']): Fact {
  if (agent === undefined) {
    return {
      id: 'agent',
      label: 'Agent',
      value: 'not running',
      icon: 'debug-disconnect',
      tooltip: 'Start Target starts one',
    };
  }
  const system = agent.wineVersion === undefined ? 'Windows' : `Wine ${agent.wineVersion}, as Windows`;
  const refused = agent.privileges?.filter(({ enabled }) => !enabled) ?? [];
  return {
    id: 'agent',
    label: 'Agent',
    value: `process ${agent.processId}, session ${agent.sessionId}`,
    icon: 'plug',
    children: [
      { id: 'agent-system', label: 'System', value: `${system} ${agent.windowsVersion}`, icon: 'server' },
      { id: 'agent-computer', label: 'Computer', value: agent.computerName, icon: 'device-desktop' },
      { id: 'agent-processors', label: 'Processors', value: String(agent.processorCount), icon: 'circuit-board' },
      { id: 'agent-node', label: 'Node', value: agent.nodeVersion, icon: 'versions' },
      {
        id: 'agent-rights',
        label: 'Rights',
        value: agent.elevated ? 'elevated' : 'not elevated',
        icon: 'shield',
        tooltip:
          refused.length === 0
            ? 'Every privilege that was asked for is enabled'
            : refused.map(({ name, reason }) => `${name} is not enabled: ${reason ?? 'refused'}`).join('\n'),
      },
    ],
  };
}

function vmFact({ kind }: TargetSettings): Fact {
  const why =
    kind === 'wine'
      ? 'Wine runs on this machine itself'
      : 'Eventscope starts and stops no virtual machines; this one is reached over SSH while it runs';
  return {
    id: 'vm',
    label: 'VM',
    value: kind === 'wine' ? 'none' : 'not managed',
    tooltip: `VM: ${why}`,
    icon: 'vm-outline',
  };
}

/** A link is configured where it is used, in launch.json; it may lead to another machine than the target. */
function kdFact({ kind }: TargetSettings, links: readonly KernelLink[]): Fact {
  const fact = { id: 'kd', label: 'KD link', icon: 'debug-alt-small' };
  if (links.length > 0) {
    return {
      ...fact,
      value: links.map(({ connect }) => connect).join(', '),
      tooltip: links.map(({ name, connect }) => `KD link: ${connect} (launch configuration "${name}")`).join('\n'),
    };
  }
  if (kind === 'wine') {
    const why = 'Wine has no kernel debugger; its driver host is debugged through the agent';
    return { ...fact, value: 'not available on this target', tooltip: `KD link: not available on this target: ${why}` };
  }
  const next = 'add an attach configuration with "kd" to launch.json to debug its kernel';
  return { ...fact, value: 'not configured', tooltip: `KD link: not configured: ${next}` };
}
