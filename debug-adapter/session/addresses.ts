/**
 * Addresses in DAP's references: an address alone is not enough, because a session holds several address spaces whose addresses
 * overlap. `0.3/0x7ff...` is engine 0, space 3. A plain `0x...`, as a person types it, is meant in the space in focus.
 */
import { EventscopeError } from '../../protocol/errors.js';
import type { Engine, SpaceId } from '../engine.js';
import { hexAddress } from '../variables/value.js';

export interface SpaceAddress {
  readonly engine: Engine;
  readonly space: SpaceId;
  readonly address: bigint;
}

export function formatReference(engines: readonly Engine[], { engine, space, address }: SpaceAddress): string {
  return `${engines.indexOf(engine)}.${space}/${hexAddress(address)}`;
}

const REFERENCE = /^(?:(\d+)\.([^/]+)\/)?(0x[0-9a-f]{1,16}|\d{1,20})$/i;

/**
 * @param focus where a plain address is meant
 * @param offset bytes to add
 * @throws EventscopeError `debug.arguments`
 */
export function parseReference(
  engines: readonly Engine[],
  reference: unknown,
  focus: Pick<SpaceAddress, 'engine' | 'space'> | undefined,
  offset = 0,
): SpaceAddress {
  const match = typeof reference === 'string' ? REFERENCE.exec(reference.trim().replaceAll('`', '')) : null;
  const engine = match?.[1] === undefined ? focus?.engine : engines[Number(match[1])];
  const space = match?.[2] ?? focus?.space;
  if (match === null || engine === undefined || space === undefined) {
    throw new EventscopeError({
      id: 'debug.arguments',
      what: `"${String(reference)}" is no address`,
      next: 'Write it as 0x..., while the target is stopped.',
    });
  }
  return { engine, space, address: BigInt.asUintN(64, BigInt(match[3] ?? '0') + BigInt(offset)) };
}
