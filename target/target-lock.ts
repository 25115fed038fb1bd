/**
 * Who uses a target, across the processes of this host and of others: the agent keeps the locks on the target itself, and
 * they end with their agent.
 */
import { hostname } from 'node:os';
import type { LockRole } from '../protocol/agent-rpc.js';
import { EventscopeError } from '../protocol/errors.js';
import type { AgentClient } from './agent-client.js';
import type { Operation } from './target.js';

/** One lock of a target: a role on a subject, such as the tracer of a driver's service. */
export interface TargetLock {
  readonly role: LockRole;
  readonly subject: string;
}

/**
 * Holds the locks while `work` runs.
 * @param purpose what we do, for whom we keep waiting, such as "deploying eventsys"
 * @throws EventscopeError `target.held`, which names the holder
 */
export async function withTargetLocks<T>(
  client: AgentClient,
  locks: readonly TargetLock[],
  purpose: string,
  operation: Operation,
  work: () => Promise<T>,
): Promise<T> {
  const held: TargetLock[] = [];
  try {
    for (const lock of locks) {
      await acquireTargetLock(client, lock, purpose, operation);
      held.push(lock);
    }
    return await work();
  } finally {
    for (const lock of held.reverse()) {
      // Gone with the agent when the agent is gone.
      await client.request('lock/release', { ...lock }, { timeoutMs: 5_000 }).catch(() => undefined);
    }
  }
}

/** For as long as the agent lives, at most. @throws EventscopeError `target.held`, which names the holder */
export async function acquireTargetLock(
  client: AgentClient,
  lock: TargetLock,
  purpose: string,
  operation: Pick<Operation, 'signal'>,
): Promise<void> {
  const holder = `process ${process.pid} on ${hostname()}, ${purpose}`;
  const answer = await client.request('lock/acquire', { ...lock, holder }, { signal: operation.signal });
  if (answer.acquired) return;
  throw new EventscopeError({
    id: 'target.held',
    what: 'The target is in use',
    target: client.target,
    why: `${lock.subject} is held by ${answer.holder}`,
    next: 'Wait until it is done, or end it.',
    data: { ...lock, holder: answer.holder },
  });
}
