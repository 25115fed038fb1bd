/**
 * The kernel's clock of ticks, for how long a thread has waited: KTHREAD.WaitTime is the low half of it when the wait began. ntddk.h has
 * KUSER_SHARED_DATA and its address in the kernel; that WaitTime counts the same ticks was seen in ReactOS.
 */
import { duration } from '../../../trace/wording.js';
import type { DebuggerData } from './debugger-data.js';
import { type MemoryReader, readStructure } from './records.js';

const SHARED_USER_DATA = 0xffff_f780_0000_0000n;
/** KUSER_SHARED_DATA.TickCount, 64 bits. */
const TICK_COUNT = 0x320n;
const HUNDRED_NANOSECONDS_PER_MS = 10_000;
const NS_PER_MS = 1e6;
/** Windows' own is 15.625 ms, and 1 s is more than any. */
const MAX_INCREMENT = 10_000_000;

export interface TickClock {
  /** Its low half. */
  readonly now: number;
  readonly tickMs: number;
}

/** Undefined where the kernel tells no length of its tick, or it cannot be read. */
export async function readTickClock(
  memory: MemoryReader,
  debuggerData: DebuggerData | undefined,
): Promise<TickClock | undefined> {
  const variable = debuggerData?.pointer('keTimeIncrement');
  if (variable === undefined) return undefined;
  const increment = (await readStructure(memory, variable, 4))?.u32(0) ?? 0;
  const count = await readStructure(memory, SHARED_USER_DATA + TICK_COUNT, 4);
  if (count === undefined || increment === 0 || increment > MAX_INCREMENT) return undefined;
  return { now: count.u32(0), tickMs: increment / HUNDRED_NANOSECONDS_PER_MS };
}

/** Since a tick of which the low half is known; undefined for one that is still to come. */
export function millisecondsSince({ now, tickMs }: TickClock, tick: number): number | undefined {
  const ticks = (now - tick) | 0;
  return ticks < 0 ? undefined : ticks * tickMs;
}

/** "1.25 s" since then, "under 15.6 ms" within a tick; undefined for one that is still to come. */
export function sinceWords(clock: TickClock, tick: number): string | undefined {
  const ms = millisecondsSince(clock, tick);
  if (ms === undefined) return undefined;
  return ms === 0 ? `under ${duration(clock.tickMs * NS_PER_MS)}` : duration(ms * NS_PER_MS);
}
