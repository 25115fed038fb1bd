/** What the symbol worker is asked and answers. Everything in here survives structured cloning. */
import type { EventscopeErrorFields } from '../../protocol/errors.js';
import type { OpenSymbolsRequest } from './open-symbols.js';
import type { SymbolSettings } from './store/symbol-locator.js';
import type { ModuleSymbols } from './symbol-provider.js';

/** Questions to a module: its methods. */
export type SymbolQuestion = {
  [Key in keyof ModuleSymbols]-?: ModuleSymbols[Key] extends (...arguments_: never[]) => unknown ? Key : never;
}[keyof ModuleSymbols];

export type ToSymbolWorker =
  | {
      readonly type: 'open';
      readonly id: number;
      readonly request: OpenSymbolsRequest;
      readonly settings: SymbolSettings;
    }
  | {
      readonly type: 'ask';
      readonly id: number;
      readonly module: number;
      readonly question: SymbolQuestion;
      readonly arguments: readonly unknown[];
    }
  /** Ends what has this id, when it is still under way. */
  | { readonly type: 'cancel'; readonly id: number };

/** What a module is, besides its answers. */
export type OpenedModule = Pick<ModuleSymbols, 'identity' | 'source' | 'pdbPath' | 'searched'> & {
  readonly module: number;
};

export type AskFailure =
  | { readonly kind: 'eventscope'; readonly fields: Omit<EventscopeErrorFields, 'cause'> }
  | { readonly kind: 'cancelled' }
  | { readonly kind: 'defect'; readonly message: string; readonly stack: string | undefined };

export type FromSymbolWorker =
  | { readonly id: number; readonly ok: true; readonly value: unknown }
  | { readonly id: number; readonly ok: false; readonly failure: AskFailure };
