/** Requests that let the target run, step, stop, and go on elsewhere. */
import { EventscopeError } from '../../protocol/errors.js';
import { hexAddress } from '../variables/value.js';
import * as args from './arguments.js';
import type { DapServer } from './dap-server.js';
import type { Execution } from './execution.js';
import { HandleTree } from './handle-tree.js';
import type { SessionThread } from './inventory.js';
import { staleError, unsupported } from './protocol-error.js';
import type { SessionState } from './session-state.js';
import type { StepKind } from './stepping.js';

interface GotoTarget {
  readonly thread: SessionThread;
  readonly address: bigint;
}

export function registerExecutionRequests(server: DapServer, state: SessionState): void {
  const execution = (): Execution => {
    if (state.execution !== undefined) return state.execution;
    throw new EventscopeError({ id: 'debug.running', what: 'Nothing is being debugged yet' });
  };
  server.on('continue', async () => {
    await execution().continue();
    return { allThreadsContinued: true };
  });
  server.on('pause', async () => {
    await execution().pause();
    return undefined;
  });
  const steps: readonly (readonly [string, StepKind])[] = [
    ['next', 'over'],
    ['stepIn', 'into'],
    ['stepOut', 'out'],
  ];
  for (const [command, kind] of steps) {
    server.on(command, async (given, { signal }) => {
      const { threadId, granularity, singleThread } = args.checked(args.threadArguments, given);
      const thread = state.stoppedThread(threadId);
      const unit = granularity === 'instruction' ? 'instruction' : 'line';
      await execution().step({ thread, kind, granularity: unit, singleThread }, signal);
      return undefined;
    });
  }
  server.on('restartFrame', () => {
    const why = 'what a driver or its objects have done since the call cannot be undone';
    return Promise.reject(unsupported('A frame cannot be restarted', why));
  });

  const targets = new HandleTree<GotoTarget>();
  server.on('gotoTargets', async (given) => {
    const { source, line } = args.checked(args.gotoTargetsArguments, given);
    const { thread } = execution().requireStopped();
    if (thread === undefined || source.path === undefined) return { targets: [] };
    return { targets: await gotoTargets(state, targets, thread, source.path, line) };
  });
  server.on('goto', async (given, { signal }) => {
    const { threadId, targetId } = args.checked(args.gotoArguments, given);
    const thread = state.stoppedThread(threadId);
    const target = targets.get(targetId);
    if (target?.thread.id !== thread.id) throw staleError();
    const registers = (await state.inspector.stacks.registers(thread)).copy();
    registers.rip = target.address;
    await thread.engine.writeRegisters(thread.thread, registers.bytes, { signal });
    state.inspector.changed();
    state.inspector.renumber();
    execution().moved(thread);
    return undefined;
  });
}

/** Places of a line in the function that the thread is in: elsewhere the stack would not be as the code expects it. */
async function gotoTargets(
  state: SessionState,
  targets: HandleTree<GotoTarget>,
  thread: SessionThread,
  path: string,
  line: number,
): Promise<object[]> {
  const frames = await state.inspector.stacks.top(thread);
  const here = frames.at(-1);
  const { module, source } = here ?? {};
  if (module === undefined || source === undefined) return [];
  const found: object[] = [];
  for (const file of await module.symbols.sourceFiles()) {
    if (!state.paths.isSame(file, path)) continue;
    for (const { rva, source: place } of await module.symbols.addressesOfLine(file, line)) {
      const owner = (await module.symbols.framesAt(rva)).at(-1);
      if (owner?.functionRva !== source.functionRva) continue;
      const address = module.module.base + BigInt(rva);
      const id = targets.add(0, `${thread.id}/${address}`, { thread, address });
      found.push({
        id,
        label: `${source.functionName}, line ${place.line} (${hexAddress(address)})`,
        line: place.line,
      });
    }
  }
  return found;
}
