/** The state of a dispatcher object, as the agent tells it, in words. */
import type { HandleObject as AgentHandleObject } from '../../protocol/agent-rpc.js';

export function stateInWords(state: AgentHandleObject['state']): {
  readonly state: string;
  readonly isSignaled?: boolean;
} {
  if (state === undefined) return { state: 'its type has no state that this target tells' };
  if ('unavailable' in state) return { state: state.unavailable };
  switch (state.type) {
    case 'Event':
      return { state: `${signaled(state.signaled)}, ${state.kind}`, isSignaled: state.signaled };
    case 'Timer':
      return { state: signaled(state.signaled), isSignaled: state.signaled };
    case 'Semaphore':
      return { state: `count ${state.count} of ${state.maximum}`, isSignaled: state.count > 0 };
    case 'Mutant':
      return { state: `${state.count > 0 ? 'free' : 'owned'}${state.abandoned ? ', abandoned' : ''}`, isSignaled: state.count > 0 }; // prettier-ignore
  }
}

const signaled = (is: boolean): string => (is ? 'signaled' : 'not signaled');
