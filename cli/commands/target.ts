import type { Target, TargetHealth } from '../../target/target.js';
import { ExitCode } from '../exit-code.js';
import type { Session } from '../session.js';

export const TARGET_ACTIONS = ['start', 'stop', 'status', 'reset'] as const;
export type TargetAction = (typeof TARGET_ACTIONS)[number];

async function act(target: Target, action: TargetAction, session: Session): Promise<void> {
  switch (action) {
    case 'start':
      return target.start(session.operation);
    case 'stop':
      return target.stop(session.operation);
    case 'reset':
      return target.reset(session.operation);
    case 'status':
      return;
  }
}

/** `eventscope target start|stop|status|reset`: does it, then says how the target is. */
export async function targetCommand(session: Session, action: TargetAction): Promise<ExitCode> {
  const target = await session.target(await session.project());
  await act(target, action, session);
  const health: TargetHealth = await target.health(session.operation);
  const { name, kind } = target;
  session.print({ target: name, kind, ...health }, () => `${name} is ${health.state}: ${health.detail}`);
  return action === 'status' && health.state === 'broken' ? ExitCode.Failed : ExitCode.Done;
}
