/** The worker thread that reads symbols: openSymbols and ModuleSymbols behind messages. */
import { parentPort } from 'node:worker_threads';
import { CancelledError, EventscopeError } from '../../protocol/errors.js';
import { openSymbols } from './open-symbols.js';
import type { ModuleSymbols } from './symbol-provider.js';
import type { AskFailure, FromSymbolWorker, OpenedModule, ToSymbolWorker } from './worker-messages.js';

const modules = new Map<number, ModuleSymbols>();
const opening = new Map<number, AbortController>();
let lastModule = 0;

async function openModule({ id, request, settings }: ToSymbolWorker & { type: 'open' }): Promise<OpenedModule> {
  const controller = new AbortController();
  opening.set(id, controller);
  try {
    const symbols = await openSymbols(request, settings, controller.signal);
    const module = ++lastModule;
    modules.set(module, symbols);
    const { identity, source, pdbPath, searched } = symbols;
    return { module, identity, source, searched, ...(pdbPath === undefined ? {} : { pdbPath }) };
  } finally {
    opening.delete(id);
  }
}

async function ask(message: ToSymbolWorker & { type: 'ask' }): Promise<unknown> {
  const symbols = modules.get(message.module);
  if (symbols === undefined) return undefined;
  if (message.question === 'close') modules.delete(message.module);
  // The question is one of ModuleSymbols' methods and the arguments are its own: SymbolWorker's types see to that.
  const asked = symbols as unknown as Record<string, (...arguments_: readonly unknown[]) => Promise<unknown>>;
  return asked[message.question]?.(...message.arguments);
}

function failureOf(error: unknown): AskFailure {
  if (error instanceof CancelledError) return { kind: 'cancelled' };
  if (error instanceof EventscopeError) {
    const { id, what, target, why, next, data } = error;
    const optional = { ...(target && { target }), ...(why && { why }), ...(next && { next }) };
    return { kind: 'eventscope', fields: { id, what, data, ...optional } };
  }
  const { message, stack } = error instanceof Error ? error : new Error(String(error));
  return { kind: 'defect', message, stack };
}

parentPort?.on('message', (message: ToSymbolWorker) => {
  if (message.type === 'cancel') {
    opening.get(message.id)?.abort();
    return;
  }
  const { id } = message;
  const answer = (reply: FromSymbolWorker): void => parentPort?.postMessage(reply);
  (message.type === 'open' ? openModule(message) : ask(message)).then(
    (value) => answer({ id, ok: true, value }),
    (error: unknown) => answer({ id, ok: false, failure: failureOf(error) }),
  );
});
