/**
 * Stopping tracepoints as the recorder sees them: for each function a thunk, to which the debugger sends a thread that has come to its
 * INT3 at the function's first instruction. The recorder then calls a copy of that instruction, behind which a jump leads to the rest: one
 * stop a call. Where the instruction cannot be moved the recorder calls the function itself, and the debugger knows that call by where
 * it comes from.
 */
import { PeImage } from '../machine/pe/pe-image.js';
import { readExports } from '../machine/pe/exports.js';
import { pointNamed, type Point } from '../machine/points.js';
import { movableLength } from '../machine/emulate/movable.js';
import type { PlacedStop } from '../protocol/agent-rpc.js';
import type { ForeignMemory } from './foreign-memory.js';
import { isRecordable } from './tracepoint-slots.js';
import type { TracepointSource } from './tracepoint-plan.js';

const INSTRUCTION_BYTES = 15;
/** The instruction, jmp [rip+0], the address behind it. */
export const TRAMPOLINE_BYTES = 32;

/** A function that is to be recorded at its first instruction. */
export interface PlannedStop {
  readonly point: Point;
  readonly address: bigint;
  /** Undefined: it cannot be moved. */
  readonly instruction: Uint8Array | undefined;
}

/** In the order of the source's `stops`: planned, or what the answer for it is. */
export type StopPlan = PlannedStop | Exclude<PlacedStop, { kind: 'stop' }>;

export const isPlanned = (plan: StopPlan): plan is PlannedStop => 'point' in plan;

export async function planStops(
  memory: ForeignMemory,
  { side, stops = [] }: TracepointSource,
  imported: ReadonlySet<string>,
): Promise<readonly StopPlan[]> {
  const plans: StopPlan[] = [];
  for (const { point: name, address: known, always } of stops) {
    const point = pointNamed(name);
    if (point === undefined || point.side !== side || !isRecordable(point)) {
      plans.push({ kind: 'refused', why: `Calls of ${name} cannot be recorded on the ${side} side` });
    } else if (!always && imported.has(point.name)) {
      plans.push({ kind: 'imported' });
    } else {
      const address = known ?? (await addressOf(memory, point));
      plans.push(
        address === undefined
          ? { kind: 'refused', why: `No loaded module has a function ${name}` }
          : { point, address, instruction: firstInstruction(memory, address) },
      );
    }
  }
  return plans;
}

/** Of several modules that have it the last is where the others lead. undefined: none that is loaded has it. */
export async function addressOf(
  memory: ForeignMemory,
  { name: wanted, modules }: Pick<Point, 'name' | 'modules'>,
): Promise<bigint | undefined> {
  const loaded = memory.modules();
  for (const name of [...modules].reverse()) {
    const module = loaded.find((one) => one.name === name);
    if (module === undefined) continue;
    const image = await PeImage.open(memory.image(module.base), 'memory');
    const found = (await readExports(image)).find((one) => one.name === wanted && one.forwarder === undefined);
    if (found !== undefined) return module.base + BigInt(found.rva);
  }
  return undefined;
}

function firstInstruction(memory: ForeignMemory, address: bigint): Uint8Array | undefined {
  const code = memory.read(address, INSTRUCTION_BYTES);
  // A breakpoint that stands there already is no instruction that could be moved.
  const length = code === undefined ? undefined : movableLength(code);
  return code === undefined || length === undefined ? undefined : Uint8Array.from(code.subarray(0, length));
}

/** Writes the copy of the instruction and the jump behind it; nothing where there is no copy. */
export function writeTrampoline(bytes: Buffer, at: number, { address, instruction }: PlannedStop): void {
  if (instruction === undefined) return;
  bytes.set(instruction, at);
  const jump = at + instruction.length;
  bytes.writeUInt16LE(0x25ff, jump); // jmp [rip+0]
  bytes.writeUInt32LE(0, jump + 2);
  bytes.writeBigUInt64LE(address + BigInt(instruction.length), jump + 6);
}
