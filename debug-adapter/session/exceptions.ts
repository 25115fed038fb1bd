/** Which exceptions stop, and how they are told. */
import type { DebugProtocol } from '@vscode/debugprotocol';
import { ntstatusName, statusMeaning } from '../../machine/status.js';
import type { StopReason } from '../engine.js';
import { hexAddress } from '../variables/value.js';

export type ExceptionReason = Extract<StopReason, { kind: 'exception' }>;

/** First-chance exceptions that each filter means. Unhandled ones always stop. */
const FILTER_CODES: Readonly<Record<string, readonly number[]>> = {
  accessViolation: [0xc0000005, 0xc0000006, 0x80000002],
  arithmetic: [0xc0000094, 0xc0000095, 0xc000008e, 0xc0000090, 0xc0000091],
  illegalInstruction: [0xc000001d, 0xc0000096],
  stackOverflow: [0xc00000fd, 0xc0000409],
};

export const EXCEPTION_FILTERS: readonly DebugProtocol.ExceptionBreakpointsFilter[] = [
  {
    filter: 'accessViolation',
    label: 'Access violations',
    description: 'Stops at a bad pointer before the program can handle the exception.',
    default: true,
  },
  {
    filter: 'arithmetic',
    label: 'Arithmetic faults',
    description: 'Stops at divisions by zero and overflows before the program can handle them.',
    default: false,
  },
  {
    filter: 'illegalInstruction',
    label: 'Illegal and privileged instructions',
    description: 'Stops before the program (or, under Wine, its emulation) can handle them.',
    default: false,
  },
  {
    filter: 'stackOverflow',
    label: 'Stack overflows and fail fasts',
    description: 'Stops where the stack is used up, or where the program ends itself.',
    default: true,
  },
];

export interface ToldException {
  readonly reason: 'exception';
  readonly description: string;
  readonly text: string;
}

export class ExceptionSettings {
  #codes = new Set<number>(
    EXCEPTION_FILTERS.filter((filter) => filter.default === true).flatMap(({ filter }) => FILTER_CODES[filter] ?? []),
  );

  /** @returns which of the filters are known here, in their order */
  set(filters: readonly string[]): readonly boolean[] {
    this.#codes = new Set(filters.flatMap((filter) => FILTER_CODES[filter] ?? []));
    return filters.map((filter) => Object.hasOwn(FILTER_CODES, filter));
  }

  /** Codes whose first chance stops. */
  get codes(): readonly number[] {
    return [...this.#codes];
  }

  /** What to tell; undefined when the program shall handle it. */
  describe(reason: ExceptionReason): ToldException | undefined {
    if (reason.firstChance && !this.#codes.has(reason.code)) return undefined;
    const { description } = exceptionInfo(reason);
    return { reason: 'exception', description: ntstatusName(reason.code) ?? hexCode(reason.code), text: description };
  }
}

const ACCESS_VIOLATION = 0xc0000005;
const IN_PAGE_ERROR = 0xc0000006;

export interface ExceptionInfo {
  readonly exceptionId: string;
  readonly description: string;
  readonly breakMode: 'always' | 'unhandled';
}

/** EXCEPTION_RECORD in words (winnt.h): parameters 0 and 1 of an access violation are its kind and the address that was touched. */
export function exceptionInfo({ code, address, firstChance, parameters }: ExceptionReason): ExceptionInfo {
  const name = ntstatusName(code);
  const meaning = name === undefined ? undefined : statusMeaning(name);
  const at = `at ${hexAddress(address)}`;
  const touched = code === ACCESS_VIOLATION || code === IN_PAGE_ERROR ? touchedMemory(parameters) : undefined;
  const what = touched ?? meaning ?? 'an exception was raised';
  return {
    exceptionId: name === undefined ? hexCode(code) : `${name} (${hexCode(code)})`,
    description: `${what}, ${at}${firstChance ? '' : '; nothing handled it'}`,
    breakMode: firstChance ? 'always' : 'unhandled',
  };
}

function touchedMemory(parameters: readonly bigint[]): string | undefined {
  const [kind, address] = parameters;
  if (kind === undefined || address === undefined) return undefined;
  const verb = kind === 0n ? 'read' : kind === 1n ? 'written' : 'executed';
  return `memory at ${hexAddress(address)} cannot be ${verb}`;
}

const hexCode = (code: number): string => `0x${(code >>> 0).toString(16).toUpperCase().padStart(8, '0')}`;
